//! A route's limit counts requests, not attempts; and answers that go on.

use super::*;
use bytes::Bytes;
use contraflow::Http;
use contraflow::layer::Held;
use contraflow::protocol::ResponseBody;
use contraflow::table::ReleaseOn;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::Empty;

/// Frames that are left, and how the body ends.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frames {
    left: usize,
    fails: bool,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        let Some(left) = self.left.checked_sub(1) else {
            return Poll::Ready(self.fails.then_some(Err("cut off")));
        };
        self.left = left;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && !self.fails
    }
}

/// A server whose answers are a script: a status and the frames of its body.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<(Vec<(u16, Frames)>, usize)>>);

impl Server {
    fn then(&self, status: u16, left: usize, fails: bool) {
        self.0.lock().expect("no panic").0.push((status, Frames { left, fails }));
    }

    fn calls(&self) -> usize {
        self.0.lock().expect("no panic").1
    }
}

impl<B> Service<Request<B>> for Server {
    type Response = Response<Frames>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Response<Frames>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let mut script = self.0.lock().expect("no panic");
        script.1 += 1;
        let (status, frames) = script.0.remove(0);
        let mut response = Response::new(frames);
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        std::future::ready(Ok(response))
    }
}

type Answered = Response<ResponseBody<Frames, Held>>;
type Site = BoxCloneService<Request<Empty<Bytes>>, Answered, Error<&'static str>>;

fn site(shape: Shape, traffic: &Traffic, server: &Server) -> Site {
    let server = server.clone();
    let layers = ServiceBuilder::new()
        .layer(traffic.route(Http))
        .layer(traffic.limit())
        .layer(traffic.retry())
        .layer(traffic.failover());
    match shape {
        Shape::Stack => BoxCloneService::new(traffic.layers(Http).per_endpoint(move |_| server.clone())),
        Shape::ByHand => BoxCloneService::new(layers.service(PerEndpoint::new(move |_: &Endpoint| server.clone()))),
        Shape::SharedStack => BoxCloneService::new(traffic.layers(Http).passthrough(server)),
        Shape::SharedByHand => BoxCloneService::new(layers.layer(Passthrough::new()).service(server)),
    }
}

struct Web {
    traffic: Traffic,
    hand: ManualClock,
    server: Server,
    site: Site,
}

impl Web {
    fn new(shape: Shape, route: impl FnOnce(RouteSpec) -> RouteSpec) -> Self {
        let spec = TableSpec::new()
            .cluster("web", |c| c.region("eu", |r| r.endpoint("a", "a:1").endpoint("b", "b:1").endpoint("c", "c:1")))
            .route("all", |r| route(r.any().to("web").deadline(ms(10_000)).limit(Limit::fixed(1))));
        let (clock, hand) = Clock::manual();
        let traffic = Traffic::with_sources(spec.build().expect("a sound table"), clock, Entropy::seeded(1));
        let server = Server::default();
        let site = site(shape, &traffic, &server);
        Web { traffic, hand, server, site }
    }

    fn call(&mut self) -> Pin<Box<dyn Future<Output = Result<Answered, Error<&'static str>>>>> {
        Box::pin(self.site.call(Request::get("http://web.test/").body(Empty::new()).expect("a request")))
    }

    /// In flight at the route, and in the region.
    fn open(&self) -> (u32, u32) {
        let status = self.traffic.status();
        (status.routes[0].limit.in_flight, status.clusters[0].regions[0].in_flight)
    }
}

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn frame(answer: &mut Answered) -> Option<Result<Frame<Bytes>, &'static str>> {
    match Pin::new(answer.body_mut()).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(frame) => frame.map(|frame| frame.map_err(|_| "cut off")),
        Poll::Pending => panic!("it has all its frames"),
    }
}

fn patient() -> Retry {
    Retry::default().backoff(Backoff::from(ms(100)).jitter(Jitter::Equal))
}

/// A request that waits for its retry has its place at the route, and none in its region; its place is free when the body of
/// the answer that was handed on has ended.
#[test]
fn a_request_has_one_place_at_its_route_over_all_its_attempts() {
    for shape in SHAPES {
        let mut web = Web::new(shape, |route| route.retry(patient()));
        // A body of a failure that nobody reads holds nothing.
        web.server.then(503, 3, false);
        web.server.then(503, 0, false);
        web.server.then(200, 2, false);
        let mut called = web.call();
        assert!(poll(&mut called).is_pending());
        assert_eq!(web.open(), (1, 0), "{shape:?}: it waits");
        let mut other = web.call();
        let Poll::Ready(Err(Error::Rejected(rejected))) = poll(&mut other) else {
            panic!("{shape:?}: there is no room")
        };
        assert_eq!(rejected.reason(), Reason::Limit);
        assert_eq!(web.server.calls(), 1);
        web.hand.advance(ms(100));
        assert!(poll(&mut called).is_pending());
        assert_eq!((web.open(), web.server.calls()), ((1, 0), 2), "{shape:?}: it waits again");
        web.hand.advance(ms(200));
        let Poll::Ready(Ok(mut answer)) = poll(&mut called) else { panic!("{shape:?}: no answer") };
        drop(called);
        assert_eq!((web.open(), web.server.calls()), ((1, 1), 3), "{shape:?}: its body goes on");
        assert!(matches!(frame(&mut answer), Some(Ok(_))));
        assert_eq!(web.open(), (1, 1));
        assert!(matches!(frame(&mut answer), Some(Ok(_))));
        assert!(frame(&mut answer).is_none());
        assert_eq!(web.open(), (0, 0), "{shape:?}: its body has ended");
    }
}

/// The same when the body is dropped, when it fails, and when the route counts to the head only.
#[test]
fn the_place_is_free_when_the_answer_is_over_however_it_ends() {
    for shape in SHAPES {
        for release in [ReleaseOn::End, ReleaseOn::Head] {
            let held = u32::from(release == ReleaseOn::End);
            for is_dropped in [true, false] {
                let mut web = Web::new(shape, |route| route.retry(patient()).release(release));
                web.server.then(503, 0, false);
                web.server.then(200, 0, true);
                let mut called = web.call();
                assert!(poll(&mut called).is_pending());
                web.hand.advance(ms(100));
                let Poll::Ready(Ok(mut answer)) = poll(&mut called) else { panic!("{shape:?}: no answer") };
                assert_eq!(web.open(), (held, held), "{shape:?} {release:?}");
                if is_dropped {
                    drop(answer);
                } else {
                    assert!(matches!(frame(&mut answer), Some(Err(_))));
                }
                assert_eq!(web.open(), (0, 0), "{shape:?} {release:?}");
            }
        }
    }
}

/// I-50: a body that fails after a good head is the caller's to see: nothing is sent again.
#[test]
fn what_fails_after_its_head_is_not_sent_again() {
    for shape in SHAPES {
        let mut web = Web::new(shape, |route| route.retry(patient()).hedge(Hedge::after(ms(20))));
        web.server.then(200, 1, true);
        let mut called = web.call();
        let Poll::Ready(Ok(mut answer)) = poll(&mut called) else { panic!("{shape:?}: no answer") };
        assert!(matches!(frame(&mut answer), Some(Ok(_))));
        assert!(matches!(frame(&mut answer), Some(Err("cut off"))));
        web.hand.advance(ms(5_000));
        assert_eq!((web.server.calls(), web.open()), (1, (0, 0)), "{shape:?}");
        drop(called);
    }
}

/// The failure that is handed on when there is no other attempt says why, counts nowhere, and has its body.
#[test]
fn the_last_failure_is_handed_on_whole_and_says_why() {
    for shape in SHAPES {
        let mut web = Web::new(shape, |route| route.retry(patient().attempts(2)));
        web.server.then(503, 1, false);
        web.server.then(503, 2, false);
        let mut called = web.call();
        assert!(poll(&mut called).is_pending());
        web.hand.advance(ms(100));
        let Poll::Ready(Ok(mut answer)) = poll(&mut called) else { panic!("{shape:?}: no answer") };
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let why = answer.extensions().get::<GiveUp>().copied();
        // Between layers that are arranged by hand an answer may be of any type.
        let is_told = matches!(shape, Shape::Stack | Shape::SharedStack);
        assert_eq!(why, is_told.then_some(GiveUp::Attempts { made: 2 }), "{shape:?}");
        assert!(matches!((frame(&mut answer), frame(&mut answer)), (Some(Ok(_)), Some(Ok(_)))));
        assert!(frame(&mut answer).is_none());
        assert_eq!(web.open(), (0, 0), "{shape:?}");
    }
}

/// A request that is hedged has one place as well, and a queue at the route lets the next in when the answer is over.
#[test]
fn a_hedged_request_has_one_place_and_who_waits_for_it_gets_it() {
    for shape in SHAPES {
        let queue = Queue { target: ms(60_000), max_wait: ms(60_000), ..Queue::of(3) };
        let limited =
            |route: RouteSpec| route.limit(Limit::fixed(1).queue(queue)).hedge(Hedge::after(ms(20))).retry(patient());
        let mut world = World::new(shape, 1, limited);
        let open = |world: &World| world.traffic.status().routes[0].limit.in_flight;
        world.all_once(Step::Hold(Reply::Fine));
        let mut called = world.started(letter(1));
        world.hand.advance(ms(20));
        assert!(called.poll().is_pending());
        assert_eq!((open(&world), world.in_flight()), (1, 2), "{shape:?}");
        let mut next = world.started(letter(2));
        assert_eq!(world.taken().len(), 2, "{shape:?}: the next waits");
        world.forget();
        world.release();
        assert_eq!(called.poll(), Poll::Ready(Ok(Reply::Fine)));
        assert_eq!((open(&world), world.in_flight()), (1, 0), "{shape:?}: it has gone to the next");
        assert_eq!(next.poll(), Poll::Ready(Ok(Reply::Fine)));
        assert_eq!((open(&world), world.in_flight()), (0, 0), "{shape:?}");
    }
}

//! What a fresh look at the retry stage found: each was red when it was written.

use super::*;
use bytes::Bytes;
use contraflow::layer::Attempt;
use contraflow::protocol::ReplayBody;
use contraflow::{Grpc, Http};
use http_body::{Body, Frame};
use http_body_util::Full;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Wake;

fn at_once() -> Retry {
    Retry::default().backoff(Backoff::from(Duration::ZERO))
}

/// I-49: an attempt that had to wait for a ready endpoint has its own time all the same, from when it is sent.
#[test]
fn an_attempt_that_had_to_wait_ends_with_its_own_time() {
    for shape in APART {
        let mut world = World::new(shape, 1, |route| route.retry(at_once().per_try(ms(100))));
        world.all(Step::Hang, 5);
        world.backends.values().for_each(|backend| backend.set_readiness(Readiness::Busy));
        let mut called = world.started(letter(1));
        world.hand.advance(ms(150));
        assert!(called.poll().is_pending(), "{shape:?}: waiting is none of its time");
        world.backends.values().for_each(|backend| backend.set_readiness(Readiness::Ready));
        assert!(called.poll().is_pending());
        assert_eq!(world.names().len(), 1, "{shape:?}");
        world.hand.advance(ms(100));
        assert!(called.poll().is_pending());
        assert_eq!(world.names().len(), 1, "{shape:?}: it was cut, and another sent");
    }
}

/// What may not be sent twice is not cut short for another attempt that cannot be made.
#[test]
fn what_may_not_be_sent_twice_has_all_the_time_there_is() {
    for shape in SHAPES {
        let mut world = World::new(shape, 1, |route| route.retry(at_once().per_try(ms(100)).retry_unsent()));
        world.all_once(Step::Hang);
        let mut called = world.started(order(1));
        let Err(Error::TimedOut(timed_out)) = world.finish(&mut called) else { panic!("{shape:?}") };
        assert_eq!(timed_out.after(), ms(10_000), "{shape:?}");
    }
}

/// gRPC's throttle counts attempts that are not answered: when nothing is, nearly nothing is sent twice.
#[test]
fn the_throttle_counts_what_is_not_answered() {
    for step in [Step::Hang, Step::Answer(Reply::Down(None))] {
        let retry = at_once().per_try(ms(10));
        let route = |route: RouteSpec| route.retry(retry).deadline(ms(1_000));
        let mut world = World::with(Shape::Stack, 1, RetryBudget::grpc(), |spec| spec, route);
        world.all(step.clone(), 200);
        for number in 0..20 {
            let mut called = world.call(letter(number));
            world.finish(&mut called).ok();
        }
        // Ten tokens, and none is sent again at half of them.
        assert!(world.names().len() <= 25, "{step:?}");
        assert!(world.tokens().0.is_some_and(|left| left <= 5.0), "{step:?}");
    }
}

/// A hedge's timer belongs to the attempt that is under way, not to one that has failed.
#[test]
fn nothing_is_sent_beside_a_retry_that_was_not_sent() {
    for shape in APART {
        let retry = Retry::default().backoff(Backoff::from(ms(20)).max(ms(20)).jitter(Jitter::Equal));
        let hedge = Hedge::after(ms(50)).max_extra(Ratio::percent(100));
        let mut world = World::new(shape, 1, |route| route.retry(retry).hedge(hedge));
        world.all_once(Step::Hold(Reply::Down(None)));
        let mut called = world.started(letter(1));
        world.hand.advance(ms(40));
        world.backends.values().for_each(|backend| backend.set_readiness(Readiness::Busy));
        world.release();
        assert!(called.poll().is_pending());
        world.heard.take();
        // The retry is due, and nobody is ready; the first attempt's hedge would have been due, too.
        world.hand.advance(ms(20));
        assert!(called.poll().is_pending());
        let heard = world.heard.take();
        assert!(!heard.iter().any(|said| matches!(said, Said::Another(..) | Said::GaveUp(_))), "{shape:?} {heard:?}");
    }
}

/// What a layer between does with attempts: answers all but the first itself, or has another task drive them.
#[derive(Clone)]
struct Between<S> {
    service: S,
    tasks: Option<Tasks>,
}

type Tasks = Arc<Mutex<Vec<Pin<Box<dyn Future<Output = ()> + Send>>>>>;

impl<S> Service<Attempt<Letter, Post>> for Between<S>
where
    S: Service<Attempt<Letter, Post>, Response = Reply, Error = Error<&'static str>>,
    S::Future: Send + 'static,
{
    type Response = Reply;
    type Error = Error<&'static str>;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, attempt: Attempt<Letter, Post>) -> Self::Future {
        let Some(tasks) = &self.tasks else {
            if attempt.number() > 0 {
                return Box::pin(std::future::ready(Ok(Reply::Wrong)));
            }
            return Box::pin(self.service.call(attempt));
        };
        let future = self.service.call(attempt);
        let (said, hears) = tokio::sync::oneshot::channel();
        tasks.lock().expect("no panic").push(Box::pin(async move {
            _ = said.send(future.await);
        }));
        Box::pin(async move { hears.await.expect("the task is not dropped") })
    }
}

fn put_between(world: &mut World, tasks: Option<Tasks>) {
    let backends = Arc::new(world.backends.clone());
    let make = move |endpoint: &Endpoint| Probe::new(backends[endpoint.name().as_str()].clone());
    let layers = ServiceBuilder::new().layer(world.traffic.route(Post)).layer(world.traffic.retry());
    let between = tower::layer::layer_fn(move |service| Between { service, tasks: tasks.clone() });
    let office = layers.layer(between).layer(world.traffic.failover()).service(PerEndpoint::new(make));
    world.stack = BoxCloneService::new(office);
}

/// By hand: what a layer answers in the place of a retry is the answer.
#[test]
fn what_a_layer_between_answers_is_the_answer() {
    let mut world = World::new(Shape::ByHand, 1, |route| route.retry(at_once()));
    world.all_once(Step::Answer(Reply::Down(None)));
    put_between(&mut world, None);
    let mut called = world.call(letter(1));
    assert_eq!(world.finish(&mut called), Ok(Reply::Wrong));
}

/// Counts how often it is waked.
#[derive(Default)]
struct Bell(AtomicU32);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// By hand: an attempt that another task drives is hedged, too, with nobody polling the request by chance.
#[test]
fn what_another_task_sends_wakes_its_request_for_the_hedge() {
    let mut world = World::new(Shape::ByHand, 1, |route| route.hedge(Hedge::after(ms(20))));
    world.all_once(Step::Hang);
    let tasks = Tasks::default();
    put_between(&mut world, Some(tasks.clone()));
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    let mut called = world.call(letter(1));
    assert!(called.0.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(bell.0.load(Ordering::Relaxed), 0, "nothing was sent yet");
    let mut cx = Context::from_waker(Waker::noop());
    for task in &mut *tasks.lock().expect("no panic") {
        assert!(task.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    assert!(called.poll().is_pending());
    assert_eq!(world.hand.next_alarm(), Some(world.now().after(ms(20))));
}

/// A body in parts.
struct Parts(VecDeque<Bytes>);

impl Body for Parts {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.0.pop_front().map(|part| Ok(Frame::data(part))))
    }
}

/// A server that answers the first request before it has read it, and whose connection goes on reading; it answers the next
/// when it has read it, and not before it may.
#[derive(Clone, Default)]
struct Early(Arc<Mutex<Reading>>);

#[derive(Default)]
struct Reading {
    first: Option<ReplayBody<Parts>>,
    calls: u32,
    read_later: usize,
    may_read: bool,
}

impl Early {
    /// The first request's connection reads so many parts more.
    fn read(&self, parts: usize) {
        let mut reading = self.0.lock().expect("no panic");
        let body = reading.first.as_mut().expect("it was called");
        for _ in 0..parts {
            _ = Pin::new(&mut *body).poll_frame(&mut Context::from_waker(Waker::noop()));
        }
    }
}

impl Service<http::Request<ReplayBody<Parts>>> for Early {
    type Response = http::Response<Full<Bytes>>;
    type Error = &'static str;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, &'static str>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<ReplayBody<Parts>>) -> Self::Future {
        let answer = |status: u16| {
            let response = http::Response::builder().status(status).body(Full::default());
            response.map_err(|_| "a sound status")
        };
        let mut reading = self.0.lock().expect("no panic");
        reading.calls += 1;
        if reading.first.is_none() {
            reading.first = Some(request.into_body());
            return Box::pin(std::future::ready(answer(503)));
        }
        let (server, mut body) = (self.clone(), request.into_body());
        Box::pin(std::future::poll_fn(move |cx| {
            if !server.0.lock().expect("no panic").may_read {
                return Poll::Pending;
            }
            loop {
                match std::task::ready!(Pin::new(&mut body).poll_frame(cx)) {
                    None => return Poll::Ready(answer(200)),
                    Some(frame) => {
                        let length = frame?.data_ref().map_or(0, Bytes::len);
                        server.0.lock().expect("no panic").read_later += length;
                    }
                }
            }
        }))
    }
}

/// A request of 120 kB, of which 64 may be kept, at such a server: its status and why there was no other attempt; the old
/// connection reads so many parts before the retry is sent, and so many after.
fn retried_while_it_is_read(before: usize, after: usize) -> (u16, Option<GiveUp>, Early) {
    let table = TableSpec::new()
        .cluster("post", |c| c.region("eu", |r| r.endpoint("a", "a:1").endpoint("b", "b:1")))
        .route("all", |route| route.any().to("post").deadline(ms(2_000)).retry(Retry::default().attempts(2)))
        .build()
        .expect("a sound table");
    let (clock, hand) = Clock::manual();
    let traffic = Traffic::with_sources(table, clock, Entropy::seeded(1));
    let server = Early::default();
    let parts = (0..3).map(|_| Bytes::from(vec![7; 40_000])).collect();
    let request = http::Request::put("/").body(Parts(parts)).expect("a sound request");
    let mut future = Box::pin(traffic.layers(Http).passthrough(server.clone()).call(request));
    let mut poll = || future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending(), "it waits for its retry");
    server.read(before);
    hand.advance(ms(30));
    let mut polled = poll();
    if polled.is_pending() {
        server.read(after);
        server.0.lock().expect("no panic").may_read = true;
        polled = poll();
    }
    let Poll::Ready(Ok(response)) = polled else { panic!("nobody reads what is lost") };
    (response.status().as_u16(), response.extensions().get::<GiveUp>().copied(), server)
}

/// I-50, I-56: what the old connection reads while the request waits may be more than is kept. Then there is no retry, and
/// what the server said is the answer.
#[test]
fn a_body_that_is_lost_during_the_wait_is_not_sent_again() {
    let (status, why, server) = retried_while_it_is_read(2, 0);
    assert_eq!((status, why), (503, Some(GiveUp::Body)));
    assert_eq!(server.0.lock().expect("no panic").calls, 1);
}

/// I-56: once the retry is sent, the old connection takes nothing from it any more, though it has not read yet.
#[test]
fn an_old_connection_takes_no_body_from_an_attempt_that_was_sent() {
    let (status, why, server) = retried_while_it_is_read(0, 2);
    assert_eq!((status, why), (200, None));
    assert_eq!(server.0.lock().expect("no panic").read_later, 120_000);
}

/// A body that ends with a gRPC status.
struct Status(bool);

impl Body for Status {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(None);
        }
        let trailers = [("grpc-status".parse().expect("a name"), "0".parse().expect("a value"))].into_iter().collect();
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.0
    }
}

/// What a gRPC server does next; answers when it was told nothing.
type Orders = Arc<Mutex<VecDeque<Step<(), &'static str>>>>;

fn run_grpc(budget: RetryBudget, orders: &Orders) -> (impl FnMut() -> bool + use<>, Traffic) {
    let retry = at_once().idempotency(Idempotency::All);
    let table = TableSpec::new()
        .cluster("post", |c| c.region("eu", |r| r.endpoint("a", "a:1").endpoint("b", "b:1")).retry_budget(budget))
        .route("all", |route| route.any().to("post").deadline(ms(1_000)).retry(retry).hedge(Hedge::default()))
        .build()
        .expect("a sound table");
    let (clock, hand) = Clock::manual();
    let traffic = Traffic::with_sources(table, clock, Entropy::seeded(1));
    let orders = orders.clone();
    let server = tower::service_fn(move |_: http::Request<ReplayBody<Full<Bytes>>>| {
        let order = orders.lock().expect("no panic").pop_front();
        async move {
            match order {
                None => Ok(http::Response::new(Status(false))),
                Some(Step::Fail(error)) => Err(error),
                Some(_) => std::future::pending().await,
            }
        }
    });
    let mut stack = traffic.layers(Grpc).passthrough(server);
    let call = move || {
        let request = http::Request::post("/a.B/C").body(Full::default()).expect("a sound request");
        let mut future = Box::pin(stack.call(request));
        // A clock of its own: every answer takes a millisecond.
        for _ in 0..2_000 {
            if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                let Ok(response) = answer else { return false };
                let mut body = Box::pin(response.into_body());
                while let Poll::Ready(Some(_)) = body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop())) {}
                return true;
            }
            hand.advance(ms(1));
        }
        panic!("no deadline ended it");
    };
    (call, traffic)
}

/// Heads that only their end judges are response times: without them no gRPC route is hedged by a quantile.
#[test]
fn a_grpc_route_is_hedged_by_what_its_heads_take() {
    let orders = Orders::default();
    let (mut call, _traffic) = run_grpc(RetryBudget::default(), &orders);
    (0..300).for_each(|_| assert!(call()));
    orders.lock().expect("no panic").push_back(Step::Hang);
    assert!(call(), "a hedge answers in the place of what hangs");
}

/// AWS's quota gets back what a retry cost also where only the end of its answer tells.
#[test]
fn a_grpc_retry_gives_back_what_it_cost() {
    let orders = Orders::default();
    let (mut call, traffic) = run_grpc(RetryBudget::aws(), &orders);
    orders.lock().expect("no panic").push_back(Step::Fail("down"));
    assert!(call());
    assert_eq!(traffic.status().clusters[0].retry_budget.tokens, Some(500.0));
}

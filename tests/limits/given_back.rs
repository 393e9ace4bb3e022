//! What was counted is given back, however a request ends, by as many limits as it passed.

use super::model::*;
use super::*;
use bytes::Bytes;
use contraflow::Http;
use contraflow::layer::{Held, Passthrough};
use contraflow::protocol::ResponseBody;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Empty;
use std::sync::atomic::AtomicBool;

/// What the service does with a request, which brings it along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// Answers at once with so many frames.
    Answer(usize),
    /// The same when it is told to.
    Hold(usize),
    Fail,
    Hang,
    PanicInCall,
    PanicInPoll,
}

#[derive(Clone, Debug)]
struct Script {
    does: Does,
    is_told: Arc<AtomicBool>,
}

/// So many frames are left.
#[derive(Debug)]
struct Frames(usize);

impl Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        let Some(left) = self.0.checked_sub(1) else { return Poll::Ready(None) };
        self.0 = left;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }

    fn is_end_stream(&self) -> bool {
        self.0 == 0
    }
}

#[derive(Clone)]
struct Server;

struct Serving(Script);

impl<B> Service<Request<B>> for Server {
    type Response = Response<Frames>;
    type Error = &'static str;
    type Future = Serving;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Serving {
        let script = request.extensions().get::<Script>().expect("it brings its script").clone();
        if script.does == Does::PanicInCall {
            panic::resume_unwind(Box::new("as it was told"));
        }
        Serving(script)
    }
}

impl Future for Serving {
    type Output = Result<Response<Frames>, &'static str>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        match self.0.does {
            Does::Answer(frames) => Poll::Ready(Ok(Response::new(Frames(frames)))),
            Does::Hold(frames) if self.0.is_told.load(Ordering::Relaxed) => {
                Poll::Ready(Ok(Response::new(Frames(frames))))
            }
            Does::Fail => Poll::Ready(Err("failed")),
            Does::Hold(_) | Does::Hang => Poll::Pending,
            Does::PanicInCall | Does::PanicInPoll => panic::resume_unwind(Box::new("as it was told")),
        }
    }
}

type Sent = Request<Empty<Bytes>>;
type Answered = Response<ResponseBody<Frames, Held>>;
type Stack = BoxCloneService<Sent, Answered, Error<&'static str>>;

fn stack(traffic: &Traffic, shape: Shape, is_shared: bool) -> Stack {
    let made = PerEndpoint::new(|_: &Endpoint| Server);
    let routed = ServiceBuilder::new().layer(traffic.route(Http));
    match (shape, is_shared) {
        (Shape::One, true) => BoxCloneService::new(traffic.layers(Http).passthrough(Server)),
        (Shape::One, false) => BoxCloneService::new(traffic.layers(Http).per_endpoint(|_| Server)),
        (Shape::WithLimit, true) => {
            let layers = routed.layer(traffic.limit()).layer(traffic.failover());
            BoxCloneService::new(layers.layer(Passthrough::new()).service(Server))
        }
        (Shape::WithLimit, false) => {
            BoxCloneService::new(routed.layer(traffic.limit()).layer(traffic.failover()).service(made))
        }
        (Shape::WithoutLimit, true) => {
            BoxCloneService::new(routed.layer(traffic.failover()).layer(Passthrough::new()).service(Server))
        }
        (Shape::WithoutLimit, false) => BoxCloneService::new(routed.layer(traffic.failover()).service(made)),
    }
}

#[derive(Clone, Debug)]
enum Act {
    Call(Does),
    Poll(usize),
    Tell(usize),
    Drop(usize),
    Publish(Limits),
    Rollback,
    Evacuate(usize),
    Readmit(usize),
}

fn limits() -> impl Strategy<Value = Limits> {
    let bounded = || proptest::option::weighted(0.8, (1..4_u32, any::<bool>()));
    (bounded(), bounded(), proptest::option::weighted(0.3, 1..3_u32)).prop_map(|(route, region, endpoint)| Limits {
        route,
        region,
        endpoint,
    })
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let does = prop_oneof![
        3 => (0..3_usize).prop_map(Does::Answer),
        6 => (0..3_usize).prop_map(Does::Hold),
        1 => Just(Does::Fail),
        3 => Just(Does::Hang),
        1 => Just(Does::PanicInCall),
        1 => Just(Does::PanicInPoll),
    ];
    let act = prop_oneof![
        8 => does.prop_map(Act::Call),
        12 => (0..8_usize).prop_map(Act::Poll),
        3 => (0..8_usize).prop_map(Act::Tell),
        4 => (0..8_usize).prop_map(Act::Drop),
        1 => limits().prop_map(Act::Publish),
        1 => Just(Act::Rollback),
        1 => (1..3_usize).prop_map(Act::Evacuate),
        1 => (1..3_usize).prop_map(Act::Readmit),
    ];
    vec(act, 0..80)
}

fn table(limits: Limits) -> TableSpec {
    let limit = |(limit, queues)| {
        let limit = Limit::fixed(limit);
        if queues { limit.queue(patient(QUEUE as u32)) } else { limit }
    };
    let spec = TableSpec::new().deadline(Duration::MAX).cluster("post", |mut c| {
        (c.limit, c.endpoint_limit) = (limits.region.map(limit), limits.endpoint);
        c.region("eu", |r| r.endpoint("a", "a:1")).region("us", |r| r.rank(1).endpoint("b", "b:1"))
    });
    spec.route("letters", |mut r| {
        r.limit = limits.route.map(limit);
        r.any().to("post")
    })
}

/// A call, until it is answered; then its answer.
enum Live {
    Future(Polled<<Stack as Service<Sent>>::Future>),
    Body(Answered),
}

struct Running {
    number: usize,
    script: Script,
    live: Live,
}

const REGIONS: [&str; 3] = ["", "eu", "us"];

fn assert_counts(traffic: &Traffic, model: &Model) -> Result<(), TestCaseError> {
    let status = traffic.status();
    for route in &status.routes {
        let bound = &model.bounds[ROUTE];
        prop_assert_eq!((route.limit.in_flight, route.limit.queued), (bound.open, bound.line.len()), "the route");
        prop_assert!(route.limit.queued == 0 || route.limit.in_flight >= route.limit.limit, "{:?}", route);
    }
    for (place, region) in (1..).zip(&status.clusters[0].regions) {
        let bound = &model.bounds[place];
        prop_assert_eq!(region.in_flight, bound.open, "{}", region.name);
        let at_endpoint = region.endpoints[0].in_flight;
        prop_assert_eq!(at_endpoint, model.at_endpoint[place], "the endpoint in {}", region.name);
        if let Some(limit) = &region.limit {
            prop_assert_eq!(limit.queued, bound.line.len(), "{}", region.name);
            prop_assert!(limit.queued == 0 || limit.in_flight >= limit.limit, "{:?}", limit);
        }
    }
    Ok(())
}

fn happen(shape: Shape, is_shared: bool, first: Limits, acts: &[Act]) -> Result<(), TestCaseError> {
    let (traffic, _) = traffic(table(first));
    let mut stack = stack(&traffic, shape, is_shared);
    let mut model = Model::default();
    model.publish(first);
    let mut history = vec![first];
    let mut running: Vec<Running> = Vec::new();
    for act in acts {
        match act {
            Act::Call(does) => {
                let script = Script { does: *does, is_told: Arc::default() };
                let mut request = Request::new(Empty::new());
                request.extensions_mut().insert(script.clone());
                let called = panic::catch_unwind(AssertUnwindSafe(|| call(&mut stack, request)));
                let number = model.call();
                if is_shared && let At::Placed(region) = model.calls[number].at {
                    model.calls[number].at = At::Sent(region);
                }
                let is_sent = matches!(model.calls[number].at, At::Sent(_));
                prop_assert_eq!(called.is_err(), is_sent && *does == Does::PanicInCall);
                match called {
                    Ok(called) => running.push(Running { number, script, live: Live::Future(called) }),
                    Err(_) => model.leave(number, At::Over),
                }
            }
            Act::Poll(which) if !running.is_empty() => {
                let which = which % running.len();
                let is_over = poll(&mut running[which], &mut model)?;
                if is_over {
                    drop(running.swap_remove(which));
                }
            }
            Act::Tell(which) if !running.is_empty() => {
                running[which % running.len()].script.is_told.store(true, Ordering::Relaxed);
            }
            Act::Drop(which) if !running.is_empty() => {
                let dropped = running.swap_remove(which % running.len());
                model.leave(dropped.number, At::Over);
                drop(dropped);
            }
            Act::Publish(limits) => {
                traffic.publish(table(*limits).build().expect("a sound table")).expect("nothing refuses");
                history.push(*limits);
                model.publish(*limits);
            }
            Act::Rollback if history.len() > 1 => {
                traffic.rollback().expect("there is one before");
                history.pop();
                model.publish(*history.last().expect("the first at least"));
            }
            Act::Evacuate(region) => {
                traffic.evacuate(REGIONS[*region], HOUR).expect("a region");
                model.evacuate(*region);
            }
            Act::Readmit(region) => {
                traffic.readmit(REGIONS[*region]).expect("a region");
                model.readmit(*region);
            }
            Act::Poll(_) | Act::Tell(_) | Act::Drop(_) | Act::Rollback => {}
        }
        assert_counts(&traffic, &model)?;
    }
    for left in running {
        model.leave(left.number, At::Over);
        drop(left);
        assert_counts(&traffic, &model)?;
    }
    assert_idle(&traffic);
    Ok(())
}

/// Whether it is over. The model says what has to come of it.
fn poll(running: &mut Running, model: &mut Model) -> Result<bool, TestCaseError> {
    let number = running.number;
    let future = match &mut running.live {
        Live::Body(answer) => {
            let frame = Pin::new(answer.body_mut()).poll_frame(&mut Context::from_waker(Waker::noop()));
            prop_assert!(matches!(frame, Poll::Ready(Some(Ok(_)))));
            let At::Answering(region, left) = model.calls[number].at else { unreachable!("it is being answered") };
            model.calls[number].at = At::Answering(region, left - 1);
            if left == 1 {
                model.leave(number, At::Over);
            }
            return Ok(left == 1);
        }
        Live::Future(future) => future,
    };
    let said = panic::catch_unwind(AssertUnwindSafe(|| future.poll()));
    model.poll(number);
    let at = model.calls[number].at;
    let is_told = running.script.is_told.load(Ordering::Relaxed);
    match (at, running.script.does) {
        (At::InLine(_), _) | (At::Sent(_), Does::Hang) => prop_assert!(matches!(said, Ok(Poll::Pending)), "{:?}", at),
        (At::Sent(_), Does::Hold(_)) if !is_told => prop_assert!(matches!(said, Ok(Poll::Pending)), "{:?}", at),
        (At::Refused, _) => {
            prop_assert!(matches!(said, Ok(Poll::Ready(Err(Error::Rejected(_))))));
            return Ok(true);
        }
        (At::Sent(region), Does::Answer(frames) | Does::Hold(frames)) => {
            let Ok(Poll::Ready(Ok(answer))) = said else { return Err(TestCaseError::fail("no answer")) };
            if frames == 0 {
                model.leave(number, At::Over);
                return Ok(true);
            }
            model.calls[number].at = At::Answering(region, frames);
            running.live = Live::Body(answer);
        }
        (At::Sent(_), Does::Fail) => {
            prop_assert!(matches!(said, Ok(Poll::Ready(Err(Error::Inner(_))))));
            model.leave(number, At::Over);
            return Ok(true);
        }
        (At::Sent(_), Does::PanicInCall | Does::PanicInPoll) => {
            prop_assert!(said.is_err());
            model.leave(number, At::Over);
            return Ok(true);
        }
        (at, _) => prop_assert!(false, "{:?} is not where a call stops", at),
    }
    Ok(false)
}

proptest! {
    #![proptest_config(config(400))]

    /// I-33, I-57: answers, bodies that are read, held and dropped, failures, panics, callers that leave at any moment, tables
    /// that change, remove and add limits, regions that are taken out: route, regions and endpoints count exactly what the
    /// model does after each step, nobody is let in above a limit, nobody waits while there is room, and all is given back.
    #[test]
    fn what_is_in_flight_is_exact_at_every_step_and_nothing_at_the_end(
        shape in select(&SHAPES[..]),
        is_shared: bool,
        first in limits(),
        acts in acts(),
    ) {
        happen(shape, is_shared, first, &acts)?;
    }
}

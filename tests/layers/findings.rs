//! What was once wrong: services that break, and callers that come late.

use super::*;
use std::cell::Cell;
use std::rc::Rc;
use tower::Layer;

/// A broken service is dropped also when the request that finds it has an older table pinned.
#[test]
fn a_service_that_an_older_request_finds_broken_is_made_anew() {
    let (clock, _hand) = Clock::manual();
    let spec = TableSpec::new().cluster("post", |c| c.region("eu", |r| r.endpoint("a", "a:1")));
    let table = spec.route("letters", |r| r.any().to("post")).build().expect("a sound table");
    let traffic = Traffic::with_sources(table.clone(), clock, Entropy::seeded(1));
    let backends = Backends::new();
    let mut stack = traffic.layers(Plain::new(facts)).per_endpoint(backends.make());
    assert_eq!(call(&mut stack, Letter(0)).now(), Ok(1));
    let older = call(&mut stack, Letter(1));
    traffic.publish(table).expect("a sound table");
    assert_eq!(call(&mut stack, Letter(2)).now(), Ok(1));
    assert_eq!(backends.made().len(), 1);
    backends.of("a").set_readiness(Readiness::Broken("cut off"));
    assert_eq!(older.now(), Err(Error::Inner("cut off")));
    backends.of("a").set_readiness(Readiness::Ready);
    assert_eq!(call(&mut stack, Letter(3)).now(), Ok(1));
    assert_eq!(backends.made().len(), 2, "the broken one was kept");
}

/// I-64: a service whose readiness failed with a refusal of ours is not asked again.
#[test]
fn what_answers_does_not_ask_a_service_again_that_refused() {
    use contraflow::layer::Answering;
    use http::{Request, Response};
    use http_body_util::Full;
    #[derive(Clone)]
    struct Refuses(Rejected);
    impl Service<Request<()>> for Refuses {
        type Response = Response<contraflow::protocol::ResponseBody<Full<bytes::Bytes>, contraflow::layer::Held>>;
        type Error = Error<&'static str>;
        type Future = std::future::Ready<Result<Self::Response, Self::Error>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Err(Error::Rejected(self.0.clone())))
        }
        fn call(&mut self, _: Request<()>) -> Self::Future {
            unreachable!("it is never ready")
        }
    }
    let (traffic, _) = traffic(1);
    let odd = traffic.layers(Plain::new(|_: &Letter| Facts::path("/a//b"))).passthrough(Letters::new(Step::Hang));
    let Err(Error::Rejected(rejected)) = call(&mut odd.clone(), Letter(0)).now() else { panic!("an odd path") };
    let mut answering = Answering::new(Probe::new(Refuses(rejected)), contraflow::Http);
    for _ in 0..2 {
        assert_eq!(call(&mut answering, Request::new(())).now().expect("an answer").status(), 400);
    }
}

/// A service of all endpoints whose future was first polled late had no time to answer before that.
#[test]
fn who_begins_to_wait_late_has_not_waited_long() {
    let (traffic, hand) = traffic(1);
    let mut stack = traffic.layers(Plain::new(facts)).passthrough(Letters::new(Step::Hang));
    let mut called = call(&mut stack, Letter(0));
    hand.advance(seconds(5));
    assert!(called.poll().is_pending());
    drop(called);
    assert_eq!(counts(&traffic), (0, 0, 0));
}

/// And has not timed out there: what its caller did not ask for in time is not the endpoint's failure.
#[test]
fn who_begins_to_wait_after_the_deadline_has_seen_no_failure() {
    let (traffic, hand) = traffic(1);
    let mut stack = traffic.layers(Plain::new(facts)).passthrough(Letters::new(Step::Hang));
    let called = call(&mut stack, Letter(0));
    hand.advance(seconds(10));
    assert!(matches!(called.now(), Err(Error::TimedOut(_))));
    assert_eq!(counts(&traffic), (0, 0, 0));
}

/// A request that has waited chooses anew by what may be used now, and not by what might when it came.
#[test]
fn a_region_that_came_back_takes_a_request_that_waited_elsewhere() {
    let spec = TableSpec::new()
        .cluster("post", |c| {
            c.region("eu", |r| r.endpoint("a", "a:1")).region("us", |r| r.rank(1).endpoint("d", "d:1"))
        })
        .route("letters", |r| r.any().to("post"));
    let (clock, hand) = Clock::manual();
    let traffic = Traffic::with_sources(spec.build().expect("a sound table"), clock, Entropy::seeded(1));
    let backends = Backends::new();
    backends.set_all(&["a", "d"], &Readiness::Busy);
    let mut waiting = call(&mut traffic.layers(Plain::new(facts)).per_endpoint(backends.make()), Letter(0));
    assert!(waiting.poll().is_pending());
    hand.advance(seconds(1));
    traffic.evacuate("us", seconds(2)).expect("a region");
    hand.advance(seconds(4));
    backends.of("a").set_readiness(Readiness::Broken("cut off"));
    backends.of("d").set_readiness(Readiness::Ready);
    assert_eq!(waiting.now(), Ok(4));
}

/// A layer of somebody's that keeps requests until it is opened.
#[derive(Clone)]
struct Gate<S>(S, Rc<Cell<bool>>);

impl<S: Service<R> + Clone + 'static, R: 'static> Service<R> for Gate<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let Gate(mut inner, is_open) = self.clone();
        Box::pin(async move {
            std::future::poll_fn(|_| if is_open.get() { Poll::Ready(()) } else { Poll::Pending }).await;
            inner.call(request).await
        })
    }
}

/// What a request that was kept for so long between the layers got, and what is known of the endpoints then.
fn kept_for(time: Duration, evacuated: &[&str]) -> (Result<u64, Error<&'static str>>, usize, Duration) {
    let (traffic, hand) = traffic(1);
    let (backend, is_open) = (Letters::new(Step::Answer(1)), Rc::new(Cell::new(false)));
    let inner = traffic.failover().layer(Passthrough::new().layer(backend.clone()));
    let mut stack = traffic.route(Plain::new(facts)).layer(Gate(inner, is_open.clone()));
    for region in evacuated {
        traffic.evacuate(region, seconds(2)).expect("a region");
    }
    let mut kept = call(&mut stack, Letter(0));
    assert!(kept.poll().is_pending());
    hand.advance(time);
    is_open.set(true);
    let answer = kept.now();
    let status = traffic.status();
    let endpoints = status.clusters[0].regions.iter().flat_map(|region| &region.endpoints);
    let took = endpoints.filter_map(|endpoint| endpoint.response_time).max();
    (answer, backend.take_requests().len(), took.unwrap_or_default())
}

/// The time that a request spends between the layers is nobody's response time.
#[test]
fn what_was_kept_between_the_layers_took_no_endpoints_time() {
    let (answer, sent, took) = kept_for(seconds(5), &[]);
    assert_eq!((answer, sent), (Ok(1), 1));
    assert!(took < seconds(1), "{took:?}");
}

/// I-23: and is chosen for by what may be used when it comes.
#[test]
fn what_was_kept_between_the_layers_goes_where_it_may_go_now() {
    assert_eq!(kept_for(seconds(5), &["eu", "us"]).0, Ok(1));
}

/// I-49: and is not sent when it comes too late.
#[test]
fn what_was_kept_between_the_layers_beyond_its_deadline_is_not_sent() {
    let (answer, sent, _) = kept_for(seconds(10), &[]);
    let Err(Error::Rejected(rejected)) = answer else { panic!("{answer:?}") };
    assert_eq!((rejected.reason(), sent), (Reason::Deadline, 0));
}

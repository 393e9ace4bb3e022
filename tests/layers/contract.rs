//! tower's contract: nothing is called that was not ready, and nothing is reserved before there is a request.

use super::*;
use contraflow::Http;
use contraflow::layer::{MapAttempt, Origin};
use http::{Request, Response};
use http_body_util::Full;
use tower::limit::ConcurrencyLimit;

/// What happens to one of several stacks, one after the other.
#[derive(Clone, Debug)]
enum Act {
    Call,
    Poll(usize),
    Drop(usize),
    Readiness(Readiness<&'static str>),
    Next(Step<u64, &'static str>),
    Release,
    Clone,
    Wait(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let readiness = prop_oneof![
        3 => Just(Readiness::Ready),
        2 => Just(Readiness::Busy),
        1 => Just(Readiness::Broken("broken")),
    ];
    let step = prop_oneof![Just(Step::Fail("failed")), Just(Step::Hold(7)), Just(Step::Hang)];
    let act = prop_oneof![
        4 => Just(Act::Call),
        4 => (0..4usize).prop_map(Act::Poll),
        1 => (0..4usize).prop_map(Act::Drop),
        2 => readiness.prop_map(Act::Readiness),
        2 => step.prop_map(Act::Next),
        1 => Just(Act::Release),
        1 => Just(Act::Clone),
        1 => (0..12u64).prop_map(Act::Wait),
    ];
    vec(act, 0..60)
}

/// Lets things happen to a stack over a probed backend. The probe panics when it is used against the contract.
fn happen<S>(acts: &[Act], mut stack: S, backend: &Letters, hand: &ManualClock, readings: &Readings, traffic: &Traffic)
where
    S: Service<Letter> + Clone,
{
    let mut calls: Vec<Polled<S::Future>> = Vec::new();
    for (number, act) in (0..).zip(acts) {
        match act {
            Act::Call => {
                if is_ready(&mut stack) {
                    calls.push(Polled::new(stack.call(Letter(number))));
                }
            }
            Act::Poll(which) if !calls.is_empty() => {
                let which = which % calls.len();
                if calls[which].poll().is_ready() {
                    drop(calls.swap_remove(which));
                }
            }
            Act::Drop(which) if !calls.is_empty() => {
                let which = which % calls.len();
                drop(calls.swap_remove(which));
            }
            Act::Readiness(readiness) => backend.set_readiness(readiness.clone()),
            Act::Next(step) => backend.once(step.clone()),
            Act::Release => backend.release(),
            Act::Clone => stack = stack.clone(),
            Act::Wait(time) => hand.advance(seconds(*time)),
            Act::Poll(_) | Act::Drop(_) => {}
        }
    }
    drop(calls);
    assert_eq!(readings.in_flight(), 0);
    assert_eq!(readings.calls(), readings.completed() + readings.failed() + readings.cancelled());
    assert_eq!(counts(traffic).0, 0);
}

proptest! {
    #![proptest_config(config(64))]

    /// I-64: whatever happens, no layer, alone or with others, calls a service that was not ready, asks one again that
    /// failed, or polls a future that is done.
    #[test]
    fn no_layer_breaks_the_contract(acts in acts()) {
        type Run = fn(&Traffic, Probe<Letters>) -> tower::util::BoxCloneService<Letter, u64, String>;
        fn boxed<S>(stack: S) -> tower::util::BoxCloneService<Letter, u64, String>
        where
            S: Service<Letter, Response = u64, Error: std::fmt::Debug, Future: Send> + Clone + Send + 'static,
        {
            tower::util::BoxCloneService::new(tower::util::MapErr::new(stack, |error| format!("{error:?}")))
        }
        let stacks: [Run; 6] = [
            |traffic, probe| boxed(traffic.layers(Plain::new(facts)).passthrough(probe)),
            |traffic, probe| boxed(traffic.layers(Plain::new(facts)).per_endpoint(move |_| probe.clone())),
            |traffic, probe| {
                let stack = traffic.layers(Plain::new(facts)).per_endpoint(move |_| probe.clone());
                boxed(stack.map_attempt(|letter: Letter, _| Letter(letter.0 + 1)))
            },
            |traffic, probe| boxed(traffic.layers(Plain::new(facts)).passthrough(probe).boxed()),
            |traffic, probe| {
                let layers = ServiceBuilder::new().layer(traffic.route(Plain::new(facts))).layer(traffic.failover());
                boxed(layers.layer(Passthrough::new()).service(probe))
            },
            |traffic, probe| {
                let layers = ServiceBuilder::new().layer(traffic.route(Plain::new(facts))).layer(traffic.failover());
                let leaf = PerEndpoint::new(move |_: &Endpoint| probe.clone());
                boxed(layers.service(MapAttempt::new(leaf, |letter: Letter, _: &_| letter)))
            },
        ];
        for stack in stacks {
            let (traffic, hand) = traffic(1);
            let backend = Letters::new(Step::Answer(1));
            let probe = Probe::new(backend.clone());
            let readings = probe.readings();
            happen(&acts, stack(&traffic, probe), &backend, &hand, &readings, &traffic);
        }
    }
}

/// I-64: the layers for HTTP keep the contract too.
#[test]
fn what_answers_and_what_rewrites_keeps_the_contract() {
    let (traffic, _) = traffic(1);
    let client = tower::service_fn(|request: Request<_>| async move {
        let _: &contraflow::protocol::ReplayBody<Full<bytes::Bytes>> = request.body();
        Ok::<_, &str>(Response::new(Full::new(bytes::Bytes::from_static(b"hello"))))
    });
    let probe = Probe::new(client);
    let readings = probe.readings();
    let request = || Request::get("http://shop.example/").body(Full::<bytes::Bytes>::default()).expect("a request");
    let mut answering = traffic.layers(Http).origin(Origin::new(), probe.clone()).answering();
    let mut infallible = traffic.http(probe).infallible();
    for _ in 0..3 {
        assert_eq!(call(&mut answering, request()).now().expect("an answer").status(), 200);
        assert_eq!(call(&mut infallible, request()).now().expect("an answer").status(), 200);
    }
    assert_eq!(readings.completed(), 6);
}

/// I-36: ten thousand stacks that were asked whether they are ready hold nothing, so that the one that is called finds
/// the one place that there is.
#[test]
fn idle_ready_clones_starve_nobody() {
    let (traffic, _) = traffic(1);
    let backend = Letters::new(Step::Answer(1));
    let limited = ConcurrencyLimit::new(backend, 1);
    let stack = traffic.layers(Plain::new(facts)).passthrough(limited);
    let mut idle = vec![stack; 10_000];
    assert!(idle.iter_mut().all(is_ready));
    assert_eq!(counts(&traffic).0, 0);
    for stack in &mut idle {
        assert_eq!(Polled::new(stack.call(Letter(0))).now(), Ok(1));
    }
}

/// I-36: a place that the service gave to one request is not another's: who comes while it is taken waits, and is
/// served when it is free.
#[test]
fn a_service_that_reserves_when_it_is_ready_is_reserved_by_the_request_alone() {
    let (traffic, _) = traffic(1);
    let backend = Letters::new(Step::Answer(1));
    backend.once(Step::Hold(7));
    let limited = ConcurrencyLimit::new(backend.clone(), 1);
    let mut stack = traffic.layers(Plain::new(facts)).passthrough(limited);
    let mut first = call(&mut stack, Letter(0));
    let mut second = call(&mut stack.clone(), Letter(1));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    assert_eq!(backend.take_requests(), [Letter(0)]);
    backend.release();
    assert_eq!(first.now(), Ok(7));
    assert_eq!(second.now(), Ok(1));
}

/// I-64: what answers in place of errors is as ready as what stands in it, and answers for what is broken.
#[test]
fn what_answers_is_as_ready_as_what_stands_in_it() {
    use contraflow::layer::Answering;
    #[derive(Clone)]
    struct Says(Readiness<Error<&'static str>>);
    impl Service<Request<()>> for Says {
        type Response = Response<contraflow::protocol::ResponseBody<Full<bytes::Bytes>, contraflow::layer::Held>>;
        type Error = Error<&'static str>;
        type Future = std::future::Ready<Result<Self::Response, Self::Error>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            match self.0.clone() {
                Readiness::Ready => Poll::Ready(Ok(())),
                Readiness::Busy => Poll::Pending,
                Readiness::Broken(error) => Poll::Ready(Err(error)),
            }
        }
        fn call(&mut self, _: Request<()>) -> Self::Future {
            std::future::ready(Ok(Response::default()))
        }
    }

    // A refusal of ours, to be refused with.
    let (traffic, _) = traffic(1);
    let mut refused =
        traffic.layers(Plain::new(|_: &Letter| Facts::path("/a//b"))).passthrough(Letters::new(Step::Hang));
    let Err(rejected) = call(&mut refused, Letter(0)).now() else { panic!("an odd path") };
    let probe = |readiness| Answering::new(Probe::new(Says(readiness)), Http);
    let mut cx = Context::from_waker(Waker::noop());

    assert!(probe(Readiness::Busy).poll_ready(&mut cx).is_pending());
    assert!(probe(Readiness::Busy).infallible().poll_ready(&mut cx).is_pending());
    let mut answering = probe(Readiness::Broken(rejected));
    assert_eq!(call(&mut answering, Request::new(())).now().expect("an answer").status(), 400);
    let mut broken = probe(Readiness::Broken(Error::Inner("cut off")));
    assert_eq!(broken.poll_ready(&mut cx), Poll::Ready(Err("cut off")));
    let mut infallible = probe(Readiness::Broken(Error::Inner("cut off"))).infallible();
    for _ in 0..2 {
        assert_eq!(call(&mut infallible, Request::new(())).now().expect("an answer").status(), 502);
    }
}

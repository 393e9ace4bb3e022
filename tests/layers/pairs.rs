//! tower's contract between the layers and around them, for those that answer over HTTP too; and that an idle clone of any
//! stack holds nothing.

use super::*;
use bytes::Bytes;
use contraflow::Http;
use contraflow::layer::{Answering, Origin, Routed};
use contraflow::protocol::ReplayBody;
use http::{Request, Response};
use http_body_util::Full;
use std::fmt::Debug;
use tower::limit::ConcurrencyLimit;

#[derive(Clone, Debug)]
enum Act {
    Ready,
    Call,
    Clone,
    Poll(usize),
    Drop(usize),
    Told(Told),
    Wait(u64),
    Publish,
    Evacuate,
}

#[derive(Clone, Debug)]
enum Told {
    Ready,
    Busy,
    Broken,
    Fail,
    Hold,
    Hang,
    Release,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let told = prop_oneof![
        3 => Just(Told::Ready),
        2 => Just(Told::Busy),
        1 => Just(Told::Broken),
        1 => Just(Told::Fail),
        2 => Just(Told::Hold),
        1 => Just(Told::Hang),
        1 => Just(Told::Release),
    ];
    let act = prop_oneof![
        2 => Just(Act::Ready),
        5 => Just(Act::Call),
        2 => Just(Act::Clone),
        5 => (0..4usize).prop_map(Act::Poll),
        1 => (0..4usize).prop_map(Act::Drop),
        4 => told.prop_map(Act::Told),
        1 => (0..12u64).prop_map(Act::Wait),
        1 => Just(Act::Publish),
        1 => Just(Act::Evacuate),
    ];
    vec(act, 0..60)
}

/// A backend of any type that can be told what to do.
struct Scripted<R, T, E> {
    backend: Backend<R, T, E>,
    answer: T,
    error: E,
}

impl<R, T: Clone, E: Clone> Scripted<R, T, E> {
    fn new(answer: T, error: E) -> Self {
        Scripted { backend: Backend::new(Step::Answer(answer.clone())), answer, error }
    }

    fn probe(&self) -> Probe<Backend<R, T, E>> {
        Probe::new(self.backend.clone())
    }

    fn tell(&self, told: &Told) {
        match told {
            Told::Ready => self.backend.set_readiness(Readiness::Ready),
            Told::Busy => self.backend.set_readiness(Readiness::Busy),
            Told::Broken => self.backend.set_readiness(Readiness::Broken(self.error.clone())),
            Told::Fail => self.backend.once(Step::Fail(self.error.clone())),
            Told::Hold => self.backend.once(Step::Hold(self.answer.clone())),
            Told::Hang => self.backend.once(Step::Hang),
            Told::Release => self.backend.release(),
        }
    }
}

/// Uses a stack as tower's contract has it, in this order of events. Probes inside panic when the stack does not.
fn interleave<R, S>(
    acts: &[Act],
    stack: S,
    request: impl Fn() -> R,
    tell: impl Fn(&Told),
    world: &(Traffic, ManualClock),
) where
    S: Service<R> + Clone,
{
    let mut calls: Vec<Polled<S::Future>> = Vec::new();
    let mut used = stack.clone();
    for act in acts {
        match act {
            Act::Ready | Act::Call => match used.poll_ready(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(())) if matches!(act, Act::Call) => calls.push(Polled::new(used.call(request()))),
                // A service that is broken is dropped.
                Poll::Ready(Err(_)) => used = stack.clone(),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            },
            Act::Clone => used = used.clone(),
            Act::Poll(which) if !calls.is_empty() => {
                let which = which % calls.len();
                if calls[which].poll().is_ready() {
                    drop(calls.swap_remove(which));
                }
            }
            Act::Drop(which) if !calls.is_empty() => drop(calls.swap_remove(which % calls.len())),
            Act::Poll(_) | Act::Drop(_) => {}
            Act::Told(told) => tell(told),
            Act::Wait(time) => world.1.advance(seconds(*time)),
            Act::Publish => drop(world.0.publish(table()).expect("a sound table")),
            Act::Evacuate => world.0.evacuate("eu", seconds(5)).expect("a region"),
        }
    }
    drop(calls);
    assert_eq!(counts(&world.0).0, 0, "in flight");
}

type Web = Scripted<Request<ReplayBody<Full<Bytes>>>, Response<Full<Bytes>>, &'static str>;

fn get() -> Request<Full<Bytes>> {
    Request::get("http://shop.example/").body(Full::from("hello")).expect("a request")
}

/// What a test does with a stack for HTTP, whatever its type.
fn over_http<S>(
    acts: &[Act],
    shape: impl FnOnce(&Traffic, Probe<Backend<Request<ReplayBody<Full<Bytes>>>, Response<Full<Bytes>>, &'static str>>) -> S,
) where
    S: Service<Request<Full<Bytes>>> + Clone,
{
    let world = traffic(1);
    let web = Web::new(Response::new(Full::from("hello")), "failed");
    let probe = web.probe();
    let readings = probe.readings();
    interleave(acts, shape(&world.0, probe), get, |told| web.tell(told), &world);
    assert_eq!(readings.in_flight(), 0);
}

proptest! {
    #![proptest_config(config(64))]

    /// I-64: the layers for HTTP, each around the others, and with probes in between.
    #[test]
    fn no_layer_for_http_breaks_the_contract(acts in acts()) {
        over_http(&acts, |traffic, probe| traffic.layers(Http).origin(Origin::new(), probe));
        over_http(&acts, |traffic, probe| traffic.layers(Http).with_decision().passthrough(probe));
        over_http(&acts, |traffic, probe| traffic.layers(Http).origin(Origin::new(), probe).boxed());
        over_http(&acts, |traffic, probe| traffic.http(probe));
        over_http(&acts, |traffic, probe| traffic.http(probe).infallible());
        over_http(&acts, |traffic, probe| {
            let layers = ServiceBuilder::new().layer_fn(Probe::new).layer(traffic.route(Http)).layer_fn(Probe::new);
            layers.layer(traffic.failover().with_decision()).layer(Origin::new()).service(probe)
        });
        over_http(&acts, |traffic, probe| {
            let layers = ServiceBuilder::new().layer(traffic.route(Http)).layer_fn(Probe::new).layer(traffic.failover());
            Probe::new(Answering::new(layers.layer(Origin::new()).service(probe), Http))
        });
        over_http(&acts, |traffic, probe| {
            let layers = ServiceBuilder::new().layer(traffic.route(Http)).layer_fn(Probe::new).layer(traffic.failover());
            let leaf = PerEndpoint::new(move |_: &Endpoint| probe.clone());
            Probe::new(Answering::new(layers.service(leaf), Http).infallible())
        });
    }

    /// I-64: the route layer alone, over a service that is busy and broken at times.
    #[test]
    fn the_route_layer_alone_keeps_the_contract(acts in acts()) {
        fn alone<K>(acts: &[Act], protocol: K)
        where
            K: contraflow::protocol::Describe<Letter> + Clone,
        {
            use tower::Layer;
            let world = traffic(1);
            let inside: Scripted<Routed<Letter, K>, u64, Error<&'static str>> = Scripted::new(1, Error::Inner("failed"));
            let probe = inside.probe();
            let readings = probe.readings();
            interleave(acts, world.0.route(protocol).layer(probe), || Letter(0), |told| inside.tell(told), &world);
            assert_eq!(readings.in_flight(), 0);
        }
        alone(&acts, Plain::new(facts));
    }
}

/// Lets ten thousand clones say that they are ready, and then lets each in turn do what it was asked for.
fn starves_nobody<S>(name: &str, stack: S, limited: &mut ConcurrencyLimit<Probe<Letters>>, traffic: &Traffic)
where
    S: Service<Letter, Response = u64> + Clone,
    S::Error: Debug,
{
    let mut idle = vec![stack; 10_000];
    assert!(idle.iter_mut().all(is_ready), "{name}");
    assert_eq!(counts(traffic).0, 0, "{name}");
    assert!(is_ready(limited), "{name}: the one place is taken");
    // It would keep the place.
    *limited = limited.clone();
    for stack in &mut idle {
        assert_eq!(Polled::new(stack.call(Letter(0))).now().expect("an answer"), 1, "{name}");
    }
    assert!(idle.iter_mut().all(is_ready), "{name}");
    assert!(is_ready(limited), "{name}: the one place is taken");
}

/// I-36: of no stack does an idle clone that said it is ready hold the one place that there is.
#[test]
fn idle_ready_clones_of_no_shape_hold_a_place() {
    let world = || {
        let (traffic, _hand) = traffic(1);
        (traffic, ConcurrencyLimit::new(Probe::new(Letters::new(Step::Answer(1))), 1))
    };
    // What is to be seen: one idle clone of the limit itself starves all others.
    let (_, limited) = world();
    let [mut idle, mut other] = [limited.clone(), limited];
    assert!(is_ready(&mut idle) && !is_ready(&mut other));

    let (traffic, mut limited) = world();
    let stack = traffic.layers(Plain::new(facts)).passthrough(limited.clone());
    starves_nobody("boxed", stack.clone().boxed(), &mut limited, &traffic);
    starves_nobody("passthrough", stack, &mut limited, &traffic);

    let (traffic, mut limited) = world();
    let shared = limited.clone();
    let stack = traffic.layers(Plain::new(facts)).per_endpoint(move |_| shared.clone());
    starves_nobody("per endpoint", stack, &mut limited, &traffic);

    let (traffic, mut limited) = world();
    let layers = ServiceBuilder::new().layer(traffic.route(Plain::new(facts))).layer(traffic.failover());
    let stack = layers.clone().layer(Passthrough::new()).service(limited.clone());
    starves_nobody("passthrough by hand", stack, &mut limited, &traffic);
    let shared = limited.clone();
    let stack = layers.service(PerEndpoint::new(move |_: &Endpoint| shared.clone()));
    starves_nobody("per endpoint by hand", stack, &mut limited, &traffic);
}

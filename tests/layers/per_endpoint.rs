//! One service for each endpoint: made when it is needed, kept while the endpoint is what it was, dropped when it is gone.

use super::*;
use std::sync::Barrier;
use std::thread;

/// The factory runs in the first attempt's poll, once for each endpoint.
#[test]
fn services_are_made_in_a_poll_and_once() {
    let (traffic, _) = traffic(1);
    let backends = Backends::new();
    let mut stack = traffic.layers(Plain::new(facts)).per_endpoint(backends.make());
    let called = call(&mut stack, Letter(0));
    assert_eq!(backends.made().len(), 0);
    called.now().expect("an answer");
    assert_eq!(backends.made().len(), 1);
    for letter in 0..100 {
        // Clones share what was made.
        call(&mut stack.clone(), Letter(letter)).now().expect("an answer");
    }
    let mut made = backends.made();
    made.sort();
    assert_eq!(made, ["a", "b", "c"]);
}

/// Threads that meet at an endpoint whose service is not made yet make one, and all get it.
#[test]
fn threads_that_meet_at_a_new_endpoint_make_one_service() {
    for seed in 0..50 {
        let (traffic, _hand) = traffic(seed);
        let (backends, gate) = (Backends::new(), Barrier::new(4));
        let make = backends.make();
        let stack = traffic.layers(Plain::new(facts)).per_endpoint(move |endpoint| {
            // Whoever comes now finds the factory at work.
            thread::yield_now();
            make(endpoint)
        });
        thread::scope(|scope| {
            for letter in 0..4 {
                let (mut stack, gate) = (stack.clone(), &gate);
                scope.spawn(move || {
                    gate.wait();
                    for _ in 0..10 {
                        call(&mut stack, Letter(letter)).now().expect("an answer");
                    }
                });
            }
        });
        let mut made = backends.made();
        made.sort();
        assert!(made.is_sorted_by(|one, next| one < next), "made more than once: {made:?}");
        assert_eq!(counts(&traffic), (0, 40, 0));
    }
}

/// A swap keeps the service of an endpoint that is what it was, whatever its weight; another address is another service.
#[test]
fn a_service_lives_as_long_as_its_endpoint_is_the_same() {
    let (traffic, _) = traffic(1);
    let backends = Backends::new();
    let mut stack = traffic.layers(Plain::new(facts)).per_endpoint(backends.make());
    let mut ask_all = move || {
        for _ in 0..60 {
            call(&mut stack, Letter(0)).now().expect("an answer");
        }
    };
    ask_all();
    let edit = |change: fn(&mut contraflow::table::EndpointSpec)| {
        traffic
            .edit(|spec| {
                change(&mut spec.cluster_mut("post")?.region_mut("eu")?.endpoints[0]);
                Ok(())
            })
            .expect("a sound table");
    };
    edit(|endpoint| endpoint.weight = 3);
    ask_all();
    assert_eq!(backends.made().len(), 3, "{:?}", backends.made());
    edit(|endpoint| endpoint.address = "a:2".into());
    ask_all();
    assert_eq!(backends.made()[3..], ["a"]);
    edit(|endpoint| endpoint.tls_name = Some("a.example".into()));
    ask_all();
    assert_eq!(backends.made()[4..], ["a"]);
}

/// The service of an endpoint that is gone is dropped by the first request by a newer table; a request that still has the
/// older one is served, too.
#[test]
fn a_service_is_dropped_when_its_endpoint_is_gone() {
    let (traffic, _) = traffic(1);
    let alive: Arc<Mutex<BTreeMap<String, Arc<()>>>> = Arc::default();
    let kept = alive.clone();
    let mut stack = traffic.layers(Plain::new(facts)).per_endpoint(move |endpoint: &Endpoint| {
        let mut kept = kept.lock().expect("no panic");
        let mark = kept.entry(endpoint.name().to_string()).or_default().clone();
        tower::service_fn(move |_: Letter| {
            assert!(Arc::strong_count(&mark) > 1, "the test has one, the service another");
            std::future::ready(Ok::<u64, &str>(1))
        })
    });
    for _ in 0..60 {
        call(&mut stack, Letter(0)).now().expect("an answer");
    }
    let is_alive = |name: &str| Arc::strong_count(&alive.lock().expect("no panic")[name]) > 1;
    assert!(is_alive("a") && is_alive("b") && is_alive("c"));
    let older: Vec<_> = (0..20).map(|_| call(&mut stack, Letter(0))).collect();
    traffic
        .edit(|spec| {
            spec.cluster_mut("post")?.region_mut("eu")?.endpoints.remove(0);
            Ok(())
        })
        .expect("a sound table");
    assert!(is_alive("a"), "nobody has asked since");
    call(&mut stack, Letter(0)).now().expect("an answer");
    assert!(!is_alive("a") && is_alive("b") && is_alive("c"));
    for called in older {
        assert_eq!(called.now(), Ok(1));
    }
    assert!(!is_alive("a"), "a service that was made for one request went with it");
    assert_eq!(counts(&traffic).0, 0);
}

/// Who waits for an endpoint's service keeps its place in that service's queue, however often it is polled.
#[test]
fn who_waits_for_a_service_is_not_overtaken() {
    let (clock, _hand) = Clock::manual();
    let spec = TableSpec::new().cluster("post", |c| c.region("eu", |r| r.endpoint("a", "a:1")));
    let table = spec.route("letters", |r| r.any().to("post")).build().expect("a sound table");
    let traffic = Traffic::with_sources(table, clock, Entropy::seeded(1));
    let backend = Letters::new(Step::Answer(1));
    backend.once(Step::Hold(7));
    let limited = tower::limit::ConcurrencyLimit::new(backend.clone(), 1);
    let mut stack = traffic.layers(Plain::new(facts)).per_endpoint(move |_| limited.clone());
    let [mut first, mut second, mut third] = [0, 1, 2].map(|number| call(&mut stack, Letter(number)));
    assert!(first.poll().is_pending() && second.poll().is_pending() && third.poll().is_pending());
    assert!(second.poll().is_pending(), "asked once more, and still the second");
    backend.release();
    first.now().expect("it was released");
    assert!(third.poll().is_pending());
    second.now().expect("its turn");
    third.now().expect("its turn");
    assert_eq!(backend.take_requests(), [Letter(0), Letter(1), Letter(2)]);
}

//! What a region declares that it can take.

use super::*;

type Held = Backend<Priority, (), &'static str>;

/// A stack over backends that hold every call, for regions of these capacities, one rank after the other.
fn capacities(of: &[Option<Capacity>]) -> (Traffic, ManualClock) {
    let names = ["eu", "us", "ap"];
    let mut spec = three_regions();
    for (name, capacity) in names.iter().zip(of) {
        spec.cluster_mut("api").expect("it").region_mut(name).expect("it").capacity = *capacity;
    }
    traffic(spec)
}

fn ask(
    stack: &mut impl Service<Priority, Error = Error<&'static str>, Future: Future + 'static>,
) -> Result<(), Reason> {
    let mut future = Box::pin(stack.call(Priority::Normal));
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        // Under way until the test is over.
        Poll::Pending => {
            std::mem::forget(future);
            Ok(())
        }
        Poll::Ready(_) => Err(Reason::Limit),
    }
}

fn stack(traffic: &Traffic) -> impl Service<Priority, Error = Error<&'static str>, Future: Future + 'static> + use<> {
    let backend: Held = Backend::new(Step::Hold(()));
    let protocol = Plain::new(|priority: &Priority| Facts::path("/").with_priority(*priority));
    traffic.layers(protocol).per_endpoint(move |_| backend.clone())
}

fn in_flight(traffic: &Traffic) -> [u32; 3] {
    let status = traffic.status();
    ["eu", "us", "ap"]
        .map(|name| status.clusters[0].regions.iter().find(|one| one.name == *name).expect("a region").in_flight)
}

/// I-18: in flight, exactly; what does not fit goes to the next rank, and what fits nowhere is refused.
#[test]
fn what_is_in_flight_never_exceeds_what_is_declared() {
    let all = [Some(Capacity::InFlight(3)), Some(Capacity::InFlight(2)), Some(Capacity::InFlight(1))];
    let (traffic, _) = capacities(&all);
    let mut stack = stack(&traffic);
    let said: Vec<_> = (0..8).map(|_| ask(&mut stack).is_ok()).collect();
    assert_eq!(said, [true, true, true, true, true, true, false, false]);
    assert_eq!(in_flight(&traffic), [3, 2, 1]);
}

/// I-18: a rate, over any time its bucket and no more; the rest goes to the next rank.
#[test]
fn a_rate_passes_on_what_is_above_it() {
    let (traffic, hand) = capacities(&[Some(Capacity::Rps(100)), None, None]);
    let mut stack = stack(&traffic);
    for _ in 0..1000 {
        hand.advance(Duration::from_millis(1));
        ask(&mut stack).expect("there is always somebody");
    }
    let [eu, us, ap] = in_flight(&traffic);
    assert!((95..=110).contains(&eu), "{eu}");
    assert_eq!((eu + us, ap), (1000, 0));
}

/// Capacity as a part of the demand bounds the share, and what fits nowhere is refused as such.
#[test]
fn what_is_above_all_declared_parts_is_shed() {
    let part = |percent| Some(Capacity::Share(Ratio::percent(percent)));
    let (traffic, _) = capacities(&[part(50), part(20), part(10)]);
    let seen = places(&traffic, "/", 10_000);
    let near = |count: u32, expected: u32| count.abs_diff(expected) < 300;
    assert!(near(seen["eu"], 5000) && near(seen["us"], 2000) && near(seen["ap"], 1000), "{seen:?}");
    assert!(near(seen["Capacity"], 2000), "{seen:?}");
}

#[test]
fn what_is_learned_needs_a_limit() {
    let mut spec = three_regions();
    spec.clusters[0].regions[0].capacity = Some(Capacity::Learned);
    let error = spec.clone().build().unwrap_err();
    assert_eq!(
        error.problems()[0].to_string(),
        "clusters.api.regions.eu.capacity: is to be learned by a limit, and there is none; add `Limit::adaptive()`"
    );
    spec.clusters[0].limit = Some(contraflow::Limit::adaptive());
    spec.build().expect("now it can be learned");
}

#[test]
fn a_fleet_divides_what_all_may_ask_for() {
    assert_eq!(Capacity::fleet(Capacity::InFlight(1000)).instances(30), Capacity::InFlight(33));
    assert_eq!(Capacity::fleet(Capacity::Rps(10)).instances(50), Capacity::Rps(1));
    assert_eq!(Capacity::fleet(Capacity::Share(Ratio::ONE)).instances(50), Capacity::Share(Ratio::ONE));
}

/// I-18: what is declared caps a limit that is higher, also one that comes by a later table, and with half of it out half of that.
#[test]
fn what_is_declared_caps_the_limit_of_the_region() {
    let (traffic, _) = capacities(&[Some(Capacity::InFlight(3)), None, None]);
    let publish = |capacity| {
        traffic.edit(|spec| {
            let region = spec.cluster_mut("api")?.region_mut("eu")?;
            (region.limit, region.capacity) = (Some(contraflow::Limit::fixed(100)), capacity);
            Ok(())
        })
    };
    publish(Some(Capacity::InFlight(3))).expect("sound");
    let mut stack = stack(&traffic);
    (0..8).for_each(|_| ask(&mut stack).expect("there is always somebody"));
    assert_eq!(in_flight(&traffic), [3, 5, 0]);
    publish(Some(Capacity::InFlight(5))).expect("sound");
    (0..8).for_each(|_| ask(&mut stack).expect("there is always somebody"));
    assert_eq!(in_flight(&traffic), [5, 11, 0]);
    publish(None).expect("sound");
    (0..8).for_each(|_| ask(&mut stack).expect("there is always somebody"));
    assert_eq!(in_flight(&traffic), [13, 11, 0]);
}

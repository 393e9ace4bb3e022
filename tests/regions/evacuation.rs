//! Taking a region out, by degrees, and letting it back.

use super::*;
use std::sync::{Arc, Mutex};

fn two_of_a_rank() -> TableSpec {
    TableSpec::new()
        .cluster("api", |c| {
            c.region("eu", |r| r.endpoint("eu", "eu:80"))
                .region("us", |r| r.endpoint("us", "us:80"))
                .failover(Failover::default().ramp(seconds(100)))
        })
        .route("all", |r| r.any().to("api"))
}

/// I-23: by degrees out, nothing while it is out, by degrees back; through a publish and a rollback too.
#[test]
fn a_region_goes_by_degrees_and_comes_back_by_degrees() {
    let (traffic, hand) = traffic(two_of_a_rank());
    assert_eq!(share(&traffic, "eu"), 0.5);
    traffic.evacuate("eu", Evacuation::lasting(seconds(300)).over(seconds(100)).because("a drill")).expect("a region");
    let mut before = 0.5;
    for _ in 0..9 {
        hand.advance(seconds(10));
        let now = share(&traffic, "eu");
        assert!(now < before && before - now < 0.06, "{before}, then {now}");
        before = now;
    }
    hand.advance(seconds(10));
    assert_eq!((share(&traffic, "eu"), places(&traffic, "/", 100)["us"]), (0.0, 100));
    let table = traffic.snapshot().table().clone();
    traffic.publish(table).expect("sound");
    traffic.rollback().expect("there is one before");
    hand.advance(seconds(199));
    assert_eq!(share(&traffic, "eu"), 0.0);
    hand.advance(seconds(51));
    let half = share(&traffic, "eu");
    assert!((0.23..0.27).contains(&half), "{half}");
    hand.advance(seconds(51));
    assert_eq!(share(&traffic, "eu"), 0.5);
}

#[test]
fn observers_hear_of_it_with_its_reason() {
    #[derive(Default)]
    struct Heard(Mutex<Vec<contraflow::Event>>);
    impl contraflow::Observer for Heard {
        fn event(&self, event: &contraflow::Event) {
            self.0.lock().expect("nobody panics").push(event.clone());
        }
    }
    let (traffic, _) = traffic(two_of_a_rank());
    let heard = Arc::new(Heard::default());
    traffic.observe(heard.clone());
    traffic.evacuate("eu", Evacuation::lasting(HOUR).because("INC-7")).expect("a region");
    let events = heard.0.lock().expect("nobody panics").clone();
    let [contraflow::Event::Evacuated { region, over, reason, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!((region.as_str(), *over, reason.as_deref()), ("eu", Duration::ZERO, Some("INC-7")));
}

#[test]
fn a_plan_says_what_would_fit_and_changes_nothing() {
    let mut spec = three_regions();
    for (name, capacity) in [("us", Capacity::InFlight(10)), ("ap", Capacity::Rps(50))] {
        spec.cluster_mut("api").expect("it").region_mut(name).expect("it").capacity = Some(capacity);
    }
    let (traffic, _) = traffic(spec.resident(Match::new().path("/vault"), ["eu"]));
    let before = traffic.status();
    let plan = traffic.plan("eu").expect("a region");
    assert_eq!(traffic.status(), before);
    let [us] = &plan.receivers[..] else { panic!("{plan}") };
    assert_eq!((us.region.as_str(), us.after.get(), us.load(), us.in_flight_limit), ("us", 1.0, Some(0.0), Some(10)));
    assert_eq!(plan.homeless.len(), 1);
    assert!(!plan.is_safe());
    traffic.evacuate("us", HOUR).expect("a region");
    let plan = traffic.plan("eu").expect("a region");
    assert_eq!(plan.receivers[0].load_at(100.0), Some(2.0), "{plan}");
    assert!(traffic.plan("mars").is_err());
}

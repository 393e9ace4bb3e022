//! I-26, in part: how far an endpoint has warmed up is a function of when it began and of now.

use super::*;

/// The step of 64 that an endpoint of this age has reached: `max(floor, (age / window)^(1 / aggression))`, rounded down,
/// but at least one; nobody is younger than a millisecond.
fn step(slow_start: SlowStart, age: Duration, nudge: f64) -> u64 {
    if age >= slow_start.window {
        return 64;
    }
    let age = age.max(Duration::from_millis(1));
    let line = (age.as_secs_f64() / slow_start.window.as_secs_f64()).powf(1.0 / slow_start.aggression);
    ((line.max(slow_start.floor.get()) * 64.0 + nudge) as u64).clamp(1, 64)
}

/// How far an endpoint of the only region has warmed up, of 64.
fn warm(traffic: &Traffic, name: &str) -> u64 {
    let status = traffic.status();
    let endpoint = status.clusters[0].regions[0].endpoints.iter().find(|endpoint| endpoint.name == name);
    endpoint.expect("an endpoint").warm.part()
}

proptest! {
    #![proptest_config(config(128))]

    /// I-26: Whatever is published and whenever, the step is that of the formula for the time since it joined, or of at most
    /// 100 ms earlier, since views follow time ten times a second; who was there from the beginning is warm.
    #[test]
    fn a_warm_up_is_a_function_of_when_it_began_and_of_now(
        window in 1_000..100_000u64,
        floor in 0..=100u8,
        aggression in select(&[0.25, 0.5, 1.0, 1.5, 3.0][..]),
        joins in 0..100_000u64,
        events in vec((0..20_000u64, 0..5u8), 1..20),
    ) {
        let slow_start = SlowStart::over(Duration::from_millis(window)).floor(Ratio::percent(floor)).aggression(aggression);
        let spec = |weights: &[u32]| endpoints(weights).spec(|route| route).slow_start(slow_start);
        let (traffic, hand) = traffic(spec(&[3]), 1);
        hand.advance(Duration::from_millis(joins));
        let joined = traffic.now();
        let table = spec(&[3, 5]).build().expect("sound");
        let first = traffic.publish(table.clone()).expect("nobody else publishes").generation();
        for (pause, event) in [(0, 0)].into_iter().chain(events) {
            hand.advance(Duration::from_millis(pause));
            match event {
                0 => {}
                1 => drop(traffic.publish(table.clone()).expect("nobody else publishes")),
                2 => drop(traffic.publish(spec(&[3, 1, 1]).build().expect("sound")).expect("nobody else publishes")),
                3 => drop(traffic.rollback_to(first)),
                _ => traffic.evacuate("r0", Duration::from_millis(1)).expect("a region of that name"),
            }
            let now = traffic.now();
            // A request brings the view up to the time; an evacuated region has none for it.
            let _ = traffic.snapshot().decide(&Facts::path("/"), traffic.draws(), now);
            let age = now.since(joined);
            let earlier = age.saturating_sub(Duration::from_millis(100));
            let (least, most) = (step(slow_start, earlier, -1e-9), step(slow_start, age, 1e-9));
            let (step, old) = (warm(&traffic, "e1"), warm(&traffic, "e0"));
            prop_assert!((least..=most).contains(&step), "{:?} old: {} is not {} to {}", age, step, least, most);
            prop_assert_eq!(old, 64);
        }
    }
}

/// I-26, I-08: Half of its way an endpoint gets half of its weight, under every pick, before and after a publish.
#[test]
fn an_endpoint_that_warms_up_gets_the_part_of_its_weight_that_it_has_reached() {
    const TRIALS: usize = 20_000;
    for pick in [Pick::Random, Pick::RoundRobin, Pick::LeastInFlight, Pick::PeakEwma, MAGLEV] {
        let spec = |weights: &[u32]| {
            endpoints(weights).spec(|route| route.pick(pick)).slow_start(SlowStart::over(seconds(64)))
        };
        let (traffic, hand) = traffic(spec(&[3, 2]), 1);
        for seconds_later in [0, 32] {
            traffic.publish(spec(&[3, 2, 5]).build().expect("sound")).expect("nobody else publishes");
            hand.advance(seconds(seconds_later));
        }
        let (snapshot, now) = (traffic.snapshot(), traffic.now());
        let mut counts = [0; 3];
        for word in words(26, TRIALS) {
            let decision = snapshot.decide(&Facts::path("/"), Draws::from_word(word), now).expect("an endpoint");
            counts[place(&snapshot, &decision)[2]] += 1;
        }
        // A Maglev table is within 1% and one slot of at least 1021.
        let slack = if pick == MAGLEV { 0.01 + 1.0 / 1021.0 } else { 0.0 };
        for (count, share) in counts.into_iter().zip([3.0 / 7.5, 2.0 / 7.5, 2.5 / 7.5]) {
            assert_share(count, TRIALS, share, slack, &format!("{pick:?}"));
        }
    }
}

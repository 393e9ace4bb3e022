use super::RegionPhase::{Failing, Holding, Returning, Up};
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn at(seconds: u64) -> Instant {
    Instant::START.after(Duration::from_secs(seconds))
}

fn part(health: f64) -> u64 {
    part_of_ratio(health)
}

/// The state and, while it returns, its ceiling, as the vector writes them.
#[test]
fn ours_hysteresis() {
    let (mut life, knobs) = (Life::default(), Failover::default());
    let mut seen = Vec::new();
    // A step of a hold that has doubled is not in the vector: its region fails once, and dips while it is held.
    for (second, health) in [
        (0, 0.9),
        (10, 0.4),
        (20, 0.6),
        (30, 0.75),
        (60, 0.75),
        (80, 0.45),
        (100, 0.8),
        (161, 0.8),
        (221, 0.8),
        (281, 0.8),
    ] {
        life.observe(part(health), at(second), &knobs);
        seen.push((life.phase(), life.ceiling(at(second), &knobs) * STEPS / WHOLE));
    }
    // 1 s and 61 s of a ramp of 120 s: 0.008 and 0.508, in 64ths rounded down.
    let expected = [
        (Up, 64),
        (Failing, 64),
        (Failing, 0),
        (Holding, 0),
        (Holding, 0),
        (Failing, 0),
        (Holding, 0),
        (Returning, 0),
        (Returning, 32),
        (Up, 64),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_failing_region_is_left_by_degrees() {
    let (mut life, knobs) = (Life::default(), Failover::default().drain(Duration::from_secs(64)));
    life.observe(part(0.3), at(0), &knobs);
    let ceilings: Vec<_> =
        [0, 1, 32, 63, 64, 500].iter().map(|&t| life.ceiling(at(t), &knobs) * STEPS / WHOLE).collect();
    assert_eq!(ceilings, [64, 63, 32, 1, 0, 0]);
    assert_eq!(life.next_change(at(5), &knobs), at(6));
}

#[test]
fn the_hold_doubles_with_each_failure_and_is_forgotten_by_being_up() {
    let knobs = Failover::default();
    let mut life = Life::default();
    let mut holds = Vec::new();
    let mut now = 0;
    for _ in 0..6 {
        life.observe(0, at(now), &knobs);
        holds.push(life.hold(&knobs).as_secs());
        life.observe(WHOLE, at(now), &knobs);
        now += 1000;
        // It has just come back when it fails again.
        life.observe(WHOLE, at(now), &knobs);
        life.up_since = Some(at(now));
        assert_eq!(life.phase(), Up);
    }
    assert_eq!(holds, [60, 120, 240, 480, 600, 600]);
    life.observe(0, at(now + 100_000), &knobs);
    assert_eq!(life.hold(&knobs).as_secs(), 60);
}

#[test]
fn a_dip_on_the_way_back_aborts_it_and_doubles_the_hold() {
    let (mut life, knobs) = (Life::default(), Failover::default());
    life.observe(0, at(0), &knobs);
    life.observe(WHOLE, at(10), &knobs);
    life.observe(WHOLE, at(100), &knobs);
    assert_eq!((life.phase(), life.ceiling(at(100), &knobs)), (Returning, WHOLE / 64 * 16));
    let transitions = life.observe(part(0.6), at(100), &knobs);
    assert_eq!(transitions[0].to, Failing);
    assert_eq!(life.ceiling(at(100), &knobs), WHOLE / 64 * 16, "it is left from where it was");
    assert_eq!(life.hold(&knobs), Duration::from_secs(120));
}

proptest! {
    #![proptest_config(crate::property_config())]

    /// I-25: inside the gap nothing changes; under any signal it fails at most once for each hold, and once more.
    #[test]
    fn it_fails_at_most_once_for_each_hold(signal in vec((0u64..90_000, 0.0..=1.0f64), 1..300), ramp in 0u64..200) {
        let knobs = Failover::default().ramp(Duration::from_secs(ramp));
        let (mut life, mut now, mut failures) = (Life::default(), Instant::START, 0);
        for (pause, health) in signal {
            now = now.after(Duration::from_millis(pause));
            let before = life.phase();
            let transitions = life.observe(part(health), now, &knobs);
            failures += transitions.iter().filter(|one| one.to == Failing && one.from != Holding).count();
            let in_gap = (0.5..0.69).contains(&health);
            prop_assert!(!in_gap || before != Up || transitions.is_empty());
            let elapsed = now.since(Instant::START).as_secs() as usize;
            prop_assert!(failures <= elapsed / 60 + 1, "{failures} in {elapsed} s");
        }
    }

    /// I-26: a ceiling is a function of its phase and of now, never falls on the way back, and says when it changes.
    #[test]
    fn the_way_back_is_a_function_of_time(ramp in 1u64..300, looks in vec(0u64..5_000, 1..200)) {
        let knobs = Failover::default().ramp(Duration::from_secs(ramp));
        let mut life = Life::default();
        life.observe(0, at(0), &knobs);
        life.observe(WHOLE, at(1), &knobs);
        life.observe(WHOLE, at(61), &knobs);
        let (alone, mut now, mut before) = (life, at(61), 0);
        for pause in looks {
            now = now.after(Duration::from_millis(pause));
            life.observe(WHOLE, now, &knobs);
            let ceiling = life.ceiling(now, &knobs);
            prop_assert!(ceiling >= before);
            before = ceiling;
            // Whoever did not look in between sees the same.
            let mut other = alone;
            other.observe(WHOLE, now, &knobs);
            prop_assert_eq!(other.ceiling(now, &knobs), ceiling);
            let next = life.next_change(now, &knobs);
            if next != Instant::NEVER {
                prop_assert!(next > now);
                prop_assert_eq!(life.ceiling(Instant::from_nanos(next.as_nanos() - 1), &knobs), ceiling);
            }
        }
    }
}

//! How an ejection ends, and what is remembered of it.

use super::*;
use crate::table::Rules;

/// The lengths of the ejections that were told, in whole seconds: chance adds less than a tenth.
fn lengths(told: &[Verdict]) -> Vec<u64> {
    told.iter()
        .filter_map(|verdict| match verdict.what {
            What::Ejected { time, .. } => Some(time.as_secs()),
            _ => None,
        })
        .collect()
}

/// I-30: the slot is given back however a probe ends, and one that says nothing changes nothing else.
#[test]
fn a_probe_decides_and_one_that_says_nothing_gives_its_slot_back() {
    let mut region = Region::of(2, streaks());
    region.fails(0, 5);
    assert!(!region.health(0).try_probe(1), "not while it is ejected");
    assert_eq!(region.after(33 * SECOND), ["endpoint 000 may be probed"]);
    assert!(region.health(0).try_probe(1) && !region.health(0).try_probe(1));
    region.health(0).release_probe();
    for outcome in [Outcome::Busy, Outcome::Ignore] {
        assert_eq!(region.probe(0, outcome), [""; 0]);
    }
    assert_eq!(region.ejected(), [0]);
    assert_eq!(region.probe(0, Outcome::Success), ["endpoint 000 has returned"]);
    assert_eq!(region.ejected(), [0; 0]);
}

/// I-30: as many successes one after the other as are asked for.
#[test]
fn one_failure_among_the_probes_ejects_again() {
    let policy = streaks().probes(2, 3);
    let mut region = Region::of(2, policy);
    region.fails(0, 5);
    region.after(33 * SECOND);
    assert_eq!(region.probe(0, Outcome::Success), [""; 0]);
    assert_eq!(region.probe(0, Outcome::Success), [""; 0]);
    let told = region.probe(0, Outcome::Failure);
    assert!(told[0].ends_with("s: a probe failed"), "{told:?}");
    region.after(66 * SECOND);
    assert_eq!(region.probe(0, Outcome::Success), [""; 0], "and it begins anew");
    assert_eq!(region.probe(0, Outcome::Success), [""; 0]);
    assert_eq!(region.probe(0, Outcome::Success), ["endpoint 000 has returned"]);
}

/// I-29: twice as long each time, up to the maximum.
#[test]
fn probes_that_fail_make_it_longer_up_to_the_maximum() {
    let mut region = Region::of(2, streaks());
    region.fails(0, 5);
    let mut found = Vec::new();
    for _ in 0..6 {
        region.now = region.detector.next_change();
        region.look();
        assert!(region.health(0).try_probe(1));
        assert!(region.health(0).record(Outcome::Failure, SECOND, region.now, region.now, true));
        found.extend(lengths(&region.detector.look(region.now, 0)));
    }
    let within = |(found, least): (&u64, u64)| (least..=least + least / 10).contains(found);
    assert!(found.iter().zip([60, 120, 240, 300, 300, 300]).all(within), "{found:?}");
}

/// I-29: time alone forgives nothing; a step is lost for each whole time that it answers well.
#[test]
fn an_ejection_is_lived_down_by_answering_well() {
    let mut region = Region::of(2, streaks());
    let ejections = |region: &mut Region, idle: u32, good: u32| {
        region.fails(0, 5);
        region.after(400 * SECOND);
        region.probe(0, Outcome::Success);
        region.after(SECOND * idle);
        for _ in 0..good {
            region.succeeds(0, 1);
            region.after(SECOND);
        }
        for _ in 0..5 {
            _ = region.health(0).record(Outcome::Failure, SECOND, region.now, region.now, false);
        }
        let told = region.detector.look(region.now, 0);
        region.after(400 * SECOND);
        region.probe(0, Outcome::Success);
        lengths(&told)[0] / 10
    };
    assert!((6..=6).contains(&ejections(&mut region, 0, 0)));
    let mut region = Region::of(2, streaks());
    assert!((6..=6).contains(&ejections(&mut region, 1000, 0)), "idle");
    let mut region = Region::of(2, streaks());
    assert!((6..=6).contains(&ejections(&mut region, 0, 29)), "not long enough");
    let mut region = Region::of(2, streaks());
    assert!((3..=3).contains(&ejections(&mut region, 0, 34)), "a step is lived down");
}

/// As Envoy and A50: time brings it back, and time forgives.
#[test]
fn by_the_rules_of_others_time_returns_and_forgives() {
    for like in [Rules::Envoy, Rules::A50] {
        let mut policy = streaks().max_ejected(Ratio::percent(50));
        policy.like = like;
        let mut region = Region::of(2, policy);
        assert_eq!(region.fails(0, 5), ["endpoint 000 is ejected for 30s: 5 failures in a row"]);
        assert_eq!(region.after(30 * SECOND), ["endpoint 000 has returned"]);
        assert_eq!(region.fails(0, 5), ["endpoint 000 is ejected for 60s: 5 failures in a row"], "by one base more");
        assert_eq!(region.fails(1, 5), [""; 0], "above the cap nothing happens");
        region.after(60 * SECOND);
        (0..2).for_each(|_| _ = region.after(10 * SECOND));
        assert_eq!(region.fails(0, 5), ["endpoint 000 is ejected for 30s: 5 failures in a row"], "both forgiven");
    }
}

/// I-30: what began before the ejection or the return says nothing of the endpoint since.
#[test]
fn a_straggler_changes_nothing() {
    let mut region = Region::of(2, streaks());
    let before = region.now;
    region.after(SECOND);
    region.fails(0, 5);
    region.after(33 * SECOND);
    region.probe(0, Outcome::Success);
    let (health, now) = (region.health(0), region.now);
    let shown = format!("{health:?}");
    for _ in 0..10 {
        assert!(!health.record(Outcome::Failure, SECOND, before, now, false));
    }
    assert_eq!(format!("{health:?}"), shown);
}

/// The doubted are probed too, since a region that is worth nothing gets nothing else; and any failure then counts again.
#[test]
fn a_doubted_one_is_doubted_for_longer_when_it_still_fails() {
    let mut region = Region::of(1, streaks());
    region.fails(0, 5);
    assert_eq!(region.phases(), [Phase::Doubted]);
    assert_eq!(region.fails(0, 50), [""; 0], "told once");
    assert_eq!(region.after(33 * SECOND), ["endpoint 000 may be probed"]);
    let told = region.probe(0, Outcome::Failure);
    assert!(told[0].starts_with("endpoint 000 is doubted for 6"), "{told:?}");
    region.after(66 * SECOND);
    assert_eq!(region.succeeds(0, 1), ["endpoint 000 has returned"], "a request that is no probe clears it as well");
}

//! Outlier detection by examples; [`vectors`] has those of others, [`properties`] what holds whatever happens.

mod properties;
mod returns;
mod vectors;

use super::*;
use crate::id::Name;
use crate::protocol::Outcome;
use crate::state::checks::Checked;
use crate::sync::Arc;
use crate::table::{FailureRatio, Latency, Outlier, SuccessRate};
use crate::time::Instant;
use crate::unit::Ratio;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A region whose time is moved by hand, with endpoints `0`, `1`, and so on.
struct Region {
    detector: Detector,
    members: Vec<Member>,
    now: Instant,
}

impl Region {
    fn of(endpoints: usize, policy: Outlier) -> Self {
        let name = |place: usize| Name::new(&format!("{place:03}")).unwrap();
        let member = |place| Member { name: name(place), health: Arc::new(Health::new()), weight: 1 };
        let members: Vec<_> = (0..endpoints).map(member).collect();
        let mut region = Region { detector: Detector::new(), members, now: Instant::START.after(100 * SECOND) };
        region.put(policy);
        region
    }

    fn put(&mut self, policy: Outlier) {
        self.detector.put(Some(policy), self.members.clone(), self.now);
    }

    fn health(&self, place: usize) -> &Health {
        &self.members[place].health
    }

    /// Requests that end so, each asking the detector if it should.
    fn answers(&mut self, place: usize, outcome: Outcome, count: usize) -> Vec<String> {
        let mut told = Vec::new();
        for _ in 0..count {
            if self.health(place).record(outcome, MILLISECOND, self.now, self.now, false) {
                told.extend(self.look());
            }
        }
        told
    }

    fn fails(&mut self, place: usize, count: usize) -> Vec<String> {
        self.answers(place, Outcome::Failure, count)
    }

    fn succeeds(&mut self, place: usize, count: usize) -> Vec<String> {
        self.answers(place, Outcome::Success, count)
    }

    /// A probe that ends so.
    fn probe(&mut self, place: usize, outcome: Outcome) -> Vec<String> {
        assert!(self.health(place).try_probe(1), "there is a slot");
        let asks = self.health(place).record(outcome, MILLISECOND, self.now, self.now, true);
        if asks { self.look() } else { Vec::new() }
    }

    fn look(&mut self) -> Vec<String> {
        self.detector.look(self.now, 0).iter().map(ToString::to_string).collect()
    }

    fn after(&mut self, time: Duration) -> Vec<String> {
        self.now = self.now.after(time);
        self.look()
    }

    fn phases(&self) -> Vec<Phase> {
        self.members.iter().map(|member| member.health.phase().0).collect()
    }

    fn ejected(&self) -> Vec<usize> {
        let is_out = |(_, phase): &(usize, Phase)| matches!(phase, Phase::Ejected | Phase::HalfOpen);
        self.phases().into_iter().enumerate().filter(is_out).map(|(place, _)| place).collect()
    }

    fn usable(&self) -> (u64, u64) {
        let live = self.detector.live();
        (live.usable, live.counted)
    }
}

/// Failures in a row and nothing else.
fn streaks() -> Outlier {
    Outlier::none().consecutive(5)
}

#[test]
fn five_failures_in_a_row_eject_and_a_success_between_them_does_not() {
    let mut region = Region::of(4, streaks());
    assert_eq!(region.fails(0, 4), [""; 0]);
    region.succeeds(0, 1);
    assert_eq!(region.fails(0, 4), [""; 0]);
    let told = region.fails(0, 1);
    assert!(told.len() == 1 && told[0].starts_with("endpoint 000 is ejected for 3"), "{told:?}");
    assert!(told[0].ends_with("s: 5 failures in a row"), "{told:?}");
    assert_eq!((region.ejected(), region.usable()), (vec![0], (3, 4)));
    assert_eq!(region.fails(0, 100), [""; 0], "told once");
}

/// I-28: half of the region at most; what is above is doubted, so that a region where all fail is worth nothing.
#[test]
fn where_all_fail_half_are_ejected_and_the_others_doubted() {
    let mut region = Region::of(5, streaks());
    for place in 0..5 {
        region.fails(place, 5);
    }
    assert_eq!(region.phases(), [Phase::Ejected, Phase::Ejected, Phase::Doubted, Phase::Doubted, Phase::Doubted]);
    assert_eq!(region.usable(), (0, 5));
    assert_eq!(region.succeeds(4, 1), ["endpoint 004 has returned"], "and one success clears it");
    assert_eq!(region.usable(), (1, 5));
}

/// I-28.
#[test]
fn the_last_one_in_use_is_never_ejected() {
    for endpoints in 1..4 {
        let mut region = Region::of(endpoints, streaks().max_ejected(Ratio::ONE));
        for place in 0..endpoints {
            region.fails(place, 5);
        }
        assert_eq!(region.ejected().len(), endpoints - 1);
    }
    let mut region = Region::of(3, streaks().max_ejected(Ratio::ONE));
    assert!(region.health(1).set_checked(Checked::Down) && !region.health(1).set_checked(Checked::Down));
    region.members[2].weight = 0;
    region.put(streaks().max_ejected(Ratio::ONE));
    region.fails(0, 5);
    assert_eq!(region.phases()[0], Phase::Doubted, "of the others one is down, one has no weight");
}

/// I-28: where the region becomes smaller, those that are out longest come back into use.
#[test]
fn a_smaller_region_holds_the_cap_too() {
    let mut region = Region::of(4, streaks());
    region.fails(0, 5);
    region.after(SECOND);
    region.fails(1, 5);
    region.members.truncate(2);
    region.put(streaks());
    assert_eq!(region.phases(), [Phase::Doubted, Phase::Ejected]);
    assert_eq!(region.detector.next_change(), Instant::START, "there is something to tell");
    let told = region.look();
    assert!(told[0].ends_with("since too many others are out: it was ejected, and its region has become smaller"));
    region.members.remove(0);
    region.put(streaks());
    assert_eq!(region.phases(), [Phase::Doubted], "the only one is in use");
}

#[test]
fn in_shadow_all_is_told_and_nothing_done() {
    let mut region = Region::of(2, streaks().shadow());
    let told = region.fails(0, 5);
    assert!(told.len() == 1 && told[0].starts_with("endpoint 000 would be ejected for"), "{told:?}");
    let told = region.fails(1, 5);
    assert!(told.len() == 1 && told[0].starts_with("endpoint 001 would be doubted for"), "{told:?}");
    assert_eq!(region.fails(0, 50), [""; 0], "told once");
    assert_eq!((region.phases(), region.usable()), (vec![Phase::In; 2], (2, 2)));
    assert_eq!(region.after(34 * SECOND), [""; 0]);
    assert_eq!(region.fails(0, 5).len(), 1, "and again when it would be back");
}

/// I-31: `>=`, where a counter that must be hit exactly would be passed by.
#[test]
fn a_threshold_that_is_lowered_below_the_count_trips_at_the_next_failure() {
    let mut region = Region::of(2, streaks());
    region.fails(0, 4);
    region.put(streaks().consecutive(2));
    assert_eq!(region.ejected(), [0; 0]);
    region.fails(0, 1);
    assert_eq!(region.ejected(), [0]);
}

/// I-32.
#[test]
fn a_refusal_of_ours_and_a_busy_answer_are_no_failure_and_no_success() {
    let mut region = Region::of(2, streaks());
    region.fails(0, 4);
    let before = format!("{:?}", region.health(0));
    for outcome in [Outcome::Ignore, Outcome::Busy] {
        region.answers(0, outcome, 100);
    }
    assert_eq!(format!("{:?}", region.health(0)), before);
    assert_eq!(region.fails(0, 1).len(), 1);
}

/// I-22, I-27: who was not asked yet is outside the denominator, unless nobody was.
#[test]
fn what_checks_say_counts_and_what_they_did_not_say_does_not() {
    let region = Region::of(4, streaks());
    assert_eq!(region.usable(), (4, 4));
    (0..4).for_each(|place| _ = region.health(place).set_checked(Checked::Unknown));
    assert_eq!(region.usable(), (4, 4));
    region.health(0).set_checked(Checked::Down);
    assert_eq!(region.usable(), (0, 1));
    region.health(1).set_checked(Checked::Up);
    assert_eq!(region.usable(), (1, 2));
    region.health(2).set_checked(Checked::Degraded);
    assert_eq!(region.detector.live(), Live { usable: 1, counted: 3, degraded: 1 });
}

#[test]
fn a_slow_one_is_ejected_by_its_peers_median() {
    let rule = Latency { min_requests: 10, ..Latency::default() };
    let mut region = Region::of(4, Outlier::none().latency(rule));
    for (place, took) in [(0, 10), (1, 12), (2, 11), (3, 33)] {
        for _ in 0..10 {
            let took = took * MILLISECOND;
            assert!(!region.health(place).record(Outcome::Success, took, region.now, region.now, false));
        }
    }
    let told = region.after(SECOND);
    assert!(told[0].ends_with("its answers take 33ms, the median of its peers is 11ms"), "{told:?}");
    assert_eq!(region.ejected(), [3]);
}

/// I-28: no rule judges by less than it asks for.
#[test]
fn below_the_volume_or_the_endpoints_nobody_is_ejected() {
    let rate = SuccessRate { min_endpoints: 5, min_requests: 10, deviations: 1.0, floor: Ratio::percent(90) };
    let ratio = FailureRatio { threshold: Ratio::percent(50), min_endpoints: 5, min_requests: 10 };
    let latency = Latency { factor: 1.1, min_endpoints: 5, min_requests: 10, min_excess: Duration::ZERO };
    let policies =
        [Outlier::none().success_rate(rate), Outlier::none().failure_ratio(ratio), Outlier::none().latency(latency)];
    for policy in policies {
        for (endpoints, requests, ejected) in [(5, 10, 1), (4, 10, 0), (5, 9, 0)] {
            let mut region = Region::of(endpoints, policy);
            for place in 0..endpoints {
                // The first is slow too, where it is not failing.
                let (outcome, took) = match place {
                    0 if policy.latency.is_none() => (Outcome::Failure, MILLISECOND),
                    0 => (Outcome::Success, SECOND),
                    _ => (Outcome::Success, MILLISECOND),
                };
                for _ in 0..requests {
                    _ = region.health(place).record(outcome, took, region.now, region.now, false);
                }
            }
            region.after(SECOND);
            assert_eq!(region.ejected().len(), ejected, "{endpoints} endpoints, {requests} requests: {policy:?}");
        }
    }
}

#[test]
fn without_knobs_all_are_in_and_the_next_look_tells() {
    let mut region = Region::of(2, streaks());
    region.fails(0, 5);
    region.detector.put(None, region.members.clone(), region.now);
    assert_eq!((region.phases(), region.usable()), (vec![Phase::In; 2], (2, 2)));
    assert_eq!(region.look(), ["endpoint 000 has returned"]);
    assert_eq!(region.fails(0, 50), [""; 0]);
    assert_eq!((region.detector.next_change(), region.detector.next_sweep()), (Instant::NEVER, Instant::NEVER));
}

/// I-24: state goes with the health, whatever the weight, the place in the table, or the region.
#[test]
fn an_ejection_outlives_a_new_weight_and_another_region() {
    let mut region = Region::of(3, streaks());
    region.fails(0, 5);
    region.members[0].weight = 7;
    region.members.reverse();
    region.put(streaks());
    assert_eq!((region.ejected(), region.usable()), (vec![2], (2, 9)));
    let mut other = Region::of(2, streaks());
    other.members.push(region.members.remove(2));
    other.put(streaks());
    assert_eq!(other.ejected(), [2]);
    other.after(30 * SECOND);
    assert_eq!(other.probe(2, Outcome::Success), ["endpoint 000 has returned"]);
}

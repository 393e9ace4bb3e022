//! The cap and the probes' slots under every order in which threads can fail, ask and give back.

use super::*;
use crate::id::Name;
use crate::protocol::Outcome;
use crate::sync::{Arc, Meeting};
use crate::table::Outlier;
use crate::time::Instant;
use loom::thread;
use std::time::Duration;

const NOW: Instant = Instant::from_nanos(5_000_000_000);

fn member(name: &str) -> Member {
    Member { name: Name::new(name).expect("a name"), health: Arc::new(Health::new()), weight: 1 }
}

fn is_out(health: &Health) -> bool {
    matches!(health.phase().0, Phase::Ejected | Phase::HalfOpen)
}

/// One failure, and what follows from it.
fn fail(detector: &Meeting<Detector>, health: &Health) -> Vec<Verdict> {
    let asks = health.record(Outcome::Failure, Duration::ZERO, NOW, NOW, false);
    if asks { detector.lock().look(NOW, 0) } else { Vec::new() }
}

/// I-28: of two that fail at once one is ejected, and the last one that is in use is not.
#[test]
fn loom_two_that_fail_at_once_are_not_both_ejected() {
    loom::model(|| {
        let members = [member("a"), member("b")];
        let healths = [members[0].health.clone(), members[1].health.clone()];
        let mut detector = Detector::new();
        detector.put(Some(Outlier::default().consecutive(1)), members.into(), NOW);
        let detector = Arc::new(Meeting::new(detector));
        let other = {
            let (detector, health) = (detector.clone(), healths[0].clone());
            thread::spawn(move || fail(&detector, &health))
        };
        let mut told = fail(&detector, &healths[1]);
        assert!(!(is_out(&healths[0]) && is_out(&healths[1])));
        told.extend(other.join().expect("no thread panics"));
        let ejected = told.iter().filter(|verdict| matches!(verdict.what, What::Ejected { .. })).count();
        let doubted = told.iter().filter(|verdict| matches!(verdict.what, What::Doubted { .. })).count();
        assert_eq!((ejected, doubted), (1, 1), "{told:?}");
        assert!(is_out(&healths[0]) ^ is_out(&healths[1]));
    });
}

fn half_open() -> Arc<Health> {
    let health = Arc::new(Health::new());
    health.go(Phase::HalfOpen, NOW);
    health
}

/// I-30: of two that ask for the one slot one gets it.
#[test]
fn loom_the_last_slot_is_given_once() {
    loom::model(|| {
        let health = half_open();
        let other = {
            let health = health.clone();
            thread::spawn(move || health.try_probe(1))
        };
        let mine = health.try_probe(1);
        assert!(mine ^ other.join().expect("no thread panics"));
        assert!(!health.try_probe(1));
    });
}

/// I-30: a slot that is given back goes to who asks meanwhile, or is there afterwards; what another probe says is not lost.
#[test]
fn loom_a_slot_that_is_given_back_is_not_lost() {
    loom::model(|| {
        let health = half_open();
        assert!(health.try_probe(2) && health.try_probe(2));
        let drops = {
            let health = health.clone();
            thread::spawn(move || health.release_probe())
        };
        let ends = {
            let health = health.clone();
            thread::spawn(move || health.record(Outcome::Success, Duration::ZERO, NOW, NOW, true))
        };
        let mine = health.try_probe(1);
        drops.join().expect("no thread panics");
        assert!(ends.join().expect("no thread panics"), "the detector is asked");
        assert_eq!(health.testimony().successes, 1);
        assert_eq!(health.try_probe(1), !mine);
        assert!(!health.try_probe(1));
    });
}

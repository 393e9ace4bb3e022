//! What becomes of answers.

use super::*;
use Checked::{Degraded, Down, Never, Up};
use std::panic::{self, AssertUnwindSafe};

fn told(lab: &Lab, name: &str) -> Vec<(Checked, Checked)> {
    lab.take_events().into_iter().filter(|(told, ..)| told == name).map(|(_, from, to)| (from, to)).collect()
}

/// I-27: no data is not bad health.
#[test]
fn the_first_pass_makes_up_and_the_first_failures_make_nothing() {
    let lab = Lab::new(shop("ab"));
    lab.ward.set("b", FAILS);
    let mut probe = lab.probe();
    lab.run(&mut probe, ms(1999));
    assert_eq!((lab.verdict("a"), lab.verdict("b")), (Up, Never));
    lab.run(&mut probe, secs(1));
    assert_eq!(lab.verdict("b"), Down);
    assert_eq!(told(&lab, "b"), [(Never, Down)]);
}

#[test]
fn three_failures_take_out_two_passes_bring_back_and_each_is_told_once() {
    let lab = Lab::new(shop("ab"));
    let mut probe = lab.probe();
    lab.settle(&mut probe);
    lab.take_events();

    lab.ward.set("a", FAILS);
    lab.run(&mut probe, secs(8));
    lab.ward.set("a", PASSES);
    lab.run(&mut probe, secs(60));
    assert_eq!(lab.take_events(), [("a".into(), Up, Down), ("a".into(), Down, Up)]);
}

#[test]
fn a_single_opposite_result_begins_the_count_anew() {
    let lab = Lab::new(shop("ab"));
    let mut probe = lab.probe().every(secs(1)).faster_at_edge(secs(1));
    lab.settle(&mut probe);
    for check in "FFSFFSFF".chars() {
        lab.ward.set("a", if check == 'F' { FAILS } else { PASSES });
        lab.run(&mut probe, secs(1));
        assert_eq!(lab.verdict("a"), Up);
    }
    lab.run(&mut probe, secs(1));
    assert_eq!(lab.verdict("a"), Down);
}

#[test]
fn rise_and_fall_are_as_they_were_said() {
    let lab = Lab::new(shop("ab"));
    let mut probe = lab.probe().every(secs(1)).faster_at_edge(secs(1)).rise(4).fall(1);
    lab.settle(&mut probe);
    lab.ward.set("a", FAILS);
    lab.run(&mut probe, secs(1));
    assert_eq!(lab.verdict("a"), Down);
    lab.ward.set("a", PASSES);
    lab.run(&mut probe, secs(3));
    assert_eq!(lab.verdict("a"), Down);
    lab.run(&mut probe, secs(1));
    assert_eq!(lab.verdict("a"), Up);
}

#[test]
fn degraded_is_shown_and_goes_on_getting_requests() {
    let lab = Lab::new(shop("ab"));
    lab.ward.set("a", Answer::Says(Report::Degraded));
    lab.run(&mut lab.probe(), ms(1500));
    assert_eq!(lab.verdict("a"), Never, "the prober is gone");
    let mut probe = lab.probe();
    lab.run(&mut probe, ms(1500));
    assert_eq!((lab.verdict("a"), lab.served().as_str()), (Degraded, "ab"));
}

#[test]
fn a_prober_that_is_dropped_leaves_nothing_behind() {
    let lab = Lab::new(shop("abc"));
    lab.ward.set("a", FAILS);
    let mut probe = lab.probe();
    lab.run(&mut probe, secs(10));
    assert_eq!((lab.verdict("a"), lab.served().as_str()), (Down, "bc"));
    // One table later, which it never saw.
    lab.publish(shop("ab"));
    assert_eq!(lab.served(), "b");
    lab.take_events();
    drop(probe);
    assert_eq!(lab.take_events(), [("a".into(), Down, Never), ("b".into(), Up, Never)]);
    assert_eq!(lab.served(), "ab");
    assert_eq!(lab.hand.next_alarm(), None);
    assert_eq!(lab.ward.under_way(), 0);
}

#[test]
fn a_prober_that_was_never_polled_touches_nothing() {
    let lab = Lab::new(shop("ab"));
    drop(lab.probe());
    assert_eq!(lab.take_events(), []);
}

#[test]
fn a_check_that_panics_ends_the_prober_and_nothing_is_left_behind() {
    let lab = Lab::new(shop("ab"));
    lab.ward.set("a", FAILS);
    let mut probe = lab.probe();
    lab.run(&mut probe, secs(5));
    assert_eq!(lab.verdict("a"), Down);
    lab.ward.set("b", Answer::Panics);
    let run = || {
        let mut probe = probe;
        lab.run(&mut probe, secs(10));
    };
    assert!(panic::catch_unwind(AssertUnwindSafe(run)).is_err());
    assert_eq!((lab.verdict("a"), lab.served().as_str()), (Never, "ab"));
}

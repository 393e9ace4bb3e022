//! When endpoints are asked, and how many at once.

use super::*;

#[test]
fn what_is_as_it_was_is_asked_every_five_seconds() {
    let lab = Lab::new(shop("a"));
    lab.run(&mut lab.probe(), secs(61));
    let asked = lab.ward.asked("a");
    assert!(asked[0] < secs(1));
    assert_eq!(gaps(&asked), [secs(5); 12]);
}

#[test]
fn an_interval_lies_within_its_jitter_and_is_never_the_same() {
    let lab = Lab::new(shop("a"));
    lab.run(&mut lab.traffic.probe(lab.ward.clone()), secs(1000));
    let gaps = gaps(&lab.ward.asked("a"));
    assert!(gaps.iter().all(|gap| (ms(4500)..=ms(5500)).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap < ms(4600)) && gaps.iter().any(|gap| *gap > ms(5400)), "{gaps:?}");
    assert_eq!(gaps.iter().collect::<BTreeSet<_>>().len(), gaps.len());
}

#[test]
fn an_edge_is_asked_faster_and_what_is_down_slower() {
    let lab = Lab::new(shop("ab"));
    let mut probe = lab.probe().every(secs(10)).faster_at_edge(secs(3)).slower_when_down(secs(30));
    lab.run(&mut probe, secs(5));
    lab.ward.set("a", FAILS);
    lab.run(&mut probe, secs(60));
    // It passes, fails three times, and is down.
    let asked = lab.ward.asked("a");
    assert_eq!(gaps(&asked), [10, 3, 3, 30].map(secs));

    lab.ward.set("a", PASSES);
    lab.run(&mut probe, secs(40));
    // It passes twice, and is up.
    let back = lab.ward.asked("a");
    assert_eq!(gaps(&[asked[4], back[0]]), [secs(30)]);
    assert_eq!(gaps(&back)[..2], [3, 10].map(secs));
}

#[test]
fn nothing_is_known_is_an_edge_too() {
    let lab = Lab::new(shop("a"));
    lab.ward.set("a", FAILS);
    lab.run(&mut lab.probe(), secs(4));
    assert_eq!(gaps(&lab.ward.asked("a"))[..2], [secs(1); 2]);
}

#[test]
fn the_first_checks_are_spread_over_the_first_interval_each_in_its_own_part() {
    let lab = Lab::new(shop("abcdefghij"));
    lab.run(&mut lab.probe(), ms(999));
    let mut first: Vec<_> = ('a'..='j').map(|name| lab.ward.asked(&name.to_string())[0]).collect();
    first.sort_unstable();
    for (part, at) in (0..).zip(first) {
        assert!((ms(100 * part)..ms(100 * part + 100)).contains(&at), "{at:?}");
    }
}

#[test]
fn no_more_are_asked_at_once_than_may_and_no_fewer() {
    let lab = Lab::new(shop("abcdefghij"));
    ('a'..='j').for_each(|name| lab.ward.set(&name.to_string(), Answer::Hangs));
    let mut probe = lab.probe().at_most(3).timeout(secs(3600));
    lab.run(&mut probe, secs(10));
    assert_eq!(lab.ward.under_way(), 3);
    for left in (0..10).rev() {
        let one = lab.ward.0.lock().unwrap().under_way.first().cloned().expect("some are under way");
        lab.ward.set(&one, PASSES);
        poll(&mut probe);
        assert_eq!(lab.ward.under_way(), 3.min(left), "{one} has made room for another");
    }
    assert_eq!(lab.ward.most(), 3);
    assert!(lab.verdicts().values().all(|verdict| *verdict == Checked::Up));
}

#[test]
fn one_at_least_may_be_asked() {
    let lab = Lab::new(shop("ab"));
    lab.settle(&mut lab.probe().at_most(0));
}

#[test]
fn who_does_not_answer_in_time_has_failed_and_is_asked_again() {
    let lab = Lab::new(shop("ab"));
    lab.ward.set("a", Answer::Hangs);
    let mut probe = lab.probe().timeout(ms(300));
    lab.run(&mut probe, ms(4000));
    let asked = lab.ward.asked("a");
    assert_eq!(gaps(&asked)[..2], [secs(1); 2], "from one question to the next, not from the answer");
    assert_eq!(lab.verdict("a"), Checked::Down);
    assert_eq!(lab.ward.under_way(), 0, "a check that took too long is dropped");
}

#[test]
fn a_check_that_takes_longer_than_the_interval_is_followed_by_the_next() {
    let lab = Lab::new(shop("ab"));
    lab.ward.set("a", Answer::Hangs);
    lab.run(&mut lab.probe().timeout(secs(2)), secs(10));
    assert_eq!(gaps(&lab.ward.asked("a"))[..2], [secs(2); 2]);
}

#[test]
fn two_probers_do_not_ask_at_the_same_moments() {
    let lab = Lab::new(shop("a"));
    let (one, other) = (Ward(lab.ward.0.clone()), Ward::default());
    other.0.lock().unwrap().clock = Some(lab.clock.clone());
    let (mut first, mut second) = (lab.traffic.probe(one.clone()), lab.traffic.probe(other.clone()));
    for _ in 0..600 {
        lab.run(&mut first, ms(50));
        lab.run(&mut second, ms(50));
    }
    let (one, other) = (one.asked("a"), other.asked("a"));
    assert!(one.len() > 5 && one.iter().all(|at| !other.contains(at)), "{one:?} {other:?}");
}

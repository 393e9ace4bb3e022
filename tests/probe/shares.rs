//! Who gets requests.

use super::*;
use contraflow::{Maglev, Pick, SlowStart};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};

#[test]
fn what_is_down_gets_no_request_by_older_tables_either() {
    let lab = Lab::new(shop("abc"));
    let mut probe = lab.probe();
    lab.settle(&mut probe);
    let older = lab.traffic.snapshot();
    lab.publish(shop("abcd"));
    lab.run(&mut probe, secs(1));
    lab.ward.set("a", FAILS);
    lab.run(&mut probe, secs(8));
    assert_eq!(lab.served(), "bcd");
    assert_eq!(lab.served_by(&older), "bc");
    lab.ward.set("a", PASSES);
    lab.run(&mut probe, secs(8));
    assert_eq!(lab.served(), "abcd");
}

/// I-07, I-21: whatever the pick, and whatever part of its warm-up an endpoint has reached.
#[test]
fn no_pick_meets_what_is_down() {
    for pick in [Pick::Random, Pick::RoundRobin, Pick::LeastInFlight, Pick::PeakEwma, Pick::Maglev(Maglev::default())] {
        let spec = |names| shop(names).pick(pick).slow_start(SlowStart::over(secs(600)));
        let lab = Lab::new(spec("abc"));
        let mut probe = lab.probe();
        lab.settle(&mut probe);
        lab.publish(spec("abcd"));
        lab.ward.set("a", FAILS);
        lab.run(&mut probe, secs(10));
        assert!(!lab.served().contains('a'), "{pick:?}: {}", lab.served());
    }
}

/// I-21: a region with no usable endpoint is used as a whole.
#[test]
fn where_all_are_down_all_are_used() {
    let lab = Lab::new(shop("abc"));
    for name in ["a", "b", "c"] {
        lab.ward.set(name, FAILS);
    }
    let mut probe = lab.probe();
    lab.run(&mut probe, secs(10));
    assert!(lab.verdicts().values().all(|verdict| *verdict == Checked::Down));
    assert_eq!(lab.served(), "abc");
    lab.ward.set("b", PASSES);
    lab.run(&mut probe, secs(10));
    assert_eq!(lab.served(), "b");
}

/// I-07: an endpoint of weight zero is nobody that others could be left out for, and gets nothing when all are down.
#[test]
fn a_weight_of_zero_stands_in_for_nobody() {
    let spec = || {
        let region = |r: RegionSpec| r.endpoint("a", "a:80").endpoint_with("z", "z:80", |e| e.weight(0));
        TableSpec::new().cluster("shop", |c| c.region("eu", region)).route("all", |r| r.any().to("shop"))
    };
    let lab = Lab::new(spec());
    let mut probe = lab.probe();
    lab.settle(&mut probe);
    lab.ward.set("a", FAILS);
    lab.run(&mut probe, secs(8));
    assert_eq!((lab.verdict("a"), lab.verdict("z"), lab.served().as_str()), (Checked::Down, Checked::Up, "a"));
}

/// What happens to a prober.
#[derive(Clone, Debug)]
enum Happening {
    Answers(u8, Answer),
    Publishes(u8),
    Passes(u16),
}

fn happening() -> impl Strategy<Value = Happening> {
    let answer = prop_oneof![Just(PASSES), Just(FAILS), Just(Answer::Says(Report::Degraded)), Just(Answer::Hangs)];
    prop_oneof![
        (0u8..6, answer).prop_map(|(name, answer)| Happening::Answers(name, answer)),
        (1u8..64).prop_map(Happening::Publishes),
        (0u16..5000).prop_map(Happening::Passes),
        (0u16..5000).prop_map(Happening::Passes),
    ]
}

fn names(mask: u8) -> String {
    ('a'..='f').enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, name)| name).collect()
}

proptest! {
    #![proptest_config(Config {
        cases: 128,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..Config::default()
    })]

    /// I-21, I-27: somebody is always used, and who is down, or waits, only where there is nobody else.
    #[test]
    fn requests_go_to_the_best_there_are(happenings in vec(happening(), 0..30), at_most in 1usize..5, seed: u64) {
        let lab = Lab::seeded(shop("abc"), seed);
        let mut probe = lab.traffic.probe(lab.ward.clone()).at_most(at_most);
        for happening in happenings {
            match happening {
                Happening::Answers(name, answer) => lab.ward.set(&names(1 << name), answer),
                Happening::Publishes(mask) => lab.publish(shop(&names(mask))),
                Happening::Passes(time) => lab.run(&mut probe, ms(time.into())),
            }
            poll(&mut probe);
            let verdicts = lab.verdicts();
            let count = |is: fn(&Checked) -> bool| verdicts.values().filter(|verdict| is(verdict)).count();
            let well = count(|verdict| matches!(verdict, Checked::Never | Checked::Up));
            let counted = verdicts.len() - count(|verdict| *verdict == Checked::Unknown);
            // What is degraded helps where the others cannot carry all at 140%.
            let tier = |verdict: Checked| match verdict {
                Checked::Down => 3,
                Checked::Unknown => 2,
                Checked::Degraded if well * 140 >= counted * 100 => 1,
                _ => 0,
            };
            let best = verdicts.values().map(|verdict| tier(*verdict)).min();
            let wanted: String =
                verdicts.iter().filter(|(_, verdict)| Some(tier(**verdict)) == best).map(|(name, _)| &**name).collect();
            prop_assert_eq!(lab.served(), wanted, "{:?}", verdicts);
            prop_assert!(lab.ward.most() <= at_most);
        }
        drop(probe);
        prop_assert!(lab.verdicts().values().all(|verdict| *verdict == Checked::Never));
        prop_assert_eq!(lab.hand.next_alarm(), None);
    }
}

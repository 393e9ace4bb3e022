//! Which removals are believed at once, and which wait.

use super::*;
use contraflow::time::Instant;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};

#[test]
fn half_may_go_at_once_and_more_waits_until_it_is_confirmed() {
    let mut followed = followed("abcdefgh");
    followed.answers("abcd");
    assert_eq!(followed.names(), "abcd");
    followed.after(seconds(1000)).answers("a");
    assert_eq!(followed.names(), "abcd");
    assert_eq!(followed.told(), ["+0 -4 ~0", "held 3 of 4 until 1060"]);
    followed.after(seconds(59));
    assert_eq!(followed.names(), "abcd");
    followed.after(seconds(1));
    assert_eq!(followed.names(), "a");
    assert_eq!(followed.told(), ["+0 -3 ~0"]);
}

#[test]
fn what_is_new_comes_in_while_removals_wait() {
    let mut followed = followed("abc");
    followed.hear(Ok([list("xy"), vec![EndpointSpec::new("a", "a:81")]].concat()));
    assert_eq!(followed.names(), "abcxy");
    assert_eq!(followed.endpoints()[0].address, "a:81");
    assert_eq!(followed.told(), ["+2 -0 ~1", "held 2 of 3 until 60"]);
    followed.after(seconds(60));
    assert_eq!(followed.names(), "axy");
}

#[test]
fn one_endpoint_may_go_or_be_replaced_even_if_it_is_all() {
    let mut followed = followed("ab");
    followed.answers("a").answers("x");
    assert_eq!(followed.names(), "x");
    assert_eq!(followed.told(), ["+0 -1 ~0", "+1 -1 ~0"]);
}

#[test]
fn an_empty_answer_is_never_believed_and_told_once() {
    let mut followed = followed_by("abc", |follow| follow.confirm_after(Duration::ZERO).remove_at_most(Ratio::ONE));
    followed.answers("").answers("").after(seconds(100_000)).answers("");
    assert_eq!((followed.names().as_str(), followed.generation()), ("abc", 1));
    assert_eq!(followed.told(), ["held 3 of 3 until never"]);
    followed.answers("abc").answers("");
    assert_eq!(followed.told(), ["held 3 of 3 until never"]);
}

#[test]
fn an_empty_answer_and_a_failure_begin_the_confirmation_anew() {
    for (silence, told) in [(Ok(Vec::new()), "held 3 of 3 until never"), (Err("gone"), "failed: gone")] {
        let mut followed = followed("abc");
        followed.answers("a").after(seconds(59)).hear(silence).after(seconds(1000));
        assert_eq!(followed.names(), "abc", "nothing goes by a source that does not know");
        followed.answers("a").after(seconds(59));
        assert_eq!(followed.names(), "abc");
        followed.after(seconds(1));
        assert_eq!(followed.names(), "a");
        assert_eq!(followed.told(), ["held 2 of 3 until 60", told, "held 2 of 3 until 1119", "+0 -2 ~0"]);
    }
}

#[test]
fn an_endpoint_that_an_answer_has_again_stays_and_begins_anew() {
    let mut followed = followed("abcdefg");
    followed.answers("a").after(seconds(30)).answers("abc").after(seconds(10)).answers("a").after(seconds(20));
    assert_eq!(followed.names(), "abc", "`d` to `g` were missing for 60 s, `b` and `c` for 20");
    followed.after(seconds(40));
    assert_eq!(followed.names(), "a");
    let told = [
        "held 6 of 7 until 60",
        "held 4 of 7 until 60",
        "held 6 of 7 until 60",
        "+0 -4 ~0",
        "held 2 of 3 until 100",
        "+0 -2 ~0",
    ];
    assert_eq!(followed.told(), told);
}

#[test]
fn what_drips_away_counts_together_and_what_is_replaced_does_not() {
    let mut followed = followed("abcdefgh");
    for left in ["bcdefgh", "cdefgh", "defgh", "efgh"] {
        followed.answers(left).after(seconds(5));
    }
    followed.answers("fgh");
    assert_eq!(followed.names(), "efgh", "more than half of eight within a minute");
    followed.after(seconds(60));
    assert_eq!(followed.names(), "fgh");

    let mut followed = super::followed("abcd");
    for one_by_one in ["abcdx", "bcdx", "bcdxy", "cdxy", "cdxyz", "dxyz", "dwxyz", "wxyz"] {
        followed.answers(one_by_one).after(seconds(1));
    }
    assert_eq!(followed.names(), "wxyz", "a deploy is no loss");
}

#[test]
fn a_smaller_part_may_be_asked_for() {
    let part = |part| followed_by("abcdefghij", |follow| follow.remove_at_most(part));
    for (most, kept, went) in [
        (Ratio::percent(20), "abcdefgh", true),
        (Ratio::percent(20), "abcdefg", false),
        (Ratio::ZERO, "abcdefghi", true),
        (Ratio::ZERO, "abcdefgh", false),
        (Ratio::ONE, "a", true),
    ] {
        let mut followed = part(most);
        followed.answers(kept);
        assert_eq!(followed.names() == kept, went, "{kept} by {most:?}");
    }
}

#[test]
fn the_future_wakes_when_a_removal_is_confirmed() {
    let mut followed = followed_by("abc", |follow| follow.confirm_after(Duration::from_millis(300)));
    followed.answers("a");
    assert_eq!(followed.hand.next_alarm().map(Instant::as_nanos), Some(300_000_000));
}

fn config() -> Config {
    Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(config())]

    /// Whatever a source says, the region is never empty and has all that the last good answer has; of what was not missed for a
    /// minute, no more than half goes within one, less what came; and a source that keeps to an answer has its way.
    #[test]
    fn whatever_a_source_says_the_region_shrinks_only_by_the_rule(
        answers in vec((prop_oneof![9 => any::<u8>().prop_map(Some), 1 => Just(None)], 0_u64..40), 1..40),
    ) {
        const ALL: &str = "abcdefgh";
        let has = |bits: u8, name: char| ALL.find(name).is_some_and(|at| bits >> at & 1 == 1);
        let letters = |bits: u8| ALL.chars().filter(|name| has(bits, *name)).collect::<String>();
        let mut followed = followed(ALL);
        let mut now = 0_u64;
        // When each name was last in the newest answer, or nobody knew.
        let mut seen = [0_u64; 8];
        let (mut newest, mut good): (Option<u8>, Option<u8>) = (None, None);
        let mut log: Vec<(u64, usize, usize)> = Vec::new();
        for (answer, wait) in answers {
            let mut before = followed.names();
            let answer = answer.filter(|bits| *bits > 0);
            for (seen, name) in seen.iter_mut().zip(ALL.chars()) {
                if [newest, answer].into_iter().any(|it| it.is_none_or(|bits| has(bits, name))) {
                    *seen = now;
                }
            }
            (newest, good) = (answer, answer.or(good));
            followed.hear(answer.map(|bits| list(&letters(bits))).ok_or("broken"));
            // At once, and after the wait.
            for wait in [0, wait] {
                now += wait;
                followed.after(seconds(wait));
                let names = followed.names();
                prop_assert!(!names.is_empty());
                prop_assert!(good.is_none_or(|bits| letters(bits).chars().all(|it| names.contains(it))));
                let gone = before.chars().filter(|it| !names.contains(*it));
                let early = gone.filter(|it| now - seen[ALL.find(*it).expect("one of all")] < 60).count();
                let came = names.chars().filter(|it| !before.contains(*it)).count();
                log.push((now, early, came));
                if early > 0 {
                    let mut net = 0;
                    for (_, early, came) in log.iter().rev().take_while(|(at, ..)| now - at < 60) {
                        net += i64::try_from(*early).unwrap() - i64::try_from(*came).unwrap();
                        prop_assert!(net <= 4, "{before} became {names} at {now}: {log:?}");
                    }
                }
                before = names;
            }
        }
        if let Some(bits) = good {
            followed.answers(&letters(bits)).after(seconds(60));
            prop_assert_eq!(followed.names(), letters(bits));
        }
    }
}

//! The guard itself, in the hands of a protocol that is not ours: whatever it is told, and in whatever order.

use super::*;
use contraflow::protocol::{Classify, Describe, Guard, Release};
use contraflow::{Rejected, Verdict};

/// A protocol whose answers show their guard.
#[derive(Clone, Copy)]
struct Shown {
    head: Verdict,
    goes_on: bool,
}

impl Describe<u64> for Shown {
    fn facts<'r>(&self, _: &'r u64) -> Result<Facts<'r>, Rejected> {
        Ok(Facts::path("/"))
    }
}

impl Replay<u64> for Shown {
    type Sent = u64;

    fn seal(&self, request: u64) -> u64 {
        request
    }
}

impl<E> Classify<u64, E> for Shown {
    fn classify(&self, _: Result<&u64, &E>) -> Verdict {
        self.head
    }
}

impl Release<u64> for Shown {
    type Held<G: Guard> = (u64, Option<G>);

    fn goes_on(&self, _: &u64) -> bool {
        self.goes_on
    }

    fn hold<G: Guard>(&self, answer: u64, guard: G) -> (u64, Option<G>) {
        (answer, Some(guard))
    }

    fn bare<G: Guard>(&self, answer: u64) -> (u64, Option<G>) {
        (answer, None)
    }
}

fn shown(traffic: &Traffic, head: Verdict, goes_on: bool) -> Option<Held> {
    let echo = service_fn(|number: u64| std::future::ready(Ok::<_, Broken>(number)));
    let (answer, guard) = now(traffic.layers(Shown { head, goes_on }).passthrough(echo).call(7)).expect("an answer");
    assert_eq!(answer, 7);
    guard
}

#[derive(Clone, Copy, Debug)]
enum Tell {
    Progressed,
    Waited,
    Judge(Outcome),
    Advance(u64),
}

const OUTCOMES: [Outcome; 4] = [Outcome::Success, Outcome::Failure, Outcome::Busy, Outcome::Ignore];

fn tells() -> impl Strategy<Value = Vec<Tell>> {
    let tell = prop_oneof![
        Just(Tell::Progressed),
        Just(Tell::Waited),
        select(&OUTCOMES[..]).prop_map(Tell::Judge),
        (0..15_u64).prop_map(Tell::Advance),
    ];
    vec(tell, 0..12)
}

fn counted(outcome: Outcome) -> (u64, u64) {
    (u64::from(outcome == Outcome::Success), u64::from(outcome == Outcome::Failure))
}

proptest! {
    #![proptest_config(config(2000))]

    /// I-33, I-62: A guard gives back one place once, and counts one judgement where the head left it open, or one failure
    /// where it did not; observers hear of one outcome. (A head that is a failure already: left out.)
    #[test]
    fn a_guard_counts_once_whatever_it_is_told(
        tells in tells(),
        head in option::of(select(&[Outcome::Success, Outcome::Busy, Outcome::Ignore][..])),
        release in select(&RELEASES[..]),
    ) {
        const AT_MOST: u64 = 10;
        let (traffic, hand) = traffic(|route| route.release(release).hold_at_most(AT_MOST as u32 * SECOND));
        let told = Told::observing(&traffic);
        let mut guard = shown(&traffic, head.map_or(Verdict::AtEnd, Verdict::Known), true).expect("it goes on");
        let mut holds = release != ReleaseOn::Head;
        let (mut second, mut until) = (0, None);
        let mut expected = head.map_or((0, 0), counted);
        let (mut is_judged, mut heard) = (false, head);
        for tell in tells {
            match tell {
                Tell::Progressed => {
                    guard.progressed();
                    holds &= release != ReleaseOn::FirstFrame;
                    until = Some(second + AT_MOST);
                }
                Tell::Waited => {
                    guard.waited();
                    until = until.or(Some(second + AT_MOST));
                }
                Tell::Judge(outcome) => {
                    guard.judge(outcome);
                    if !is_judged && (head.is_none() || outcome == Outcome::Failure) {
                        is_judged = true;
                        let (good, bad) = counted(outcome);
                        expected = (expected.0 + good, expected.1 + bad);
                        heard = heard.or(Some(outcome));
                    }
                }
                Tell::Advance(seconds) => {
                    second += seconds;
                    hand.advance(seconds as u32 * SECOND);
                    holds &= until.is_none_or(|until| second < until);
                }
            }
            prop_assert_eq!(in_flight(&traffic), u32::from(holds));
            prop_assert_eq!(counts(&traffic), expected);
        }
        drop(guard);
        prop_assert_eq!((in_flight(&traffic), hand.next_alarm()), (0, None));
        prop_assert_eq!(counts(&traffic), expected);
        let mut outcomes = [0; 4];
        outcomes[heard.unwrap_or(Outcome::Ignore) as usize] = 1;
        prop_assert_eq!(told.outcomes(), outcomes);
    }
}

/// I-33: An answer that does not go on has no guard, and ends with its head; what only an end could tell is never told.
#[test]
fn an_answer_that_does_not_go_on_has_no_guard() {
    for head in [Verdict::AtEnd].into_iter().chain(OUTCOMES.map(Verdict::Known)) {
        let (traffic, _hand) = traffic(|route| route);
        let told = Told::observing(&traffic);
        assert!(shown(&traffic, head, false).is_none());
        let outcome = if let Verdict::Known(outcome) = head { outcome } else { Outcome::Ignore };
        let mut outcomes = [0; 4];
        outcomes[outcome as usize] = 1;
        assert_eq!((in_flight(&traffic), counts(&traffic)), (0, counted(outcome)));
        assert_eq!(told.outcomes(), outcomes);
    }
}

/// I-33: A protocol that drops the guard at once holds nothing, whatever the route says.
#[test]
fn a_guard_that_is_dropped_at_once_holds_nothing() {
    for release in RELEASES {
        let (traffic, hand) = traffic(|route| route.release(release));
        drop(shown(&traffic, Verdict::Known(Outcome::Success), true));
        assert_eq!((in_flight(&traffic), counts(&traffic), hand.next_alarm()), (0, (1, 0), None));
    }
}

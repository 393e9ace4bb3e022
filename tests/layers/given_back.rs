//! What was counted is given back, however a request ends, and only what says something is evidence.

use super::*;

#[derive(Clone, Debug)]
enum Act {
    Call(Step<u64, &'static str>),
    Poll(usize),
    Drop(usize),
    Wait(u64),
    Release,
    Readiness(Readiness<&'static str>),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let step = prop_oneof![
        Just(Step::Answer(1)),
        Just(Step::Fail("failed")),
        Just(Step::Hold(7)),
        Just(Step::Hang),
        Just(Step::PanicInCall),
        Just(Step::PanicInPoll),
    ];
    let act = prop_oneof![
        4 => step.prop_map(Act::Call),
        4 => (0..4usize).prop_map(Act::Poll),
        2 => (0..4usize).prop_map(Act::Drop),
        2 => (0..6000u64).prop_map(Act::Wait),
        1 => Just(Act::Release),
        1 => prop_oneof![Just(Readiness::Ready), Just(Readiness::Busy)].prop_map(Act::Readiness),
    ];
    vec(act, 0..50)
}

/// What the test knows of a call.
struct Known {
    began: u64,
    /// Since when the service has it, if it has it.
    sent: Option<u64>,
    step: Step<u64, &'static str>,
}

/// What the counters should say, in the plainest way.
#[derive(Default)]
struct Model {
    now: u64,
    successes: u64,
    failures: u64,
}

const DEADLINE: u64 = 10_000;
/// Endpoints that have answered fewer than a hundred times are given a second.
const PATIENCE: u64 = 1_000;

impl Model {
    /// A call is dropped, or unwinds, while its answer is waited for.
    fn leave(&mut self, call: &Known) {
        if call.sent.is_some_and(|sent| self.now - sent >= PATIENCE || self.now >= call.began + DEADLINE) {
            self.failures += 1;
        }
    }
}

proptest! {
    #![proptest_config(config(256))]

    /// I-33, I-57: answers, failures, panics in calls and in polls, deadlines, and callers that leave before the first poll,
    /// while they wait for the service and while they wait for the answer: everything is given back, a young cancel says
    /// nothing, an old one and a passed deadline are failures.
    #[test]
    fn everything_is_given_back_and_only_evidence_is_recorded(acts in acts()) {
        let (traffic, hand) = traffic(1);
        let backend = Letters::new(Step::Answer(1));
        let made = backend.clone();
        let mut stack = traffic.layers(Plain::new(facts)).per_endpoint(move |_| made.clone());
        let mut model = Model::default();
        let mut calls = Vec::new();
        let mut is_ready = true;
        for act in acts {
            match act {
                Act::Call(step) => {
                    let called = call(&mut stack, Letter(0));
                    calls.push((called, Known { began: model.now, sent: None, step }));
                }
                Act::Wait(time) => {
                    model.now += time;
                    hand.advance(Duration::from_millis(time));
                }
                Act::Release => backend.release(),
                Act::Readiness(readiness) => {
                    is_ready = readiness == Readiness::Ready;
                    backend.set_readiness(readiness);
                }
                Act::Drop(which) if !calls.is_empty() => {
                    let (called, known) = calls.swap_remove(which % calls.len());
                    drop(called);
                    model.leave(&known);
                }
                Act::Poll(which) if !calls.is_empty() => {
                    let which = which % calls.len();
                    let (called, known) = &mut calls[which];
                    let is_late = model.now >= known.began + DEADLINE;
                    if known.sent.is_none() && is_ready {
                        backend.once(known.step.clone());
                    }
                    let said = panic::catch_unwind(AssertUnwindSafe(|| called.poll()));
                    let is_new = known.sent.is_none();
                    let taken = backend.take_requests().len() == 1;
                    if taken {
                        known.sent = Some(model.now);
                    } else if is_new && is_ready {
                        // Refused after its time: the step was meant for it alone.
                        let mut probe = backend.clone();
                        drop(panic::catch_unwind(AssertUnwindSafe(|| probe.call(Letter(1)))));
                        backend.take_requests();
                    }
                    let is_over = match said {
                        Ok(Poll::Pending) => false,
                        Ok(Poll::Ready(Ok(_))) => {
                            model.successes += 1;
                            true
                        }
                        Ok(Poll::Ready(Err(Error::GaveUp(_)))) => unreachable!("nothing is sent twice here"),
                        Ok(Poll::Ready(Err(Error::Inner(_)))) => {
                            model.failures += 1;
                            true
                        }
                        Ok(Poll::Ready(Err(Error::TimedOut(_)))) => {
                            prop_assert!(is_late && known.sent.is_some());
                            model.failures += 1;
                            true
                        }
                        Ok(Poll::Ready(Err(Error::Rejected(rejected)))) => {
                            prop_assert!(is_late && known.sent.is_none());
                            prop_assert_eq!(rejected.reason(), Reason::Deadline);
                            true
                        }
                        Err(_) => {
                            model.leave(known);
                            true
                        }
                    };
                    if is_over {
                        drop(calls.swap_remove(which));
                    }
                }
                Act::Poll(_) | Act::Drop(_) => {}
            }
            let open = counts(&traffic).0 as usize;
            prop_assert!(open == calls.len(), "{open} in flight, {} calls", calls.len());
        }
        for (called, known) in calls {
            drop(called);
            model.leave(&known);
        }
        prop_assert_eq!(counts(&traffic), (0, model.successes, model.failures));
    }
}

/// I-57: an endpoint that has answered often is given as long as its slow answers take, and no longer.
#[test]
fn who_leaves_later_than_the_endpoints_slow_answers_has_seen_a_timeout() {
    let (clock, hand) = Clock::manual();
    let traffic = Traffic::with_sources(one_endpoint(), clock, Entropy::seeded(1));
    let backend = Letters::new(Step::Hold(1));
    let mut stack = traffic.layers(Plain::new(facts)).passthrough(backend.clone());
    for _ in 0..200 {
        let called = call(&mut stack, Letter(0));
        hand.advance(Duration::from_millis(10));
        backend.release();
        assert_eq!(called.now(), Ok(1));
    }
    let leave_after = |stack: &mut _, milliseconds| {
        let mut called: Polled<_> = call(stack, Letter(0));
        assert!(called.poll().is_pending());
        hand.advance(Duration::from_millis(milliseconds));
        drop(called);
        counts(&traffic).2
    };
    assert_eq!(leave_after(&mut stack, 8), 0, "answers take longer than that");
    assert_eq!(leave_after(&mut stack, 20), 1, "no answer takes as long as that");
    // Whoever never asked for the answer has not waited for it.
    let called = call(&mut stack, Letter(0));
    hand.advance(seconds(3600));
    drop(called);
    assert_eq!(counts(&traffic), (0, 200, 1));
}

fn one_endpoint() -> Table {
    let spec = TableSpec::new().cluster("post", |c| c.region("eu", |r| r.endpoint("a", "a:1")));
    spec.route("letters", |r| r.any().to("post")).build().expect("a sound table")
}

//! What an observer hears: it adds up, and it names what really happened.

use super::*;

/// Keeps all it hears.
#[derive(Debug, Default)]
pub(super) struct Heard(Mutex<Vec<Said>>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Decision(String, u64),
    Rejection(Reason),
    Attempt(String, u64),
    Outcome(String, Outcome),
}

impl Heard {
    fn add(&self, said: Said) {
        self.0.lock().expect("no panic").push(said);
    }

    pub(super) fn all(&self) -> Vec<Said> {
        self.0.lock().expect("no panic").clone()
    }
}

fn name(snapshot: &Snapshot, decision: &Decision) -> String {
    snapshot.endpoint(decision).expect("its own decision").name().to_string()
}

impl Observer for Heard {
    fn decision(&self, snapshot: &Snapshot, decision: &Decision) {
        assert_eq!(snapshot.generation(), decision.generation());
        self.add(Said::Decision(name(snapshot, decision), decision.generation().as_u64()));
    }

    fn rejection(&self, _: &Snapshot, rejected: &Rejected) {
        self.add(Said::Rejection(rejected.reason()));
    }

    fn attempt(&self, snapshot: &Snapshot, decision: &Decision) {
        self.add(Said::Attempt(name(snapshot, decision), decision.generation().as_u64()));
    }

    fn outcome(&self, snapshot: &Snapshot, decision: &Decision, outcome: Outcome, _: Duration) {
        self.add(Said::Outcome(name(snapshot, decision), outcome));
    }
}

/// I-60: the endpoint that an observer hears of is the one that got the letter, however many were asked before.
#[test]
fn an_observer_hears_of_the_endpoint_that_was_called() {
    for seed in 0..20 {
        let (traffic, _) = traffic(seed);
        let heard = Arc::new(Heard::default());
        traffic.observe(heard.clone());
        let backends = Backends::new();
        backends.set_all(&["a", "b", "c", "d"], &Readiness::Busy);
        let mut stack = traffic.layers(Plain::new(facts)).per_endpoint(backends.make());
        let mut waiting = call(&mut stack, Letter(0));
        assert!(waiting.poll().is_pending());
        backends.set_all(&["a", "b", "c", "d"], &Readiness::Ready);
        waiting.now().expect("all are free");
        let [(called, _)] = &backends.delivered()[..] else { panic!("one letter") };
        let all = heard.all();
        let asked: Vec<_> = all.iter().filter(|said| matches!(said, Said::Decision(..))).collect();
        assert_eq!(asked.len(), 3, "{all:?}");
        assert_eq!(
            all[3..],
            [Said::Attempt(called.clone(), 1), Said::Outcome(called.clone(), Outcome::Success)],
            "{all:?}"
        );
    }
}

/// I-60: and of no other, also when it heard of one that was left before, and of the choice of the next nothing.
#[test]
fn an_observer_that_missed_the_choice_hears_of_no_other() {
    let (traffic, _) = traffic(1);
    let heard = Arc::new(Heard::default());
    traffic.observe(heard.clone());
    let backends = Backends::new();
    backends.of("d").set_readiness(Readiness::Busy);
    let mut waiting = call(&mut traffic.layers(Plain::new(facts)).per_endpoint(backends.make()), Letter(0));
    traffic.stop_observing(heard.clone());
    traffic.evacuate("eu", seconds(60)).expect("a region");
    assert!(waiting.poll().is_pending());
    traffic.observe(heard.clone());
    backends.of("d").set_readiness(Readiness::Ready);
    assert_eq!(waiting.now(), Ok(4));
    let all = heard.all();
    assert!(matches!(&all[..], [Said::Decision(..)]), "{all:?}");
}

#[derive(Clone, Debug)]
enum Act {
    Call(Step<u64, &'static str>),
    Drop(usize),
    Poll(usize),
    Readiness(bool),
    Wait(u64),
    Evacuate,
    Publish,
}

proptest! {
    #![proptest_config(config(128))]

    /// I-60: offered = attempts + rejections + broken services + what left before it was sent; every attempt has one
    /// outcome, at the endpoint that it went to. I-01: and is decided by the table that was in force when it came.
    #[test]
    fn what_an_observer_hears_adds_up(acts in vec(prop_oneof![
        4 => prop_oneof![Just(Step::Answer(1)), Just(Step::Fail("no")), Just(Step::Hang)].prop_map(Act::Call),
        2 => (0..4usize).prop_map(Act::Drop),
        4 => (0..4usize).prop_map(Act::Poll),
        1 => any::<bool>().prop_map(Act::Readiness),
        1 => (0..11_000u64).prop_map(Act::Wait),
        1 => Just(Act::Evacuate),
        1 => Just(Act::Publish),
    ], 0..50)) {
        let (traffic, hand) = traffic(1);
        let heard = Arc::new(Heard::default());
        traffic.observe(heard.clone());
        let backend = Letters::new(Step::Answer(1));
        let made = backend.clone();
        let mut stack = traffic.layers(Plain::new(facts)).per_endpoint(move |_| made.clone());
        let (mut offered, mut left) = (0, 0);
        let mut calls = Vec::new();
        for act in acts {
            match act {
                Act::Call(step) => {
                    offered += 1;
                    backend.once(step);
                    let before = heard.all().len();
                    calls.push((call(&mut stack, Letter(0)), false));
                    let generation = traffic.snapshot().generation().as_u64();
                    for said in &heard.all()[before..] {
                        let fits = match said {
                            Said::Decision(_, by) => *by == generation,
                            said => *said == Said::Rejection(Reason::NoEndpoint),
                        };
                        prop_assert!(fits, "{said:?}");
                    }
                }
                Act::Drop(which) if !calls.is_empty() => {
                    let attempts = count(&heard, |said| matches!(said, Said::Attempt(..)));
                    let (called, was_sent): (Polled<_>, bool) = calls.swap_remove(which % calls.len());
                    let rejected = count(&heard, |said| matches!(said, Said::Rejection(_)));
                    drop(called);
                    prop_assert_eq!(rejected, count(&heard, |said| matches!(said, Said::Rejection(_))));
                    prop_assert_eq!(attempts, count(&heard, |said| matches!(said, Said::Attempt(..))));
                    left += usize::from(!was_sent);
                }
                Act::Poll(which) if !calls.is_empty() => {
                    let which = which % calls.len();
                    let attempts = count(&heard, |said| matches!(said, Said::Attempt(..)));
                    let is_over = calls[which].0.poll().is_ready();
                    calls[which].1 |= count(&heard, |said| matches!(said, Said::Attempt(..))) > attempts;
                    if is_over {
                        drop(calls.swap_remove(which));
                    }
                }
                Act::Readiness(true) => backend.set_readiness(Readiness::Ready),
                Act::Readiness(false) => backend.set_readiness(Readiness::Busy),
                Act::Wait(time) => hand.advance(Duration::from_millis(time)),
                Act::Evacuate => drop(traffic.evacuate("eu", seconds(5))),
                Act::Publish => drop(traffic.publish(table())),
                Act::Poll(_) | Act::Drop(_) => {}
            }
        }
        // What was refused in the call and never polled was told of, and has not left.
        left += calls.drain(..).map(|(mut called, was_sent)| {
            let rejected = count(&heard, |said| matches!(said, Said::Rejection(_)));
            backend.set_readiness(Readiness::Busy);
            let is_over = !was_sent && called.poll().is_ready();
            let told_now = count(&heard, |said| matches!(said, Said::Rejection(_))) > rejected;
            drop(called);
            usize::from(!was_sent && (!is_over && !told_now))
        }).sum::<usize>();
        let attempts = count(&heard, |said| matches!(said, Said::Attempt(..)));
        let rejections = count(&heard, |said| matches!(said, Said::Rejection(_)));
        let outcomes = count(&heard, |said| matches!(said, Said::Outcome(..)));
        prop_assert_eq!(attempts, outcomes);
        for endpoint in ["a", "b", "c", "d"] {
            let sent = count(&heard, |said| matches!(said, Said::Attempt(name, _) if name == endpoint));
            let judged = count(&heard, |said| matches!(said, Said::Outcome(name, _) if name == endpoint));
            prop_assert_eq!(sent, judged, "{}", endpoint);
        }
        // A refusal in a call that was dropped unpolled was told of, and was not sent either.
        prop_assert!(attempts + rejections <= offered, "{attempts} + {rejections} of {offered}");
        prop_assert!(attempts + rejections + left >= offered, "{attempts} + {rejections} + {left} of {offered}");
        prop_assert_eq!(counts(&traffic).0, 0);
    }
}

fn count(heard: &Heard, which: impl Fn(&Said) -> bool) -> usize {
    heard.all().iter().filter(|said| which(said)).count()
}

/// An observer that has been taken out hears nothing more, and one that panics leaks nothing.
#[test]
fn an_observer_that_panics_leaks_nothing() {
    struct Bomb;
    impl Observer for Bomb {
        fn outcome(&self, _: &Snapshot, _: &Decision, _: Outcome, _: Duration) {
            panic!("an observer of somebody's");
        }
    }
    let (traffic, _) = traffic(1);
    let bomb = Arc::new(Bomb);
    traffic.observe(bomb.clone());
    let mut stack = traffic.layers(Plain::new(facts)).passthrough(Letters::new(Step::Answer(1)));
    let called = call(&mut stack, Letter(0));
    assert!(panic::catch_unwind(AssertUnwindSafe(|| called.now())).is_err());
    assert_eq!(counts(&traffic).0, 0);
    traffic.stop_observing(bomb);
    assert_eq!(call(&mut stack, Letter(0)).now(), Ok(1));
}

/// I-33: nor does one that panics while a panic unwinds, its own or a service's, and the process goes on.
#[test]
fn an_observer_that_panics_in_the_middle_of_a_panic_aborts_nothing() {
    struct Bomb;
    impl Observer for Bomb {
        fn attempt(&self, _: &Snapshot, _: &Decision) {
            panic!("an observer of somebody's");
        }
        fn outcome(&self, _: &Snapshot, _: &Decision, _: Outcome, _: Duration) {
            panic!("the same");
        }
    }
    struct AtTheEnd;
    impl Observer for AtTheEnd {
        fn outcome(&self, _: &Snapshot, _: &Decision, _: Outcome, _: Duration) {
            panic!("an observer of somebody's");
        }
    }
    let observers: [Arc<dyn Observer>; 2] = [Arc::new(Bomb), Arc::new(AtTheEnd)];
    for observer in observers {
        let (traffic, _) = traffic(1);
        traffic.observe(observer);
        let mut stack = traffic.layers(Plain::new(facts)).passthrough(Letters::new(Step::PanicInPoll));
        assert!(panic::catch_unwind(AssertUnwindSafe(|| call(&mut stack, Letter(0)).poll())).is_err());
        assert_eq!(counts(&traffic).0, 0);
    }
}

//! Tokens against a naive model, and what holds over every span of time.

use crate::state::budget::{Deposit, Paid, Tokens};
use crate::table::{RetryBudget, Successes};
use crate::time::{Instant, nanos};
use proptest::prelude::*;
use std::time::Duration;

#[derive(Clone, Debug)]
enum Op {
    Pass(Duration),
    Success,
    Withdraw {
        is_hedge: bool,
    },
    /// One of those that were paid and not yet given back.
    Refund(prop::sample::Index),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        3 => (0u64..30).prop_map(|passed| Op::Pass(Duration::from_millis(passed))),
        1 => (0u64..3_000).prop_map(|passed| Op::Pass(Duration::from_millis(passed))),
        3 => Just(Op::Success),
        6 => prop::bool::weighted(0.2).prop_map(|is_hedge| Op::Withdraw { is_hedge }),
        1 => any::<prop::sample::Index>().prop_map(Op::Refund),
    ];
    prop::collection::vec(op, 1..120)
}

/// Ratios in thousandths, so that the model can count in whole numbers.
fn policy() -> impl Strategy<Value = (u64, Successes)> {
    let ratio = prop_oneof![Just(0), Just(100), Just(300), 0u64..1_500, 0u64..=10_000];
    let floor = prop::option::weighted(0.8, 1u64..40).prop_map(|floor| floor.map(Duration::from_millis));
    (ratio, prop_oneof![1u32..4, 1u32..12], floor).prop_map(|(thousandths, burst, floor)| {
        (thousandths, Successes { ratio: thousandths as f64 / 1000.0, burst, floor })
    })
}

/// What a token budget is, written down plainly: in thousandths of a token.
#[derive(Debug)]
struct Model {
    left: u64,
    most: u64,
    ratio: u64,
    floor: Option<u64>,
    granted: Option<u64>,
    in_a_row: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Gave {
    Token,
    Grant,
    Nothing,
}

impl Model {
    fn withdraw(&mut self, is_hedge: bool, now: u64) -> Gave {
        if self.left >= 1000 {
            self.left -= 1000;
            return Gave::Token;
        }
        let Some(floor) = self.floor.filter(|_| !is_hedge) else { return Gave::Nothing };
        if self.granted.is_some_and(|granted| now < granted + floor * 2u64.pow(self.in_a_row.min(6))) {
            return Gave::Nothing;
        }
        self.granted = Some(now);
        self.in_a_row += 1;
        Gave::Grant
    }

    fn succeed(&mut self) {
        self.left = (self.left + self.ratio).min(self.most);
        self.in_a_row = 0;
    }
}

/// What happened, and when.
#[derive(Clone, Copy, Debug)]
struct Event {
    at: u64,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Success,
    Spent,
    GaveBack,
    /// And not given back later.
    Granted,
}

/// I-45, over every span that begins and ends with an event.
fn assert_bounded_over_every_span(events: &[Event], ratio: u64, policy: &Successes) {
    for (first, from) in events.iter().enumerate() {
        let (mut spent, mut funded, mut grants) = (0i64, 0i64, 0u64);
        for event in &events[first..] {
            match event.what {
                What::Success => funded += ratio.cast_signed(),
                What::Spent => spent += 1000,
                What::GaveBack => spent -= 1000,
                What::Granted => grants += 1,
            }
            assert!(
                spent <= funded + i64::from(policy.burst) * 1000,
                "{spent} with {funded} from {from:?} to {event:?}"
            );
            let most = policy.floor.map_or(0, |floor| 1 + (event.at - from.at) / nanos(floor));
            assert!(grants <= most, "{grants} grants from {from:?} to {event:?}");
        }
    }
}

proptest! {
    #![proptest_config(crate::property_config())]

    /// I-45: each answer is the model's, the balance is between nothing and all, and over every span the bound holds.
    #[test]
    fn withdrawals_are_funded_over_every_span_of_time((ratio, policy) in policy(), ops in ops()) {
        let tokens = Tokens::new();
        let deposit = Deposit::of(&RetryBudget::Successes(policy));
        let most = u64::from(policy.burst) * 1000;
        let floor = policy.floor.map(nanos);
        let mut model = Model { left: most, most, ratio, floor, granted: None, in_a_row: 0 };
        // Far from the beginning, where nothing is special.
        let mut now = Instant::from_nanos(1_000_000_000_000);
        let mut events: Vec<Event> = Vec::new();
        let mut out: Vec<(Paid, usize)> = Vec::new();
        for op in ops {
            let mut note = |what| {
                events.push(Event { at: now.as_nanos(), what });
                events.len() - 1
            };
            match op {
                Op::Pass(passed) => now = now.after(passed),
                Op::Success => {
                    tokens.deposit(deposit);
                    model.succeed();
                    note(What::Success);
                }
                Op::Withdraw { is_hedge } => {
                    let floor = policy.floor.filter(|_| !is_hedge);
                    let has = tokens.has(1, policy.burst, floor, now);
                    let paid = tokens.withdraw(1, policy.burst, floor, now);
                    prop_assert_eq!(has, paid.is_some());
                    let gave = paid.as_ref().map_or(Gave::Nothing, |paid| {
                        if paid.is_by_floor() { Gave::Grant } else { Gave::Token }
                    });
                    prop_assert_eq!(gave, model.withdraw(is_hedge, now.as_nanos()));
                    if let Some(paid) = paid {
                        let place = note(if paid.is_by_floor() { What::Granted } else { What::Spent });
                        out.push((paid, place));
                    }
                }
                Op::Refund(_) if out.is_empty() => {}
                // The grants that are given back are another test's: what they leave depends on what came between.
                Op::Refund(which) => {
                    let (paid, place) = out.swap_remove(which.index(out.len()));
                    if paid.is_by_floor() {
                        out.push((paid, place));
                    } else {
                        tokens.refund(paid);
                        model.left = (model.left + 1000).min(model.most);
                        note(What::GaveBack);
                    }
                }
            }
            prop_assert_eq!(tokens.left(policy.burst), model.left as f64 / 1000.0);
            prop_assert!((0.0..=f64::from(policy.burst)).contains(&tokens.left(policy.burst)));
        }
        assert_bounded_over_every_span(&events, ratio, &policy);
    }

    /// I-45, I-47: grants that are given back, in any order and after others, do not bring those that were kept nearer
    /// together.
    #[test]
    fn grants_that_are_kept_are_a_floor_apart_whatever_is_given_back((ratio, policy) in policy(), ops in ops()) {
        let tokens = Tokens::new();
        let deposit = Deposit::of(&RetryBudget::Successes(policy));
        let mut now = Instant::from_nanos(1_000_000_000_000);
        let mut kept: Vec<(Paid, u64)> = Vec::new();
        for op in ops {
            match op {
                Op::Pass(passed) => now = now.after(passed),
                Op::Success => tokens.deposit(deposit),
                Op::Withdraw { .. } => {
                    let paid = tokens.withdraw(1, policy.burst, policy.floor, now);
                    kept.extend(paid.filter(Paid::is_by_floor).map(|paid| (paid, now.as_nanos())));
                }
                Op::Refund(which) if !kept.is_empty() => tokens.refund(kept.remove(which.index(kept.len())).0),
                Op::Refund(_) => {}
            }
        }
        let events: Vec<_> = kept.iter().map(|(_, at)| Event { at: *at, what: What::Granted }).collect();
        assert_bounded_over_every_span(&events, ratio, &policy);
    }
}

//! How many attempts there are, and of which requests.

use super::*;

/// A step, and what its answer says of sending the request again.
fn answers() -> [(Step<Reply, &'static str>, Retryable); 8] {
    let maybe = Retryable::MaybeProcessed { after: None };
    let not = Retryable::NotProcessed { after: None };
    [
        (Step::Answer(Reply::Fine), Retryable::No),
        (Step::Answer(Reply::Wrong), Retryable::No),
        (Step::Answer(Reply::Down(None)), maybe),
        (Step::Answer(Reply::TurnedAway(None)), not),
        (Step::Answer(Reply::DoNotRetry), Retryable::Never),
        (Step::Fail("on fire"), maybe),
        (Step::Fail("not connected"), not),
        // Not answered in its time.
        (Step::Hang, maybe),
    ]
}

/// I-51: every answer, every kind of request and every policy: what is not idempotent is sent again only if it was provably not
/// processed and the route says so.
#[test]
fn what_is_sent_again_is_idempotent_or_was_provably_not_processed() {
    let rules = [Idempotency::ByProtocol, Idempotency::All, Idempotency::None];
    for shape in SHAPES {
        for (step, retryable) in answers() {
            for (rule, is_idempotent, retry_unsent) in rules
                .into_iter()
                .flat_map(|rule| [(rule, false, false), (rule, false, true), (rule, true, false), (rule, true, true)])
            {
                let case = format!("{shape:?} {step:?} {rule:?} {is_idempotent} {retry_unsent}");
                let retry = Retry { retry_unsent, ..Retry::default().per_try(ms(100)).idempotency(rule) };
                let mut world = World::new(shape, 1, |route| route.retry(retry));
                world.all(step.clone(), 3);
                let mut called = world.call(Letter { is_idempotent, ..letter(1) });
                drop(world.finish(&mut called));
                let may_be_repeated = match rule {
                    Idempotency::All => true,
                    Idempotency::ByProtocol => is_idempotent,
                    _ => false,
                };
                let expected = match retryable {
                    Retryable::MaybeProcessed { .. } if may_be_repeated => 3,
                    Retryable::NotProcessed { .. } if may_be_repeated || retry_unsent => 3,
                    _ => 1,
                };
                assert_eq!(world.taken().len(), expected, "{case}");
                let why = match retryable {
                    _ if expected == 3 && step == Step::Hang => None,
                    _ if expected == 3 => Some(GiveUp::Attempts { made: 3 }),
                    Retryable::Never if may_be_repeated => Some(GiveUp::Pushback),
                    _ => None,
                };
                assert_eq!(world.heard.gave_up(), Vec::from_iter(why), "{case}");
                assert_eq!(world.in_flight(), 0, "{case}");
            }
        }
    }
}

/// I-51: nor is it hedged, whatever the route says of requests that were not processed.
#[test]
fn only_what_is_idempotent_is_hedged() {
    let rules = [Idempotency::ByProtocol, Idempotency::All, Idempotency::None];
    for shape in SHAPES {
        for (rule, is_idempotent) in rules.into_iter().flat_map(|rule| [(rule, false), (rule, true)]) {
            let retry = Retry::default().idempotency(rule).retry_unsent();
            let mut world = World::new(shape, 1, |route| route.retry(retry).hedge(Hedge::after(ms(20))));
            world.all_once(Step::Hang);
            let mut called = world.started(Letter { is_idempotent, ..letter(1) });
            world.hand.advance(ms(20));
            assert!(called.poll().is_pending());
            let is_hedged = rule == Idempotency::All || rule == Idempotency::ByProtocol && is_idempotent;
            assert_eq!(world.taken().len(), 1 + usize::from(is_hedged), "{shape:?} {rule:?} {is_idempotent}");
        }
    }
}

/// I-51: the time of one attempt is for what may have another: what may not be repeated when it was not answered has all the
/// time there is, as if there were no retries.
#[test]
fn what_is_not_repeated_after_a_timeout_has_all_the_time_there_is() {
    for shape in SHAPES {
        let retry = Retry::default().per_try(ms(100)).retry_unsent();
        let mut world = World::new(shape, 1, |route| route.retry(retry));
        world.all_once(Step::Hold(Reply::Fine));
        let mut called = world.started(order(1));
        world.hand.advance(ms(100));
        assert!(called.poll().is_pending(), "{shape:?}");
        world.release();
        assert_eq!(called.poll(), Poll::Ready(Ok(Reply::Fine)));
    }
}

/// I-50: no copy, no other attempt, and nothing to say about it; a copy that broke is a reason.
#[test]
fn what_cannot_be_repeated_in_full_is_not_sent_again() {
    for shape in SHAPES {
        let cases = [
            (Repeats::Whole, 3, Some(GiveUp::Attempts { made: 3 })),
            (Repeats::AfterEnd, 3, Some(GiveUp::Attempts { made: 3 })),
            (Repeats::Broken, 1, Some(GiveUp::Body)),
            (Repeats::Never, 1, None),
        ];
        for (repeats, attempts, why) in cases {
            let mut world = World::new(shape, 1, |route| route.retry(Retry::default()));
            world.all(Step::Fail("on fire"), 3);
            let before = world.tokens();
            let mut called = world.call(Letter { repeats, ..letter(1) });
            let answer = world.finish(&mut called);
            assert_eq!(answer.as_ref().err().and_then(|error| error.inner()), Some(&"on fire"));
            let told = if let Err(Error::GaveUp(gave_up)) = answer { Some(gave_up.why()) } else { None };
            assert_eq!((told, world.taken().len()), (why, attempts), "{shape:?} {repeats:?}");
            assert_eq!(world.heard.gave_up(), Vec::from_iter(why));
            if attempts == 1 {
                assert_eq!(world.tokens(), before, "{shape:?} {repeats:?}: nothing was sent again");
            }
        }
    }
}

/// I-50: a body that is still being read is not sent a second time beside it.
#[test]
fn what_cannot_be_repeated_while_it_is_sent_is_not_hedged() {
    for shape in SHAPES {
        for repeats in [Repeats::AfterEnd, Repeats::Never] {
            let mut world = World::new(shape, 1, |route| route.hedge(Hedge::after(ms(20)).attempts(3)));
            world.all_once(Step::Hold(Reply::Fine));
            let before = world.tokens();
            let mut called = world.started(Letter { repeats, ..letter(1) });
            world.hand.advance(ms(9_000));
            assert!(called.poll().is_pending());
            assert_eq!((world.taken().len(), world.tokens()), (1, before), "{shape:?} {repeats:?}");
            world.release();
            assert_eq!(called.poll(), Poll::Ready(Ok(Reply::Fine)));
        }
    }
}

/// I-50: once it has its answer nothing is sent any more, whatever the timers say.
#[test]
fn after_the_answer_nothing_is_sent() {
    for shape in SHAPES {
        let policy = |route: RouteSpec| route.retry(Retry::default().per_try(ms(50))).hedge(Hedge::after(ms(20)));
        let mut world = World::new(shape, 1, policy);
        world.all_once(Step::Hold(Reply::Fine));
        let mut called = world.started(letter(1));
        world.hand.advance(ms(19));
        world.release();
        assert_eq!(called.poll(), Poll::Ready(Ok(Reply::Fine)));
        world.hand.advance(ms(60_000));
        assert_eq!((world.taken().len(), world.in_flight()), (1, 0), "{shape:?}");
        assert_eq!(world.hand.next_alarm(), None, "{shape:?}: no timer is left while the future still lives");
        drop(called);
    }
}

#[derive(Clone, Debug)]
enum Act {
    Poll,
    Wait(u64),
    Release,
}

fn steps() -> impl Strategy<Value = Vec<Step<Reply, &'static str>>> {
    let step = prop_oneof![
        4 => Just(Step::Hold(Reply::Fine)),
        2 => Just(Step::Hold(Reply::Down(None))),
        1 => Just(Step::Answer(Reply::Down(Some(ms(30))))),
        1 => Just(Step::Answer(Reply::TurnedAway(None))),
        1 => Just(Step::Answer(Reply::DoNotRetry)),
        2 => Just(Step::Fail("on fire")),
        1 => Just(Step::Fail("not connected")),
        2 => Just(Step::Hang),
    ];
    vec(step, 0..12)
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => Just(Act::Poll),
        2 => (0..300_u64).prop_map(Act::Wait),
        1 => Just(Act::Release),
    ];
    vec(act, 0..60)
}

proptest! {
    #![proptest_config(config(300))]

    /// I-48, I-51: whatever happens, and however late somebody looks, there are never more attempts than the route allows,
    /// retries and hedges together, never more at once than it hedges, and each is numbered as it was sent.
    #[test]
    fn attempts_are_never_more_than_the_route_allows(
        shape in select(&SHAPES[..]),
        seed: u64,
        attempts in 1..6_u32,
        at_once in 1..6_u32,
        per_try in proptest::option::of(1..200_u64),
        is_idempotent in prop::bool::weighted(0.8),
        steps in steps(),
        acts in acts(),
    ) {
        let at_once = at_once.min(attempts);
        let retry = Retry { per_try: per_try.map(ms), ..Retry::default().attempts(attempts).retry_unsent() };
        let hedge = Hedge::after(ms(25)).attempts(at_once).max_extra(Ratio::percent(100));
        let budget = RetryBudget::allow_unbounded();
        let mut world = World::with(shape, seed, budget, |spec| spec, |route| route.retry(retry).hedge(hedge));
        let usual = steps.last().cloned().unwrap_or(Step::Hang);
        for (at, step) in steps.into_iter().enumerate() {
            world.at(NAMES[at % 5]).once(step);
        }
        world.all(usual, 3);
        let mut called = world.call(Letter { is_idempotent, ..letter(1) });
        let mut sent = Vec::new();
        for act in acts {
            match act {
                Act::Wait(time) => world.hand.advance(ms(time)),
                Act::Release => world.release(),
                Act::Poll => {
                    let mut taken = world.taken();
                    world.allow_a_hedge();
                    let polled = called.poll();
                    taken.extend(world.taken());
                    sent.extend(taken.into_iter().map(|(_, letter)| letter.previous));
                    prop_assert!(world.in_flight() <= at_once.max(1));
                    if polled.is_ready() {
                        break;
                    }
                }
            }
        }
        prop_assert!(sent.len() <= attempts as usize, "{sent:?}");
        prop_assert!(is_idempotent || world.in_flight() <= 1);
        prop_assert_eq!(&sent, &(0..sent.len() as u32).collect::<Vec<_>>());
        drop(called);
        prop_assert_eq!((world.in_flight(), world.budget().under_way), (0, 0));
    }
}

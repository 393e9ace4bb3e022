//! The budgets that a cluster may have, each through the whole stack.

use super::*;

/// Calls a letter that fails wherever it goes; how often it was sent, and why not once more.
fn fails(world: &mut World, step: &Step<Reply, &'static str>) -> (usize, Vec<GiveUp>) {
    world.all(step.clone(), 3);
    world.heard.take();
    let mut called = world.call(letter(1));
    drop(world.finish(&mut called));
    drop(called);
    let sent = world.taken().len();
    world.forget();
    (sent, world.heard.gave_up())
}

fn immediate() -> Retry {
    Retry::default().backoff(Backoff::from(Duration::ZERO))
}

fn bounded_by(shape: Shape, budget: RetryBudget, retry: Retry) -> World {
    World::with(shape, 1, budget, |spec| spec, |route| route.retry(retry))
}

/// Finagle's: what is always there is there again when its window has passed.
#[test]
fn finagles_reserve_comes_back_with_its_window() {
    for shape in SHAPES {
        let knobs = Finagle { ratio: 0.0, min_per_second: 1, window: ms(1_000) };
        let mut world = bounded_by(shape, RetryBudget::Finagle(knobs), immediate().attempts(2));
        let down = Step::Answer(Reply::Down(None));
        assert_eq!(fails(&mut world, &down), (2, vec![GiveUp::Attempts { made: 2 }]));
        // The budget is asked before the request is copied.
        assert_eq!(fails(&mut world, &down), (1, vec![GiveUp::Budget]), "{shape:?}");
        world.hand.advance(ms(1_100));
        assert_eq!(fails(&mut world, &down).0, 2, "{shape:?}");
        assert_eq!(world.budget().under_way, 0);
        assert_eq!(world.cluster().regions[0].retry_share, None, "it is not split");
    }
}

/// Finagle's: requests fund it.
#[test]
fn finagles_requests_pay_for_retries() {
    for shape in SHAPES {
        let knobs = Finagle { ratio: 0.5, min_per_second: 0, window: ms(10_000) };
        let mut world = bounded_by(shape, RetryBudget::Finagle(knobs), immediate().attempts(2));
        let down = Step::Answer(Reply::Down(None));
        let sent: Vec<usize> = (0..6).map(|_| fails(&mut world, &down).0).collect();
        assert_eq!(sent, [1, 2, 1, 2, 1, 2], "{shape:?}");
    }
}

/// gRPC's: every failure takes a token, and at half of them retries end; successes bring them back.
#[test]
fn grpcs_throttle_blocks_at_half() {
    for shape in SHAPES {
        let knobs = GrpcThrottle { max_tokens: 4, ratio: 0.5 };
        let mut world = bounded_by(shape, RetryBudget::Grpc(knobs), immediate());
        let down = Step::Answer(Reply::Down(None));
        assert_eq!(fails(&mut world, &down), (2, vec![GiveUp::Budget]), "{shape:?}");
        assert_eq!(world.budget().tokens, Some(2.0));
        assert_eq!(fails(&mut world, &down), (1, vec![GiveUp::Budget]), "{shape:?}");
        assert_eq!(world.budget().tokens, Some(1.0), "the failure itself takes one, sent again or not");
        world.succeed(3);
        assert_eq!(world.budget().tokens, Some(2.5));
        assert_eq!(fails(&mut world, &down), (1, vec![GiveUp::Budget]), "{shape:?}");
        world.succeed(6);
        assert_eq!(world.budget().tokens, Some(4.0), "no more than there can be");
        assert_eq!(fails(&mut world, &down), (2, vec![GiveUp::Budget]), "{shape:?}");
    }
}

/// The AWS SDKs': a retry that succeeds gives back what it cost, a first attempt adds one, and a timeout costs more.
#[test]
fn the_aws_quota_gets_back_what_a_successful_retry_cost() {
    for shape in SHAPES {
        let knobs = AwsQuota { capacity: 20, retry_cost: 5, timeout_cost: 10 };
        let mut world = bounded_by(shape, RetryBudget::Aws(knobs), immediate().attempts(2).per_try(ms(100)));
        let tokens = |world: &World| world.budget().tokens;
        for (step, left) in [(Step::Hold(Reply::Down(None)), 15.0), (Step::Hang, 10.0)] {
            let is_timeout = step == Step::Hang;
            world.all_once(step);
            let mut called = world.started(letter(1));
            let first = world.names().remove(0);
            world.forget();
            world.all_once(Step::Hold(Reply::Fine));
            if is_timeout {
                world.hand.advance(ms(100))
            } else {
                world.at(&first).release()
            }
            assert!(called.poll().is_pending());
            assert_eq!(tokens(&world), Some(left), "{shape:?}");
            world.release();
            assert_eq!(called.poll(), Poll::Ready(Ok(Reply::Fine)));
            assert_eq!(tokens(&world), Some(20.0), "{shape:?}");
            drop(called);
            world.forget();
        }
        assert_eq!(fails(&mut world, &Step::Answer(Reply::Down(None))).0, 2);
        assert_eq!(tokens(&world), Some(15.0), "what failed again does not");
        world.succeed(2);
        assert_eq!(tokens(&world), Some(17.0));
    }
}

/// Envoy's: so many at once, those that wait included, and none is under way when all are over.
#[test]
fn envoys_budget_counts_what_is_under_way() {
    for shape in SHAPES {
        let knobs = EnvoyInFlight { ratio: Ratio::percent(0), min: 1 };
        let retry = Retry::default().attempts(2).backoff(Backoff::from(ms(100)).jitter(Jitter::Equal));
        let mut world = bounded_by(shape, RetryBudget::Envoy(knobs), retry);
        world.all(Step::Hold(Reply::Down(None)), 2);
        let mut calls: Vec<Called> = (0..2).map(|number| world.started(letter(number))).collect();
        world.release();
        assert!(calls[0].poll().is_pending());
        assert_eq!(world.budget().under_way, 1, "{shape:?}: it waits");
        world.heard.take();
        assert_eq!(calls[1].poll(), Poll::Ready(Ok(Reply::Down(None))), "{shape:?}");
        assert_eq!(world.heard.gave_up(), [GiveUp::Budget]);
        world.hand.advance(ms(100));
        assert!(calls[0].poll().is_pending());
        assert_eq!(world.budget().under_way, 1, "{shape:?}: it was sent");
        world.release();
        assert!(calls[0].poll().is_ready());
        assert_eq!(world.budget().under_way, 0, "{shape:?}: while the future lives");
    }
}

/// None at all: every failure is sent as often as the route says.
#[test]
fn without_a_budget_all_is_sent_again() {
    for shape in SHAPES {
        let mut world = bounded_by(shape, RetryBudget::allow_unbounded(), immediate());
        for _ in 0..50 {
            let all = (3, vec![GiveUp::Attempts { made: 3 }]);
            assert_eq!(fails(&mut world, &Step::Answer(Reply::Down(None))), all, "{shape:?}");
        }
        assert_eq!((world.budget().under_way, world.budget().tokens), (0, None));
    }
}

/// I-45: an outage is made worse by what was saved up, and by nothing after that.
#[test]
fn an_outage_ends_its_own_retries() {
    for shape in SHAPES {
        let knobs = Successes { burst: 4, ratio: 0.5, floor: None };
        let mut world = bounded_by(shape, RetryBudget::Successes(knobs), immediate());
        let down = Step::Answer(Reply::Down(None));
        let sent: Vec<usize> = (0..5).map(|_| fails(&mut world, &down).0).collect();
        assert_eq!(sent, [3, 3, 1, 1, 1], "{shape:?}");
        world.succeed(2);
        assert_eq!(fails(&mut world, &down), (2, vec![GiveUp::Budget]), "{shape:?}");
    }
}

//! Readiness reserves nothing, and what is shed is shed by the limit alone.

use super::*;
use tokio::runtime::Builder;

/// I-36: ten thousand stacks of each shape that said that they are ready hold no place of any limit, and neither does a call
/// that is over: each of them finds the one place that there is.
#[test]
fn ten_thousand_idle_ready_clones_starve_nobody() {
    let one = || Limit::fixed(1);
    let (traffic, _) = traffic(one_region(|c| c.limit(one()).endpoint_limit(1), |r| r.limit(one())));
    let backends = Backends::new(&Step::Answer(1));
    for shape in SHAPES {
        let mut idle = vec![(); 10_000].into_iter().map(|()| post(shape, &traffic, &backends)).collect::<Vec<_>>();
        for stack in &mut idle {
            let said = stack.poll_ready(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(said, Poll::Ready(Ok(()))));
        }
        assert_idle(&traffic);
        for stack in &mut idle {
            assert_eq!(Polled(Box::pin(stack.call(letter(0)))).now(), Ok(1), "{shape:?}");
        }
        let mut clones = idle[0].clone();
        let held = call(&mut idle[0], letter(0));
        assert_eq!(call(&mut clones, letter(0)).reason(), Reason::Limit, "{shape:?}: a call that was made has a place");
        drop(held);
    }
    assert_eq!(route_limit(&traffic).refused_by_limit, 3);
    assert_idle(&traffic);
}

/// A thousand calls are made and polled in one poll of one task, which tokio makes yield after 128 operations of its own.
fn thousand_in_one_poll(shape: Shape, held: u32, spec: TableSpec) -> usize {
    let traffic = Traffic::new(spec.build().expect("a sound table"));
    let backends = Backends::new(&Step::Answer(1));
    // They stay until all were asked for; who waits for a place is answered at once when it has one.
    (0..held).for_each(|_| backends.of("a").once(Step::Hold(1)));
    let mut stack = post(shape, &traffic, &backends);
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        // The budget is used up before the first.
        while tokio::task::coop::has_budget_remaining() {
            tokio::task::coop::consume_budget().await;
        }
        let mut called = Vec::new();
        let polled = std::future::poll_fn(|cx| {
            called = (0..1000).map(|number| Box::pin(stack.call(letter(number)))).collect::<Vec<_>>();
            Poll::Ready(called.iter_mut().map(|call| usize::from(call.as_mut().poll(cx).is_pending())).sum::<usize>())
        });
        let waiting = polled.await;
        backends.release();
        let mut answered = 0;
        for call in called {
            answered += usize::from(call.await.is_ok());
        }
        assert_eq!(waiting, answered);
        answered
    })
}

/// I-37: what is let in does not depend on the task's budget: of a thousand calls in one poll a limit of a thousand sheds none,
/// and a limit of 999 one.
#[test]
fn a_thousand_calls_in_one_task_poll_are_not_shed() {
    for shape in SHAPES {
        for limit in [1000, 999] {
            let limited = || Limit::fixed(limit);
            assert_eq!(thousand_in_one_poll(shape, limit, one_region(same, |r| r.limit(limited()))), limit as usize);
            assert_eq!(thousand_in_one_poll(shape, limit, one_region(|c| c.limit(limited()), same)), limit as usize);
            assert_eq!(
                thousand_in_one_poll(shape, limit, one_region(|c| c.endpoint_limit(limit), same)),
                limit as usize
            );
        }
        // Half of them wait their turn, on timers of a task without budget, and are served.
        let queue = || Limit::fixed(500).queue(Queue::of(500).max_wait(HOUR));
        assert_eq!(thousand_in_one_poll(shape, 500, one_region(same, |r| r.limit(queue()))), 1000);
        assert_eq!(thousand_in_one_poll(shape, 500, one_region(|c| c.limit(queue()), same)), 1000);
    }
}

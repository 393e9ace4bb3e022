//! The line by examples; `properties` has it against a vector that is scanned.

mod properties;

use super::*;
use Priority::{Background, Critical, High, Low, Normal};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn at(milliseconds: u64) -> Instant {
    Instant::START.after(MS(milliseconds))
}

/// So many may wait, for ten seconds: `CoDel` by its defaults, 5 ms and 100 ms, ageing 50 ms.
fn line(max_len: u32) -> Line<u32> {
    Line::new(&Queue::of(max_len).max_wait(MS(10_000)))
}

/// Waits from this moment on, in partition 0 and without a deadline.
fn wait(line: &mut Line<u32>, payload: u32, class: Priority, now: u64) -> Ticket {
    let pushed = line.push(payload, class, 0, at(now), Instant::NEVER).expect("there is room");
    assert_eq!(pushed.ousted, None);
    pushed.ticket
}

/// Who is served, if nobody has to be told first.
fn served(line: &mut Line<u32>, now: u64) -> Option<u32> {
    match line.pop(at(now), |_, _| true) {
        Next::Serve(_, payload) => Some(payload),
        Next::Nobody => None,
        Next::Tell(ousted) => panic!("{ousted:?} at {now}"),
    }
}

/// All who are served, one after the other.
fn all_served(line: &mut Line<u32>, now: u64) -> Vec<u32> {
    std::iter::from_fn(|| served(line, now)).collect()
}

/// Who is told, and why.
fn told(line: &mut Line<u32>, now: u64) -> Option<(u32, Why)> {
    line.expire(at(now)).map(|ousted| (ousted.payload, ousted.why))
}

/// At 107 ms: a congested lane of the normal class in which these have waited for a millisecond.
fn congested(payloads: impl IntoIterator<Item = u32>) -> Line<u32> {
    let mut line = line(100);
    wait(&mut line, 1000, Normal, 0);
    assert_eq!(told(&mut line, 6), None);
    for payload in payloads {
        wait(&mut line, payload, Normal, 106);
    }
    assert_eq!(told(&mut line, 106), Some((1000, Why::Congested)));
    line
}

#[test]
fn a_short_line_is_first_come_first_served() {
    let mut line = line(10);
    for payload in 0..5 {
        wait(&mut line, payload, Normal, u64::from(payload));
    }
    assert_eq!(line.len(), 5);
    assert_eq!(all_served(&mut line, 5), [0, 1, 2, 3, 4]);
    assert!(line.is_empty());
}

// shared/vectors/limits.json, queue_vectors, `lifo-order` (Netflix's LifoBlockingLimiterTest): limit 4, all in use.
const LIFO_QUEUED: [u32; 5] = [0, 1, 2, 3, 4];
const LIFO_SERVED: [u32; 5] = [4, 3, 2, 1, 0];

#[test]
fn a_congested_line_serves_the_newest_first() {
    let mut line = congested(LIFO_QUEUED);
    assert!(line.is_congested());
    assert_eq!(all_served(&mut line, 107), LIFO_SERVED);
}

#[test]
fn a_congested_line_tells_those_who_have_waited_for_twice_the_target() {
    let mut line = congested([0, 1]);
    wait(&mut line, 2, Normal, 111);
    assert_eq!(told(&mut line, 116), None, "ten milliseconds are not above twice the target");
    let next = line.pop(at(117), |_, _| true);
    assert!(matches!(next, Next::Tell(Ousted { payload: 0, why: Why::Congested, .. })), "{next:?}");
    assert_eq!(told(&mut line, 117), Some((1, Why::Congested)));
    assert_eq!(served(&mut line, 117), Some(2));
}

#[test]
fn a_line_that_ran_empty_is_not_congested() {
    let mut line = congested([0]);
    assert_eq!(all_served(&mut line, 107), [0]);
    assert!(!line.is_congested());
    for payload in 0..3 {
        wait(&mut line, payload, Normal, 107);
    }
    assert_eq!(all_served(&mut line, 150), [0, 1, 2]);
}

#[test]
fn a_line_is_not_congested_after_an_interval_in_which_its_oldest_hardly_waited() {
    let mut line = congested([0]);
    wait(&mut line, 1, Normal, 108);
    assert_eq!(served(&mut line, 108), Some(1), "the oldest has waited for 2 ms");
    for now in (110..206).step_by(5) {
        wait(&mut line, now as u32, Normal, now);
        while told(&mut line, now).is_some() {}
        assert!(line.is_congested());
    }
    assert_eq!((told(&mut line, 206), line.is_congested()), (None, false));
    assert_eq!(all_served(&mut line, 206), [195, 200, 205]);
}

#[test]
fn newest_first_does_not_end_the_congestion_by_its_own_short_waits() {
    let mut line = line(1000);
    // One comes each millisecond, and one is served every two.
    for now in 0..2000 {
        wait(&mut line, now as u32, Normal, now);
        while now % 2 == 1 && matches!(line.pop(at(now), |_, _| true), Next::Tell(_)) {}
        assert!(now < 250 || line.is_congested(), "at {now}");
        assert!(now < 250 || line.len() <= 12, "{} wait at {now}", line.len());
    }
}

#[test]
fn a_health_check_that_never_waits_does_not_hide_a_line_that_stands() {
    let mut line = line(1000);
    for now in 0..300 {
        wait(&mut line, 0, Normal, now);
        if now % 10 == 0 {
            wait(&mut line, 1, Critical, now);
            while matches!(line.pop(at(now), |_, _| true), Next::Tell(_)) {}
        }
        while now % 2 == 1 && matches!(line.pop(at(now), |_, _| true), Next::Tell(_)) {}
    }
    assert!(line.is_congested());
}

#[test]
fn the_last_of_a_congested_line_waits_for_a_place_all_the_same() {
    // A backend that takes 50 ms for each, and one in flight: longer than twice the target, and no reason to refuse everybody.
    let mut line = congested([0, 1]);
    assert_eq!(told(&mut line, 160), Some((0, Why::Congested)));
    assert_eq!(told(&mut line, 160), None);
    assert_eq!(served(&mut line, 160), Some(1));
}

#[test]
fn a_backfill_that_stands_leaves_the_order_of_the_checkout_alone() {
    let mut line = line(1000);
    line.reconfigure(&Queue { ageing: Duration::MAX, ..line.knobs });
    wait(&mut line, 0, Background, 0);
    assert_eq!(told(&mut line, 6), None);
    wait(&mut line, 1, Background, 106);
    assert_eq!(told(&mut line, 106), Some((0, Why::Congested)));
    for payload in 2..5 {
        wait(&mut line, payload, High, 106);
    }
    // A burst of 6 ms, at the end of which the backfill is next.
    assert_eq!(all_served(&mut line, 112), [2, 3, 4, 1]);
}

#[test]
fn a_lane_of_which_nobody_is_served_is_judged_by_its_oldest() {
    let mut line = line(10);
    wait(&mut line, 0, Normal, 0);
    assert_eq!(line.pop(at(6), |_, _| false), Next::Nobody);
    wait(&mut line, 1, Normal, 100);
    assert_eq!(line.pop(at(105), |_, _| false), Next::Nobody);
    assert_eq!(told(&mut line, 106), Some((0, Why::Congested)));
    assert_eq!((told(&mut line, 106), line.len()), (None, 1));
}

#[test]
fn a_partition_that_is_not_eligible_stays_where_it_is() {
    let mut line = line(10);
    let mut push = |payload, partition| line.push(payload, Normal, partition, at(1), Instant::NEVER).is_ok();
    assert!(push(0, 7) && push(1, 2) && push(2, 7) && push(3, 2));
    let mut pop = |partition| match line.pop(at(2), |_, of| of == partition) {
        Next::Serve(_, payload) => Some(payload),
        _ => None,
    };
    assert_eq!([pop(2), pop(2), pop(2), pop(7), pop(7), pop(7)], [Some(1), Some(3), None, Some(0), Some(2), None]);
}

#[test]
fn the_higher_class_goes_first() {
    let mut line = line(10);
    for (payload, class) in [Low, Critical, Background, High, Normal].into_iter().enumerate() {
        wait(&mut line, payload as u32, class, 1);
    }
    assert_eq!(all_served(&mut line, 2), [1, 3, 4, 0, 2]);
}

#[test]
fn a_background_request_goes_before_every_later_one_after_four_times_the_ageing() {
    for (now, first) in [(199, 1), (200, 0)] {
        let mut line = line(10);
        wait(&mut line, 0, Background, 0);
        wait(&mut line, 1, Critical, 1);
        assert_eq!(served(&mut line, now), Some(first), "at {now}");
    }
}

#[test]
fn who_has_aged_is_asked_for_as_the_class_that_it_counts_as() {
    let mut line = Line::new(&Queue { target: MS(10_000), ..line(10).knobs });
    wait(&mut line, 0, Low, 0);
    for (now, class) in [(49, Low), (50, Normal), (99, Normal), (100, High), (150, Critical), (9_000, Critical)] {
        let mut asked = Vec::new();
        let next = line.pop(at(now), |class, partition| {
            asked.push((class, partition));
            false
        });
        assert_eq!((next, asked), (Next::Nobody, vec![(class, 0)]), "at {now}");
    }
}

#[test]
fn in_a_congested_lane_the_newest_of_those_who_have_aged_most_goes_first() {
    let mut line = congested([0, 1]);
    line.reconfigure(&Queue { ageing: MS(4), ..line.knobs });
    wait(&mut line, 2, Normal, 112);
    assert_eq!(all_served(&mut line, 114), [1, 0, 2]);
}

#[test]
fn the_longest_wait_and_the_deadline_are_over_at_their_moment() {
    let mut line = Line::new(&Queue::of(10).max_wait(MS(100)));
    wait(&mut line, 0, Normal, 10);
    line.push(1, Normal, 0, at(10), at(60)).unwrap();
    assert_eq!(told(&mut line, 59), None);
    assert_eq!(told(&mut line, 60), Some((1, Why::Deadline)));
    assert_eq!(told(&mut line, 109), None);
    assert!(matches!(line.pop(at(110), |_, _| true), Next::Tell(Ousted { payload: 0, why: Why::MaxWait, .. })));
}

#[test]
fn nobody_begins_to_wait_at_its_deadline() {
    let refused = line(10).push(0, Normal, 0, at(5), at(5)).unwrap_err();
    assert_eq!(refused, Refused { payload: 0, why: Why::Deadline });
}

#[test]
fn a_full_line_makes_room_for_a_higher_class_by_the_last_of_the_lowest() {
    let mut line = line(3);
    wait(&mut line, 0, Low, 1);
    let last = wait(&mut line, 1, Low, 1);
    wait(&mut line, 2, High, 1);
    let refused = line.push(3, Low, 0, at(1), Instant::NEVER).unwrap_err();
    assert_eq!(refused, Refused { payload: 3, why: Why::Full });
    let pushed = line.push(4, Normal, 1, at(1), Instant::NEVER).unwrap();
    assert_eq!(pushed.ousted, Some(Ousted { ticket: last, payload: 1, why: Why::Outranked }));
    assert_eq!((line.len(), line.remove(last)), (3, None));
    assert_eq!(all_served(&mut line, 2), [2, 4, 0]);
}

#[test]
fn who_has_aged_does_not_leave_for_the_class_that_it_counts_as() {
    let mut line = line(1);
    wait(&mut line, 0, Low, 0);
    assert_eq!(line.push(1, Normal, 0, at(50), Instant::NEVER).unwrap_err().why, Why::Full);
    assert!(line.push(1, Normal, 0, at(49), Instant::NEVER).is_err(), "time does not go back");
    assert!(line.push(1, High, 0, at(50), Instant::NEVER).is_ok());
}

#[test]
fn a_full_line_of_those_whose_time_has_passed_has_room() {
    let mut line = Line::new(&Queue::of(1).max_wait(MS(100)));
    wait(&mut line, 0, Critical, 0);
    let pushed = line.push(1, Background, 0, at(100), Instant::NEVER).unwrap();
    assert_eq!(pushed.ousted.map(|ousted| (ousted.payload, ousted.why)), Some((0, Why::MaxWait)));
}

#[test]
fn a_smaller_bound_throws_nobody_out_and_lets_nobody_in() {
    let mut line = line(3);
    for payload in 0..3 {
        wait(&mut line, payload, Normal, 1);
    }
    line.reconfigure(&Queue { max_len: 2, ..line.knobs });
    assert_eq!(line.len(), 3);
    assert!(line.push(3, Normal, 0, at(1), Instant::NEVER).is_err());
    assert_eq!(served(&mut line, 1), Some(0));
    assert!(line.push(3, Normal, 0, at(1), Instant::NEVER).is_err());
    assert!(line.push(4, High, 0, at(1), Instant::NEVER).is_ok_and(|pushed| pushed.ousted.is_some()));
    assert_eq!((served(&mut line, 1), line.len()), (Some(4), 1));
    wait(&mut line, 5, Normal, 1);
}

#[test]
fn new_knobs_hold_for_those_who_wait() {
    let mut line = line(3);
    wait(&mut line, 0, Normal, 0);
    assert_eq!(told(&mut line, 5), None);
    line.reconfigure(&Queue::of(3).max_wait(MS(5)));
    assert_eq!(told(&mut line, 5), Some((0, Why::MaxWait)));
}

#[test]
fn a_ticket_finds_who_it_was_given_to_and_nobody_else() {
    let mut line = line(3);
    let ticket = wait(&mut line, 0, Normal, 1);
    assert_eq!(line.remove(ticket), Some(0));
    let other = wait(&mut line, 1, Normal, 1);
    assert_eq!(line.remove(ticket), None);
    assert_eq!(line.len(), 1);
    assert_eq!(line.drain().collect::<Vec<_>>(), [(other, 1)]);
    assert_eq!(line.remove(other), None);
    assert_eq!(Line::<u32>::new(&Queue::of(1)).remove(other), None);
}

#[test]
fn everybody_leaves_and_the_line_is_as_new() {
    let mut line = congested(0..5);
    line.push(5, Low, 3, at(107), at(120)).unwrap();
    let mut left: Vec<_> = line.drain().map(|(_, payload)| payload).collect();
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 3, 4, 5]);
    assert_eq!((line.len(), line.is_congested(), line.load(), told(&mut line, 500)), (0, false, 0, None));
    wait(&mut line, 6, Normal, 501);
    assert_eq!(served(&mut line, 501), Some(6));
}

#[test]
fn the_load_is_that_of_the_lane_that_has_most() {
    let mut line = line(10);
    wait(&mut line, 0, Low, 0);
    wait(&mut line, 1, High, 5);
    wait(&mut line, 2, Normal, 5);
    assert_eq!((line.load(), served(&mut line, 7), line.load()), (0, Some(1), 70));
}

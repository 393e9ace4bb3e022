//! A reader that has stopped reading holds its place for so long and no longer.

use super::*;

const AT_MOST: Duration = Duration::from_secs(10);

fn held(release: ReleaseOn, acts: impl IntoIterator<Item = Act>) -> (Traffic, ManualClock, ResponseBody<Script, Held>) {
    let (traffic, hand) = traffic(|route| route.release(release).hold_at_most(AT_MOST));
    let body = answered(&traffic, false, &Response::new(()), &Script::new(acts, Tells::Early)).into_body();
    (traffic, hand, body)
}

fn at(time: Duration) -> Instant {
    Instant::START.after(time)
}

/// I-33: The place is given back by the clock alone: the body is not polled, and nobody reads.
#[test]
fn a_body_that_stands_still_after_a_frame_gives_its_place_back_at_the_moment() {
    let (traffic, hand, mut body) = held(ReleaseOn::End, [data("one"), Act::Wait, data("two"), data("three")]);
    hand.advance(100 * SECOND);
    assert_eq!((in_flight(&traffic), hand.next_alarm()), (1, None), "nothing came and nobody waited");

    poll_frame(&mut body);
    assert_eq!(hand.next_alarm(), Some(at(110 * SECOND)));
    hand.advance(short_of(AT_MOST));
    assert_eq!(in_flight(&traffic), 1);
    hand.advance(NANO);
    assert_eq!(in_flight(&traffic), 0);

    // The body goes on, and nothing is given back twice.
    let rest: Vec<_> = (0..4).map(|_| poll_frame(&mut body)).collect();
    let expected =
        [Seen::Waits, Seen::Data(Bytes::from_static(b"two")), Seen::Data(Bytes::from_static(b"three")), Seen::Ended];
    assert_eq!((rest.as_slice(), in_flight(&traffic)), (&expected[..], 0));
    drop(body);
    hand.advance(100 * SECOND);
    assert_eq!((in_flight(&traffic), counts(&traffic), hand.next_alarm()), (0, (1, 0), None));
}

/// I-33: A body that was waited for stands still from then on, also before its first frame.
#[test]
fn a_body_that_had_to_be_waited_for_gives_its_place_back_at_the_moment() {
    for release in [ReleaseOn::FirstFrame, ReleaseOn::End] {
        let (traffic, hand, mut body) = held(release, [Act::Wait, Act::Wait, data("one"), data("two")]);
        hand.advance(SECOND);
        poll_frame(&mut body);
        assert_eq!(hand.next_alarm(), Some(at(11 * SECOND)));
        hand.advance(SECOND);
        // Waiting is no progress.
        poll_frame(&mut body);
        assert_eq!(hand.next_alarm(), Some(at(11 * SECOND)));
        hand.advance(short_of(9 * SECOND));
        assert_eq!(in_flight(&traffic), 1);
        hand.advance(NANO);
        assert_eq!(in_flight(&traffic), 0, "{release:?}");
        while poll_frame(&mut body) != Seen::Ended {}
        drop(body);
        assert_eq!(in_flight(&traffic), 0, "{release:?}");
    }
}

/// I-33: Each frame moves the moment; the one that was set before gives nothing back.
#[test]
fn progress_moves_the_moment() {
    let (traffic, hand, mut body) =
        held(ReleaseOn::End, [data("one"), data("two"), Act::Wait, data("three"), data("four")]);
    for second in [0, 9, 18, 27] {
        hand.advance_to(at(second * SECOND));
        assert_eq!(in_flight(&traffic), 1, "after {second} s");
        while poll_frame(&mut body) == Seen::Waits {}
    }
    assert_eq!((in_flight(&traffic), hand.next_alarm()), (0, None), "it has ended");
}

/// I-33: Under `ReleaseOn::FirstFrame` nothing is watched once the first frame came.
#[test]
fn what_is_given_back_is_watched_no_more() {
    let (traffic, hand, mut body) = held(ReleaseOn::FirstFrame, [Act::Wait, data("one"), Act::Wait, data("two")]);
    poll_frame(&mut body);
    assert_eq!((in_flight(&traffic), hand.next_alarm()), (1, Some(at(AT_MOST))));
    for _ in 0..3 {
        poll_frame(&mut body);
        assert_eq!((in_flight(&traffic), hand.next_alarm()), (0, None));
    }
    let (traffic, hand, mut body) = held(ReleaseOn::Head, [Act::Wait, data("one"), Act::Wait, data("two")]);
    for _ in 0..4 {
        assert_eq!((in_flight(&traffic), hand.next_alarm()), (0, None));
        poll_frame(&mut body);
    }
}

/// I-61: Where the whole body comes in one frame, no timer is set.
#[test]
fn a_body_of_one_frame_sets_no_timer() {
    for release in RELEASES {
        let (traffic, hand, mut body) = held(release, [data("one")]);
        assert_eq!(hand.next_alarm(), None);
        poll_frame(&mut body);
        assert_eq!((in_flight(&traffic), hand.next_alarm()), (0, None), "{release:?}");
    }
}

/// I-33: Dropped while it is watched, it takes its timer with it.
#[test]
fn a_watched_body_that_is_dropped_leaves_no_timer() {
    let (traffic, hand, mut body) = held(ReleaseOn::End, [data("one"), data("two")]);
    poll_frame(&mut body);
    assert_eq!((in_flight(&traffic), hand.next_alarm()), (1, Some(at(AT_MOST))));
    drop(body);
    assert_eq!((in_flight(&traffic), hand.next_alarm()), (0, None));
}

/// A knob that says never sets no timer, and holds for ever.
#[test]
fn for_ever_is_for_ever() {
    let (traffic, hand) = traffic(|route| route.hold_at_most(Duration::MAX));
    let script = Script::new([data("one"), Act::Wait, data("two")], Tells::Never);
    let mut body = answered(&traffic, false, &Response::new(()), &script).into_body();
    for _ in 0..2 {
        poll_frame(&mut body);
        hand.advance(1_000_000 * SECOND);
        assert_eq!((in_flight(&traffic), hand.next_alarm()), (1, None));
    }
    drop(body);
    assert_eq!(in_flight(&traffic), 0);
}

/// I-62: What the end says counts, however long ago the place was given back.
#[test]
fn a_body_without_a_place_is_judged_all_the_same() {
    for (last, expected) in [(Act::Fail, (0, 1)), (Act::Trailers(grpc_status("0")), (1, 0))] {
        let (traffic, hand) = traffic(|route| route.hold_at_most(AT_MOST));
        let script = Script::new([data("one"), last], Tells::Never);
        let mut body = answered(&traffic, true, &Response::new(()), &script).into_body();
        poll_frame(&mut body);
        hand.advance(2 * AT_MOST);
        assert_eq!((in_flight(&traffic), counts(&traffic)), (0, (0, 0)));
        poll_frame(&mut body);
        assert_eq!((in_flight(&traffic), counts(&traffic)), (0, expected));
    }
}

/// I-33: Two bodies of one endpoint are two places.
#[test]
fn each_body_has_a_moment_of_its_own() {
    let (traffic, hand, mut first) = held(ReleaseOn::End, [data("one"), data("two")]);
    let script = Script::new([data("one"), data("two")], Tells::Early);
    let mut second = answered(&traffic, false, &Response::new(()), &script).into_body();
    poll_frame(&mut first);
    hand.advance(SECOND);
    poll_frame(&mut second);
    assert_eq!(in_flight(&traffic), 2);
    hand.advance(9 * SECOND);
    assert_eq!(in_flight(&traffic), 1);
    poll_frame(&mut first);
    assert_eq!(in_flight(&traffic), 1, "the end of what was given back");
    hand.advance(SECOND);
    assert_eq!(in_flight(&traffic), 0);
    drop((first, second));
    assert_eq!(in_flight(&traffic), 0);
}

proptest! {
    #![proptest_config(config(1000))]

    /// I-33: Whatever comes, is waited for and passes: the place is held until the body stood still for so long, and is given
    /// back once. Some steps poll the body, the others move the clock by so many seconds.
    #[test]
    fn a_place_is_held_as_long_as_there_is_progress(
        script in scripts(),
        release in select(&RELEASES[..]),
        steps in vec(option::of(0..15_u64), 0..24),
    ) {
        let (traffic, hand) = traffic(|route| route.release(release).hold_at_most(AT_MOST));
        let mut body = answered(&traffic, false, &Response::new(()), &script).into_body();
        let mut holds = release != ReleaseOn::Head && !body.is_end_stream();
        let (mut now, mut until) = (Instant::START, None);
        for step in steps {
            if let Some(seconds) = step {
                now = now.after(seconds as u32 * SECOND);
                hand.advance(seconds as u32 * SECOND);
                holds &= until.is_none_or(|until| now < until);
            } else {
                match poll_frame(&mut body) {
                    Seen::Waits => until = until.or(Some(now.after(AT_MOST))),
                    Seen::Data(_) if !body.is_end_stream() && release == ReleaseOn::End => {
                        until = Some(now.after(AT_MOST));
                    }
                    _ => holds = false,
                }
            }
            prop_assert_eq!(in_flight(&traffic), u32::from(holds));
            if holds {
                prop_assert_eq!(hand.next_alarm(), until);
            }
        }
        drop(body);
        prop_assert_eq!((in_flight(&traffic), hand.next_alarm()), (0, None));
    }
}

/// I-33: On the machine's clock the timers are tokio's; the reader's task does nothing meanwhile.
#[tokio::test(start_paused = true)]
async fn tokios_timer_gives_the_place_back() {
    let milli = Duration::from_millis(1);
    let traffic = Traffic::single("api", |route| route.hold_at_most(AT_MOST)).expect("a sound table");
    let script = Script::new([data("one"), data("two"), Act::Wait, data("three"), Act::Fail], Tells::Never);
    let mut body = answered(&traffic, false, &Response::new(()), &script).into_body();
    poll_frame(&mut body);
    tokio::time::advance(9 * SECOND).await;
    poll_frame(&mut body);
    tokio::time::advance(AT_MOST.saturating_sub(milli)).await;
    assert_eq!(in_flight(&traffic), 1, "the second frame moved the moment");
    // Tokio's timers are as fine as a millisecond.
    tokio::time::advance(2 * milli).await;
    assert_eq!(in_flight(&traffic), 0);
    while poll_frame(&mut body) != Seen::Ended {
        tokio::time::advance(20 * SECOND).await;
    }
    drop(body);
    assert_eq!((in_flight(&traffic), counts(&traffic)), (0, (1, 1)));
}

/// I-37: A task that has had its share of polls watches all the same: what waits here is no task.
#[tokio::test(start_paused = true)]
async fn a_task_that_has_had_its_share_keeps_its_place() {
    let traffic = Traffic::single("api", |route| route.hold_at_most(AT_MOST)).expect("a sound table");
    let script = Script::new([data("one"), data("two")], Tells::Never);
    let mut body = answered(&traffic, false, &Response::new(()), &script).into_body();
    poll_fn(|cx| {
        while let Poll::Ready(share) = tokio::task::coop::poll_proceed(cx) {
            share.made_progress();
        }
        Poll::Ready(())
    })
    .await;
    assert!(!tokio::task::coop::has_budget_remaining());
    poll_frame(&mut body);
    // What would have been told to yield is woken here.
    tokio::task::yield_now().await;
    assert_eq!(in_flight(&traffic), 1);
    tokio::time::advance(AT_MOST + SECOND).await;
    assert_eq!(in_flight(&traffic), 0);
}

/// Where there are no timers a body goes on, and holds its place to its end.
#[test]
fn outside_a_runtime_nothing_is_watched() {
    let traffic = Traffic::single("api", |route| route.hold_at_most(NANO)).expect("a sound table");
    let script = Script::new([Act::Wait, data("one"), Act::Wait, data("two")], Tells::Never);
    let mut body = answered(&traffic, false, &Response::new(()), &script).into_body();
    for _ in 0..4 {
        poll_frame(&mut body);
        assert_eq!(in_flight(&traffic), 1);
    }
    assert_eq!((poll_frame(&mut body), in_flight(&traffic)), (Seen::Ended, 0));
}

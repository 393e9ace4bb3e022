use super::*;
use std::task::Wake;

const SECOND: Duration = Duration::from_secs(1);

/// Writes down who was woken, in order.
#[derive(Clone, Default)]
struct Rung(Arc<Mutex<Vec<&'static str>>>);

struct Bell(Rung, &'static str);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.0.lock().push(self.1);
    }
}

impl Rung {
    fn bell(&self, name: &'static str) -> Waker {
        Waker::from(Arc::new(Bell(self.clone(), name)))
    }

    /// Who was woken since this was last asked.
    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock())
    }
}

fn at(seconds: u32) -> Instant {
    Instant::START.after(seconds * SECOND)
}

/// A sleep that wakes this when it is over.
fn sleep(clock: &Clock, seconds: u32, waker: &Waker) -> Sleep {
    let mut sleep = clock.sleep_until(at(seconds));
    assert!(!sleep.is_over_or_wakes(waker));
    sleep
}

fn is_over(sleep: &mut Sleep) -> bool {
    sleep.is_over_or_wakes(Waker::noop())
}

#[test]
fn alarms_ring_in_the_order_of_their_moments_and_then_of_their_setting() {
    let (clock, hand) = Clock::manual();
    let rung = Rung::default();
    let _sleeps = [("third", 3), ("first", 1), ("second", 2), ("second too", 2), ("first too", 1), ("later", 5)]
        .map(|(name, seconds)| sleep(&clock, seconds, &rung.bell(name)));
    hand.advance(3 * SECOND);
    assert_eq!(rung.take(), ["first", "first too", "second", "second too", "third"]);
    assert_eq!(hand.next_alarm(), Some(at(5)));
    hand.advance(3 * SECOND);
    assert_eq!(rung.take(), ["later"]);
}

#[test]
fn an_alarm_rings_at_its_moment_and_once() {
    let (clock, hand) = Clock::manual();
    let rung = Rung::default();
    let mut sleep = sleep(&clock, 2, &rung.bell("it"));
    hand.advance(Duration::from_nanos(1_999_999_999));
    assert!(rung.take().is_empty() && !sleep.is_over_or_wakes(&rung.bell("it")));
    hand.advance(Duration::from_nanos(1));
    assert_eq!(rung.take(), ["it"]);
    assert!(is_over(&mut sleep));
    hand.advance(100 * SECOND);
    assert!(rung.take().is_empty() && is_over(&mut sleep));
}

#[test]
fn a_hand_that_is_moved_too_far_stands_at_the_end() {
    let (clock, hand) = Clock::manual();
    hand.advance(SECOND);
    hand.advance(Duration::MAX);
    assert_eq!(clock.now(), Instant::NEVER);
}

#[test]
fn a_moment_that_has_come_needs_no_alarm() {
    let (clock, hand) = Clock::manual();
    hand.advance(2 * SECOND);
    for seconds in [0, 1, 2] {
        assert!(is_over(&mut clock.sleep_until(at(seconds))));
        assert_eq!(hand.next_alarm(), None);
    }
}

#[test]
fn a_sleep_that_is_not_polled_sets_no_alarm() {
    let (clock, hand) = Clock::manual();
    let mut sleep = clock.sleep_until(at(2));
    assert_eq!(hand.next_alarm(), None);
    sleep.reset(&clock, at(1));
    assert_eq!(hand.next_alarm(), None);
    assert!(!is_over(&mut sleep));
    assert_eq!(hand.next_alarm(), Some(at(1)));
}

#[test]
fn the_next_alarm_is_the_earliest_that_is_set() {
    let (clock, hand) = Clock::manual();
    assert_eq!(hand.next_alarm(), None);
    let late = sleep(&clock, 9, Waker::noop());
    assert_eq!(hand.next_alarm(), Some(at(9)));
    let early = sleep(&clock, 3, Waker::noop());
    assert_eq!(hand.next_alarm(), Some(at(3)));
    hand.advance_to(at(3));
    assert_eq!(hand.next_alarm(), Some(at(9)));
    drop((early, late));
    assert_eq!(hand.next_alarm(), None);
}

#[test]
fn a_sleep_that_is_reset_later_rings_later_only() {
    let (clock, hand) = Clock::manual();
    let rung = Rung::default();
    let mut sleep = sleep(&clock, 2, &rung.bell("it"));
    sleep.reset(&clock, at(5));
    // By the waker it has, without being polled.
    assert_eq!(hand.next_alarm(), Some(at(5)));
    hand.advance_to(at(4));
    assert!(rung.take().is_empty() && !sleep.is_over_or_wakes(&rung.bell("it")));
    hand.advance_to(at(5));
    assert_eq!(rung.take(), ["it"]);
    assert!(is_over(&mut sleep));
}

#[test]
fn a_sleep_that_is_reset_earlier_rings_earlier_and_once() {
    let (clock, hand) = Clock::manual();
    let rung = Rung::default();
    let mut sleep = sleep(&clock, 5, &rung.bell("it"));
    sleep.reset(&clock, at(2));
    assert_eq!(hand.next_alarm(), Some(at(2)));
    hand.advance_to(at(2));
    assert_eq!(rung.take(), ["it"]);
    hand.advance_to(at(9));
    assert!(rung.take().is_empty() && is_over(&mut sleep));
}

#[test]
fn a_sleep_that_was_over_can_be_set_anew() {
    let (clock, hand) = Clock::manual();
    let rung = Rung::default();
    let mut sleep = sleep(&clock, 2, &rung.bell("it"));
    hand.advance_to(at(3));
    assert_eq!(rung.take(), ["it"]);
    sleep.reset(&clock, at(5));
    assert_eq!(hand.next_alarm(), None, "it has rung, and nobody waits yet");
    assert!(!sleep.is_over_or_wakes(&rung.bell("again")));
    assert_eq!(hand.next_alarm(), Some(at(5)));
    hand.advance_to(at(5));
    assert_eq!(rung.take(), ["again"]);
    // Back to a moment that has come.
    sleep.reset(&clock, at(4));
    assert!(is_over(&mut sleep));
    assert_eq!(hand.next_alarm(), None);
}

#[test]
fn a_sleep_that_is_dropped_takes_its_alarm_and_no_other() {
    let (clock, hand) = Clock::manual();
    let rung = Rung::default();
    let [first, second, third] = ["first", "second", "third"].map(|name| sleep(&clock, 2, &rung.bell(name)));
    drop(second);
    hand.advance_to(at(2));
    assert_eq!(rung.take(), ["first", "third"]);
    // They have rung: there is nothing of theirs to take.
    let _fourth = sleep(&clock, 4, &rung.bell("fourth"));
    drop((first, third));
    assert_eq!(hand.next_alarm(), Some(at(4)));
}

#[test]
fn the_last_waker_is_woken_and_no_other() {
    let (clock, hand) = Clock::manual();
    let rung = Rung::default();
    let mut sleep = sleep(&clock, 2, &rung.bell("old"));
    assert!(!sleep.is_over_or_wakes(&rung.bell("new")));
    hand.advance_to(at(2));
    assert_eq!(rung.take(), ["new"]);
}

#[test]
fn a_waker_may_set_and_drop_alarms() {
    struct Again(Clock, Mutex<Option<Sleep>>);
    impl Wake for Again {
        fn wake(self: Arc<Self>) {
            // Both need the hand's lock: nobody may hold it while a waker runs.
            let old = self.1.lock().take();
            drop(old);
            *self.1.lock() = Some(sleep(&self.0, 7, Waker::noop()));
        }
    }
    let (clock, hand) = Clock::manual();
    let again = Arc::new(Again(clock.clone(), Mutex::default()));
    let waiting = sleep(&clock, 2, &Waker::from(again.clone()));
    *again.1.lock() = Some(waiting);
    hand.advance_to(at(2));
    assert_eq!(hand.next_alarm(), Some(at(7)));
}

#[test]
fn the_hand_never_goes_back() {
    let (clock, hand) = Clock::manual();
    hand.advance_to(at(5));
    hand.advance_to(at(3));
    assert_eq!(clock.now(), at(5));
}

#[test]
fn moments_end_at_never() {
    assert_eq!(Instant::START.after(Duration::MAX), Instant::NEVER);
    assert_eq!(at(3).after(Duration::MAX), Instant::NEVER);
    assert_eq!((at(3).since(at(1)), at(1).since(at(3))), (2 * SECOND, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn the_machines_clock_and_its_timers_go_with_tokios() {
    let clock = Clock::std();
    let rung = Rung::default();
    let mut sleep = sleep(&clock, 5, &rung.bell("it"));
    sleep.reset(&clock, at(2));
    assert!(!sleep.is_over_or_wakes(&rung.bell("it")));
    tokio::time::advance(SECOND).await;
    assert!(rung.take().is_empty());
    tokio::time::advance(SECOND + Duration::from_millis(1)).await;
    assert_eq!((rung.take(), clock.now().since(at(2))), (vec!["it"], Duration::from_millis(1)));
    assert!(is_over(&mut sleep));
}

#[test]
fn only_the_machines_clock_needs_a_runtime() {
    assert!(Clock::manual().0.has_timers());
    assert!(!Clock::std().has_timers());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    assert!(runtime.block_on(async { Clock::std().has_timers() }));
}

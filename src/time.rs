//! The only clock, and the only timers.
//!
//! Core code never asks what time it is: it is told, as an [`Instant`] argument. The shell reads a [`Clock`], which is
//! the machine's monotonic clock or, in tests, one that is moved by hand. Wall-clock time is not used anywhere: an
//! operator who sets the machine's date changes nothing here.
//!
//! Timers follow the clock they belong to: tokio's for the machine's, alarms at the hand for one that is moved by hand, so
//! that a test over hours waits for nothing and needs no runtime.

use crate::sync::{Arc, AtomicU64, Mutex, Ordering};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A moment, in nanoseconds since its clock began. Moments of different clocks cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The moment the clock began.
    pub const START: Instant = Instant(0);
    /// A moment that never comes (after 584 years).
    pub const NEVER: Instant = Instant(u64::MAX);

    /// The moment so many nanoseconds after the clock began.
    pub const fn from_nanos(nanos: u64) -> Self {
        Instant(nanos)
    }

    /// Nanoseconds since the clock began.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later.
    #[inline]
    pub fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment `delay` later, at most [`Instant::NEVER`].
    #[inline]
    pub fn after(self, delay: Duration) -> Self {
        Instant(self.0.saturating_add(nanos(delay)))
    }
}

/// A duration in nanoseconds, at most `u64::MAX` (584 years).
#[inline]
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Where time comes from. Cheap to clone; clones agree.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Std(tokio::time::Instant),
    #[cfg(feature = "tsc")]
    Tsc(Arc<Counter>),
    Manual(Arc<Hand>),
}

impl Clock {
    /// The machine's monotonic clock, beginning now.
    ///
    /// As tokio reads it: in a test under `tokio::time::pause` it stands still too, and time and timers go together.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn std() -> Self {
        Clock(Source::Std(tokio::time::Instant::now()))
    }

    /// The processor's time stamp counter, where it is steady, else the machine's monotonic clock; beginning now.
    ///
    /// A reading costs 10 ns instead of 24 on a virtual machine (about as much as the other saves on bare metal), and a
    /// request takes two. The counter is calibrated once for the process, which takes up to 200 ms when the first such
    /// clock is made, and may drift from the system's clock by some parts in a million. Timers are tokio's all the same.
    #[cfg(feature = "tsc")]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the processor's counter")]
    pub fn tsc() -> Self {
        let counter = quanta::Clock::new();
        let origin = counter.raw();
        Clock(Source::Tsc(Arc::new(Counter { counter, origin })))
    }

    /// A clock that stands still until its [`ManualClock`] moves it.
    ///
    /// ```
    /// use contraflow::time::{Clock, Instant};
    /// use std::time::Duration;
    ///
    /// let (clock, hand) = Clock::manual();
    /// assert_eq!(clock.now(), Instant::START);
    /// hand.advance(Duration::from_secs(3));
    /// assert_eq!(clock.now().since(Instant::START), Duration::from_secs(3));
    /// ```
    pub fn manual() -> (Self, ManualClock) {
        let hand = Arc::new(Hand { nanos: AtomicU64::new(0), alarms: Mutex::default() });
        (Clock(Source::Manual(hand.clone())), ManualClock(hand))
    }

    /// What time it is.
    #[inline]
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::Std(origin) => Instant(nanos(origin.elapsed())),
            #[cfg(feature = "tsc")]
            Source::Tsc(counter) => counter.now(),
            Source::Manual(hand) => hand.now(),
        }
    }

    /// Waits until a moment.
    ///
    /// # Panics
    /// Outside a tokio runtime with time, unless the clock is moved by hand.
    #[expect(clippy::disallowed_methods, reason = "the one place that sets timers")]
    pub(crate) fn sleep_until(&self, until: Instant) -> Sleep {
        if let Source::Manual(hand) = &self.0 {
            return Sleep(Timer::Alarm(Alarm { hand: hand.clone(), until, set: None }));
        }
        Sleep(Timer::Tokio(Box::pin(tokio::time::sleep_until(self.on_tokios(until)))))
    }

    /// Whether there is anything to set a timer on here.
    pub(crate) fn has_timers(&self) -> bool {
        matches!(self.0, Source::Manual(_)) || tokio::runtime::Handle::try_current().is_ok()
    }

    /// A moment of this clock on tokio's, which ends sooner: at most thirty years from now.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn on_tokios(&self, until: Instant) -> tokio::time::Instant {
        let left = until.since(self.now()).min(Duration::from_secs(30 * 365 * 86400));
        tokio::time::Instant::now() + left
    }
}

/// The processor's counter, and where it stood when the clock began.
#[cfg(feature = "tsc")]
#[derive(Debug)]
struct Counter {
    counter: quanta::Clock,
    origin: u64,
}

#[cfg(feature = "tsc")]
impl Counter {
    #[inline]
    fn now(&self) -> Instant {
        Instant(self.counter.delta_as_nanos(self.origin, self.counter.raw()))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Clock::std()
    }
}

/// The hand of a manual clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Hand>);

impl ManualClock {
    /// Moves the clock forward, and wakes whoever waited for a moment that has come.
    pub fn advance(&self, by: Duration) {
        // Relaxed, here and below: see `Hand::now`.
        self.0.nanos.fetch_add(nanos(by), Ordering::Relaxed);
        self.0.ring();
    }

    /// Moves the clock to `moment`, or leaves it when it is already past that: the clock never goes back.
    pub fn advance_to(&self, moment: Instant) {
        self.0.nanos.fetch_max(moment.0, Ordering::Relaxed);
        self.0.ring();
    }

    /// The next moment that somebody waits for.
    pub fn next_alarm(&self) -> Option<Instant> {
        self.0.alarms.lock().set.iter().map(|alarm| alarm.until).min()
    }
}

struct Hand {
    nanos: AtomicU64,
    alarms: Mutex<Alarms>,
}

#[derive(Default)]
struct Alarms {
    set: Vec<Set>,
    count: u64,
}

struct Set {
    id: u64,
    until: Instant,
    waker: Waker,
}

impl fmt::Debug for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hand").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl Hand {
    #[inline]
    fn now(&self) -> Instant {
        // Relaxed: the reading publishes nothing else; whoever moves the hand orders their own effects.
        Instant(self.nanos.load(Ordering::Relaxed))
    }

    /// Wakes those whose moment has come, in the order in which it did.
    fn ring(&self) {
        let now = self.now();
        let mut due: Vec<_> = self.alarms.lock().set.extract_if(.., |alarm| alarm.until <= now).collect();
        due.sort_by_key(|alarm| (alarm.until, alarm.id));
        for alarm in due {
            alarm.waker.wake();
        }
    }
}

/// Waits until a moment of its clock.
#[derive(Debug)]
pub(crate) struct Sleep(Timer);

#[derive(Debug)]
enum Timer {
    Tokio(Pin<Box<tokio::time::Sleep>>),
    Alarm(Alarm),
}

#[derive(Debug)]
struct Alarm {
    hand: Arc<Hand>,
    until: Instant,
    /// Its number, once it is set.
    set: Option<u64>,
}

impl Sleep {
    /// Waits until another moment instead.
    pub(crate) fn reset(&mut self, clock: &Clock, until: Instant) {
        match &mut self.0 {
            Timer::Tokio(sleep) => sleep.as_mut().reset(clock.on_tokios(until)),
            Timer::Alarm(alarm) => alarm.reset(until),
        }
    }

    /// Whether its moment has come; if not, wakes this when it does.
    ///
    /// Not as a task waits: a task that has had its share is made to yield by tokio before a timer is even set, and what
    /// waits here is no task.
    pub(crate) fn is_over_or_wakes(&mut self, waker: &Waker) -> bool {
        let waiting = std::pin::pin!(tokio::task::coop::unconstrained(self));
        waiting.poll(&mut Context::from_waker(waker)).is_ready()
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Timer::Tokio(sleep) => sleep.as_mut().poll(cx),
            Timer::Alarm(alarm) => alarm.poll(cx),
        }
    }
}

impl Alarm {
    fn reset(&mut self, until: Instant) {
        self.until = until;
        if let Some(id) = self.set {
            let mut alarms = self.hand.alarms.lock();
            match alarms.set.iter_mut().find(|alarm| alarm.id == id) {
                Some(alarm) => alarm.until = until,
                // It has rung.
                None => self.set = None,
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut alarms = self.hand.alarms.lock();
        // Under the lock: a hand that was moved later rings later, and finds the alarm.
        if self.hand.now() >= self.until {
            return Poll::Ready(());
        }
        let known = self.set.and_then(|id| alarms.set.iter_mut().find(|alarm| alarm.id == id));
        if let Some(alarm) = known {
            let old = std::mem::replace(&mut alarm.waker, waker);
            // After the lock is free, here and below: what a waker does when it is dropped is its own affair.
            drop(alarms);
            drop(old);
        } else {
            alarms.count += 1;
            let id = alarms.count;
            self.set = Some(id);
            alarms.set.push(Set { id, until: self.until, waker });
        }
        Poll::Pending
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(id) = self.set {
            let removed = self.hand.alarms.lock().set.extract_if(.., |alarm| alarm.id == id).next();
            drop(removed);
        }
    }
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
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
}

//! The only clock, and the only timers.
//!
//! Core code never asks what time it is: it is told, as an [`Instant`] argument. The shell reads a [`Clock`], which is
//! the machine's monotonic clock or, in tests, one that is moved by hand. Wall-clock time is not used anywhere: an
//! operator who sets the machine's date changes nothing here.
//!
//! Timers follow the clock they belong to: tokio's for the machine's, alarms at the hand for one that is moved by hand, so
//! that a test over hours waits for nothing and needs no runtime.

#[cfg(all(test, not(contraflow_loom)))]
mod tests;

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

/// No timer is set for longer: thirty years.
const FARTHEST: Duration = Duration::from_secs(30 * 365 * 86400);

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

    /// A moment of this clock on tokio's, which ends sooner.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn on_tokios(&self, until: Instant) -> tokio::time::Instant {
        // The same clock: no need to ask what time it is.
        if let Source::Std(origin) = &self.0
            && until.since(Instant::START) < FARTHEST
        {
            return *origin + until.since(Instant::START);
        }
        let left = until.since(self.now()).min(FARTHEST);
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
    /// Moves the clock forward, at most to [`Instant::NEVER`], and wakes whoever waited for a moment that has come.
    pub fn advance(&self, by: Duration) {
        let later = |now| Some(Instant(now).after(by).0);
        // Relaxed, here and below: see `Hand::now`.
        _ = self.0.nanos.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
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

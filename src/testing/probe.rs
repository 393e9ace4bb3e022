//! A service that watches how it is used: tower's contract, and who is inside.
//!
//! tower's `Service` says in words what no type checks: a service is called only after it was ready, one readiness is good
//! for one call, a clone has none of its own, and a service that failed its readiness check is not asked again. Middleware
//! that gets this wrong works with most services and panics with the one that matters. So a test puts a [`Probe`] inside.

use crate::sync::{Arc, AtomicU64, Ordering};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_service::Service;

/// A service that panics when it is used against tower's contract, and counts.
///
/// ```
/// use contraflow::testing::Probe;
/// use tower::{ServiceExt, service_fn};
///
/// let probe = Probe::new(service_fn(|number: u32| async move { Ok::<_, std::io::Error>(number + 1) }));
/// let readings = probe.readings();
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// assert_eq!(runtime.block_on(probe.oneshot(1))?, 2);
/// assert_eq!((readings.calls(), readings.completed(), readings.in_flight()), (1, 1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Probe<S> {
    inner: S,
    readings: Readings,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unasked,
    Ready,
    Broken,
}

/// What a probe and all its clones have counted.
#[derive(Clone, Debug, Default)]
pub struct Readings(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    in_flight: AtomicU64,
    peak: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
}

impl Readings {
    /// How often it was called.
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// Calls whose future is neither done nor dropped.
    pub fn in_flight(&self) -> u64 {
        self.0.in_flight.load(Ordering::Relaxed)
    }

    /// The most that were in flight at once.
    pub fn peak(&self) -> u64 {
        self.0.peak.load(Ordering::Relaxed)
    }

    /// Calls that were answered.
    pub fn completed(&self) -> u64 {
        self.0.completed.load(Ordering::Relaxed)
    }

    /// Calls that failed.
    pub fn failed(&self) -> u64 {
        self.0.failed.load(Ordering::Relaxed)
    }

    /// Calls whose future was dropped before it was done.
    pub fn cancelled(&self) -> u64 {
        self.0.cancelled.load(Ordering::Relaxed)
    }

    // Relaxed, here and above: counts that publish nothing else.

    fn begin(&self) -> InFlight {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        let now = self.0.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.peak.fetch_max(now, Ordering::Relaxed);
        InFlight { readings: self.clone(), is_done: false }
    }
}

impl<S> Probe<S> {
    /// Watches a service.
    pub fn new(inner: S) -> Self {
        Probe { inner, readings: Readings::default(), state: State::Unasked }
    }

    /// What it and its clones count.
    pub fn readings(&self) -> Readings {
        self.readings.clone()
    }
}

impl<S: Clone> Clone for Probe<S> {
    /// A probe with the same readings, which was not asked yet whether it is ready.
    fn clone(&self) -> Self {
        Probe { inner: self.inner.clone(), readings: self.readings.clone(), state: State::Unasked }
    }
}

impl<R, S: Service<R>> Service<R> for Probe<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = ProbeFuture<S::Future>;

    /// # Panics
    /// When it failed before.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        assert!(self.state != State::Broken, "a service that failed its readiness check was asked again");
        let said = self.inner.poll_ready(cx);
        self.state = match &said {
            Poll::Ready(Ok(())) => State::Ready,
            Poll::Ready(Err(_)) => State::Broken,
            Poll::Pending => State::Unasked,
        };
        said
    }

    /// # Panics
    /// When this very value was not ready, or was called since.
    fn call(&mut self, request: R) -> Self::Future {
        let state = std::mem::replace(&mut self.state, State::Unasked);
        assert!(state == State::Ready, "a service was called that was not ready; a clone has no readiness of its own");
        let in_flight = self.readings.begin();
        ProbeFuture { inner: self.inner.call(request), in_flight }
    }
}

pin_project! {
    /// The future of a [`Probe`].
    pub struct ProbeFuture<F> {
        #[pin]
        inner: F,
        in_flight: InFlight,
    }
}

impl<F> fmt::Debug for ProbeFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeFuture").finish_non_exhaustive()
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Future for ProbeFuture<F> {
    type Output = Result<T, E>;

    /// # Panics
    /// When it was done before.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        assert!(!me.in_flight.is_done, "a future was polled after it was done");
        let answer = std::task::ready!(me.inner.poll(cx));
        me.in_flight.end(answer.is_ok());
        Poll::Ready(answer)
    }
}

/// One call.
struct InFlight {
    readings: Readings,
    is_done: bool,
}

impl InFlight {
    fn end(&mut self, is_ok: bool) {
        self.is_done = true;
        let counts = &self.readings.0;
        counts.in_flight.fetch_sub(1, Ordering::Relaxed);
        if is_ok { &counts.completed } else { &counts.failed }.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.is_done {
            self.readings.0.in_flight.fetch_sub(1, Ordering::Relaxed);
            self.readings.0.cancelled.fetch_add(1, Ordering::Relaxed);
        }
    }
}

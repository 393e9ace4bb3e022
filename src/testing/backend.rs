//! A service that does as it is told: for tests that need a backend in trouble at a certain moment.

use crate::sync::{Arc, Mutex};
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tower_service::Service;

/// What a [`Backend`] does with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T, E> {
    /// Answers at once.
    Answer(T),
    /// Fails at once.
    Fail(E),
    /// Answers when it is released: see [`release`](Backend::release) and [`release_one`](Backend::release_one).
    Hold(T),
    /// Never answers.
    Hang,
    /// Panics when it is called.
    PanicInCall,
    /// Panics when its future is polled.
    PanicInPoll,
}

/// What a [`Backend`] says when it is asked whether it is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness<E> {
    /// Yes.
    Ready,
    /// Not yet; when it is told otherwise it wakes those who asked.
    Busy,
    /// No, and never again.
    Broken(E),
}

/// A service with a script, the same for all its clones: each call takes the next step, and when the script has ended the
/// usual one.
///
/// ```
/// use contraflow::testing::{Backend, Step};
/// use tower::ServiceExt;
///
/// let backend = Backend::new(Step::Answer("fine"));
/// backend.once(Step::Fail("on fire"));
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// assert_eq!(runtime.block_on(backend.clone().oneshot(1)), Err("on fire"));
/// assert_eq!(runtime.block_on(backend.clone().oneshot(2)), Ok("fine"));
/// assert_eq!(backend.take_requests(), [1, 2]);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Backend<R, T, E> {
    script: Arc<Mutex<Script<R, T, E>>>,
}

struct Script<R, T, E> {
    usual: Step<T, E>,
    steps: VecDeque<Step<T, E>>,
    readiness: Readiness<E>,
    requests: Vec<R>,
    /// Who waits for readiness, or for a call that is held.
    wakers: Vec<Waker>,
    /// How many calls it got.
    calls: u64,
    /// Those that are held, by number.
    held: BTreeSet<u64>,
}

impl<R, T, E> Clone for Backend<R, T, E> {
    /// The same backend.
    fn clone(&self) -> Self {
        Backend { script: self.script.clone() }
    }
}

impl<R, T, E> fmt::Debug for Backend<R, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").finish_non_exhaustive()
    }
}

impl<R, T, E> Backend<R, T, E> {
    /// A backend that is ready, and usually does this.
    pub fn new(usual: Step<T, E>) -> Self {
        let (steps, readiness) = (VecDeque::new(), Readiness::Ready);
        let (requests, wakers, calls, held) = (Vec::new(), Vec::new(), 0, BTreeSet::new());
        let script = Script { usual, steps, readiness, requests, wakers, calls, held };
        Backend { script: Arc::new(Mutex::new(script)) }
    }

    /// Does this once, after all that it was told before.
    pub fn once(&self, step: Step<T, E>) {
        self.script.lock().steps.push_back(step);
    }

    /// Usually does this from now on, after all that it was told to do once.
    pub fn set_usual(&self, usual: Step<T, E>) {
        self.script.lock().usual = usual;
    }

    /// Says this from now on when it is asked whether it is ready.
    pub fn set_readiness(&self, readiness: Readiness<E>) {
        self.change(|script| script.readiness = readiness);
    }

    /// Answers all calls that are held.
    pub fn release(&self) {
        self.change(|script| script.held.clear());
    }

    /// Answers the call that has been held longest; whether there was one.
    ///
    /// ```
    /// use contraflow::testing::{Backend, Step};
    /// use tower::Service;
    ///
    /// let mut backend: Backend<u32, _, &str> = Backend::new(Step::Hold("fine"));
    /// let (first, second) = (backend.call(1), backend.call(2));
    /// drop(first); // who has left is not held any more
    /// assert!(backend.release_one() && !backend.release_one());
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// assert_eq!(runtime.block_on(second), Ok("fine"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn release_one(&self) -> bool {
        let mut was_held = false;
        self.change(|script| was_held = script.held.pop_first().is_some());
        was_held
    }

    /// The requests it got since this was last asked, in their order.
    pub fn take_requests(&self) -> Vec<R> {
        std::mem::take(&mut self.script.lock().requests)
    }

    fn change(&self, change: impl FnOnce(&mut Script<R, T, E>)) {
        let wakers = {
            let mut script = self.script.lock();
            change(&mut script);
            std::mem::take(&mut script.wakers)
        };
        // Woken while the lock is free: they may come back at once.
        for waker in wakers {
            waker.wake();
        }
    }
}

impl<R, T: Clone, E: Clone> Service<R> for Backend<R, T, E> {
    type Response = T;
    type Error = E;
    type Future = Call<R, T, E>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let mut script = self.script.lock();
        match script.readiness.clone() {
            Readiness::Ready => Poll::Ready(Ok(())),
            Readiness::Broken(error) => Poll::Ready(Err(error)),
            Readiness::Busy => {
                script.wakers.push(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// # Panics
    /// When it was told to.
    fn call(&mut self, request: R) -> Self::Future {
        let mut script = self.script.lock();
        script.requests.push(request);
        let usual = script.usual.clone();
        let step = script.steps.pop_front().unwrap_or(usual);
        let number = script.calls;
        script.calls += 1;
        if let Step::Hold(_) = step {
            script.held.insert(number);
        }
        drop(script);
        if let Step::PanicInCall = step {
            unwind();
        }
        Call { script: self.script.clone(), step: Some(step), number }
    }
}

/// Panics without a word: it is what the test wants.
fn unwind() -> ! {
    std::panic::resume_unwind(Box::new("the backend was told to panic"))
}

/// The future of a [`Backend`]'s call.
pub struct Call<R, T, E> {
    script: Arc<Mutex<Script<R, T, E>>>,
    /// None when it is done.
    step: Option<Step<T, E>>,
    /// Which call it is.
    number: u64,
}

impl<R, T, E> Drop for Call<R, T, E> {
    fn drop(&mut self) {
        self.script.lock().held.remove(&self.number);
    }
}

impl<R, T, E> fmt::Debug for Call<R, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

// Nothing in it is pinned.
impl<R, T, E> Unpin for Call<R, T, E> {}

impl<R, T, E> Future for Call<R, T, E> {
    type Output = Result<T, E>;

    /// # Panics
    /// When the backend was told to, and when it is done.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.step.take().expect("polled after it was done") {
            Step::Answer(answer) => Poll::Ready(Ok(answer)),
            Step::Fail(error) => Poll::Ready(Err(error)),
            Step::Hold(answer) => {
                let mut script = self.script.lock();
                if !script.held.contains(&self.number) {
                    return Poll::Ready(Ok(answer));
                }
                script.wakers.push(cx.waker().clone());
                drop(script);
                self.step = Some(Step::Hold(answer));
                Poll::Pending
            }
            Step::Hang => {
                self.step = Some(Step::Hang);
                Poll::Pending
            }
            Step::PanicInCall | Step::PanicInPoll => unwind(),
        }
    }
}

//! How the attempts of a request are made: straight in the failover stage, or through the layers that stand before it.

use crate::error::{Error, GiveUp, Reason, Rejected};
use crate::layer::attempt::Attempt;
use crate::layer::failover::FailoverFuture;
use crate::layer::held::Held;
use crate::layer::leaf::Leaf;
use crate::layer::pass::{Account, Ledger};
use crate::protocol::{Classify, Release};
use crate::time::Sleep;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tower_service::Service;

/// Makes the attempts of one request: [`Straight`] or [`Layered`].
pub trait Attempts<Q, K>: sealed::Sealed {
    /// What an attempt is answered.
    type Answer;
    /// How the service fails.
    type Error;
    /// The future of an attempt.
    type Future: Future<Output = Result<Self::Answer, Error<Self::Error>>>;

    /// Makes one.
    #[doc(hidden)]
    fn attempt(&mut self, attempt: Attempt<Q, K>) -> Self::Future;

    /// The future of one that is over.
    #[doc(hidden)]
    fn over(protocol: K) -> Self::Future;

    /// How it went, so far.
    #[doc(hidden)]
    fn account(future: Pin<&Self::Future>) -> Account;

    /// Wakes this when it is sent, if that may happen without its being polled.
    #[doc(hidden)]
    fn wake_when_sent(future: Pin<&Self::Future>, waker: &Waker);

    /// Another was answered first.
    #[doc(hidden)]
    fn supersede(future: Pin<&mut Self::Future>);

    /// Puts beside a failed answer why there was no other attempt.
    #[doc(hidden)]
    fn note(protocol: &K, answer: &mut Self::Answer, why: GiveUp);

    /// Where an attempt says how it goes, if nobody can look.
    #[doc(hidden)]
    fn ledger(&self) -> Option<Ledger>;
}

mod sealed {
    pub trait Sealed {}
}

/// Attempts in the failover stage, as in a [`Stack`](crate::layer::Stack).
#[derive(Clone, Debug)]
pub struct Straight<L> {
    leaf: L,
}

impl<L> Straight<L> {
    pub(crate) fn new(leaf: L) -> Self {
        Straight { leaf }
    }
}

impl<L> sealed::Sealed for Straight<L> {}

impl<Q, K, L> Attempts<Q, K> for Straight<L>
where
    K: Classify<L::Response, L::Error> + Release<L::Response> + Clone,
    L: Leaf<Q>,
{
    type Answer = K::Held<Held>;
    type Error = L::Error;
    type Future = FailoverFuture<K, Q, L>;

    fn attempt(&mut self, attempt: Attempt<Q, K>) -> Self::Future {
        let Attempt { request, pass, protocol } = attempt;
        FailoverFuture::start(protocol, pass, request, &mut self.leaf)
    }

    fn over(protocol: K) -> Self::Future {
        FailoverFuture::over(protocol)
    }

    fn account(future: Pin<&Self::Future>) -> Account {
        future.get_ref().account()
    }

    fn wake_when_sent(_: Pin<&Self::Future>, _: &Waker) {}

    fn supersede(future: Pin<&mut Self::Future>) {
        future.supersede();
    }

    fn note(protocol: &K, answer: &mut Self::Answer, why: GiveUp) {
        protocol.attach(answer, why);
    }

    fn ledger(&self) -> Option<Ledger> {
        None
    }
}

/// Attempts through layers that are arranged by hand.
#[derive(Clone, Debug)]
pub struct Layered<S> {
    service: S,
}

impl<S> Layered<S> {
    pub(super) fn new(service: S) -> Self {
        Layered { service }
    }
}

impl<S> sealed::Sealed for Layered<S> {}

impl<Q, K, S, E> Attempts<Q, K> for Layered<S>
where
    S: Service<Attempt<Q, K>, Error = Error<E>> + Clone,
{
    type Answer = S::Response;
    type Error = E;
    type Future = LayeredFuture<Q, K, S, S::Future>;

    fn attempt(&mut self, attempt: Attempt<Q, K>) -> Self::Future {
        let ledger = attempt.pass.ledger();
        let asking = Some((self.service.clone(), attempt));
        LayeredFuture { state: State::Asking { asking }, ledger, timer: None }
    }

    fn over(_: K) -> Self::Future {
        LayeredFuture { state: State::Asking { asking: None }, ledger: None, timer: None }
    }

    fn account(future: Pin<&Self::Future>) -> Account {
        future.ledger.as_ref().map(Ledger::account).unwrap_or_default()
    }

    fn wake_when_sent(future: Pin<&Self::Future>, waker: &Waker) {
        if let Some(ledger) = &future.ledger {
            ledger.wake_when_sent(waker);
        }
    }

    fn supersede(future: Pin<&mut Self::Future>) {
        if let Some(ledger) = &future.ledger {
            ledger.supersede();
        }
    }

    /// Layers may have made it an answer of any kind.
    fn note(_: &K, _: &mut Self::Answer, _: GiveUp) {}

    fn ledger(&self) -> Option<Ledger> {
        Some(Ledger::default())
    }
}

pin_project! {
    /// The future of an attempt through layers: the first of them has to be ready.
    pub struct LayeredFuture<Q, K, S, F> {
        #[pin]
        state: State<Q, K, S, F>,
        // None of an attempt that is the only one.
        ledger: Option<Ledger>,
        timer: Option<Sleep>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<Q, K, S, F> {
        // None for the moment in which the attempt is handed over.
        Asking { asking: Option<(S, Attempt<Q, K>)> },
        Calling { #[pin] future: F },
    }
}

impl<Q, K, S, F> fmt::Debug for LayeredFuture<Q, K, S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayeredFuture").finish_non_exhaustive()
    }
}

impl<Q, K, S, F> LayeredFuture<Q, K, S, F> {
    /// Of an attempt that was called already.
    pub(super) fn calling(future: F, ledger: Option<Ledger>) -> Self {
        LayeredFuture { state: State::Calling { future }, ledger, timer: None }
    }
}

impl<Q, K, S, E> Future for LayeredFuture<Q, K, S, S::Future>
where
    S: Service<Attempt<Q, K>, Error = Error<E>>,
{
    type Output = Result<S::Response, Error<E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let mut state = me.state;
        loop {
            match state.as_mut().project() {
                StateProj::Asking { asking } => {
                    let Some((service, attempt)) = asking else { panic!("polled after it was over") };
                    let said = match service.poll_ready(cx) {
                        Poll::Ready(said) => said,
                        Poll::Pending if attempt.pass.timing().is_some_and(|timing| timing.is_over(me.timer, cx)) => {
                            Err(Error::Rejected(Rejected::new(Reason::Deadline)))
                        }
                        Poll::Pending => return Poll::Pending,
                    };
                    let Some((mut service, attempt)) = asking.take() else { panic!("polled after it was over") };
                    if let Err(error) = said {
                        return Poll::Ready(Err(error));
                    }
                    state.set(State::Calling { future: service.call(attempt) });
                }
                StateProj::Calling { future } => return future.poll(cx),
            }
        }
    }
}

//! Any request and any answer, described by a function.

use super::facts::Facts;
use super::marker::{Classify, Describe, Guard, Release, Replay};
use super::outcome::{Outcome, Verdict};
use crate::error::Rejected;
use std::fmt;

/// A protocol of requests of any one type, for services whose answers are whole when they come.
///
/// An answer is a success, an error a failure, and both end the request. Whoever needs more (answers that say that the
/// server is in trouble, or that go on) writes a marker of their own: see [`protocol`](crate::protocol).
///
/// ```
/// use contraflow::{Facts, Plain};
///
/// #[derive(Clone)]
/// enum Command { Get(String), Put(String, u64) }
///
/// let protocol = Plain::new(|command: &Command| match command {
///     Command::Get(key) => Facts::path("get").with_key(key.as_bytes()),
///     Command::Put(key, _) => Facts::path("put").with_key(key.as_bytes()),
/// })
/// .idempotent(|command| matches!(command, Command::Get(_)));
/// ```
#[derive(Clone, Copy)]
pub struct Plain<F, P = Once> {
    facts: F,
    repeat: P,
}

/// No request is sent twice.
#[derive(Clone, Copy, Debug)]
pub struct Once;

/// Requests that are idempotent are copied and may be sent again.
#[derive(Clone, Copy)]
pub struct Repeated<I>(I);

impl<F> Plain<F> {
    /// Requests of type `R`, with these facts. No request is taken for idempotent.
    ///
    /// The facts are made by [`Facts::path`] and what can be added to it, so that there are always some; requests of which some
    /// have to be refused, as HTTP's with two `Host`s, need a [`Describe`] of their own.
    pub fn new<R>(facts: F) -> Self
    where
        F: for<'r> Fn(&'r R) -> Facts<'r>,
    {
        Plain { facts, repeat: Once }
    }

    /// The same, with requests that may be sent twice, if this says so.
    pub fn idempotent<R: Clone, I>(self, is_idempotent: I) -> Plain<F, Repeated<I>>
    where
        F: for<'r> Fn(&'r R) -> Facts<'r>,
        I: Fn(&R) -> bool,
    {
        Plain { facts: self.facts, repeat: Repeated(is_idempotent) }
    }
}

impl<R, F> Describe<R> for Plain<F, Once>
where
    F: for<'r> Fn(&'r R) -> Facts<'r>,
{
    #[inline]
    fn facts<'r>(&self, request: &'r R) -> Result<Facts<'r>, Rejected> {
        Ok((self.facts)(request))
    }
}

impl<R, F, I> Describe<R> for Plain<F, Repeated<I>>
where
    F: for<'r> Fn(&'r R) -> Facts<'r>,
    I: Fn(&R) -> bool,
{
    #[inline]
    fn facts<'r>(&self, request: &'r R) -> Result<Facts<'r>, Rejected> {
        Ok((self.facts)(request))
    }

    #[inline]
    fn is_idempotent(&self, request: &R) -> bool {
        (self.repeat.0)(request)
    }
}

impl<R, F> Replay<R> for Plain<F, Once> {
    type Sent = R;

    #[inline]
    fn seal(&self, request: R) -> R {
        request
    }
}

impl<R: Clone, F, I> Replay<R> for Plain<F, Repeated<I>> {
    type Sent = R;

    #[inline]
    fn seal(&self, request: R) -> R {
        request
    }

    #[inline]
    fn copy(&self, sent: &mut R, _: usize) -> Option<R> {
        Some(sent.clone())
    }
}

impl<T, E, F, P> Classify<T, E> for Plain<F, P> {
    #[inline]
    fn classify(&self, answer: Result<&T, &E>) -> Verdict {
        Verdict::Known(if answer.is_ok() { Outcome::Success } else { Outcome::Failure })
    }
}

impl<T, F, P> Release<T> for Plain<F, P> {
    type Held<G: Guard> = T;

    #[inline]
    fn hold<G: Guard>(&self, answer: T, _: G) -> T {
        answer
    }

    #[inline]
    fn bare<G: Guard>(&self, answer: T) -> T {
        answer
    }
}

impl<F, P> fmt::Debug for Plain<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plain").finish_non_exhaustive()
    }
}

impl<I> fmt::Debug for Repeated<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repeated").finish_non_exhaustive()
    }
}

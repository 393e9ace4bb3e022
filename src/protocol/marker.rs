//! What a protocol's marker is asked: each question a trait, on the marker and not on the request.

use super::facts::Facts;
use super::outcome::{Outcome, Verdict};
use super::retryable::Retryable;
use crate::error::{Rejected, TimedOut};
use std::time::Duration;

/// What may be decided on in a request, and whether it may be sent twice.
#[diagnostic::on_unimplemented(
    message = "the protocol `{Self}` cannot describe requests of type `{R}`",
    label = "needs `Describe<{R}>`",
    note = "`Http` and `Grpc` describe `http::Request<B>`; `Plain::new(|request: &R| Facts::path(..))` any type"
)]
pub trait Describe<R> {
    /// All that a decision may read of the request.
    ///
    /// # Errors
    /// When the request has two readings, and so cannot be decided on.
    fn facts<'r>(&self, request: &'r R) -> Result<Facts<'r>, Rejected>;

    /// Whether doing what the request asks for twice is as good as once. Default: no.
    fn is_idempotent(&self, request: &R) -> bool {
        let _ = request;
        false
    }
}

/// What is really sent of a request, so that it can be sent again.
///
/// Sealing is free for a request that is sent as it is; a streaming body is wrapped, so that what was read of it can be
/// kept. Copies are made only of requests that may be sent twice, and only where a policy would send them.
#[diagnostic::on_unimplemented(
    message = "the protocol `{Self}` does not know what to send of a request of type `{R}`",
    label = "needs `Replay<{R}>`",
    note = "`Http` and `Grpc` need a body that is an `http_body::Body`; a protocol of your own: `type Sent = {R}`"
)]
pub trait Replay<R> {
    /// What the service gets.
    type Sent;

    /// The request as it is sent.
    fn seal(&self, request: R) -> Self::Sent;

    /// Another request like it; none when it cannot be repeated in full. Default: none.
    ///
    /// Asked before the request is sent, of one that may be sent again, and of a copy that was made so. Of a streaming body at
    /// most so many bytes are to be kept.
    fn copy(&self, sent: &mut Self::Sent, max_body: usize) -> Option<Self::Sent> {
        let _ = (sent, max_body);
        None
    }

    /// Whether a copy can still be sent in full, once the request that it is a copy of was sent. Default: yes.
    ///
    /// Not so when more of a streaming body was read than could be kept, or the body failed.
    fn is_whole(&self, copy: &Self::Sent) -> bool {
        let _ = copy;
        true
    }

    /// The copy is sent now: whether it still can be, in full. Default: as [`is_whole`](Self::is_whole).
    ///
    /// From now on nobody who was sent before may take a body from it that all of them read.
    fn claim(&self, copy: &mut Self::Sent) -> bool {
        self.is_whole(copy)
    }

    /// Whether a copy can be sent while the request that it is a copy of is still being sent. Default: yes.
    ///
    /// Not so while a streaming body is still being read.
    fn is_complete(&self, copy: &Self::Sent) -> bool {
        let _ = copy;
        true
    }

    /// Removes what a request says of earlier attempts, where it is not believed. Default: removes nothing.
    fn unmark(&self, sent: &mut Self::Sent) {
        let _ = sent;
    }

    /// Tells the server which attempt this is: so many were made before. Asked of copies only. Default: tells nothing.
    ///
    /// `left` is what is left of the deadline, if there is one.
    fn mark(&self, sent: &mut Self::Sent, previous: u32, left: Option<Duration>) {
        let _ = (sent, previous, left);
    }
}

/// What an answer says about the endpoint that gave it.
#[diagnostic::on_unimplemented(
    message = "the protocol `{Self}` cannot judge answers of type `{T}` and errors of type `{E}`",
    label = "needs `Classify<{T}, {E}>`"
)]
pub trait Classify<T, E> {
    /// What the head of an answer, or the error in its place, says.
    fn classify(&self, answer: Result<&T, &E>) -> Verdict;

    /// What it says about sending the request again. Default: what follows from [`classify`](Self::classify).
    ///
    /// Asked only of answers to requests that may be sent again.
    fn retryable(&self, answer: Result<&T, &E>) -> Retryable {
        Retryable::by_verdict(self.classify(answer))
    }
}

/// How an answer carries a guard to its end.
#[diagnostic::on_unimplemented(
    message = "the protocol `{Self}` does not know how long an answer of type `{T}` lasts",
    label = "needs `Release<{T}>`",
    note = "`Http` and `Grpc` need a response whose body is an `http_body::Body`"
)]
pub trait Release<T> {
    /// An answer with a guard in it.
    type Held<G: Guard>;

    /// Whether anything of the answer is still to come after its head. Default: no.
    fn goes_on(&self, answer: &T) -> bool {
        let _ = answer;
        false
    }

    /// Puts the guard into an answer that goes on; one that does not drops it.
    fn hold<G: Guard>(&self, answer: T, guard: G) -> Self::Held<G>;

    /// The answer without a guard.
    fn bare<G: Guard>(&self, answer: T) -> Self::Held<G>;

    /// Puts a value beside the answer, where the application finds it; an answer without such a place is left as it is.
    fn attach<G: Guard, V: Clone + Send + Sync + 'static>(&self, answer: &mut Self::Held<G>, value: V) {
        let _ = (answer, value);
    }
}

/// What an answer carries to its end: the request counts as in flight while this lives.
pub trait Guard {
    /// A part of the answer came, and it is not the last.
    fn progressed(&mut self);

    /// The answer is being waited for.
    fn waited(&mut self);

    /// What the end of the answer says. It counts where the head had left it open, or when it is a failure; once.
    fn judge(&mut self, outcome: Outcome);
}

/// Why there is no answer of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The request was refused and never sent.
    Rejected(Rejected),
    /// The deadline passed, and the request may have been sent.
    TimedOut(TimedOut),
    /// The service failed.
    Failed,
}

/// How a refusal of ours looks as an answer.
#[diagnostic::on_unimplemented(
    message = "the protocol `{Self}` has no answer of type `{T}` for a refusal",
    label = "needs `Answer<{T}>`",
    note = "`Http` and `Grpc` have; for other protocols handle `contraflow::Error`"
)]
pub trait Answer<T> {
    /// The answer.
    fn answer(&self, refusal: &Refusal) -> T;
}

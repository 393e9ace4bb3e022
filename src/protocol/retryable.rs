//! What an answer says about sending the request again.

use super::outcome::{Outcome, Verdict};
use std::time::Duration;

/// Whether another attempt may help, as far as the answer of the last one tells.
///
/// Whether one is made depends on the table, on the budget and on what is left of the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retryable {
    /// The answer is what was asked for, or would be the same again.
    No,
    /// Another attempt may do better, but the request may have been processed: only an idempotent one is sent again.
    MaybeProcessed {
        /// How long the server asks to wait.
        after: Option<Duration>,
    },
    /// The request was provably not processed: the connection failed, the stream was refused. Any may be sent again.
    NotProcessed {
        /// How long the server asks to wait.
        after: Option<Duration>,
    },
    /// The server asks not to be asked again.
    Never,
}

impl Retryable {
    /// What follows from a verdict alone: a failure may be repeated, and so may what a busy server turned away.
    pub fn by_verdict(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Known(Outcome::Failure | Outcome::Busy) => Retryable::MaybeProcessed { after: None },
            Verdict::Known(Outcome::Success | Outcome::Ignore) | Verdict::AtEnd => Retryable::No,
        }
    }

    /// How long the server asks to wait, if it does.
    pub fn after(self) -> Option<Duration> {
        match self {
            Retryable::MaybeProcessed { after } | Retryable::NotProcessed { after } => after,
            Retryable::No | Retryable::Never => None,
        }
    }
}

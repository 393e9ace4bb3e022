//! What an answer says about the endpoint that gave it.

/// What an answer says about the endpoint that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The endpoint did its work, whether or not the caller likes the answer.
    Success,
    /// The endpoint failed.
    Failure,
    /// The answer says nothing about the endpoint: a refusal of ours, a caller that left early.
    Ignore,
}

//! What an answer says about the endpoint that gave it.

/// What an answer says about the endpoint that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The endpoint did its work, whether or not the caller likes the answer.
    Success,
    /// The endpoint failed.
    Failure,
    /// The endpoint lives and asks for less: busy is not dead, and counts neither for nor against its health.
    Busy,
    /// The answer says nothing about the endpoint: a refusal of ours, a caller that left early.
    Ignore,
}

/// What the head of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The head tells.
    Known(Outcome),
    /// Only the end tells, as in gRPC, where a head of 200 says nothing.
    AtEnd,
}

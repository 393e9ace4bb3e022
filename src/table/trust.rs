//! What may come with a request and be believed.

use super::matching::Match;

/// Requests of which some claims are believed.
///
/// What comes with a request is not trusted: whoever can send a header could make a payment idempotent, or switch off the
/// retries of others. A rule names the requests, by something that only friends have, and what is believed of them.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustRule {
    /// Which; of several rules the first that holds in the [order of precedence](Match#precedence).
    pub when: Match,
    /// What is believed.
    pub claims: Claims,
}

/// What is believed of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// How many attempts a caller has already made: `contraflow-previous-attempts`, in gRPC `grpc-previous-rpc-attempts`. A
    /// request that is a retry already is not retried here, so that layers do not multiply. Default: no.
    pub attempts: bool,
    /// That a request with an `Idempotency-Key` may be sent twice. Default: no.
    pub idempotency_key: bool,
}

impl Claims {
    /// All sets of claims, each at the place that its [`bits`](Self::bits) say.
    pub(super) const ALL: [Claims; 4] = [
        Claims::none(),
        Claims::none().attempts(),
        Claims::none().idempotency_key(),
        Claims::none().attempts().idempotency_key(),
    ];

    /// A number for each set of claims.
    pub(super) fn bits(self) -> u32 {
        u32::from(self.attempts) | u32::from(self.idempotency_key) << 1
    }

    /// Nothing.
    pub const fn none() -> Self {
        Claims { attempts: false, idempotency_key: false }
    }

    /// The same, and how many attempts were made before.
    pub const fn attempts(mut self) -> Self {
        self.attempts = true;
        self
    }

    /// The same, and that a key makes a request idempotent.
    pub const fn idempotency_key(mut self) -> Self {
        self.idempotency_key = true;
        self
    }
}

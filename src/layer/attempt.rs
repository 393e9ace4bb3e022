//! One attempt of a request.

use super::pass::Pass;
use crate::protocol::Replay;
use std::fmt;

/// One attempt of a request: what the retry layer makes of a [`Routed`](super::Routed) one, and the failover layer takes.
pub struct Attempt<Q, K> {
    pub(crate) request: Q,
    pub(crate) pass: Pass,
    pub(crate) protocol: K,
}

impl<Q, K> Attempt<Q, K> {
    /// The request, as it is sent.
    pub fn request(&self) -> &Q {
        &self.request
    }

    /// The request, for layers of other makes that stand in between.
    pub fn request_mut(&mut self) -> &mut Q {
        &mut self.request
    }

    /// Which attempt of its request it is, counted from 0.
    pub fn number(&self) -> u32 {
        self.pass.number()
    }
}

impl<Q: fmt::Debug, K> fmt::Debug for Attempt<Q, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("number", &self.number())
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

/// A request as it is sent, without what it says of earlier attempts and nobody believes.
#[inline(always)]
#[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
pub(crate) fn seal<K: Replay<R>, R>(protocol: &K, pass: &Pass, request: R) -> K::Sent {
    let mut request = protocol.seal(request);
    if pass.is_untrusted() {
        protocol.unmark(&mut request);
    }
    request
}

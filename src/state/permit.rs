//! The only way to count a request as in flight: a guard that gives back what it counted when it is dropped, however that
//! comes about.

use super::endpoint::EndpointState;
use crate::protocol::Outcome;
use crate::sync::Arc;
use crate::time::Instant;

/// One request in flight at one endpoint: counted while this lives.
///
/// It holds the endpoint's state, never the table, so a long download keeps no old table alive.
#[derive(Debug)]
#[must_use = "the request counts as in flight while its permit lives"]
pub struct Permit {
    endpoint: Arc<EndpointState>,
    began: Instant,
    had_head: bool,
}

impl Permit {
    #[inline]
    pub(crate) fn begin(endpoint: &Arc<EndpointState>, now: Instant) -> Self {
        endpoint.begin();
        Permit { endpoint: endpoint.clone(), began: now, had_head: false }
    }

    /// Records the head of the answer and what it says: the response time is known, the body may still come.
    ///
    /// Only the first call counts.
    #[inline]
    pub fn answered(&mut self, outcome: Outcome, now: Instant) {
        if !self.had_head {
            self.had_head = true;
            self.endpoint.head();
            self.endpoint.judge(outcome, now.since(self.began), now);
        }
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        self.endpoint.end(self.had_head);
    }
}

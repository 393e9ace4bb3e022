//! What a leaf is, and what it is told.

use crate::error::Reason;
use crate::id::Name;
use crate::layer::pass::Pass;
use crate::state::EndpointState;
use crate::sync::Arc;
use crate::table::{Cluster, Endpoint, Region};
use crate::traffic::Pinned;
use std::fmt;
use std::future::Future;
use std::task::{Context, Poll};

/// A service that is told for each request which endpoint it goes to: like tower's `Service`, with the endpoint.
///
/// A clone is made for each request that waits, and begins without readiness. [`call`](Self::call) follows a
/// [`poll_ready`](Self::poll_ready) that said yes for the same target, as tower's contract has it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no leaf for requests of type `{R}`",
    label = "needs `Leaf<{R}>`",
    note = "a leaf stands inside `traffic.failover()`: `Origin::new()` or `Passthrough::new()` around a `tower::Service` \
            that is `Clone`, or `PerEndpoint::new(|endpoint| ..)`",
    note = "`Http` and `Grpc` send `http::Request<ReplayBody<B>>` for a request of `B`; `map_attempt` makes it what the \
            service takes"
)]
pub trait Leaf<R>: Clone {
    /// What the service answers.
    type Response;
    /// How it fails.
    type Error;
    /// The future of an answer.
    type Future: Future<Output = Result<Self::Response, Self::Error>>;

    /// Whether all endpoints share one service, so that no other is ready when one is not.
    const SHARED: bool;

    /// Whether a request can be sent at all, whichever endpoint it goes to. Default: yes.
    ///
    /// # Errors
    /// Why it is refused.
    #[inline]
    fn admits(&self, request: &R) -> Result<(), Reason> {
        let _ = request;
        Ok(())
    }

    /// Whether the endpoint's service can take a request now.
    fn poll_ready(&mut self, target: &Target<'_>, cx: &mut Context<'_>) -> Poll<Result<(), NotReady<Self::Error>>>;

    /// Sends a request there.
    fn call(&mut self, request: R, target: &Target<'_>) -> Self::Future;
}

/// Why an endpoint cannot take any request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReady<E> {
    /// Its service is broken.
    Broken(E),
    /// The leaf cannot send anything there.
    Refused(Reason),
}

/// Where a request goes.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    pin: &'a Pinned,
    cluster: u32,
    region: u32,
    endpoint: u32,
}

impl<'a> Target<'a> {
    #[inline]
    pub(crate) fn of(pass: &'a Pass) -> Self {
        let (region, endpoint) = pass.place();
        Target { pin: pass.pin(), cluster: pass.cluster(), region, endpoint }
    }

    /// The endpoint.
    #[inline]
    pub fn endpoint(&self) -> &'a Endpoint {
        &self.in_region().endpoints()[self.endpoint as usize]
    }

    /// The name of its region.
    pub fn region(&self) -> &'a Name {
        self.in_region().name()
    }

    /// The name of its cluster.
    pub fn cluster(&self) -> &'a Name {
        self.in_cluster().name()
    }

    fn in_cluster(&self) -> &'a Cluster {
        self.pin.table().cluster_at(self.cluster)
    }

    #[inline]
    fn in_region(&self) -> &'a Region {
        &self.in_cluster().regions()[self.region as usize]
    }

    /// The table that decided.
    #[inline]
    pub(super) fn pin(&self) -> &'a Pinned {
        self.pin
    }

    /// Cluster, region and endpoint, by place.
    #[inline]
    pub(super) fn place(&self) -> [u32; 3] {
        [self.cluster, self.region, self.endpoint]
    }

    /// The endpoint's identity over all tables.
    #[inline]
    pub(super) fn state(&self) -> &'a Arc<EndpointState> {
        self.pin.endpoint_state(self.cluster, self.region, self.endpoint)
    }
}

impl fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.cluster(), self.region(), self.endpoint().name())
    }
}

//! Leaves: the service of an endpoint, and how a request is directed to it.
//!
//! | leaf | services | what it tells the request |
//! |---|---|---|
//! | [`Origin`] | one HTTP client for all endpoints | the endpoint, in its URI and `Host` |
//! | [`PerEndpoint`] | one for each endpoint, made by a factory | nothing: the service is the endpoint's |
//! | [`Passthrough`] | one | nothing |
//!
//! [`PeekTrailers`] goes around the service of an endpoint that speaks gRPC.

mod dial;
mod origin;
mod passthrough;
mod peek_trailers;
mod per_endpoint;
mod target;

pub use dial::{Dial, DialError, DialFuture};
pub use origin::{HostPolicy, NotAPrefix, Origin, OriginLeaf};
pub use passthrough::{Passthrough, PassthroughLeaf};
pub use peek_trailers::{PeekTrailers, PeekTrailersFuture, PeekTrailersLayer, PeekedBody};
pub use per_endpoint::PerEndpoint;
pub use target::{Leaf, NotReady, Target};

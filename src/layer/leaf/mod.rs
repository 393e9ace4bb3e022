//! Leaves: the service of an endpoint, and how a request is directed to it.
//!
//! | leaf | services | what it tells the request |
//! |---|---|---|
//! | [`Origin`] | one HTTP client for all endpoints | the endpoint, in its URI and `Host` |
//! | [`PerEndpoint`] | one for each endpoint, made by a factory | nothing: the service is the endpoint's |
//! | [`Passthrough`] | one | nothing |

mod dial;
mod origin;
mod passthrough;
mod per_endpoint;
mod target;

pub use dial::{Dial, DialError, DialFuture};
pub use origin::{HostPolicy, NotAPrefix, Origin, OriginLeaf};
pub use passthrough::{Passthrough, PassthroughLeaf};
pub use per_endpoint::PerEndpoint;
pub use target::{Leaf, NotReady, Target};

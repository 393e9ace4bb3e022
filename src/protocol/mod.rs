//! What the crate must know of a request and of its answer, whatever the protocol.
//!
//! [`Facts`] is all that a decision may read of a request: host, path, method, headers, query and a sticky key, each in
//! its *one* normal spelling. [`Outcome`] is what an answer means for health. The decision never sees the request.
//!
//! Between them and a protocol's own types stands one **marker**: [`Http`], [`Grpc`], [`Plain`] or one of your own. What it
//! must know is asked of it by small traits, which are on the marker and not on the request, so that anybody can
//! implement them for anybody's types:
//!
//! | trait | asks |
//! |---|---|
//! | [`Describe`] | what may be decided on, and may the request be sent twice |
//! | [`Replay`] | what is really sent, so that it can be copied |
//! | [`Classify`] | what an answer says about the endpoint |
//! | [`Release`] | how an answer carries a guard to its end |
//! | [`Answer`] | how a refusal of ours looks as an answer, for those who want no errors |
//!
//! [`Prioritized`] and [`Classified`] go around a marker, and around each other, where only your code knows how much a request
//! matters, or which answers are worth another attempt.
//!
//! A marker for a service with types of its own, whose answers can tell that the server is in trouble:
//!
//! ```
//! use contraflow::protocol::{Classify, Describe, Guard, Release, Replay};
//! use contraflow::{Facts, Outcome, Rejected, Verdict};
//!
//! struct Query { table: String }
//! enum Reply { Rows(u32), Overloaded }
//!
//! #[derive(Clone)]
//! struct Database;
//!
//! impl Describe<Query> for Database {
//!     fn facts<'r>(&self, query: &'r Query) -> Result<Facts<'r>, Rejected> {
//!         Ok(Facts::path(&query.table))
//!     }
//! }
//! impl Replay<Query> for Database {
//!     type Sent = Query;
//!     fn seal(&self, query: Query) -> Query {
//!         query
//!     }
//! }
//! impl<E> Classify<Reply, E> for Database {
//!     fn classify(&self, answer: Result<&Reply, &E>) -> Verdict {
//!         Verdict::Known(match answer {
//!             Ok(Reply::Rows(_)) => Outcome::Success,
//!             Ok(Reply::Overloaded) => Outcome::Busy,
//!             Err(_) => Outcome::Failure,
//!         })
//!     }
//! }
//! impl Release<Reply> for Database {
//!     type Held<G: Guard> = Reply;
//!     fn hold<G: Guard>(&self, reply: Reply, _: G) -> Reply {
//!         reply
//!     }
//!     fn bare<G: Guard>(&self, reply: Reply) -> Reply {
//!         reply
//!     }
//! }
//! ```

mod body;
mod classified;
mod facts;
mod forward;
mod grpc;
mod grpc_timeout;
mod host;
mod http;
mod marker;
mod outcome;
pub(crate) mod path;
mod plain;
mod prioritized;
mod priority;
mod replay;
mod retry_after;
mod retryable;

pub use self::http::Http;
pub use body::ResponseBody;
pub use classified::{Classified, never_sent};
pub use facts::Facts;
pub use grpc::Grpc;
pub use marker::{Answer, Classify, Describe, Guard, Refusal, Release, Replay};
pub use outcome::{Outcome, Verdict};
pub use plain::{Once, Plain, Repeated};
pub use prioritized::Prioritized;
pub use priority::Priority;
pub use replay::ReplayBody;
pub use retryable::Retryable;

pub(crate) use facts::Oddities;
pub(crate) use host::{bare_host, normal_host};

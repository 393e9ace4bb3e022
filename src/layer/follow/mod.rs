//! Discovery: the endpoints of a region as somebody else knows them.
//!
//! Whoever knows them (DNS, a registry, a watch on the cluster's scheduler) gives a stream of lists; a future that the caller
//! spawns carries each list into the table, as an edit of that region's endpoints and of nothing else.
//!
//! A source of truth that is broken does not say so: it answers, with nothing or with half. So one that takes away much at
//! once is not believed at once (`quarantine`), one that fails changes nothing, and no answer empties a region.

mod answer;
mod follower;
mod future;
mod quarantine;
mod resolve;

pub use answer::Answer;
pub use follower::NoSuchRegion;
pub use future::Follow;
pub use resolve::{Resolve, Unresolved};

//! What finds a limit: one pure state machine for each algorithm that a table can ask for.
//!
//! A number that somebody wrote down is right until the backend gets a faster machine, or a slower neighbour. So a limit
//! may be found instead, from what requests show: how long answers take, and which never come. Each file here is one way
//! to do so. None has a clock, a timer or a lock; a sample carries all there is to know, and the same samples give the
//! same limits.
//!
//! Four rules hold for all that are found, whatever a backend does and whatever a clock says:
//! - A limit is a finite number from its least to its most.
//! - A drop lowers it, if it is above its least. Upstream, some do not see drops; where we differ is said in the file.
//! - It does not grow while less than half of it was in use: a limit that nobody reaches says nothing about what the
//!   backend could take, and would grow for ever.
//! - What is ignored changes nothing.
//!
//! The adaptive one keeps to them in windows of samples, not in each: one drop among many is no sign, and a window in which
//! half was in use may end with a sample that did not.
//!
//! A new limiter begins with the table's `initial`. One whose algorithm was changed by a publish goes on from where the
//! old one was, since what the backend can take did not change with our opinion of how to find it.

mod adaptive;
mod aimd;
mod fixed;
mod gradient2;
mod make;
#[cfg(all(test, not(contraflow_loom)))]
mod tests;
mod vegas;

pub(crate) use make::make;
#[cfg(all(test, not(contraflow_loom)))]
pub(super) use tests::vector;

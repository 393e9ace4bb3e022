//! Requests that may not leave some regions.

use super::matching::Match;

/// Requests that stay in some regions whatever happens there: the law, or a contract, says where their data may be.
///
/// It outranks health. If none of the regions can take such a request, it is refused
/// ([`Reason::Residency`](crate::Reason::Residency)) and not sent elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct ResidencyRule {
    /// Which; of several rules the first that holds in the [order of precedence](Match#precedence).
    pub when: Match,
    /// The regions that they may go to, by name. A cluster that has none of them refuses these requests.
    pub regions: Vec<String>,
}

//! How a region stands: what of it may be used, as far as health knows.

use super::life::RegionPhase;
use super::parts::WHOLE;
use crate::time::Instant;
use std::fmt;

/// What of a region may be used. Parts are of [`WHOLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) healthy: u64,
    pub(crate) degraded: u64,
    /// The part of its share that its life lets it have.
    pub(crate) ceiling: u64,
    /// When that changes by itself.
    pub(crate) next_change: Instant,
    pub(crate) phase: RegionPhase,
}

impl Standing {
    /// Of a region of which nothing bad is known.
    pub(crate) const WELL: Standing =
        Standing { healthy: WHOLE, degraded: 0, ceiling: WHOLE, next_change: Instant::NEVER, phase: RegionPhase::Up };
}

/// How an endpoint stands, for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndpointHealth {
    /// In use, as far as anybody knows.
    #[default]
    Well,
    /// It says itself that it is not quite well.
    Degraded,
    /// Its answers were so bad that it would be out, if not so many others were.
    Doubted,
    /// Out, for what its answers were.
    Ejected,
    /// Its ejection is over, and it waits for a probe.
    Probing,
    /// Down, by its checks.
    Down,
    /// It is checked, and no check has said anything yet.
    Unchecked,
}

impl fmt::Display for EndpointHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EndpointHealth::Well => "well",
            EndpointHealth::Degraded => "degraded",
            EndpointHealth::Doubted => "doubted",
            EndpointHealth::Ejected => "ejected",
            EndpointHealth::Probing => "probing",
            EndpointHealth::Down => "down",
            EndpointHealth::Unchecked => "unchecked",
        })
    }
}

/// How an endpoint stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fitness {
    #[default]
    Well,
    /// It says itself that it is not quite well.
    Degraded,
    /// Ejected, or down by its checks.
    Out,
    /// Not checked yet: out as long as there are others.
    Unchecked,
}

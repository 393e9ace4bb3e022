//! How much a request matters.

/// How much a request matters when not all can be served. The lowest are refused first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Can be done at any time: prefetching, backfills.
    Background,
    /// Can be done without: recommendations.
    Low,
    /// What users asked for.
    #[default]
    Normal,
    /// What they must not miss: a checkout.
    High,
    /// What everything else depends on: health checks, the operator's own requests.
    Critical,
}

impl Priority {
    /// All, from the lowest.
    pub const ALL: [Priority; 5] =
        [Priority::Background, Priority::Low, Priority::Normal, Priority::High, Priority::Critical];
}

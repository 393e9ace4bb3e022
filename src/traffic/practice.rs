//! Evacuating a region for practice: some requests, while it works.

use super::{Traffic, UnknownRegion};
use crate::error::TableError;
use crate::id::Name;
use crate::observe::Event;
use crate::state::Practised;
use crate::table::{Kinds, Match};
use crate::unit::Ratio;
use std::fmt;
use std::time::Duration;

/// Which requests keep away from a region for a while, to see whether all is well without it.
#[derive(Clone, Debug, PartialEq)]
pub struct Practice {
    /// How long.
    pub lasting: Duration,
    /// Only those that this takes. Default: all.
    pub when: Option<Match>,
    /// The part of them; of a sticky route the part of its keys, always the same ones. Default: 1%.
    pub share: Ratio,
}

impl Practice {
    /// One in a hundred, for so long.
    pub fn lasting(lasting: Duration) -> Self {
        Practice { lasting, when: None, share: Ratio::percent(1) }
    }

    /// The same with another part.
    pub fn share(mut self, share: Ratio) -> Self {
        self.share = share;
        self
    }

    /// The same of those only that a match takes.
    pub fn when(mut self, when: Match) -> Self {
        self.when = Some(when);
        self
    }
}

/// Why nothing is practised.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PracticeError {
    /// No cluster has the region.
    #[error(transparent)]
    Unknown(#[from] UnknownRegion),
    /// The match is not sound.
    #[error(transparent)]
    Match(#[from] TableError),
}

// `unwrap()` and `main() -> Result` print Debug: the readable text serves there too.
impl fmt::Debug for PracticeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Traffic {
    /// Has some requests keep away from a region, in every cluster that has one of this name, until the time is over. A second call
    /// replaces the first.
    ///
    /// New attempts obey when it returns. Nobody is refused for it: a request that could go nowhere else goes there. It outlives
    /// publishes and rollbacks.
    ///
    /// # Errors
    /// When no cluster has a region of this name, or the match is not sound.
    ///
    /// ```
    /// use contraflow::traffic::Practice;
    /// use contraflow::{Match, Ratio, TableSpec, Traffic};
    /// use std::time::Duration;
    ///
    /// let table = TableSpec::new()
    ///     .cluster("api", |c| c.region("eu", |r| r.endpoint("a", "a:80")).region("us", |r| r.endpoint("b", "b:80")))
    ///     .route("all", |r| r.any().to("api"))
    ///     .build()?;
    /// let traffic = Traffic::new(table);
    /// let half_an_hour = Practice::lasting(Duration::from_secs(1800));
    /// traffic.practise("eu", half_an_hour.share(Ratio::percent(5)).when(Match::new().header("x-tier", "internal")))?;
    /// traffic.stop_practising("eu")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn practise(&self, region: &str, practice: Practice) -> Result<(), PracticeError> {
        let Practice { lasting, when, share } = practice;
        let when = when.map_or_else(|| Ok(Kinds::default()), |when| Kinds::of_one(&when))?;
        let region = self.known_region(region)?;
        let until = self.now().after(lasting);
        self.core.practices().put(&region, Some(Practised { region: region.clone(), when, share, until }));
        self.tell(|| Event::Practised { region, until, share });
        Ok(())
    }

    /// Ends a practice before its time.
    ///
    /// # Errors
    /// When no cluster has a region of this name.
    pub fn stop_practising(&self, region: &str) -> Result<(), UnknownRegion> {
        let region = self.known_region(region)?;
        self.core.practices().put(&region, None);
        let until = self.now();
        self.tell(|| Event::Practised { region, until, share: Ratio::ZERO });
        Ok(())
    }

    /// The name of a region that some cluster has.
    pub(super) fn known_region(&self, region: &str) -> Result<Name, UnknownRegion> {
        let writer = self.core.writer.lock();
        let known = || writer.registry.region_names();
        let found = known().find(|name| **name == *region).cloned();
        found.ok_or_else(|| UnknownRegion::new(region, known().map(Name::as_str)))
    }
}

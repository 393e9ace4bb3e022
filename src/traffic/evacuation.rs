//! Taking a region out by hand, and letting it back.

use super::Traffic;
use crate::id::Name;
use crate::observe::Event;
use crate::table::did_you_mean;
use crate::time::Instant;
use std::fmt;
use std::time::Duration;

/// How a region is taken out. It always ends: whoever forgets it gets the region back.
///
/// ```
/// use contraflow::traffic::Evacuation;
/// use std::time::Duration;
///
/// let minutes = |n: u64| Duration::from_secs(n * 60);
/// let evacuation = Evacuation::lasting(minutes(30)).over(minutes(2)).because("INC-7: packet loss");
/// assert_eq!(Evacuation::from(minutes(30)).over(minutes(2)).because("INC-7: packet loss"), evacuation);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evacuation {
    /// How long until it begins to come back. It comes back by its clusters' [`ramp`](crate::table::Failover::ramp).
    pub lasting: Duration,
    /// How long its share takes to go down to nothing, in 64 steps: as long as what takes over needs to warm up. Default: zero, it
    /// goes at once.
    ///
    /// By degrees only out of a region that still works. One that is out already stays out.
    pub over: Duration,
    /// Why, for whoever reads the events. Default: nothing.
    pub reason: Option<String>,
}

impl Evacuation {
    /// At once, for so long.
    pub fn lasting(lasting: Duration) -> Self {
        Evacuation { lasting, over: Duration::ZERO, reason: None }
    }

    /// The same by degrees.
    pub fn over(mut self, over: Duration) -> Self {
        self.over = over;
        self
    }

    /// The same with a reason.
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

impl From<Duration> for Evacuation {
    fn from(lasting: Duration) -> Self {
        Evacuation::lasting(lasting)
    }
}

/// No cluster has a region of this name.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("no cluster has a region `{name}`{hint}")]
pub struct UnknownRegion {
    name: String,
    /// What the operator probably meant.
    hint: String,
}

impl fmt::Debug for UnknownRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl UnknownRegion {
    pub(super) fn new<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        UnknownRegion { name: name.into(), hint: did_you_mean(name, known) }
    }

    /// The name that was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Traffic {
    /// Takes a region out, in every cluster that has a region of this name, until the time is over.
    ///
    /// When it returns, no new attempt goes there, also of requests that have an older table pinned; requests in flight
    /// finish. It outlives publishes and rollbacks. Calling it again sets the time anew. When the time is over, or at
    /// [`readmit`](Self::readmit), the region comes back by degrees.
    ///
    /// # Errors
    /// When no cluster has a region of this name.
    ///
    /// ```
    /// use contraflow::{Facts, TableSpec, Traffic};
    /// use std::time::Duration;
    ///
    /// let table = TableSpec::new()
    ///     .cluster("api", |c| c.region("eu", |r| r.endpoint("a", "a:80")).region("us", |r| r.endpoint("b", "b:80")))
    ///     .route("all", |r| r.any().to("api"))
    ///     .build()?;
    /// let traffic = Traffic::new(table);
    ///
    /// traffic.evacuate("eu", Duration::from_secs(600))?;
    /// let snapshot = traffic.snapshot();
    /// let decision = snapshot.decide(&Facts::path("/"), traffic.draws(), traffic.now())?;
    /// assert_eq!(snapshot.endpoint(&decision).map(|endpoint| endpoint.address()), Some("b:80"));
    ///
    /// let unknown = traffic.evacuate("eu-west", Duration::from_secs(600)).unwrap_err();
    /// assert_eq!(unknown.to_string(), "no cluster has a region `eu-west`; there are `eu`, `us`");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn evacuate(&self, region: &str, how: impl Into<Evacuation>) -> Result<(), UnknownRegion> {
        let Evacuation { lasting, over, reason } = how.into();
        let (region, until) = self.veto(region, |now| Some((over, now.after(lasting))))?;
        self.tell(|| Event::Evacuated { region, until, over, reason });
        Ok(())
    }

    /// Lets an evacuated region back before its time is over, by degrees.
    ///
    /// # Errors
    /// When no cluster has a region of this name.
    pub fn readmit(&self, region: &str) -> Result<(), UnknownRegion> {
        let (region, _) = self.veto(region, |_| None)?;
        self.tell(|| Event::Readmitted { region });
        Ok(())
    }

    /// Takes the region out, over so long and until then, or lets it back.
    fn veto(
        &self,
        region: &str,
        out: impl FnOnce(Instant) -> Option<(Duration, Instant)>,
    ) -> Result<(Name, Instant), UnknownRegion> {
        let writer = self.core.writer.lock();
        let now = self.now();
        // First the word, which binds at once whoever picks by an older view, then the views, of older tables too.
        let out = out(now);
        let name = match out {
            Some((over, until)) => writer.registry.set_veto(region, now, over, until),
            None => writer.registry.lift_veto(region, now),
        };
        let Some(name) = name else {
            return Err(UnknownRegion::new(region, writer.registry.region_names().map(Name::as_str)));
        };
        writer.current.rebuild_views(now);
        writer.retired.iter().for_each(|snapshot| snapshot.rebuild_views(now));
        let is_out_now = out.is_some_and(|(over, until)| over.is_zero() && now < until);
        let waited_for = if is_out_now { writer.registry.regions_named(region) } else { Vec::new() };
        drop(writer);
        // Whoever waits for a place there is woken, and may do anything.
        for state in waited_for {
            state.bound.expel();
        }
        Ok((name, out.map_or(now, |(_, until)| until)))
    }
}

//! A decision in words and names: what somebody at 3 a.m. wants to read.

use super::decision::{Decision, EndpointReason};
use crate::id::Name;
use crate::state::Snapshot;
use crate::table::{Cluster, Endpoint, Match, Region, Route};
use std::fmt;

/// A decision with the names that its table gives it.
///
/// Its `Display` is a sentence a line, from the route to the endpoint:
///
/// ```
/// use contraflow::{Draws, Facts, TableSpec, Traffic, time::Instant};
///
/// let table = TableSpec::new()
///     .cluster("api", |c| c.region("us", |r| r.endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80")))
///     .cluster("next", |c| c.region("us", |r| r.endpoint("n", "10.0.0.9:80")))
///     .route("all", |r| r.any().split([("api", 9), ("next", 1)]))
///     .build()?;
/// let traffic = Traffic::new(table);
/// let snapshot = traffic.snapshot();
/// let why = snapshot.explain(&Facts::path("/cart"), Draws::from_word(7), Instant::START)?;
/// assert_eq!(
///     why.to_string(),
///     "route all: matches any request\n\
///      cluster api: 9/10, drawn at random\n\
///      region us: 1/1, the only one with a share\n\
///      endpoint b: fewer requests in flight for its weight, 0 against 0 at a\n\
///      decided by generation 1, epoch 1, word 7, attempt 0"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Explanation<'a> {
    decision: Decision,
    route: &'a Route,
    matched: &'a Match,
    cluster: &'a Cluster,
    region: &'a Region,
    endpoint: &'a Endpoint,
}

impl Snapshot {
    /// A decision with names; `None` when another generation's table made it.
    pub fn describe(&self, decision: &Decision) -> Option<Explanation<'_>> {
        let endpoint = self.endpoint(decision)?;
        let cluster = self.table().clusters().nth(decision.cluster as usize)?;
        Some(Explanation {
            route: self.table().routes().nth(decision.route as usize)?,
            matched: self.table().match_at(decision.route, decision.which)?,
            cluster,
            region: cluster.regions.get(decision.region as usize)?,
            endpoint,
            decision: *decision,
        })
    }
}

impl<'a> Explanation<'a> {
    /// The decision.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The route's name.
    pub fn route(&self) -> &'a Name {
        self.route.name()
    }

    /// The match that held, of those the route has.
    pub fn matched(&self) -> &'a Match {
        self.matched
    }

    /// The cluster's name.
    pub fn cluster(&self) -> &'a Name {
        self.cluster.name()
    }

    /// The region's name.
    pub fn region(&self) -> &'a Name {
        self.region.name()
    }

    /// The endpoint.
    pub fn endpoint(&self) -> &'a Endpoint {
        self.endpoint
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { decision, .. } = self;
        writeln!(f, "route {}: matches {}", self.route(), self.matched)?;
        writeln!(f, "cluster {}: {}, {}", self.cluster(), decision.cluster_share, decision.cluster_reason)?;
        writeln!(f, "region {}: {}, {}", self.region(), decision.region_share, decision.region_reason)?;
        write!(f, "endpoint {}: {}", self.endpoint.name(), decision.endpoint_reason)?;
        let readings = &decision.readings;
        let rival = || self.region.endpoints().get(readings.rival as usize).map_or("", |rival| rival.name().as_str());
        match decision.endpoint_reason {
            EndpointReason::LessInFlight => {
                write!(f, ", {} against {} at {}", readings.picked_load, readings.rival_load, rival())?;
            }
            EndpointReason::Cheaper => {
                write!(f, ", {} ns against {} ns at {}", readings.picked_load, readings.rival_load, rival())?;
            }
            EndpointReason::Turn | EndpointReason::TurnPassed => write!(f, ", ticket {}", readings.ticket)?,
            EndpointReason::LaterSlot | EndpointReason::SlotsPassed if readings.full_slots > 0 => {
                write!(f, ", {} had their fill", readings.full_slots)?;
            }
            _ => {}
        }
        let draws = decision.draws;
        write!(
            f,
            "\ndecided by generation {}, epoch {}, word {}, attempt {}",
            decision.generation,
            decision.epoch,
            draws.word(),
            draws.attempt()
        )
    }
}

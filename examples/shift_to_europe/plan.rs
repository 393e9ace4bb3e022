//! What the operator does, and when; and the table that it is done to.

use crate::servers::Region;
use contraflow::table::{Failover, Outlier};
use contraflow::traffic::Evacuation;
use contraflow::{Sticky, Table, TableError, TableSpec, Traffic};
use std::error::Error;
use std::time::Duration;

/// A part of the run, which begins with what the operator does.
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    /// In seconds, of a run of a minute.
    pub(crate) lasts: u32,
    pub(crate) begins: Begins,
    pub(crate) may: May,
}

/// How a phase begins.
#[derive(Clone, Copy)]
pub(crate) enum Begins {
    /// So much of the traffic is for Europe, in percent.
    Weight(u32),
    Break,
    Evacuate,
    /// The last of it has left.
    IsOut,
    Mend,
    Readmit,
    /// All of it is back.
    IsBack,
}

/// What users may notice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum May {
    /// Who is in the US may be moved to Europe: that is what the operator asked for.
    MoveToEurope,
    /// Who is in Europe may see errors, and be served anywhere.
    FailInEurope,
    /// Who is in Europe is served anywhere, without errors.
    BeServedAnywhere,
    /// Who is in Europe is served elsewhere, without errors.
    BeServedElsewhere,
    /// Nothing: all are where they were.
    NoticeNothing,
}

const fn phase(name: &'static str, lasts: u32, begins: Begins, may: May) -> Phase {
    Phase { name, lasts, begins, may }
}

pub(crate) const PLAN: [Phase; 11] = [
    phase("all in the US", 4, Begins::Weight(0), May::NoticeNothing),
    phase("Europe has 1%", 4, Begins::Weight(1), May::MoveToEurope),
    phase("Europe has 5%", 4, Begins::Weight(5), May::MoveToEurope),
    phase("Europe has 10%", 4, Begins::Weight(10), May::MoveToEurope),
    phase("Europe has 25%", 6, Begins::Weight(25), May::MoveToEurope),
    phase("eu-west fails", 10, Begins::Break, May::FailInEurope),
    phase("is evacuated", 2, Begins::Evacuate, May::FailInEurope),
    phase("is out", 4, Begins::IsOut, May::BeServedElsewhere),
    phase("is mended", 3, Begins::Mend, May::BeServedElsewhere),
    phase("is readmitted", 14, Begins::Readmit, May::BeServedAnywhere),
    phase("is back", 5, Begins::IsBack, May::NoticeNothing),
];

/// How much shorter or longer than a minute all of it is.
#[derive(Clone, Copy)]
pub(crate) struct Scale(pub(crate) f64);

impl Scale {
    /// So many seconds of a run of a minute.
    pub(crate) fn seconds(self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds * self.0)
    }
}

/// Two clusters: the US with two regions, and Europe, which has one in the US to fall back on.
///
/// The times are those of a film. In earnest the defaults are right: 30 s for an ejection, a minute's hold, two for a ramp.
pub(crate) fn table([us_east, us_west, eu_west]: &[Region; 3], scale: Scale) -> Result<Table, TableError> {
    let outlier = Outlier::default().window(scale.seconds(5.0)).times(scale.seconds(2.0), scale.seconds(4.0));
    let failover = Failover::default()
        .drain(scale.seconds(1.0))
        .hold(scale.seconds(2.0))
        .max_hold(scale.seconds(4.0))
        .ramp(scale.seconds(6.0));
    let endpoints = |region: &Region| {
        let servers = region.servers.clone();
        move |spec: contraflow::table::RegionSpec| {
            servers.into_iter().fold(spec, |spec, (name, address)| spec.endpoint(name, address))
        }
    };
    TableSpec::new()
        .outlier(outlier)
        .failover(failover)
        .cluster("us", |cluster| {
            cluster
                .region(us_east.name, |region| endpoints(us_east)(region).weight(2))
                .region(us_west.name, |region| endpoints(us_west)(region).weight(1))
        })
        .cluster("europe", |cluster| {
            cluster
                .region(eu_west.name, |region| endpoints(eu_west)(region))
                .region(us_west.name, |region| endpoints(us_west)(region).rank(1))
        })
        .route("all", |route| route.any().split([("us", 100), ("europe", 0)]).sticky(Sticky::header("x-user")))
        .build()
}

/// Does what a phase begins with.
pub(crate) fn begin(
    what: Begins,
    traffic: &Traffic,
    eu_west: &Region,
    scale: Scale,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    match what {
        Begins::Weight(percent) => {
            traffic.edit(|spec| {
                spec.route_mut("all")?.reweight("us", 100 - percent).reweight("europe", percent);
                Ok(())
            })?;
        }
        Begins::Break => eu_west.set_broken(true),
        Begins::Evacuate => {
            let evacuation = Evacuation::lasting(scale.seconds(60.0)).over(scale.seconds(1.0));
            traffic.evacuate(eu_west.name, evacuation.because("INC-7: answers 500"))?;
        }
        Begins::Mend => eu_west.set_broken(false),
        Begins::Readmit => traffic.readmit(eu_west.name)?,
        Begins::IsOut | Begins::IsBack => {}
    }
    Ok(())
}

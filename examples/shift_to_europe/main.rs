//! A shift of traffic to another continent that goes wrong half way, from the first percent to the end.
//!
//! Users of a shop in the US are moved to Europe by cohorts: 1%, 5%, 10%, 25%. Then Europe fails. Outlier detection finds it,
//! and its users are served from the US; the operator evacuates the region and mends it, and lets it back: it is probed, held
//! for a while, and returns by degrees, each user to the server where they were. Who never was in Europe notices nothing of
//! all that. Real HTTP over loopback, three regions and their users in this process, and a chart of it on a terminal:
//! `cargo run --example shift_to_europe`, which takes a minute, or `-- --seconds 12`.
//!
//! It fails, with the reason, when one of its promises does not hold: who moved that should not have, what failed that should
//! not, what came to a region that was out.
//!
//! | file | does |
//! |---|---|
//! | `plan` | the table, and what the operator does when |
//! | `servers` | the regions, which can be broken |
//! | `load` | the users |
//! | `record` | who was answered by whom |
//! | `chart` | what one sees |
//! | `promises` | what has to be so |
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "they are for the library: a program has time, and locks"
)]

mod chart;
mod load;
mod plan;
mod promises;
mod record;
mod servers;

use chart::{Chart, Events};
use clap::{Parser, value_parser};
use contraflow::Traffic;
use contraflow::state::RegionPhase;
use load::{Load, REQUESTS_A_SECOND, USERS};
use plan::{Begins, PLAN, Scale, begin, table};
use record::{EUROPE, REGIONS, Record};
use servers::Region;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

type Failure = Box<dyn Error + Send + Sync>;

/// Shifts traffic to Europe, which fails at 25%, is evacuated and comes back.
#[derive(Parser)]
#[command(name = "shift_to_europe")]
struct Options {
    /// How long all of it takes.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = value_parser!(u32).range(12..=3600))]
    seconds: u32,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let scale = Scale(f64::from(Options::parse().seconds) / 60.0);
    let [us_east, us_west, eu_west] = REGIONS;
    let regions =
        [Region::start(us_east, 3).await?, Region::start(us_west, 2).await?, Region::start(eu_west, 3).await?];
    let traffic = Traffic::new(table(&regions, scale)?);
    let (record, events) = (Arc::new(Record::new(USERS)), Arc::new(Events::new()));
    traffic.observe(events.clone());
    println!("{USERS} users, {REQUESTS_A_SECOND} requests a second.\n");

    let chart = tokio::spawn({
        let (traffic, record) = (traffic.clone(), record.clone());
        async move {
            let mut chart = Chart::new();
            let mut ticks = tokio::time::interval(chart.every());
            ticks.tick().await;
            loop {
                ticks.tick().await;
                chart.draw(&record, &events, &traffic);
            }
        }
    });
    let reached = play(&traffic, &regions[EUROPE], &record, scale).await?;
    chart.abort();

    let went = record.went();
    promises::print_summary(&went);
    let is_back = is_back(&traffic);
    let broken = promises::broken(&went, reached, (record.users_in_europe(), USERS), is_back);
    if broken.is_empty() {
        println!("\nNobody moved who should not have, and nothing failed but in Europe while it was broken.");
        return Ok(ExitCode::SUCCESS);
    }
    println!();
    for promise in broken {
        eprintln!("broken: {promise}");
    }
    Ok(ExitCode::FAILURE)
}

/// All phases; how many requests reached the region in Europe while it was out.
async fn play(traffic: &Traffic, eu_west: &Region, record: &Arc<Record>, scale: Scale) -> Result<u64, Failure> {
    let mut load = Load::new(traffic, record);
    let (mut before, mut reached) = (0, 0);
    for (place, phase) in PLAN.iter().enumerate() {
        if matches!(phase.begins, Begins::Readmit) {
            reached = eu_west.asked() - before;
        }
        // What the table begins with is the first phase's.
        if place > 0 {
            record.next(|| begin(phase.begins, traffic, eu_west, scale))?;
        }
        if matches!(phase.begins, Begins::IsOut) {
            before = eu_west.asked();
        }
        let is_far = || !matches!(phase.begins, Begins::Readmit) || is_back(traffic);
        load.go_on(scale.seconds(f64::from(phase.lasts)), is_far).await;
    }
    load.end().await;
    Ok(reached)
}

/// Whether the region in Europe has all of its part again.
fn is_back(traffic: &Traffic) -> bool {
    let status = traffic.status();
    let mut regions = status.clusters.iter().flat_map(|cluster| &cluster.regions);
    regions
        .find(|region| region.name.as_str() == REGIONS[EUROPE])
        .is_some_and(|region| region.phase == RegionPhase::Up && (region.share.get() - 1.0).abs() < f64::EPSILON)
}

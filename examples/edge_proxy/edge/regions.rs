//! Taking a region out and letting it back, from the operator's port.

use super::admin::{Answer, Refused, json};
use contraflow::Traffic;
use contraflow::table::Cluster;
use contraflow::traffic::{Evacuation, UnknownRegion};
use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::json;
use std::time::Duration;

/// The longest evacuation, in seconds: a week. Who needs more takes the region out of the table.
const LONGEST: u64 = 7 * 24 * 60 * 60;

/// Takes a region out, as `?for=SECONDS&over=SECONDS&reason=TEXT` says.
pub(super) fn evacuate(traffic: &Traffic, region: &str, query: Option<&str>) -> Result<Answer, Refused> {
    // A region that does not exist is the first thing to say, whatever else is wrong.
    is_known(traffic, region)?;
    let how = how(region, query.unwrap_or_default()).map_err(|why| Refused(StatusCode::BAD_REQUEST, why))?;
    let told = json!({
        "region": region,
        "evacuated_for_seconds": how.lasting.as_secs(),
        "over_seconds": how.over.as_secs(),
        "reason": how.reason,
    });
    traffic.evacuate(region, how).map_err(|error| unknown(traffic, &error))?;
    Ok(json(&told))
}

/// Lets a region back; one that was not out stays as it is.
pub(super) fn readmit(traffic: &Traffic, region: &str) -> Result<Answer, Refused> {
    let was_evacuated = is_known(traffic, region)?;
    traffic.readmit(region).map_err(|error| unknown(traffic, &error))?;
    Ok(json(&json!({ "region": region, "was_evacuated": was_evacuated })))
}

/// Whether the region, which the table has, is evacuated.
fn is_known(traffic: &Traffic, region: &str) -> Result<bool, Refused> {
    let status = traffic.status();
    let mut regions = status.clusters.iter().flat_map(|cluster| &cluster.regions);
    let found = regions.find(|known| known.name.as_str() == region);
    found.map(|known| known.readmitted_in.is_some()).ok_or_else(|| no_such(traffic, region))
}

fn unknown(traffic: &Traffic, error: &UnknownRegion) -> Refused {
    no_such(traffic, error.name())
}

fn no_such(traffic: &Traffic, region: &str) -> Refused {
    let snapshot = traffic.snapshot();
    let regions = snapshot.table().clusters().flat_map(Cluster::regions);
    let mut known: Vec<_> = regions.map(|region| region.name().as_str()).collect();
    known.sort_unstable();
    known.dedup();
    Refused(StatusCode::NOT_FOUND, format!("there is no region `{region}`; there are {}", known.join(", ")))
}

/// What the query says of an evacuation.
fn how(region: &str, query: &str) -> Result<Evacuation, String> {
    let (mut lasting, mut over, mut reason) = (None, None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let is_twice = match name {
            "for" => lasting.replace(seconds(name, value, 1)?).is_some(),
            "over" => over.replace(seconds(name, value, 0)?).is_some(),
            "reason" => reason.replace(text(value)?).is_some(),
            _ => return Err(format!("there is no parameter `{name}`; there are for, over and reason")),
        };
        if is_twice {
            return Err(format!("`{name}` is there twice"));
        }
    }
    let over = over.unwrap_or_default();
    let Some(lasting) = lasting else {
        return Err(format!("say for how long, in whole seconds from 1 to {LONGEST}: /evacuate/{region}?for=600"));
    };
    if over >= lasting {
        let (over, lasting) = (over.as_secs(), lasting.as_secs());
        return Err(format!("it would be back before it is out: over={over} is no less than for={lasting}"));
    }
    Ok(Evacuation { lasting, over, reason })
}

fn seconds(name: &str, value: &str, least: u64) -> Result<Duration, String> {
    let seconds = value.parse().ok().filter(|seconds| (least..=LONGEST).contains(seconds));
    let seconds =
        seconds.ok_or_else(|| format!("`{name}={value}` is no whole number of seconds from {least} to {LONGEST}"))?;
    Ok(Duration::from_secs(seconds))
}

/// As forms write it: a space may be a plus.
fn text(value: &str) -> Result<String, String> {
    let spaced = value.replace('+', " ");
    let text = percent_decode_str(&spaced).decode_utf8().map_err(|_| "the reason is not UTF-8")?;
    Ok(text.into_owned())
}

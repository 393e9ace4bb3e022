//! Small tables to test with.

use crate::protocol::Facts;
use crate::table::{Match, Table, TableSpec};

/// A spec with one sound cluster, `api`, and no route yet.
pub(super) fn api() -> TableSpec {
    TableSpec::new().cluster("api", |c| c.region("us", |r| r.endpoint("a", "10.0.0.1:80")))
}

/// A spec with a route to `api` for each match, in that order.
pub(super) fn routes<'a>(matches: impl IntoIterator<Item = (&'a str, Match)>) -> TableSpec {
    matches.into_iter().fold(api(), |spec, (name, matching)| spec.route(name, |r| r.when(matching).to("api")))
}

/// The name of the route that takes a request; nothing when none does.
pub(super) fn taker<'t>(table: &'t Table, facts: &Facts<'_>) -> Option<&'t str> {
    table.find(facts).ok().map(|entry| table.route_at(entry.route).name().as_str())
}

/// What is wrong with a spec, as `path: message` lines.
pub(super) fn problems(spec: TableSpec) -> Vec<String> {
    spec.build().map_or_else(|error| error.problems().iter().map(ToString::to_string).collect(), |_| Vec::new())
}

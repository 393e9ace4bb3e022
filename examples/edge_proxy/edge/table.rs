//! From the command line to a table.

use super::options::{Options, Upstream};
use contraflow::error::TableError;
use contraflow::{Table, TableSpec};
use std::time::Duration;

/// The one route.
pub(crate) const ROUTE: &str = "all";

/// To the head of the answer, and an upload comes before it: the crate's 15 s would end those that take longer.
const DEADLINE: Duration = Duration::from_secs(60);

/// A cluster for each region, by its name, which that region serves, and the others when it fails or is evacuated.
///
/// So the split says where traffic should go, and the ranks where it goes when it cannot. Each endpoint is in every cluster,
/// and counted in each for itself. So is the limit: a region serves as many at once for each cluster.
pub(crate) fn table(
    upstreams: &[Upstream],
    weights: impl Fn(&str) -> u32,
    options: &Options,
) -> Result<Table, TableError> {
    let regions = regions(upstreams);
    let clusters = regions.iter().fold(TableSpec::new().deadline(DEADLINE), |spec, own| {
        spec.cluster(*own, |cluster| {
            let cluster = cluster.failover(options.failover());
            let cluster = match options.outlier() {
                Some(outlier) => cluster.outlier(outlier),
                None => cluster,
            };
            let cluster = match options.limit.limit() {
                Some(limit) => cluster.limit(limit),
                None => cluster,
            };
            regions.iter().fold(cluster, |cluster, region| {
                cluster.region(*region, |spec| {
                    let here = upstreams.iter().filter(|upstream| upstream.region == **region);
                    let spec = spec.rank(u32::from(region != own));
                    here.fold(spec, |spec, upstream| {
                        spec.endpoint(upstream.authority.as_str(), format!("http://{}", upstream.authority))
                    })
                })
            })
        })
    });
    let split = regions.iter().map(|region| (*region, weights(region)));
    clusters.route(ROUTE, |route| route.any().split(split).retry(options.retry()).hedge(options.hedge())).build()
}

/// The regions, each once, in the order in which they were named.
pub(crate) fn regions(upstreams: &[Upstream]) -> Vec<&str> {
    let mut regions: Vec<&str> = Vec::new();
    for upstream in upstreams {
        if !regions.contains(&&*upstream.region) {
            regions.push(&upstream.region);
        }
    }
    regions
}

//! What an operator reads of a change, for every kind of part, and that it is the whole change.

use crate::table::{
    Capacity, Change, Claims, Hedge, KeySource, Match, Part, PathRules, Pick, Retry, RetryBudget, SlowStart, Sticky,
    Table, TableSpec,
};
use crate::unit::Ratio;
use std::time::Duration;

fn spec() -> TableSpec {
    TableSpec::new()
        .cluster("api", |c| {
            c.region("eu", |r| r.rank(1).endpoint("c", "10.1.0.1:80"))
                .region("us", |r| r.endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80"))
        })
        .cluster("api-next", |c| c.region("us", |r| r.endpoint("n", "10.0.9.1:80")))
        .route("all", |r| r.any().split([("api", 95), ("api-next", 5)]))
}

/// The lines of the diff that a change makes, once it is seen to be whole in both directions.
fn lines(change: impl FnOnce(&mut TableSpec)) -> Vec<String> {
    let old = spec().build().unwrap();
    let mut changed = spec();
    change(&mut changed);
    let new = changed.build().unwrap();
    let diff = old.diff(&new);
    // I-05
    assert_eq!(diff.apply(&old).unwrap().spec(), new.spec());
    assert_eq!(new.diff(&old).apply(&new).unwrap().spec(), old.spec());
    assert_eq!(diff.is_empty(), old == new);
    diff.to_string().lines().map(String::from).collect()
}

// I-05
#[test]
fn equal_tables_have_nothing_to_tell_whatever_their_order() {
    assert_eq!(lines(|_| {}), [""; 0]);
    assert_eq!(lines(|spec| spec.clusters.reverse()), [""; 0]);
    let table = spec().build().unwrap();
    assert!(table.diff(&table.clone()).changes().is_empty());
}

#[test]
fn settings_are_told_by_name_with_what_was_and_is() {
    assert_eq!(lines(|spec| spec.hash_seed = 7), ["~ settings: hash_seed 0 -> 7"]);
    assert_eq!(
        lines(|spec| {
            spec.hash_seed = u64::MAX;
            spec.paths = PathRules { allow_empty_segments: true, ..PathRules::default() };
        }),
        ["~ settings: hash_seed 0 -> 18446744073709551615; paths PathRules { allow_dot_segments: false, \
          allow_encoded_slashes: false, allow_empty_segments: false } -> PathRules { allow_dot_segments: false, \
          allow_encoded_slashes: false, allow_empty_segments: true }"]
    );
    assert_eq!(
        lines(|spec| spec.defaults.deadline = Some(Duration::from_secs(2))),
        ["~ settings: defaults Knobs -> Knobs { deadline: 2s }"]
    );
}

#[test]
fn a_clusters_knobs_are_told_and_what_is_in_a_new_cluster_too_but_not_in_a_removed_one() {
    assert_eq!(
        lines(|spec| spec.clusters[0].knobs.pick = Some(Pick::Random)),
        ["~ clusters.api: knobs Knobs -> Knobs { pick: Random }"]
    );
    assert_eq!(
        lines(|spec| *spec = spec.clone().cluster("b", |c| c.region("us", |r| r.endpoint("x", "10.0.0.7:80")))),
        ["+ clusters.b", "+ clusters.b.regions.us", "+ clusters.b.regions.us.endpoints.x"]
    );
    assert_eq!(
        lines(|spec| {
            spec.clusters.retain(|cluster| cluster.name != "api-next");
            spec.routes[0].split.truncate(1);
        }),
        ["- clusters.api-next", "~ routes.all: split api 95, api-next 5 -> api 95"]
    );
}

#[test]
fn what_is_sent_again_and_who_is_believed_are_told_where_they_are_said() {
    assert_eq!(
        lines(|spec| *spec = spec.clone().trust(Match::new().path("/a"), Claims::none().attempts())),
        ["~ settings: trusts [] -> [TrustRule { when: Match { host: None, path: Some(Exact(\"/a\")), method: None, \
          headers: [], query: [] }, claims: Claims { attempts: true, idempotency_key: false } }]"]
    );
    assert_eq!(
        lines(|spec| spec.clusters[1].retry_budget = Some(RetryBudget::allow_unbounded())),
        ["~ clusters.api-next: retry_budget None -> Some(Unbounded)"]
    );
    assert_eq!(
        lines(|spec| {
            spec.clusters[0].knobs.retry = Some(Retry::none());
            spec.routes[0].knobs.hedge = Some(Hedge::none());
        }),
        [
            "~ clusters.api: knobs Knobs -> Knobs { retry: Retry { attempts: 1, per_try: None, backoff: Backoff { base: \
             25ms, max: 250ms, jitter: Full }, max_hint: 5s, idempotency: ByProtocol, retry_unsent: false, leave_region: \
             OnEvidence, max_body: 65536 } }",
            "~ routes.all: knobs Knobs -> Knobs { hedge: Hedge { delay: Fixed(1s), attempts: 1, max_extra: Ratio(0.05), \
             other_region: false } }",
        ]
    );
}

#[test]
fn a_regions_values_are_told_in_one_line() {
    assert_eq!(
        lines(|spec| {
            let region = spec.cluster_mut("api").unwrap().region_mut("us").unwrap();
            (region.rank, region.weight, region.capacity) = (2, 0, Some(Capacity::InFlight(50)));
        }),
        ["~ clusters.api.regions.us: rank 0 -> 2; weight 1 -> 0; capacity None -> Some(InFlight(50))"]
    );
    assert_eq!(
        lines(|spec| {
            let cluster = spec.cluster_mut("api").unwrap();
            cluster.regions.remove(0);
            *cluster = cluster.clone().region("ap", |r| r.endpoint("d", "10.2.0.1:80"));
        }),
        ["+ clusters.api.regions.ap", "+ clusters.api.regions.ap.endpoints.d", "- clusters.api.regions.eu"]
    );
}

#[test]
fn an_endpoint_that_moves_changes_its_address_and_one_with_another_name_is_another() {
    assert_eq!(
        lines(|spec| {
            let region = spec.cluster_mut("api").unwrap().region_mut("us").unwrap();
            let a = region.endpoint_mut("a").unwrap();
            *a = a.clone().weight(3).authority("a.example").tls_name("b.example");
            a.address = "10.0.0.9:80".into();
            region.endpoints[1].name = "z".into();
        }),
        [
            "~ clusters.api.regions.us.endpoints.a: address 10.0.0.1:80 -> 10.0.0.9:80; authority None -> \
             Some(\"a.example\"); tls_name None -> Some(\"b.example\"); weight 1 -> 3",
            "- clusters.api.regions.us.endpoints.b",
            "+ clusters.api.regions.us.endpoints.z",
        ]
    );
}

#[test]
fn a_routes_values_are_told_by_name() {
    assert_eq!(
        lines(|spec| {
            spec.route_mut("all").unwrap().reweight("api", 0).reweight("api-next", 1);
        }),
        ["~ routes.all: split api 95, api-next 5 -> api 0, api-next 1"]
    );
    let changed = lines(|spec| {
        let route = spec.route_mut("all").unwrap();
        route.matches[0] = Match::new().path("/a");
        route.sticky = Some(Sticky::caller());
        route.knobs.deadline = Some(Duration::from_millis(1500));
    });
    assert_eq!(changed.len(), 1);
    let whole = &changed[0];
    assert!(whole.starts_with("~ routes.all: matches [Match { host: None, path: None"), "{whole}");
    assert!(
        whole.contains("; sticky None -> Some(Sticky { sources: [Caller], scope: Endpoint }); knobs Knobs"),
        "{whole}"
    );
    assert!(whole.ends_with("deadline: 1.5s }"), "{whole}");
    assert_eq!(
        lines(|spec| {
            let new = spec.routes.remove(0);
            *spec = spec.clone().route("every", |r| r.any().to("api"));
            assert_eq!(new.name, "all");
        }),
        ["- routes.all", "+ routes.every"]
    );
}

#[test]
fn changes_come_in_order_settings_then_clusters_then_routes() {
    let diff = lines(|spec| {
        spec.hash_seed = 1;
        spec.routes[0].sticky = Some(Sticky::query("u").or(KeySource::Caller));
        spec.clusters[1].knobs.slow_start = Some(SlowStart::over(Duration::from_secs(1)).floor(Ratio::ZERO));
        spec.clusters[0].regions[0].weight = 2;
    });
    let paths: Vec<_> = diff.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(paths, ["~ settings", "~ clusters.api.regions.eu", "~ clusters.api-next", "~ routes.all"]);
}

#[test]
fn a_part_is_a_value_that_can_be_looked_at() {
    let old = spec().build().unwrap();
    let mut spec = spec();
    spec.clusters[0].regions[1].endpoints[0].weight = 4;
    let diff = old.diff(&spec.build().unwrap());
    let [change @ Change::Changed { before: Part::Endpoint { cluster, region, endpoint: was }, after }] =
        diff.changes()
    else {
        panic!("{diff}")
    };
    assert_eq!((cluster.as_str(), region.as_str(), was.name.as_str(), was.weight), ("api", "us", "a", 1));
    assert_eq!(after.path(), "clusters.api.regions.us.endpoints.a");
    assert_eq!(change.to_string(), "~ clusters.api.regions.us.endpoints.a: weight 1 -> 4");
}

#[test]
fn a_diff_that_leaves_no_sound_table_is_refused_and_one_that_fits_another_table_applies() {
    let removed = |table: &Table| {
        let mut spec = table.spec().clone();
        spec.clusters.retain(|cluster| cluster.name != "api-next");
        spec.route_mut("all").unwrap().split.retain(|target| target.cluster != "api-next");
        spec.build().unwrap()
    };
    let old = spec().build().unwrap();
    let diff = old.diff(&removed(&old));
    let other = spec().route("canary", |r| r.when(Match::new().path("/c")).to("api-next")).build().unwrap();
    let error = diff.apply(&other).unwrap_err();
    assert_eq!(error.problems()[0].path(), "routes.canary.split.api-next");
    let another = spec().route("more", |r| r.when(Match::new().path("/m")).to("api")).build().unwrap();
    assert_eq!(diff.apply(&another).unwrap(), removed(&another));
}

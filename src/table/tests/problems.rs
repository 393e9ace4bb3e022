//! Every problem of a table, with its exact path and text.

use super::specs::{api, problems, routes};
use crate::table::{Capacity, EndpointSpec, KeySource, Maglev, Match, Pick, RegionSpec, SlowStart, Sticky, TableSpec};
use crate::unit::Ratio;
use std::time::Duration;

fn maglev(size: Option<u32>, max_load_percent: Option<u32>) -> Pick {
    Pick::Maglev(Maglev { size, max_load_percent })
}

fn one(region: RegionSpec) -> RegionSpec {
    region.endpoint("a", "10.0.0.1:80")
}

#[test]
fn all_problems_of_a_table_are_told_at_once_in_the_order_of_its_normal_form() {
    let spec = TableSpec::new()
        .deadline(Duration::ZERO)
        .route("second", |r| r.when(Match::new().path("no-slash")).split([("shop", 0), ("shpo", 0)]))
        .route("first", |mut r| {
            r.knobs.slow_start = Some(SlowStart::over(Duration::from_secs(1)));
            r.any().to("shop")
        })
        .cluster("shop", |c| {
            c.region("west", |r| r.weight(0)).region("east", |r| r.weight(0).endpoint_with("a", "", |e| e.weight(0)))
        })
        .cluster("b c", |c| c.pick(maglev(Some(65_536), None)).region("us", one))
        .cluster("empty", |c| c)
        .cluster("shop", |c| c.region("us", one));
    let error = spec.build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the table has 13 problems:\n\
         - defaults.deadline: is zero; use Duration::MAX for no deadline\n\
         - clusters.b c: the name holds whitespace or control characters; use letters, digits and `-_./:`\n\
         - clusters.shop: exists twice; give one of them another name\n\
         - clusters.b c.pick.size: is 65536; use a prime up to 5000011, such as 65537\n\
         - clusters.empty.regions: is empty; add a region with an endpoint\n\
         - clusters.shop.regions: all weigh zero; give one a weight\n\
         - clusters.shop.regions.east.endpoints: all weigh zero; give one a weight, or set the region's weight to 0 and \
         keep one\n\
         - clusters.shop.regions.east.endpoints.a.address: is empty; say where the endpoint is\n\
         - clusters.shop.regions.west.endpoints: is empty; add an endpoint or remove the region\n\
         - routes.first.slow_start: cannot differ between routes; set it on the cluster\n\
         - routes.second.split.shpo: names a cluster that does not exist; did you mean `shop`?\n\
         - routes.second.split: all weigh zero; give a cluster a weight\n\
         - routes.second.matches.0.path: is \"no-slash\"; begin it with a slash"
    );
    assert_eq!(format!("{error:?}"), error.to_string());
    assert_eq!(error.problems()[1].path(), "clusters.b c");
    assert_eq!(error.problems()[12].message(), "is \"no-slash\"; begin it with a slash");
}

#[test]
fn one_problem_is_told_as_one() {
    let error = api().build().unwrap_err();
    let text = "the table has a problem: routes: is empty; add a route, or every request would be refused";
    assert_eq!(error.to_string(), text);
}

#[test]
fn names_are_checked_and_unique_at_every_level() {
    let long = "n".repeat(129);
    let spec = TableSpec::new()
        .cluster("", |c| c.region("us", one))
        .cluster("c", |c| {
            c.region("r r", one)
                .region("us", |r| one(one(one(r))).endpoint(long.as_str(), "10.0.0.1:80"))
                .region("us", one)
        })
        .route("r", |r| r.any().to("c"))
        .route("r", |r| r.when(Match::new().path("/a")).to("c"));
    assert_eq!(
        problems(spec),
        [
            "clusters.: the name is empty; give it a name".into(),
            "routes.r: exists twice; give one of them another name".into(),
            "clusters.c.regions.r r: the name holds whitespace or control characters; use letters, digits and `-_./:`"
                .into(),
            "clusters.c.regions.us: exists twice; give one of them another name".into(),
            // Three times is told once.
            "clusters.c.regions.us.endpoints.a: exists twice; give one of them another name".into(),
            format!("clusters.c.regions.us.endpoints.{long}: the name is longer than 128 bytes; shorten it"),
        ]
    );
}

#[test]
fn knobs_are_checked_wherever_they_stand() {
    let second = Duration::from_secs(1);
    let spec = TableSpec::new()
        .pick(maglev(Some(4), Some(99)))
        .slow_start(SlowStart::over(Duration::ZERO).aggression(0.0))
        .cluster("c", |c| {
            c.deadline(Duration::ZERO)
                .pick(maglev(Some(5_000_077), Some(100_001)))
                .slow_start(SlowStart::over(second).aggression(100.5))
                .region("us", one)
        })
        .route("r", |r| {
            let mut r = r.any().to("c").deadline(Duration::ZERO).pick(maglev(Some(0), Some(0)));
            r.knobs.slow_start = Some(SlowStart::over(second).aggression(f64::NAN));
            r
        });
    assert_eq!(
        problems(spec),
        [
            "defaults.pick.size: is 4; use a prime up to 5000011, such as 65537",
            "defaults.pick.max_load_percent: is 99; use 100 to 100000, usually 125 to 200",
            "defaults.slow_start.window: is zero; leave slow start out instead",
            "defaults.slow_start.aggression: is 0; use more than 0 and at most 100",
            "clusters.c.deadline: is zero; use Duration::MAX for no deadline",
            // 5 000 077 is a prime, but too large.
            "clusters.c.pick.size: is 5000077; use a prime up to 5000011, such as 65537",
            "clusters.c.pick.max_load_percent: is 100001; use 100 to 100000, usually 125 to 200",
            "clusters.c.slow_start.aggression: is 100.5; use more than 0 and at most 100",
            "routes.r.deadline: is zero; use Duration::MAX for no deadline",
            "routes.r.pick.size: is 0; use a prime up to 5000011, such as 65537",
            "routes.r.pick.max_load_percent: is 0; use 100 to 100000, usually 125 to 200",
            "routes.r.slow_start.aggression: is NaN; use more than 0 and at most 100",
            "routes.r.slow_start: cannot differ between routes; set it on the cluster",
        ]
    );
}

#[test]
fn knobs_at_their_bounds_are_sound() {
    let none: [&str; 0] = [];
    for (size, percent) in [(2, 100), (5_000_011, 100_000)] {
        let spec = api().slow_start(SlowStart::over(Duration::from_nanos(1)).aggression(100.0));
        let spec = spec.route("r", |r| r.any().to("api").pick(maglev(Some(size), Some(percent))));
        assert_eq!(problems(spec.deadline(Duration::MAX)), none);
    }
}

#[test]
fn a_capacity_of_nothing_is_refused_in_every_unit() {
    for capacity in [Capacity::InFlight(0), Capacity::Rps(0), Capacity::Share(Ratio::ZERO)] {
        let spec = TableSpec::new().cluster("c", |c| c.region("us", |r| one(r).capacity(capacity)));
        assert_eq!(
            problems(spec.route("r", |r| r.any().to("c"))),
            ["clusters.c.regions.us.capacity: is zero; to use the region no more, set its weight to 0"]
        );
    }
}

#[test]
fn authorities_and_tls_names_are_hosts() {
    let spec = |change: fn(EndpointSpec) -> EndpointSpec| {
        let cluster =
            TableSpec::new().cluster("c", |c| c.region("us", |r| r.endpoint_with("a", "10.0.0.1:80", change)));
        problems(cluster.route("r", |r| r.any().to("c")))
    };
    let none: [&str; 0] = [];
    assert_eq!(spec(|e| e.authority("shop.example:8443").tls_name("shop.example")), none);
    assert_eq!(spec(|e| e.authority("[::1]:80")), none);
    assert_eq!(
        spec(|e| e.authority("me@shop.example").tls_name("shop.example:443")),
        [
            "clusters.c.regions.us.endpoints.a.tls_name: is \"shop.example:443\", which is not a host name",
            "clusters.c.regions.us.endpoints.a.authority: is \"me@shop.example\", which is not a host with an optional \
             port",
        ]
    );
    assert_eq!(
        spec(|e| e.authority("http://shop.example").tls_name("")),
        [
            "clusters.c.regions.us.endpoints.a.tls_name: is \"\", which is not a host name",
            "clusters.c.regions.us.endpoints.a.authority: is \"http://shop.example\", which is not a host with an \
             optional port",
        ]
    );
}

#[test]
fn a_tls_name_ends_where_the_host_ends() {
    let region = |r: RegionSpec| r.endpoint_with("a", "10.0.0.1:80", |e| e.tls_name("shop.example:"));
    let spec = TableSpec::new().cluster("c", |c| c.region("us", region)).route("r", |r| r.any().to("c"));
    assert_eq!(
        problems(spec),
        ["clusters.c.regions.us.endpoints.a.tls_name: is \"shop.example:\", which is not a host name"]
    );
}

#[test]
fn a_route_needs_matches_a_split_and_sound_sticky_sources() {
    let sticky = Sticky::header("a b").or_cookie("c;d").or(KeySource::Query("p=q".into())).or(KeySource::Caller);
    let mut unkeyed = Sticky::caller();
    unkeyed.sources.clear();
    let spec = api()
        .route("1", |r| r)
        .route("2", |r| r.any().split([("api", 1), ("api", 2)]).sticky(sticky))
        .route("3", |r| r.when(Match::new().path("/3")).to("api").sticky(unkeyed));
    assert_eq!(
        problems(spec),
        [
            "routes.1.matches: is empty; add `.when(..)`, or `.any()` for every request",
            "routes.1.split: is empty; name a cluster with `.to(..)` or `.split(..)`",
            "routes.2.sticky: \"a b\" is not a header's name",
            "routes.2.sticky: \"c;d\" is not a cookie's name",
            "routes.2.sticky: \"p=q\" is not a parameter's name",
            "routes.2.split.api: is in the split twice; add the weights up",
            "routes.3.sticky: has no source; say where the key comes from, or leave it out",
        ]
    );
    let spec = api().route("r", |r| r.any().to("api").sticky(Sticky::query("")));
    assert_eq!(problems(spec), ["routes.r.sticky: \"\" is not a parameter's name"]);
}

#[test]
fn a_misspelled_cluster_is_told_with_the_nearest_or_with_all_when_they_are_few() {
    let with = |clusters: &[&str], target: &str| {
        let spec = clusters.iter().fold(TableSpec::new(), |spec, name| spec.cluster(*name, |c| c.region("us", one)));
        problems(spec.route("r", |r| r.any().to(target)))
    };
    let unknown = "routes.r.split.chekout: names a cluster that does not exist";
    assert_eq!(with(&["checkout", "cart"], "chekout"), [format!("{unknown}; did you mean `checkout`?")]);
    assert_eq!(with(&["cart", "api"], "chekout"), [format!("{unknown}; there are `api`, `cart`")]);
    let many: Vec<_> = (0..9).map(|n| format!("cluster-{n}")).collect();
    assert_eq!(with(&many.iter().map(String::as_str).collect::<Vec<_>>(), "chekout"), [unknown]);
    assert_eq!(with(&[], "chekout"), [unknown]);
}

#[test]
fn what_is_looked_up_to_be_changed_is_told_by_its_path_too() {
    let mut spec = routes([("all", Match::new())]);
    assert_eq!(
        spec.cluster_mut("apj").unwrap_err().problems()[0].to_string(),
        "clusters.apj: does not exist; did you mean `api`?"
    );
    assert_eq!(
        spec.route_mut("checkout").unwrap_err().problems()[0].to_string(),
        "routes.checkout: does not exist; there is `all`"
    );
    let cluster = spec.cluster_mut("api").unwrap();
    assert_eq!(
        cluster.region_mut("eu").unwrap_err().problems()[0].to_string(),
        "clusters.api.regions.eu: does not exist; there is `us`"
    );
    assert_eq!(
        cluster.region_mut("us").unwrap().endpoint_mut("b").unwrap_err().problems()[0].to_string(),
        "regions.us.endpoints.b: does not exist; did you mean `a`?"
    );
}

/// A cluster with so many endpoints in its one region.
fn crowd(count: usize) -> TableSpec {
    let endpoint = |at: usize| EndpointSpec {
        name: format!("e{at}"),
        address: "a".into(),
        authority: None,
        tls_name: None,
        weight: 1,
    };
    TableSpec::new().cluster("c", |c| {
        c.region("us", |mut r| {
            r.endpoints = (0..count).map(endpoint).collect();
            r
        })
    })
}

#[test]
fn round_robin_takes_at_most_4096_endpoints_wherever_it_is_asked_for() {
    let too_many =
        ["clusters.c.regions.us.endpoints: has more than the 4096 that round robin can take; use another pick"];
    let none: [&str; 0] = [];
    let two =
        |spec: TableSpec| spec.route("1", |r| r.any().to("c")).route("2", |r| r.when(Match::new().path("/2")).to("c"));
    // Told once, though two routes ask for it.
    assert_eq!(problems(two(crowd(4097).pick(Pick::RoundRobin))), too_many);
    assert_eq!(problems(two(crowd(4097))), none);
    assert_eq!(problems(crowd(4097).route("r", |r| r.any().to("c").pick(Pick::RoundRobin))), too_many);
    let overruled = crowd(4097).pick(Pick::RoundRobin).route("r", |r| r.any().to("c").pick(Pick::Random));
    assert_eq!(problems(overruled), none);
    assert_eq!(problems(crowd(4096).route("r", |r| r.any().to("c").pick(Pick::RoundRobin))), none);
}

#[test]
fn a_cluster_has_at_most_64_regions() {
    let with = |count: usize| {
        let cluster = |c| (0..count).fold(c, |c: crate::table::ClusterSpec, at| c.region(format!("r{at:02}"), one));
        problems(TableSpec::new().cluster("c", cluster).route("r", |r| r.any().to("c")))
    };
    assert_eq!(with(64), [""; 0]);
    assert_eq!(with(65), ["clusters.c.regions: has more than 64 regions; split the cluster"]);
}

#[test]
fn a_region_has_at_most_a_million_endpoints() {
    assert_eq!(
        problems(crowd((1 << 20) + 1).route("r", |r| r.any().to("c"))),
        ["clusters.c.regions.us.endpoints: has more than 1048576 endpoints; split the region"]
    );
}

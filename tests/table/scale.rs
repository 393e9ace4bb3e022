//! I-09: only proportions of weights count.

use super::*;

/// Which weights are scaled.
#[derive(Clone, Copy, Debug)]
enum Level {
    Split,
    Regions,
    Endpoints,
    All,
}

/// Every weight of a level times `factor`.
fn scaled(spec: &TableSpec, level: Level, factor: u32) -> TableSpec {
    let mut spec = spec.clone();
    if matches!(level, Level::Split | Level::All) {
        spec.routes.iter_mut().flat_map(|route| &mut route.split).for_each(|target| target.weight *= factor);
    }
    for region in spec.clusters.iter_mut().flat_map(|cluster| &mut cluster.regions) {
        if matches!(level, Level::Regions | Level::All) {
            region.weight *= factor;
        }
        if matches!(level, Level::Endpoints | Level::All) {
            region.endpoints.iter_mut().for_each(|endpoint| endpoint.weight *= factor);
        }
    }
    spec
}

/// The spec with every weight brought down to at most `most`; what was zero stays zero, what was not does not become it.
fn with_weights_up_to(mut spec: TableSpec, most: u32) -> TableSpec {
    let shrink = |weight: &mut u32| *weight = if *weight == 0 { 0 } else { (*weight - 1) % most + 1 };
    spec.routes.iter_mut().flat_map(|route| &mut route.split).for_each(|target| shrink(&mut target.weight));
    for region in spec.clusters.iter_mut().flat_map(|cluster| &mut cluster.regions) {
        shrink(&mut region.weight);
        region.endpoints.iter_mut().for_each(|endpoint| shrink(&mut endpoint.weight));
    }
    spec
}

/// Fails unless both tables say the same of each request, whose tickets both take.
fn say_the_same(one: Table, other: Table, requests: &[Request<()>], words: &[u64]) -> Result<(), TestCaseError> {
    let (one, other) = (in_force(one), in_force(other));
    for request in requests {
        for &word in words {
            let draws = Draws::from_word(word);
            let (first, second) = (decide(&one, request, draws), decide(&other, request, draws));
            let (first, second) =
                (first.map(|decision| said(&one, &decision)), second.map(|decision| said(&other, &decision)));
            prop_assert_eq!(first, second);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(96))]

    /// I-09: Weights are proportions, up to the largest factor that they can be multiplied by.
    #[test]
    fn scaling_all_weights_of_a_level_changes_no_decision(
        spec in specs(),
        level in select(&[Level::Split, Level::Regions, Level::Endpoints, Level::All][..]),
        most in select(&[1u32, 10, 1000][..]),
        factor in any::<Index>(),
        requests in vec(requests(), 8),
        words in vec(any::<u64>(), 8),
    ) {
        let spec = with_weights_up_to(spec, most);
        let largest = u32::MAX / most;
        let factor = [2, 3, largest / 2, largest][factor.index(4)];
        let (table, other) = (spec.clone().build(), scaled(&spec, level, factor).build());
        say_the_same(table.expect("sound"), other.expect("as sound"), &requests, &words)?;
    }
}

/// A table with as many targets, regions and endpoints as fit, each of this weight, some of zero among them.
fn wide(weight: u32, pick: Pick, sticky: bool) -> Table {
    let endpoints = |region: RegionSpec, count: u32| {
        (0..count).fold(region, |region, place| {
            let weight = if place % 7 == 3 { 0 } else { weight };
            region.endpoint_with(format!("e{place}"), "10.0.0.1:80", |endpoint| endpoint.weight(weight))
        })
    };
    let mut spec = TableSpec::new().pick(pick);
    for cluster in 0..40 {
        spec = spec.cluster(format!("c{cluster}"), |c| {
            let regions = if cluster == 0 { 64 } else { 1 };
            (0..regions).fold(c, |c, region| {
                let count = if region == 0 && cluster == 0 { 1000 } else { 2 };
                c.region(format!("r{region}"), |r| endpoints(r.weight(weight), count))
            })
        });
    }
    let split = (0..40).map(|cluster| (format!("c{cluster}"), weight));
    let route = |r: RouteSpec| if sticky { r.sticky(Sticky::header("x-user")) } else { r };
    spec.route("all", |r| route(r.any().split(split.clone())))
        .route("first", |r| route(r.when(Match::new().path("/first")).to("c0")))
        .build()
        .expect("sound")
}

/// I-09: The sum of a region's weights is near `u32::MAX * n`.
#[test]
fn the_greatest_weights_decide_as_weights_of_one() {
    let request = |path: &str, user: u32| {
        Request::get(format!("http://a.test{path}")).header("x-user", user).body(()).expect("a sound request")
    };
    let words = Entropy::seeded(9);
    for pick in PICKS {
        for sticky in [false, true] {
            let (ones, most) = (in_force(wide(1, pick, sticky)), in_force(wide(u32::MAX, pick, sticky)));
            for user in 0..200 {
                let request = request(["/first", "/other"][user as usize % 2], user);
                let draws = words.draws();
                let [ones, most] = [&ones, &most].map(|snapshot| {
                    said(snapshot, &decide(snapshot, &request, draws).expect("a route and an endpoint"))
                });
                assert_eq!(ones, most, "{pick:?}");
            }
        }
    }
}

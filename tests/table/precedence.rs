//! I-13: one total precedence.

use super::*;

/// Whether a match takes a request: the words of `Match`'s documentation, on strings.
fn takes(matching: &Match, request: &Request<()>) -> bool {
    let host = request.headers().get(HOST).map(|host| host.to_str().expect("ASCII"));
    let host_holds = match &matching.host {
        None => true,
        Some(pattern) => host.is_some_and(|host| match pattern.strip_prefix('*') {
            Some(suffix) => host.ends_with(suffix) && host.len() > suffix.len(),
            None => host == pattern,
        }),
    };
    let path = request.uri().path();
    let path_holds = match &matching.path {
        None => true,
        Some(PathMatch::Exact(exact)) => path == exact,
        Some(PathMatch::Prefix(prefix)) => {
            let prefix = prefix.trim_end_matches('/');
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        Some(PathMatch::Template(template)) => {
            let (pattern, segments): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
            pattern.len() == segments.len()
                && pattern.iter().zip(&segments).all(|(pattern, segment)| {
                    if pattern.starts_with('{') { !segment.is_empty() } else { pattern == segment }
                })
        }
    };
    let values = |name: &str| -> Vec<String> {
        let lines = request.headers().get_all(name);
        lines.iter().map(|value| value.to_str().expect("ASCII").to_owned()).collect()
    };
    let parameters = |name: &str| -> Vec<String> {
        let pairs = request.uri().query().into_iter().flat_map(|query| query.split('&'));
        pairs.filter_map(|pair| pair.split_once('=')).filter(|pair| pair.0 == name).map(|pair| pair.1.into()).collect()
    };
    let holds = |values: Vec<String>, wanted: &ValueMatch| match wanted {
        ValueMatch::Exact(text) => values.iter().any(|value| value == text),
        ValueMatch::Prefix(text) => values.iter().any(|value| value.starts_with(text.as_str())),
        ValueMatch::Present => !values.is_empty(),
        ValueMatch::Absent => values.is_empty(),
    };
    host_holds
        && path_holds
        && matching.method.as_ref().is_none_or(|method| method == request.method())
        && matching.headers.iter().all(|field| holds(values(&field.name), &field.value))
        && matching.query.iter().all(|field| holds(parameters(&field.name), &field.value))
}

/// Which of two matches that both take a request is asked first: the list in the documentation of precedence.
fn precedence(one: &Match, other: &Match) -> Ordering {
    let host = |matching: &Match| match matching.host.as_deref() {
        Some(host) if host.starts_with('*') => (1, Reverse(host.len())),
        Some(_) => (0, Reverse(0)),
        None => (2, Reverse(0)),
    };
    // By segment: a literal, a placeholder, the end, the end after which anything may follow.
    let segments = |matching: &Match| -> Vec<u8> {
        let (text, end) = match &matching.path {
            None => ("", 3),
            Some(PathMatch::Prefix(text)) => (text.trim_end_matches('/'), 3),
            Some(PathMatch::Exact(text) | PathMatch::Template(text)) => (text.as_str(), 2),
        };
        let is_template = matches!(matching.path, Some(PathMatch::Template(_)));
        let kinds = text.split('/').skip(1).map(|segment| u8::from(is_template && segment.starts_with('{')));
        kinds.chain([end]).collect()
    };
    // By name; exact, longer prefix, shorter prefix, present, absent; then by text.
    let conditions = |fields: &[FieldMatch]| -> Vec<(String, u8, Reverse<usize>, String)> {
        let mut all: Vec<_> = fields
            .iter()
            .map(|field| {
                let (kind, text) = match &field.value {
                    ValueMatch::Exact(text) => (0, text.as_str()),
                    ValueMatch::Prefix(text) => (1, text.as_str()),
                    ValueMatch::Present => (2, ""),
                    ValueMatch::Absent => (3, ""),
                };
                let length = if kind == 1 { text.len() } else { 0 };
                (field.name.clone(), kind, Reverse(length), text.to_owned())
            })
            .collect();
        all.sort();
        all
    };
    host(one)
        .cmp(&host(other))
        .then_with(|| segments(one).cmp(&segments(other)))
        .then_with(|| one.method.is_none().cmp(&other.method.is_none()))
        .then_with(|| other.headers.len().cmp(&one.headers.len()))
        .then_with(|| other.query.len().cmp(&one.query.len()))
        .then_with(|| conditions(&one.headers).cmp(&conditions(&other.headers)))
        .then_with(|| conditions(&one.query).cmp(&conditions(&other.query)))
}

/// Every match of every route is asked; of those that take the request, the first in precedence.
fn reference<'s>(spec: &'s TableSpec, request: &Request<()>) -> Option<(&'s str, &'s Match)> {
    let all = spec.routes.iter().flat_map(|route| route.matches.iter().map(move |one| (route.name.as_str(), one)));
    all.filter(|(_, matching)| takes(matching, request)).min_by(|one, other| precedence(one.1, other.1))
}

/// Many matches, one to three a route, to one cluster; what is refused is left out.
fn crowded() -> impl Strategy<Value = Table> {
    let slash = (matches(), any::<bool>()).prop_map(|(mut matching, slash)| {
        if let Some(PathMatch::Exact(path) | PathMatch::Template(path)) = &mut matching.path
            && slash
            && path.len() > 1
        {
            path.push('/');
        }
        matching
    });
    vec(vec(slash, 1..4), 1..24).prop_map(|routes| {
        let mut spec = TableSpec::new().cluster("c", |c| c.region("r", |r| r.endpoint("e", "e:1")));
        for (place, matches) in routes.into_iter().enumerate() {
            spec = spec.route(format!("route-{place}"), |r| RouteSpec { matches, ..r.to("c") });
        }
        loop {
            let error = match spec.clone().build() {
                Ok(table) => return table,
                Err(error) => error,
            };
            let refused: BTreeSet<_> =
                error.problems().iter().filter_map(|problem| problem.path().split('.').nth(1)).collect();
            for route in spec.routes.iter_mut().filter(|route| refused.contains(route.name.as_str())) {
                route.matches.pop();
            }
            spec.routes.retain(|route| !route.matches.is_empty());
            if spec.routes.is_empty() {
                spec = spec.route("any", |r| r.any().to("c"));
            }
        }
    })
}

/// A request that a match takes, or nearly.
fn aimed(matching: &Match, noise: u64) -> Request<()> {
    let host = matching.host.as_deref().unwrap_or("a.test").replacen('*', "x", 1);
    let path = match &matching.path {
        None => "/a/b".to_owned(),
        Some(PathMatch::Exact(path)) => path.clone(),
        Some(PathMatch::Prefix(path)) => format!("{path}{}", ["", "/", "/a", "/a/b", "c"][noise as usize % 5]),
        Some(PathMatch::Template(path)) => path.replace("{one}", "a").replace("{two}", ["b", "x"][noise as usize % 2]),
    };
    let path = path.replace("//", "/");
    let value = |field: &FieldMatch| match &field.value {
        ValueMatch::Exact(text) => Some(text.clone()),
        ValueMatch::Prefix(text) => Some(format!("{text}{}", ["", "3"][noise as usize / 5 % 2])),
        ValueMatch::Present => Some("1".to_owned()),
        ValueMatch::Absent => None,
    };
    let with_value = |field: &FieldMatch| value(field).map(|value| (field.name.clone(), value));
    let query: Vec<_> =
        matching.query.iter().filter_map(with_value).map(|(name, value)| format!("{name}={value}")).collect();
    let method = matching.method.clone().unwrap_or(Method::GET);
    let mut request = Request::builder().method(method).uri(format!("{path}?{}", query.join("&"))).header(HOST, host);
    for (name, value) in matching.headers.iter().filter_map(with_value) {
        request = request.header(name, value);
    }
    // One more value for a header that others may ask for.
    if (noise / 10).is_multiple_of(3) {
        request = request
            .header(["x-a", "x-b", "x-user"][noise as usize / 30 % 3], ["1", "2", "123"][noise as usize / 90 % 3]);
    }
    request.body(()).expect("a sound request")
}

/// The route that takes a request, and the match that held.
fn taker(snapshot: &Snapshot, request: &Request<()>) -> Option<(String, Match)> {
    match look(snapshot, request, 0) {
        Ok(decision) => {
            let said = said(snapshot, &decision);
            Some((said.route, said.matched))
        }
        Err(reason) => {
            assert_eq!(reason, Reason::NoRoute, "{request:?}");
            None
        }
    }
}

proptest! {
    #![proptest_config(config(192))]

    /// I-13: Precedence over all matches of all routes equals a naive linear reference.
    #[test]
    fn the_match_that_takes_a_request_is_the_one_that_a_linear_search_in_order_finds(
        table in crowded(), aims in vec((any::<Index>(), any::<u64>()), 24), others in vec(requests(), 12),
    ) {
        let snapshot = in_force(table.clone());
        let all: Vec<_> = table.spec().routes.iter().flat_map(|route| &route.matches).collect();
        let aimed = aims.iter().map(|(at, noise)| aimed(all[at.index(all.len())], *noise));
        for request in aimed.chain(others) {
            let expected = reference(table.spec(), &request);
            let expected = expected.map(|(route, matching)| (route.to_owned(), matching.clone()));
            prop_assert_eq!(taker(&snapshot, &request), expected, "{:?}", request);
        }
    }

    /// I-13: A route that does not match changes no decision.
    #[test]
    fn routes_that_do_not_take_a_request_can_come_and_go_without_it_noticing(
        table in crowded(), at in any::<Index>(), noise: u64, odd: u64,
    ) {
        let all: Vec<_> = table.spec().routes.iter().flat_map(|route| &route.matches).collect();
        let request = aimed(all[at.index(all.len())], noise);
        let taken_by = taker(&in_force(table.clone()), &request);
        let takes_it = |route: &RouteSpec| route.matches.iter().any(|one| takes(one, &request));
        for keep in [0, u64::MAX, odd] {
            let mut spec = table.spec().clone();
            let mut place = 0;
            spec.routes.retain(|route| {
                place += 1;
                takes_it(route) || keep >> (place % 64) & 1 == 1
            });
            if !spec.routes.is_empty() {
                let fewer = spec.build().expect("fewer matches overlap less");
                prop_assert_eq!(&taker(&in_force(fewer), &request), &taken_by);
            }
        }
    }

    /// I-13: Duplicates are refused however they are spelled, and both routes are named.
    #[test]
    fn the_same_match_in_another_spelling_is_refused_with_both_names(
        table in tables(), at in any::<Index>(), bits: u64,
    ) {
        let mut spec = table.spec().clone();
        let route = &spec.routes[at.index(spec.routes.len())];
        let (name, twin) = (route.name.clone(), respelled(&route.matches[0], bits));
        let cluster = spec.clusters[0].name.clone();
        // Sorted after the others, so it is the one that is told of.
        spec = spec.route("zz-twin", |r| r.when(twin).to(cluster));
        let error = spec.build().expect_err("it has one match twice");
        let told = format!("routes.zz-twin.matches: has the same match as route `{name}`; nothing could tell them apart");
        prop_assert!(error.problems().iter().any(|problem| problem.to_string() == told), "{}", error);
    }

    /// I-13: A match that two others cover is refused, with the names of all three.
    #[test]
    fn a_match_that_two_others_take_everything_of_is_refused_with_all_names(
        wide in matches(), by_query: bool, more in option::of(select(&["p", "x-a"][..])), seed: u64,
    ) {
        let narrow = |value: ValueMatch| {
            if by_query { wide.clone().query_is("cover", value) } else { wide.clone().header_is("x-cover", value) }
        };
        let (present, absent) = (narrow(ValueMatch::Present), narrow(ValueMatch::Absent));
        let build = |halves: &[(&str, &Match)]| {
            let spec = TableSpec::new().cluster("c", |c| c.region("r", |r| r.endpoint("e", "e:1")));
            let add = |spec: TableSpec, (name, one): &(&str, &Match)| spec.route(*name, |r| r.when((*one).clone()).to("c"));
            let spec = halves.iter().fold(add(spec, &("whole", &wide)), add);
            shuffled(&spec, seed).build()
        };
        let error = build(&[("here", &present), ("gone", &absent)]).expect_err("nothing is left for the third");
        prop_assert_eq!(
            error.to_string(),
            "the table has a problem: routes.whole.matches: can never be reached: routes `gone` and `here` together \
             take all it takes, before it"
        );
        // Half a cover leaves the other half.
        prop_assert!(build(&[("here", &present)]).is_ok() && build(&[("gone", &absent)]).is_ok());
        if let Some(name) = more.filter(|name| wide.headers.iter().chain(&wide.query).all(|field| field.name != *name)) {
            let less = if name == "p" { absent.clone().query(name, "1") } else { absent.clone().header(name, "1") };
            prop_assert!(build(&[("here", &present), ("gone", &less)]).is_ok());
        }
    }
}

/// The same match, spelled in another way.
fn respelled(matching: &Match, bits: u64) -> Match {
    let mut other = matching.clone();
    let path = |text: &str| encoded(text, bits, |character| character.is_ascii_alphanumeric());
    other.host = matching.host.as_ref().map(|host| format!("{}.", host.to_ascii_uppercase()));
    other.path = matching.path.as_ref().map(|one| match one {
        PathMatch::Exact(text) => PathMatch::Template(path(text)),
        PathMatch::Prefix(text) => PathMatch::Prefix(format!("{}/", path(text))),
        PathMatch::Template(text) => PathMatch::Template(text.replace("{one}", "{1}").replace("{two}", "{1}")),
    });
    if other.path == Some(PathMatch::Prefix("//".into())) {
        other.path = None;
    }
    for field in &mut other.headers {
        field.name.make_ascii_uppercase();
    }
    for field in &mut other.query {
        field.name = encoded(&field.name, bits, |_| true);
    }
    other.headers.reverse();
    other.query.reverse();
    other
}

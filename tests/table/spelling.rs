//! I-66: one reading for every spelling.

use super::*;

/// The request with its host spelled in another way: another case, a port, the root's dot, in the URI, in the header, or in
/// both.
fn with_host_spelled(request: &Request<()>, host: &str, bits: u64) -> Request<()> {
    let cased: String = host
        .chars()
        .enumerate()
        .map(|(place, c)| if bits >> (place % 32) & 1 == 1 { c.to_ascii_uppercase() } else { c })
        .collect();
    let dot = ["", "."][(bits >> 32 & 1) as usize];
    let port = ["", ":", ":80", ":443", ":65535"][(bits >> 33) as usize % 5];
    let spelled = format!("{cased}{dot}{port}");
    let mut other = request.clone();
    let place = (bits >> 40) % 4;
    if place != 0 {
        let path = request.uri().path_and_query().expect("a path");
        *other.uri_mut() = format!("http://{spelled}{path}").parse().expect("a sound URI");
    }
    match place {
        1 => drop(other.headers_mut().remove(HOST)),
        // The plain spelling stays in the header: two spellings of one host are no mismatch.
        2 => {}
        _ => drop(other.headers_mut().insert(HOST, HeaderValue::from_str(&spelled).expect("ASCII"))),
    }
    other
}

proptest! {
    #![proptest_config(config(128))]

    /// I-66: Case, port and the root's dot are spellings of one host, wherever it stands.
    #[test]
    fn no_spelling_of_a_host_changes_a_decision(
        table in tables(), requests in vec((requests(), any::<u64>()), 12), word: u64,
    ) {
        let snapshot = in_force(table);
        for (request, bits) in &requests {
            let Some(host) = request.headers().get(HOST).map(|host| host.to_str().expect("ASCII")) else { continue };
            let other = with_host_spelled(request, host, *bits);
            prop_assert_eq!(look(&snapshot, &other, word), look(&snapshot, request, word), "{:?}", other);
        }
    }

    /// I-66: An escape is a spelling of its character, in paths and in queries, where the character delimits nothing.
    #[test]
    fn no_escape_in_a_path_or_query_changes_a_decision(
        table in tables(), requests in vec((requests(), any::<u64>()), 12), word: u64,
    ) {
        let snapshot = in_force(table);
        for (request, bits) in &requests {
            let mut other = request.clone();
            let path = encoded(request.uri().path(), *bits, |character| character != '/');
            let query = request.uri().query().map(|query| format!("?{}", encoded(query, bits.rotate_left(7), |character| !"&=+".contains(character))));
            *other.uri_mut() = format!("{path}{}", query.unwrap_or_default()).parse().expect("a sound URI");
            prop_assert_eq!(look(&snapshot, &other, word), look(&snapshot, request, word), "{:?}", other);
        }
    }

    /// I-66: Whatever bytes come in, the answer is a decision or a typed refusal, and it is the same one again.
    #[test]
    fn mutated_uris_and_host_headers_are_decided_or_refused_and_never_panic(
        table in tables(), rules in any::<[bool; 3]>(),
        uri in select(&["/a/b?p=1&q=2", "http://a.test:80/a/d.e", "http://x.a.test/%61/b/", "//a/../b", "*", "http://[::1]:8/a"][..]),
        host in select(&["a.test", "X.A.Test.:80", "[::1]:80", "", "b.test:", "user@a.test"][..]),
        edits in vec((any::<Index>(), any::<u8>(), 0..4u8, any::<bool>()), 0..6),
        word: u64,
    ) {
        let [allow_dot_segments, allow_encoded_slashes, allow_empty_segments] = rules;
        let spec = table.spec().clone().paths(PathRules { allow_dot_segments, allow_encoded_slashes, allow_empty_segments });
        let snapshot = in_force(spec.build().expect("sound whatever it allows"));
        let (mut uri, mut host) = (uri.as_bytes().to_vec(), host.as_bytes().to_vec());
        for (at, byte, kind, in_host) in edits {
            // Half of the bytes are ones that mean something.
            let byte = if byte < 128 { byte } else { b"/.%2fFeE5cC\\;?#@:[]\t\0 *\xff\xc3"[at.index(25)] };
            let text = if in_host { &mut host } else { &mut uri };
            let at = at.index(text.len() + 1);
            match kind {
                0 => text.insert(at, byte),
                1 if at < text.len() => drop(text.remove(at)),
                _ if at < text.len() => text[at] = byte,
                _ => text.push(byte),
            }
        }
        let (Ok(uri), Ok(host)) = (Uri::try_from(uri), HeaderValue::from_bytes(&host)) else { return Ok(()) };
        let mut request = Request::new(());
        *request.uri_mut() = uri;
        request.headers_mut().insert(HOST, host);
        match Facts::http(&request) {
            Err(rejected) => prop_assert!(
                matches!(rejected.reason(), Reason::BadHost | Reason::HostMismatch), "{:?}: {}", request, rejected
            ),
            Ok(facts) => {
                let host = facts.host().unwrap_or("none");
                let is_normal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.:[]".contains(&byte);
                prop_assert!(host.bytes().all(is_normal) && !host.ends_with('.'), "{}", host);
            }
        }
        let decided = look(&snapshot, &request, word);
        if let Err(reason) = decided {
            let known = [Reason::BadHost, Reason::HostMismatch, Reason::BadPath, Reason::NoRoute, Reason::NoEndpoint];
            prop_assert!(known.contains(&reason));
        }
        prop_assert_eq!(look(&snapshot, &request, word), decided);
    }
}

/// Everything below `/admin` to one cluster, everything else to another.
fn guarded(rules: PathRules) -> Pinned {
    let cluster = |spec: TableSpec, name: &str| spec.cluster(name, |c| c.region("r", |r| r.endpoint("e", "e:1")));
    let spec = ["admin", "open"].into_iter().fold(TableSpec::new().paths(rules), cluster);
    let spec = spec
        .route("admin", |r| r.when(Match::new().path_prefix("/admin")).to("admin"))
        .route("open", |r| r.any().to("open"));
    in_force(spec.build().expect("sound"))
}

/// Whether a path is below `/admin` in each of the ways in which servers read one: encoded slashes, backslashes and
/// parameters after dots are taken for what they mean or for text, dot segments and empty segments are resolved or kept.
fn readings(path: &str) -> BTreeSet<bool> {
    let mut readings = BTreeSet::new();
    for way in 0..32u8 {
        let [slashes, backslashes, parameters, dots, merges] = [0, 1, 2, 3, 4].map(|bit| way >> bit & 1 == 1);
        let mut text = Vec::new();
        let bytes = path.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let hex = path.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
            match (byte, hex) {
                (b'%', Some(meant)) if slashes || meant != b'/' => {
                    text.push(meant);
                    at += 3;
                }
                _ => {
                    text.push(byte);
                    at += 1;
                }
            }
        }
        let text: Vec<u8> =
            text.into_iter().map(|byte| if backslashes && byte == b'\\' { b'/' } else { byte }).collect();
        let mut segments: Vec<&[u8]> = Vec::new();
        for segment in text.strip_prefix(b"/").unwrap_or(&text).split(|&byte| byte == b'/') {
            let bare = segment.split(|&byte| byte == b';').next().unwrap_or(segment);
            let name = if parameters && (bare == b"." || bare == b"..") { bare } else { segment };
            match name {
                b"." if dots => {}
                b".." if dots => drop(segments.pop()),
                b"" if merges => {}
                _ => segments.push(segment),
            }
        }
        readings.insert(segments.first() == Some(&&b"admin"[..]));
    }
    readings
}

proptest! {
    #![proptest_config(config(2048))]

    /// I-66: What one server could read as `/admin` and another not is refused; the rest goes where all of them read it.
    #[test]
    fn no_spelling_of_a_path_walks_around_a_prefix_unless_it_is_refused(
        pieces in vec(
            select(&[
                "/", "/", "admin", "admin", "%61dmin", "adm%69N", "adm%69n", "users", "x", "//", "/./", "/../", "/..", "/.",
                "..", ".", "%2e", "%2E%2e", ".%2e", "%2f", "%2F", "%5c", "\\", "/..;a=b/", "/%2e%2e;/", "%", "%zz", "%00", "%7F",
                "%25", "?", "%C3%BC",
            ][..]),
            1..9,
        ),
    ) {
        let text = format!("/{}", pieces.concat());
        let Ok(uri) = text.parse::<Uri>() else { return Ok(()) };
        let mut request = Request::new(());
        *request.uri_mut() = uri;
        let snapshot = guarded(PathRules::default());
        match look(&snapshot, &request, 0) {
            Err(reason) => prop_assert_eq!(reason, Reason::BadPath),
            Ok(decision) => {
                let route = said(&snapshot, &decision).route;
                prop_assert_eq!(readings(request.uri().path()), BTreeSet::from([route == "admin"]), "{} by {}", text, route);
            }
        }
    }
}

/// I-66: The plain path and its plain neighbours, so that the property above is not about refusals alone.
#[test]
fn what_is_below_admin_is_admins_in_every_spelling_that_is_let_through() {
    let snapshot = guarded(PathRules::default());
    let route = |path: &str| {
        let request = Request::get(path).body(()).expect("a sound request");
        look(&snapshot, &request, 0).map(|decision| said(&snapshot, &decision).route)
    };
    for path in ["/admin", "/admin/", "/admin/users", "/%61dmin/users", "/%61%64%6D%69%6e", "http://h.test/adm%69n?/x"]
    {
        assert_eq!(route(path).as_deref(), Ok("admin"), "{path}");
    }
    for path in ["/", "/administrator", "/Admin", "/x/admin", "/admin%20", "/?/admin", "/admin%252f"] {
        assert_eq!(route(path).as_deref(), Ok("open"), "{path}");
    }
    for path in
        ["/x/../admin", "//admin", "/x/..%2fadmin", "/admin%2fusers", "/admin/..;/x", "/admin\\users", "/%2e/admin"]
    {
        assert_eq!(route(path), Err(Reason::BadPath), "{path}");
    }
}

/// I-66: What a segment may hold as it is (RFC 3986's `pchar`: `:`, `@` and the sub-delimiters) is the same to a server with
/// and without its escape, so an escape must not walk around a match that names it.
#[test]
fn an_escape_of_a_delimiter_that_a_segment_may_hold_walks_around_no_match() {
    let cluster = |spec: TableSpec, name: &str| spec.cluster(name, |c| c.region("r", |r| r.endpoint("e", "e:1")));
    let mut walked = Vec::new();
    for delimiter in ":@!$&'()*+,=".chars().filter(|delimiter| *delimiter != '*') {
        let path = format!("/v1/users{delimiter}purge");
        let spec = ["admin", "open"].into_iter().fold(TableSpec::new(), cluster);
        let spec =
            spec.route("admin", |r| r.when(Match::new().path(&path)).to("admin")).route("open", |r| r.any().to("open"));
        let snapshot = in_force(spec.build().expect("sound"));
        let get = |path: &str| {
            let request = Request::get(path).body(()).expect("a sound request");
            look(&snapshot, &request, 0).map(|decision| said(&snapshot, &decision).route)
        };
        assert_eq!(get(&path).as_deref(), Ok("admin"), "{path}");
        let escaped = encoded(&path, u64::MAX, |character| character == delimiter);
        if !matches!(get(&escaped).as_deref(), Ok("admin") | Err(Reason::BadPath)) {
            walked.push(escaped);
        }
    }
    assert!(walked.is_empty(), "these reach another route than the path they spell: {walked:?}");
}

/// I-66: A path outside ASCII is one path, whether it comes as its bytes or, as every client sends it, as their escapes.
#[test]
fn a_path_outside_ascii_is_matched_in_both_of_its_spellings() {
    let cluster = |spec: TableSpec, name: &str| spec.cluster(name, |c| c.region("r", |r| r.endpoint("e", "e:1")));
    let mut lost = Vec::new();
    for pattern in ["/caf\u{e9}", "/caf%c3%a9"] {
        let spec = ["admin", "open"].into_iter().fold(TableSpec::new(), cluster);
        let spec = spec
            .route("admin", |r| r.when(Match::new().path(pattern)).to("admin"))
            .route("open", |r| r.any().to("open"));
        let Ok(table) = spec.build() else { continue };
        let snapshot = in_force(table);
        for path in ["/caf\u{e9}", "/caf%C3%A9", "/caf%c3%a9"] {
            let Ok(uri) = Uri::try_from(path.as_bytes()) else { continue };
            let mut request = Request::new(());
            *request.uri_mut() = uri;
            let route = look(&snapshot, &request, 0).map(|decision| said(&snapshot, &decision).route);
            if !matches!(route.as_deref(), Ok("admin") | Err(Reason::BadPath)) {
                lost.push((pattern, path));
            }
        }
    }
    assert!(lost.is_empty(), "(match, path that goes elsewhere): {lost:?}");
}

/// I-66: Each kind of ambiguous path is let through by its own name only, and what is broken by none.
#[test]
fn ambiguous_paths_are_refused_unless_their_kind_is_allowed_by_name() {
    let kinds: [&[&str]; 3] = [
        &["/admin/../x", "/.", "/x/..", "/%2e%2E/x", "/x/.%2e/", "/..;v=1/x"],
        &["/x%2fy", "/x%2Fy", "/x%5cy", "/x%5Cy", "/x\\y", "/%2f"],
        &["//", "//admin", "/x//y", "/admin//"],
    ];
    for allowed in 0..8u8 {
        let [allow_dot_segments, allow_encoded_slashes, allow_empty_segments] =
            [0, 1, 2].map(|bit| allowed >> bit & 1 == 1);
        let snapshot = guarded(PathRules { allow_dot_segments, allow_encoded_slashes, allow_empty_segments });
        let is_let_through = |path: &str| {
            let mut request = Request::new(());
            *request.uri_mut() = format!("http://h.test{path}").parse().expect("a sound URI");
            match look(&snapshot, &request, 0) {
                Ok(_) => true,
                Err(reason) => {
                    assert_eq!(reason, Reason::BadPath, "{path}");
                    false
                }
            }
        };
        for (kind, paths) in kinds.iter().enumerate() {
            for path in *paths {
                assert_eq!(is_let_through(path), allowed >> kind & 1 == 1, "{path} where {allowed:03b} is allowed");
            }
        }
        assert_eq!(is_let_through("/x/..//%2f"), allowed == 7, "all three at once");
        for broken in ["/%", "/%2", "/%zz", "/a%00", "/a%0a", "/a%1F", "/a%7f"] {
            assert!(!is_let_through(broken), "{broken}");
        }
        assert!(is_let_through("/x/y.z/..a/.b/%2e%2ec"));
    }
}

//! I-66: what is matched is what is forwarded, byte for byte, and what has two readings goes nowhere.

use super::origin::handed;
use super::proxy::Proxy;
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, FileFailurePersistence};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

/// A server that answers whatever comes with nothing, and tells how the request began, to the last byte.
async fn lines_of_requests() -> (Server, UnboundedReceiver<String>) {
    let (sender, lines) = unbounded_channel();
    let server = accept(move |stream| {
        let sender = sender.clone();
        async move {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
                let is_end_of_head = line == b"\r\n";
                if line.ends_with(b"HTTP/1.1\r\n") {
                    sender.send(String::from_utf8_lossy(&line).trim_end().into()).expect("the test waits for it");
                }
                if is_end_of_head && stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
                    return;
                }
                line.clear();
            }
        }
    })
    .await;
    (server, lines)
}

/// The status line of the answer to bytes as they are.
async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().into()
}

fn lenient(mut spec: TableSpec) -> TableSpec {
    spec.paths = PathRules { allow_dot_segments: true, allow_encoded_slashes: true, allow_empty_segments: true };
    spec
}

#[tokio::test]
async fn the_target_of_a_request_arrives_byte_for_byte() {
    let (server, mut lines) = lines_of_requests().await;
    let traffic = traffic(lenient(shop(&[("us", &[("a", &server.address.to_string())])])));
    let proxy = Proxy::over(&traffic).await;
    for target in [
        "/",
        "/?",
        "/a?",
        "/%41%7e%7E/%25%2541",
        "/a;v=1,2/b:c@d",
        "/!$&'()*+,=-._~",
        "/a?x=/../%2f%zz?&&+",
        "/caf\u{e9}?\u{20ac}",
        "/a//b/./../c%2F%5c\\",
        "/\"quoted\"/{id}/[x]",
    ] {
        let head = format!("GET {target} HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n");
        assert_eq!(raw(proxy.address, head.as_bytes()).await, "HTTP/1.1 200 OK", "{target}");
        assert_eq!(next(&mut lines).await, format!("GET {target} HTTP/1.1"));
    }
    for (came_as, goes_as) in [
        ("GET http://shop.example/x?y HTTP/1.1", "GET /x?y HTTP/1.1"),
        ("GET http://shop.example HTTP/1.1", "GET / HTTP/1.1"),
        ("GET http://shop.example?y HTTP/1.1", "GET /?y HTTP/1.1"),
        ("OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1"),
    ] {
        let head = format!("{came_as}\r\nhost: shop.example\r\nconnection: close\r\n\r\n");
        assert_eq!(raw(proxy.address, head.as_bytes()).await, "HTTP/1.1 200 OK", "{came_as}");
        assert_eq!(next(&mut lines).await, goes_as);
    }
    assert!(lines.try_recv().is_err(), "and nothing else arrived");
}

fn config() -> Config {
    Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..Config::default()
    }
}

/// Paths of what has been used to walk around matches.
fn paths() -> impl Strategy<Value = String> {
    let guarded = ["admin", "%61dmin", "adm%69n", "admin;x=1", "Admin", "admi", "admin%20", "%2561dmin"];
    let others = ["", "a", "static", "b;v=1", "~", "%7e", "%C3%A9", "\u{e9}", "%ff", "%3A", "a+b", "\"{}\"", "@:*"];
    let odd = [".", "..", "%2e", "%2E%2e", ".%2e", "..;", "..;x=1", ".;", "%00", "%zz", "%"];
    let segments = prop_oneof![4 => select(guarded.to_vec()), 2 => select(others.to_vec()), 1 => select(odd.to_vec())];
    let between =
        prop_oneof![8 => Just("/"), 1 => select(vec!["//", "\\", "%2f", "%2F", "%5c", "/./", "/../", "/..;/"])];
    let begin =
        prop_oneof![8 => Just("/"), 1 => select(vec!["//", "/a/../", "/a/..;/", "/a\\..\\", "/a%2f../", "/a/%2e%2e/"])];
    (begin, segments.clone(), vec((between, segments), 0..3)).prop_map(|(begin, first, rest)| {
        rest.into_iter().fold(format!("{begin}{first}"), |path, (between, segment)| path + between + segment)
    })
}

fn queries() -> impl Strategy<Value = String> {
    let pieces = select(vec!["?", "&", "=", "/", "/admin", "..", "%2f", "%zz", "a", "+", "%00", "\u{e9}"]);
    prop_oneof![Just(String::new()), vec(pieces, 0..5).prop_map(|pieces| format!("?{}", pieces.concat()))]
}

/// Traffic that sends `/admin` and what is below elsewhere than the rest.
fn guarded() -> TableSpec {
    shop(&[("us", &[("a", "shop.internal")])])
        .cluster("admin", |cluster| cluster.region("us", |region| region.endpoint("g", "admin.internal")))
        .route("admin", |route| route.when(Match::new().path_prefix("/admin")).to("admin"))
}

/// How a server reads a path that decodes it, and does so before or after it resolves dots, merges slashes, takes a
/// backslash for a slash and drops parameters: its segments in each of these readings.
fn readings(path: &str) -> Vec<Vec<String>> {
    let decode = |text: &str| {
        let (mut out, mut rest) = (Vec::new(), text.as_bytes());
        while let [byte, after @ ..] = rest {
            let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
            let escaped = digits.filter(|_| *byte == b'%').and_then(|two| u8::from_str_radix(two, 16).ok());
            out.push(escaped.unwrap_or(*byte));
            rest = if escaped.is_some() { &after[2..] } else { after };
        }
        String::from_utf8_lossy(&out).into_owned()
    };
    let resolve = |path: &str| {
        let mut segments = Vec::new();
        for segment in path.replace('\\', "/").split('/').filter(|segment| !segment.is_empty()) {
            match segment.split(';').next().unwrap_or_default() {
                "." => {}
                ".." => _ = segments.pop(),
                _ => segments.push(segment.to_owned()),
            }
        }
        segments
    };
    let plain = path[1..].split('/').map(decode).collect();
    let resolved_first = resolve(path).iter().map(|segment| decode(segment)).collect();
    vec![plain, resolved_first, resolve(&decode(path))]
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

fn get(target: &str) -> Option<Request<Body>> {
    Request::get(target).body(empty()).ok()
}

proptest! {
    #![proptest_config(config())]

    /// I-66.
    #[test]
    fn what_is_forwarded_is_what_came_whatever_was_matched(path in paths(), query in queries(), is_lenient: bool) {
        let target = format!("{path}{query}");
        let spec = if is_lenient { lenient(guarded()) } else { guarded() };
        let Some(request) = get(&target) else { return Ok(()) };
        if let Ok(there) = run(handed(&traffic(spec), Origin::new(), request)) {
            prop_assert_eq!(there.uri.path_and_query().unwrap().as_str(), target);
        }
    }

    /// I-66: a request that gets to the shop is none of the admin's to any server behind it, and the other way round.
    #[test]
    fn no_spelling_of_a_path_walks_around_a_match(path in paths()) {
        let Some(request) = get(&path) else { return Ok(()) };
        if let Ok(there) = run(handed(&traffic(guarded()), Origin::new(), request)) {
            let is_guarded = there.uri.host() == Some("admin.internal");
            for reading in readings(there.uri.path()) {
                prop_assert_eq!(reading.first().is_some_and(|segment| segment == "admin"), is_guarded, "{:?}", reading);
            }
        }
    }

    /// I-66: a second proxy with the same table sends what the first one forwards the same way.
    #[test]
    fn what_is_forwarded_matches_as_what_came(path in paths(), is_lenient: bool) {
        let traffic = traffic(if is_lenient { lenient(guarded()) } else { guarded() });
        let Some(request) = get(&path) else { return Ok(()) };
        if let Ok(there) = run(handed(&traffic, Origin::new(), request)) {
            let again = get(there.uri.path_and_query().unwrap().as_str()).unwrap();
            let again = run(handed(&traffic, Origin::new(), again)).unwrap();
            prop_assert_eq!(again.uri, there.uri);
        }
    }
}

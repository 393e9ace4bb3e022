//! How a request is directed to an endpoint: scheme, authority, `Host` and path, as a client sees them and as they arrive.

use super::*;

/// What a client is handed of a request.
#[derive(Clone, Debug)]
pub(crate) struct Handed {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
}

impl Handed {
    pub(crate) fn uri(&self) -> String {
        self.uri.to_string()
    }

    fn host(&self) -> Option<&str> {
        self.headers.get("host").map(|host| host.to_str().unwrap())
    }
}

/// What a client behind this origin is handed of a request.
pub(crate) async fn handed(traffic: &Traffic, origin: Origin, request: Request<Body>) -> Result<Handed, Reason> {
    let client = service_fn(|request: Request<ReplayBody<Body>>| {
        let (head, _) = request.into_parts();
        let mut answer = Response::new(empty());
        answer.extensions_mut().insert(Handed { method: head.method, uri: head.uri, headers: head.headers });
        ready(Ok::<_, BoxError>(answer))
    });
    match traffic.layers(Http).origin(origin, client).oneshot(request).await {
        Ok(answer) => Ok(answer.extensions().get().cloned().expect("put there")),
        Err(Error::Rejected(rejected)) => Err(rejected.reason()),
        Err(error) => panic!("{error}"),
    }
}

fn request(uri: &str) -> Request<Body> {
    Request::builder().uri(uri).body(empty()).expect("a request")
}

fn with_host(uri: &str, host: &'static str) -> Request<Body> {
    let mut request = request(uri);
    request.headers_mut().insert("host", HeaderValue::from_static(host));
    request
}

/// Traffic to one endpoint with an authority.
pub(crate) fn to_authority(address: &str, authority: &str) -> Traffic {
    traffic(TableSpec::new().route("all", |route| route.any().to("shop")).cluster("shop", |cluster| {
        cluster.region("us", |region| region.endpoint_with("a", address, |endpoint| endpoint.authority(authority)))
    }))
}

#[tokio::test]
async fn the_uri_names_the_endpoint_and_keeps_path_and_query() {
    for (address, plain, secure) in [
        ("10.0.0.1:8080", "http://10.0.0.1:8080/x?y=1", "https://10.0.0.1:8080/x?y=1"),
        ("a.example", "http://a.example/x?y=1", "https://a.example/x?y=1"),
        ("[::1]:80", "http://[::1]:80/x?y=1", "https://[::1]:80/x?y=1"),
        ("http://a.example:81", "http://a.example:81/x?y=1", "http://a.example:81/x?y=1"),
        ("https://a.example/", "https://a.example/x?y=1", "https://a.example/x?y=1"),
    ] {
        let traffic = to_one(address);
        for came_as in ["/x?y=1", "http://shop.example/x?y=1", "https://shop.example:444/x?y=1"] {
            let there = handed(&traffic, Origin::new(), request(came_as)).await.unwrap();
            assert_eq!(there.uri(), plain, "{address} for {came_as}");
            let there = handed(&traffic, Origin::new().https(), request(came_as)).await.unwrap();
            assert_eq!(there.uri(), secure, "{address} for {came_as}");
        }
    }
}

#[tokio::test]
async fn an_authority_stands_in_the_uri_in_place_of_the_address() {
    for (address, origin, uri) in [
        ("10.0.0.1:8080", Origin::new(), "http://a.shop.example/x"),
        ("https://10.0.0.1:8443", Origin::new(), "https://a.shop.example/x"),
        ("http://10.0.0.1", Origin::new().https(), "http://a.shop.example/x"),
        ("/run/a.sock", Origin::new().https(), "https://a.shop.example/x"),
    ] {
        let traffic = to_authority(address, "a.shop.example");
        assert_eq!(handed(&traffic, origin, request("/x")).await.unwrap().uri(), uri, "{address}");
    }
}

#[tokio::test]
async fn the_host_is_the_one_that_the_policy_says() {
    let fixed = || HostPolicy::Fixed(HeaderValue::from_static("fixed.example"));
    let cases = [
        (HostPolicy::Preserve, with_host("/", "shop.example:81"), Some("shop.example:81")),
        (HostPolicy::Preserve, request("http://shop.example:81/"), Some("shop.example:81")),
        (HostPolicy::Preserve, with_host("http://shop.example:81/", "Shop.Example"), Some("Shop.Example")),
        (HostPolicy::Preserve, request("/"), None),
        (HostPolicy::Endpoint, with_host("/", "shop.example"), Some("10.0.0.1:8080")),
        (HostPolicy::Endpoint, request("/"), Some("10.0.0.1:8080")),
        (fixed(), with_host("/", "shop.example"), Some("fixed.example")),
        (fixed(), request("http://shop.example/"), Some("fixed.example")),
    ];
    for (policy, request, host) in cases {
        let came_as = format!("{policy:?} {:?} {:?}", request.uri(), request.headers());
        let there = handed(&to_one("http://10.0.0.1:8080"), Origin::new().host(policy), request).await.unwrap();
        assert_eq!(there.host(), host, "{came_as}");
        assert_eq!(there.uri(), "http://10.0.0.1:8080/");
    }
    let there = to_authority("10.0.0.1:8080", "a.shop.example");
    let there = handed(&there, Origin::new().host(HostPolicy::Endpoint), request("/")).await.unwrap();
    assert_eq!(there.host(), Some("a.shop.example"), "its authority, not its address");
}

#[tokio::test]
async fn over_http_1_the_endpoint_sees_the_host_of_the_policy() {
    let mut a = Backend::named("a").await;
    let traffic = to_one(&a.address());
    let address = a.address();
    let fixed = HostPolicy::Fixed(HeaderValue::from_static("fixed.example"));
    for (policy, host) in
        [(HostPolicy::Preserve, "shop.example"), (HostPolicy::Endpoint, &*address), (fixed, "fixed.example")]
    {
        let stack = traffic.layers(Http).origin(Origin::new().host(policy), client());
        stack.oneshot(with_host("/x", "shop.example")).await.unwrap();
        let came = a.seen().await;
        assert_eq!(came.uri(), "/x");
        assert_eq!(came.headers()["host"], host);
    }
    // Without any, the client has to say something: HTTP/1.1 asks for it.
    traffic.http(client()).oneshot(request("/x")).await.unwrap();
    assert_eq!(a.seen().await.headers()["host"], *address);
}

/// hyper-util's client of HTTP/2 without TLS.
pub(crate) fn http2_client<B>() -> HttpClient<B>
where
    B: http_body::Body + Send,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}

#[tokio::test]
async fn over_http_2_the_endpoint_sees_its_own_authority() {
    let mut a = Backend::of(Version::HTTP_2, "a").await;
    let traffic = to_one(&a.address());
    for policy in [HostPolicy::Preserve, HostPolicy::Endpoint] {
        let stack = traffic.layers(Http).origin(Origin::new().host(policy), http2_client());
        let answer = stack.oneshot(request("/x?y")).await.unwrap();
        assert_eq!(text(answer.into_body()).await, "a");
        let came = a.seen().await;
        assert_eq!((came.version(), came.uri().to_string()), (Version::HTTP_2, format!("http://{}/x?y", a.address())));
    }
}

#[tokio::test]
async fn a_prefix_stands_before_every_path() {
    let traffic = to_one("a.example");
    let prefixed = async |prefix: &str, request: Request<Body>| {
        let there = handed(&traffic, Origin::new().path_prefix(prefix).unwrap(), request).await.unwrap();
        there.uri.path_and_query().unwrap().to_string()
    };
    for (prefix, came_as, goes_as) in [
        ("/v1", "/users?page=2", "/v1/users?page=2"),
        ("/v1/", "/users/", "/v1/users/"),
        ("/v1/%7e", "/%41?a=%2F", "/v1/%7e/%41?a=%2F"),
        ("/v1", "/", "/v1/"),
        ("/v1", "http://shop.example", "/v1/"),
        ("/v1", "http://shop.example?page=2", "/v1/?page=2"),
        ("/", "/users?page=2", "/users?page=2"),
    ] {
        assert_eq!(prefixed(prefix, request(came_as)).await, goes_as, "{prefix} before {came_as}");
    }
    for prefix in ["", "v1", "*", "/v1?", "/v1?x=1", "?x", "/a b", "http://a.example/v1"] {
        let error = Origin::new().path_prefix(prefix).unwrap_err();
        assert!(error.to_string().contains(&format!("{prefix:?}")), "{error}");
    }
}

/// Forms of a request's target: RFC 9112, 3.2.
#[tokio::test]
async fn every_form_of_target_is_directed_to_the_endpoint() {
    let traffic = to_one("10.0.0.1:8080");
    for (method, target, host, goes_as) in [
        (Method::GET, "/x?y", None, "http://10.0.0.1:8080/x?y"),
        (Method::GET, "http://shop.example/x?y", Some("shop.example"), "http://10.0.0.1:8080/x?y"),
        (Method::GET, "http://shop.example", Some("shop.example"), "http://10.0.0.1:8080/"),
        (Method::GET, "http://shop.example?y", Some("shop.example"), "http://10.0.0.1:8080/?y"),
        (Method::OPTIONS, "*", None, "http://10.0.0.1:8080*"),
        (Method::CONNECT, "db.example:5432", Some("db.example:5432"), "http://10.0.0.1:8080/"),
    ] {
        let mut request = request(target);
        *request.method_mut() = method.clone();
        let there = handed(&traffic, Origin::new(), request).await.unwrap();
        assert_eq!((there.uri(), there.host(), &there.method), (goes_as.into(), host, &method), "{method} {target}");
    }
}

const BAD_ADDRESSES: [&str; 9] = [
    "/run/a.sock",
    "unix:/run/a.sock",
    "ftp://a.example",
    "a.example/path",
    "http://a.example/path",
    "user@a.example",
    "a.example:http",
    "a.example:65536",
    "two words",
];

#[tokio::test]
async fn an_address_that_is_no_host_is_refused_and_says_so() {
    for address in BAD_ADDRESSES {
        let traffic = to_one(address);
        assert_eq!(handed(&traffic, Origin::new(), request("/")).await.unwrap_err(), Reason::BadAddress, "{address}");
        assert_eq!(counts(&traffic, "a"), [0, 0, 0], "{address}: nothing was sent, so nothing is held against it");
    }
    assert_eq!(closed_address_status().await, StatusCode::SERVICE_UNAVAILABLE);
}

async fn closed_address_status() -> StatusCode {
    to_one("/run/a.sock").http(client()).oneshot(request("/")).await.unwrap().status()
}

/// I-65: the next candidate gets the request, in the same region or in another.
#[tokio::test]
async fn a_candidate_with_a_good_address_is_asked_after_one_without() {
    for address in BAD_ADDRESSES {
        for spec in [
            shop(&[("us", &[("a", address), ("b", "b.example:80")])]),
            shop(&[("us", &[("a", address)]), ("eu", &[("b", "b.example:80")])]),
            shop(&[("us", &[("a", address), ("c", address)]), ("eu", &[("b", "b.example:80")])]),
        ] {
            let traffic = traffic(spec);
            for _ in 0..6 {
                let there = handed(&traffic, Origin::new(), request("/x")).await.unwrap();
                assert_eq!(there.uri(), "http://b.example:80/x", "{address}");
            }
            assert_eq!((counts(&traffic, "a"), counts(&traffic, "b")), ([0, 0, 0], [0, 6, 0]), "{address}");
        }
    }
}

/// The version is each connection's own: a client would refuse to send a request of HTTP/2 over HTTP/1.
#[tokio::test]
async fn a_request_that_came_over_http_2_goes_on_over_http_1() {
    let backend = Backend::named("a").await;
    let mut request = request("/");
    *request.version_mut() = Version::HTTP_2;
    let answer = to_one(&backend.address()).http(client()).oneshot(request).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
}

/// A path that a prefix makes longer than a URI can be is refused, and not one byte sooner.
#[tokio::test]
async fn a_path_too_long_for_its_prefix_is_refused() {
    let traffic = to_one("10.0.0.1:80");
    let origin = || Origin::new().path_prefix("/v1").expect("a path");
    let longest = 65_534;
    for (length, path) in [(longest - 3, "taken"), (longest - 2, "refused"), (longest, "refused")] {
        // Straight to the path: a whole URI of that length would not be parsed.
        let text = format!("/{}", "a".repeat(length - 1));
        let mut request = request("/");
        *request.uri_mut() = text.parse().expect("a path");
        let handed = handed(&traffic, origin(), request).await;
        assert_eq!(handed.as_ref().err(), (path == "refused").then_some(&Reason::BadPath), "{length}");
        if let Ok(handed) = handed {
            assert_eq!(handed.uri.path().len(), length + 3);
        }
    }
}

/// I-66: over HTTP/2 the authority stands for the host, and a request that names two is refused by this very crate.
#[tokio::test]
async fn what_one_proxy_forwards_over_http_2_by_the_endpoints_name_another_takes() {
    let mut a = Backend::of(Version::HTTP_2, "a").await;
    let traffic = to_one(&a.address());
    let origin = Origin::new().host(HostPolicy::Endpoint);
    traffic.layers(Http).origin(origin, http2_client()).oneshot(request("http://shop.example/x")).await.unwrap();
    let came = a.seen().await;
    let facts = Facts::http(&came).map(|facts| facts.host().map(String::from));
    assert!(facts.is_ok(), "{facts:?}: {} and {:?}", came.uri(), came.headers());
}

/// The address is an opaque text where there is an authority.
#[tokio::test]
async fn an_authority_is_enough_whatever_the_address() {
    for address in ["unix:///run/a.sock", "ftp://a"] {
        let there = handed(&to_authority(address, "a.example"), Origin::new(), request("/x")).await;
        assert_eq!(there.map(|there| there.uri()), Ok("http://a.example/x".into()), "{address}");
    }
}

#[test]
fn a_prefix_with_a_fragment_is_no_path() {
    assert!(Origin::new().path_prefix("/v1#x").is_err());
}

/// RFC 9110, 9.3.7: it asks for the server, not for something below a path.
#[tokio::test]
async fn options_of_the_server_get_no_prefix() {
    let mut asterisk = request("*");
    *asterisk.method_mut() = Method::OPTIONS;
    let there = handed(&to_one("a.example"), Origin::new().path_prefix("/v1").unwrap(), asterisk).await.unwrap();
    assert_eq!(there.uri.path(), "*");
}

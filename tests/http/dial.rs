//! Endpoints whose authority is not where they listen: the client asks for the one, and the connector dials the other.

use super::origin::to_authority;
use super::*;
use contraflow::layer::{Dial, DialError};

fn dialling(traffic: &Traffic) -> Client<Dial<HttpConnector>, ReplayBody<Body>> {
    Client::builder(TokioExecutor::new()).build(traffic.dial(HttpConnector::new()))
}

fn get() -> Request<Body> {
    Request::get("/x").body(empty()).expect("a request")
}

/// One region of endpoints, each with a name, an address and an authority.
fn sharing(endpoints: &[(&str, &str, &str)]) -> TableSpec {
    let table = TableSpec::new().cluster("shop", |cluster| {
        cluster.region("us", |region| {
            endpoints.iter().fold(region, |region, (name, address, authority)| {
                region.endpoint_with(*name, *address, |endpoint: EndpointSpec| endpoint.authority(*authority))
            })
        })
    });
    table.route("all", |route| route.any().to("shop").pick(Pick::RoundRobin))
}

#[tokio::test]
async fn a_request_for_a_name_that_does_not_resolve_arrives_at_the_endpoints_address() {
    let (mut a, mut b) = (Backend::named("a").await, Backend::named("b").await);
    let table = sharing(&[
        ("a", &a.address(), "a.shop.invalid"),
        ("b", &format!("http://{}/", b.address()), "b.shop.invalid:81"),
    ]);
    let traffic = traffic(table);
    let origin = Origin::new().host(HostPolicy::Endpoint);
    let mut shop = traffic.layers(Http).origin(origin, dialling(&traffic));
    let mut answers = BTreeSet::new();
    for _ in 0..4 {
        let answer = shop.ready().await.unwrap().call(get()).await.unwrap();
        answers.insert(text(answer.into_body()).await);
    }
    assert_eq!(answers, BTreeSet::from(["a".into(), "b".into()]));
    assert_eq!(a.seen().await.headers()["host"], "a.shop.invalid");
    assert_eq!(b.seen().await.headers()["host"], "b.shop.invalid:81");
    assert_eq!([counts(&traffic, "a"), counts(&traffic, "b")], [[0, 2, 0], [0, 2, 0]]);
}

#[tokio::test]
async fn the_host_that_a_request_came_with_arrives_at_the_endpoints_address_too() {
    let mut a = Backend::named("a").await;
    let traffic = to_authority(&a.address(), "a.shop.invalid");
    let mut request = get();
    request.headers_mut().insert("host", HeaderValue::from_static("shop.example"));
    traffic.http(dialling(&traffic)).oneshot(request).await.unwrap();
    assert_eq!(a.seen().await.headers()["host"], "shop.example");
}

#[tokio::test]
async fn without_it_the_name_would_have_to_resolve() {
    let a = Backend::named("a").await;
    let traffic = to_authority(&a.address(), "a.shop.invalid");
    let error = traffic.http(client()).oneshot(get()).await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
}

#[tokio::test]
async fn an_authority_that_no_endpoint_has_is_dialled_as_it_stands() {
    let (a, elsewhere) = (Backend::named("a").await, Backend::named("elsewhere").await);
    let traffic = to_authority(&a.address(), "a.shop.invalid");
    let client = Client::builder(TokioExecutor::new()).build(traffic.dial(HttpConnector::new()));
    let request = Request::get(format!("http://{}/", elsewhere.address())).body(empty()).unwrap();
    assert_eq!(text(client.request(request).await.unwrap().into_body()).await, "elsewhere");
}

#[tokio::test]
async fn two_endpoints_of_one_authority_and_different_addresses_are_an_error_that_names_them() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let traffic = traffic(sharing(&[("a", &a.address(), "shop.invalid"), ("b", &b.address(), "shop.invalid")]));
    let uri = "http://shop.invalid/x".parse::<Uri>().unwrap();
    let Err(error) = traffic.dial(HttpConnector::new()).oneshot(uri).await else { panic!("which of them?") };
    assert_eq!(
        error.to_string(),
        "the endpoints `a` and `b` share the authority `shop.invalid` but not the address; give each a client of its own"
    );
    assert!(matches!(error, DialError::Ambiguous { authority, .. } if authority == "shop.invalid"));

    // A client says it as the cause of its own.
    let error = traffic.http(dialling(&traffic)).oneshot(get()).await.unwrap_err();
    let mut causes = std::iter::successors(std::error::Error::source(&error), |error| error.source());
    assert!(causes.any(|cause| cause.to_string().contains("share the authority `shop.invalid`")), "{error:?}");
}

/// A canary that is reached by its address, under the name by which the others are.
#[tokio::test]
async fn an_endpoint_without_an_authority_has_its_address_for_one() {
    let (a, canary) = (Backend::named("a").await, Backend::named("canary").await);
    let endpoints = |canary_at: &str| {
        TableSpec::new().route("all", |route| route.any().to("shop").pick(Pick::RoundRobin)).cluster(
            "shop",
            |cluster| {
                cluster.region("us", |region| {
                    let name = a.address();
                    region.endpoint("a", &*name).endpoint_with("canary", canary_at, |canary| canary.authority(&*name))
                })
            },
        )
    };
    let shared = traffic(endpoints(&canary.address()));
    let error = shared.http(dialling(&shared)).oneshot(get()).await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");

    let one = traffic(endpoints(&format!("http://{}", a.address())));
    let answer = one.http(dialling(&one)).oneshot(get()).await.expect("both are one server");
    assert_eq!(text(answer.into_body()).await, "a");
}

#[tokio::test]
async fn two_endpoints_of_one_authority_and_one_address_are_one_server() {
    let a = Backend::named("a").await;
    let traffic = traffic(sharing(&[("a", &a.address(), "shop.invalid"), ("b", &a.address(), "shop.invalid")]));
    let answer = traffic.http(dialling(&traffic)).oneshot(get()).await.unwrap();
    assert_eq!(text(answer.into_body()).await, "a");
}

/// New connections go by the table in force.
#[tokio::test]
async fn an_address_that_was_published_is_dialled_from_then_on() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let traffic = traffic(sharing(&[("a", &a.address(), "shop.invalid")]));
    let shop = |traffic: &Traffic| traffic.http(dialling(traffic));
    assert_eq!(text(shop(&traffic).oneshot(get()).await.unwrap().into_body()).await, "a");
    traffic.publish(sharing(&[("a", &b.address(), "shop.invalid")]).build().unwrap()).unwrap();
    assert_eq!(text(shop(&traffic).oneshot(get()).await.unwrap().into_body()).await, "b");
}

#[tokio::test]
async fn the_name_in_the_certificate_is_the_endpoints_else_the_uris_host() {
    let traffic = traffic(TableSpec::new().route("all", |route| route.any().to("shop")).cluster("shop", |cluster| {
        cluster.region("us", |region| {
            region
                .endpoint_with("a", "10.0.0.1:443", |a| a.authority("a.shop.example:443").tls_name("internal.example"))
                .endpoint_with("b", "10.0.0.2:443", |b| b.tls_name("b.internal.example"))
                .endpoint_with("c", "10.0.0.3:443", |c| c.authority("c.shop.example"))
                .endpoint_with("d", "/run/d.socket", |d| d.tls_name("d.internal.example"))
        })
    }));
    for (uri, name) in [
        ("https://a.shop.example:443/x", Some("internal.example")),
        ("https://10.0.0.2:443/", Some("b.internal.example")),
        ("https://c.shop.example/", Some("c.shop.example")),
        ("https://elsewhere.example:444/", Some("elsewhere.example")),
        ("/x", None),
    ] {
        assert_eq!(traffic.tls_name(&uri.parse().unwrap()).as_deref(), name, "{uri}");
    }
}

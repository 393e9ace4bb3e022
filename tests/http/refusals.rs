//! What a user of the proxy gets when there is nothing to answer with.

use super::proxy::Proxy;
use super::*;

#[tokio::test]
async fn a_request_that_no_route_matches_is_answered_404_with_nothing_in_it() {
    let mut a = Backend::named("a").await;
    let mut spec = shop(&[("us", &[("a", &a.address())])]);
    spec.route_mut("all").unwrap().matches = vec![Match::new().host("shop.example").path_prefix("/cart")];
    let traffic = traffic(spec);
    let proxy = Proxy::over(&traffic).await;

    assert_eq!(proxy.get("/cart").await, (StatusCode::OK, "a".into()));
    assert_eq!(proxy.get("/carts").await, (StatusCode::NOT_FOUND, String::new()));
    let mut elsewhere = proxy.request("/cart").body(empty()).unwrap();
    elsewhere.headers_mut().insert("host", HeaderValue::from_static("other.example"));
    assert_eq!(proxy.send(elsewhere).await.status(), StatusCode::NOT_FOUND);

    assert_eq!(a.seen().await.uri(), "/cart");
    assert!(a.seen.try_recv().is_err(), "a refused request is not sent");
    assert_eq!(counts(&traffic, "a"), [0, 1, 0]);
}

/// I-66.
#[tokio::test]
async fn a_request_with_two_readings_is_answered_400_and_sent_nowhere() {
    let mut a = Backend::named("a").await;
    let traffic = to_one(&a.address());
    let proxy = Proxy::over(&traffic).await;

    for path in ["/static/../admin", "/%2e%2e/admin", "/a%2fb", "//admin", "/a%zz", "/a%00", "/a%5cb"] {
        assert_eq!(proxy.get(path).await, (StatusCode::BAD_REQUEST, String::new()), "{path}");
    }
    for host in ["good.example@evil.example", "shop..example", "shop%2eexample", "shop.example:http"] {
        let mut request = proxy.request("/").body(empty()).unwrap();
        request.headers_mut().insert("host", HeaderValue::from_static(host));
        assert_eq!(proxy.send(request).await.status(), StatusCode::BAD_REQUEST, "{host}");
    }
    let mut twice = proxy.request("/").body(empty()).unwrap();
    twice.headers_mut().append("host", HeaderValue::from_static("shop.example"));
    assert_eq!(proxy.send(twice).await.status(), StatusCode::BAD_REQUEST);

    assert!(a.seen.try_recv().is_err());
    assert_eq!(counts(&traffic, "a"), [0, 0, 0]);
}

#[tokio::test]
async fn a_cluster_without_a_usable_endpoint_is_answered_503() {
    let a = Backend::named("a").await;
    let traffic = to_one(&a.address());
    let proxy = Proxy::over(&traffic).await;

    traffic.evacuate("us", HOUR).unwrap();
    assert_eq!(proxy.get("/").await, (StatusCode::SERVICE_UNAVAILABLE, String::new()));
    traffic.readmit("us").unwrap();
    assert_eq!(proxy.get("/").await, (StatusCode::OK, "a".into()));
}

#[tokio::test]
async fn an_endpoint_that_refuses_the_connection_is_answered_502_and_has_failed() {
    let traffic = to_one(&nowhere().await.to_string());
    let proxy = Proxy::over(&traffic).await;

    assert_eq!(proxy.get("/").await, (StatusCode::BAD_GATEWAY, String::new()));
    assert_eq!(counts(&traffic, "a"), [0, 0, 1]);
}

#[tokio::test]
async fn an_endpoint_that_hangs_up_without_an_answer_is_answered_502_and_has_failed() {
    let server = accept(|stream| async move { drop(stream) }).await;
    let traffic = to_one(&server.address.to_string());
    let proxy = Proxy::over(&traffic).await;

    let put = proxy.request("/").method("PUT").body(full("once")).unwrap();
    assert_eq!(proxy.send(put).await.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(counts(&traffic, "a"), [0, 0, 1]);
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_in_time_is_answered_504_and_has_failed() {
    // Its connections are taken by the system, and nobody ever looks at them.
    let (_listener, address) = listener().await;
    let traffic = traffic(shop(&[("us", &[("a", &address.to_string())])]).deadline(Duration::from_millis(5)));
    let proxy = Proxy::over(&traffic).await;

    assert_eq!(proxy.get("/").await, (StatusCode::GATEWAY_TIMEOUT, String::new()));
    assert_eq!(counts(&traffic, "a"), [0, 0, 1], "a deadline that passes is evidence, and leaves nothing in flight");
}

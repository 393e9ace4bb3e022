//! Until when a request counts as in flight, when its answer goes on over a socket.

use super::proxy::Proxy;
use super::*;

fn released(server: &Server, on: ReleaseOn) -> Traffic {
    traffic(shop(&[("us", &[("a", &server.address.to_string())])]).release(on))
}

async fn download(proxy: &Proxy) -> Incoming {
    proxy.send(proxy.request("/file").body(empty()).unwrap()).await.into_body()
}

/// I-33.
#[tokio::test]
async fn a_request_is_in_flight_until_its_body_has_ended() {
    let (server, mut feeds) = fed_server(Version::HTTP_11).await;
    let traffic = released(&server, ReleaseOn::End);
    let proxy = Proxy::over(&traffic).await;
    let (mut one, mut other) = (download(&proxy).await, download(&proxy).await);
    let (first, second) = (next(&mut feeds).await, next(&mut feeds).await);

    assert_eq!(counts(&traffic, "a"), [2, 2, 0], "judged by the head, and held until the end");
    assert_eq!(endpoint(&traffic, "a").waiting, 0, "nobody waits for a head");
    first.send(data("some")).unwrap();
    assert_eq!(next_data(&mut one).await.as_deref(), Some("some"));
    assert_eq!(counts(&traffic, "a"), [2, 2, 0]);
    drop(first);
    assert_eq!(next_data(&mut one).await, None);
    until_counts(&traffic, "a", [1, 2, 0]).await;
    drop(second);
    assert_eq!(next_data(&mut other).await, None);
    until_counts(&traffic, "a", [0, 2, 0]).await;
}

/// I-33: whoever leaves gives back their place, and it is not the server's fault.
#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_body_gives_its_place_back() {
    let (server, mut feeds) = fed_server(Version::HTTP_11).await;
    let traffic = released(&server, ReleaseOn::End);
    let proxy = Proxy::over(&traffic).await;
    let mut body = download(&proxy).await;
    let feed = next(&mut feeds).await;
    feed.send(data("some")).unwrap();
    assert_eq!(next_data(&mut body).await.as_deref(), Some("some"));
    assert_eq!(counts(&traffic, "a"), [1, 1, 0]);

    drop(body);
    until_counts(&traffic, "a", [0, 1, 0]).await;
    // And the server learns of it.
    feed.closed().await;
}

/// I-33, I-57: a young one tells nothing, an old one that the server was slow.
#[tokio::test]
async fn a_client_that_leaves_before_the_head_gives_its_place_back_and_tells_how_long_it_waited() {
    let (_listener, address) = listener().await;
    for (waited, failures) in [(Duration::from_millis(999), 0), (Duration::from_secs(1), 1)] {
        let (traffic, hand) = by_hand(shop(&[("us", &[("a", &address.to_string())])]));
        let proxy = Proxy::over(&traffic).await;
        let waiting = tokio::spawn(client().request(proxy.request("/").body(empty()).unwrap()));
        until_counts(&traffic, "a", [1, 0, 0]).await;
        assert_eq!(endpoint(&traffic, "a").waiting, 1);

        hand.advance(waited);
        waiting.abort();
        until_counts(&traffic, "a", [0, 0, failures]).await;
    }
}

#[tokio::test]
async fn a_head_that_is_late_ends_the_request_and_a_body_that_is_slow_does_not() {
    let (server, mut feeds) = fed_server(Version::HTTP_11).await;
    let spec = shop(&[("us", &[("a", &server.address.to_string())])]).deadline(Duration::from_secs(2));
    let (traffic, hand) = by_hand(spec);
    let proxy = Proxy::over(&traffic).await;
    let mut body = download(&proxy).await;
    let feed = next(&mut feeds).await;
    feed.send(data("some")).unwrap();
    assert_eq!(next_data(&mut body).await.as_deref(), Some("some"));
    hand.advance(Duration::from_secs(59));
    assert_eq!(counts(&traffic, "a"), [1, 1, 0], "it may stand still for a minute");
    feed.send(data("more")).unwrap();
    assert_eq!(next_data(&mut body).await.as_deref(), Some("more"));
    hand.advance(Duration::from_secs(59));
    assert_eq!(counts(&traffic, "a"), [1, 1, 0], "and every part begins that anew");
    hand.advance(Duration::from_secs(1));
    assert_eq!(counts(&traffic, "a"), [0, 1, 0], "longer, and it no longer counts");
    feed.send(data("and the rest")).unwrap();
    drop(feed);
    assert_eq!(text(body).await, "and the rest", "but it is not cut off");
    assert_eq!(counts(&traffic, "a"), [0, 1, 0]);

    let (_listener, address) = listener().await;
    traffic
        .publish(shop(&[("us", &[("b", &address.to_string())])]).deadline(Duration::from_secs(2)).build().unwrap())
        .unwrap();
    let waiting = tokio::spawn(client().request(proxy.request("/").body(empty()).unwrap()));
    until_counts(&traffic, "b", [1, 0, 0]).await;
    hand.advance(Duration::from_secs(2));
    assert_eq!(waiting.await.unwrap().unwrap().status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(counts(&traffic, "b"), [0, 0, 1]);
}

/// I-62: an error in the middle counts once.
#[tokio::test]
async fn a_body_that_the_server_breaks_is_one_failure() {
    let (server, mut feeds) = fed_server(Version::HTTP_11).await;
    let traffic = released(&server, ReleaseOn::End);
    let proxy = Proxy::over(&traffic).await;
    let mut body = download(&proxy).await;
    let feed = next(&mut feeds).await;
    feed.send(data("some")).unwrap();
    assert_eq!(next_data(&mut body).await.as_deref(), Some("some"));

    feed.send(Err("the disk is gone".into())).unwrap();
    assert!(body.frame().await.expect("no quiet end").is_err(), "the user must not take a part for the whole");
    until_counts(&traffic, "a", [0, 1, 1]).await;
}

#[tokio::test]
async fn a_request_that_is_released_at_the_head_is_not_in_flight_while_its_body_goes_on() {
    let (server, mut feeds) = fed_server(Version::HTTP_11).await;
    let traffic = released(&server, ReleaseOn::Head);
    let proxy = Proxy::over(&traffic).await;
    let mut body = download(&proxy).await;
    let feed = next(&mut feeds).await;

    assert_eq!(counts(&traffic, "a"), [0, 1, 0]);
    feed.send(data("some")).unwrap();
    assert_eq!(next_data(&mut body).await.as_deref(), Some("some"));
    feed.send(Err("the disk is gone".into())).unwrap();
    assert!(body.frame().await.expect("no quiet end").is_err());
    until_counts(&traffic, "a", [0, 1, 1]).await;
}

#[tokio::test]
async fn a_request_that_is_released_at_the_first_frame_is_in_flight_until_then() {
    let (server, mut feeds) = fed_server(Version::HTTP_11).await;
    let traffic = released(&server, ReleaseOn::FirstFrame);
    let proxy = Proxy::over(&traffic).await;
    let mut body = download(&proxy).await;
    let feed = next(&mut feeds).await;

    assert_eq!(counts(&traffic, "a"), [1, 1, 0]);
    feed.send(data("some")).unwrap();
    assert_eq!(next_data(&mut body).await.as_deref(), Some("some"));
    assert_eq!(counts(&traffic, "a"), [0, 1, 0]);
    drop(feed);
    assert_eq!(next_data(&mut body).await, None);
    assert_eq!(counts(&traffic, "a"), [0, 1, 0]);
}

/// I-33: what left the table serves on, and is forgotten when it has.
#[tokio::test]
async fn a_body_of_an_endpoint_that_left_the_table_goes_on_and_is_counted_as_draining() {
    let (server, mut feeds) = fed_server(Version::HTTP_11).await;
    let other = Backend::named("b").await;
    let traffic = released(&server, ReleaseOn::End);
    let proxy = Proxy::over(&traffic).await;
    let mut body = download(&proxy).await;
    let feed = next(&mut feeds).await;

    traffic.publish(shop(&[("us", &[("b", &other.address())])]).build().unwrap()).unwrap();
    assert_eq!(proxy.get("/").await, (StatusCode::OK, "b".into()));
    assert_eq!(traffic.status().draining, 1);
    assert_eq!(traffic.status().retired, 0, "the download keeps no table");
    feed.send(data("some")).unwrap();
    assert_eq!(next_data(&mut body).await.as_deref(), Some("some"));
    drop(feed);
    assert_eq!(next_data(&mut body).await, None);
    until("drained", || traffic.status().draining == 0).await;
}

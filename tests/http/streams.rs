//! Until when a request counts as in flight, when its answer goes on over a socket.

use super::proxy::Proxy;
use super::*;

/// A server whose answers are fed by the test: where the frames of each go comes with its request.
async fn fed_server() -> (Server, UnboundedReceiver<UnboundedSender<Result<Frame<Bytes>, BoxError>>>) {
    let (sender, feeds) = unbounded_channel();
    let server = serve(Version::HTTP_11, move |_| {
        let sender = sender.clone();
        async move {
            let (feed, body) = fed();
            sender.send(feed).expect("the test waits for it");
            Response::new(body)
        }
    })
    .await;
    (server, feeds)
}

fn released(server: &Server, on: ReleaseOn) -> Traffic {
    traffic(shop(&[("us", &[("a", &server.address.to_string())])]).release(on))
}

async fn download(proxy: &Proxy) -> Incoming {
    proxy.send(proxy.request("/file").body(empty()).unwrap()).await.into_body()
}

/// I-33.
#[tokio::test]
async fn a_request_is_in_flight_until_its_body_has_ended() {
    let (server, mut feeds) = fed_server().await;
    let traffic = released(&server, ReleaseOn::End);
    let proxy = Proxy::over(&traffic).await;
    let (mut one, mut other) = (download(&proxy).await, download(&proxy).await);
    let (first, second) = (feeds.recv().await.unwrap(), feeds.recv().await.unwrap());

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
    let (server, mut feeds) = fed_server().await;
    let traffic = released(&server, ReleaseOn::End);
    let proxy = Proxy::over(&traffic).await;
    let mut body = download(&proxy).await;
    let feed = feeds.recv().await.unwrap();
    feed.send(data("some")).unwrap();
    assert_eq!(next_data(&mut body).await.as_deref(), Some("some"));
    assert_eq!(counts(&traffic, "a"), [1, 1, 0]);

    drop(body);
    until_counts(&traffic, "a", [0, 1, 0]).await;
    // And the server learns of it.
    feed.closed().await;
}

/// I-33, I-57: nobody has seen a head yet.
#[tokio::test]
async fn a_client_that_leaves_before_the_head_gives_its_place_back_and_tells_nothing() {
    let (listener, address) = listener().await;
    let traffic = to_one(&address.to_string());
    let proxy = Proxy::over(&traffic).await;
    let request = proxy.request("/").body(empty()).unwrap();
    let left = client().request(request);
    let left = tokio::spawn(left);
    until_counts(&traffic, "a", [1, 0, 0]).await;
    assert_eq!(endpoint(&traffic, "a").waiting, 1);

    left.abort();
    until_counts(&traffic, "a", [0, 0, 0]).await;
    drop(listener);
}

/// I-62: an error in the middle counts once.
#[tokio::test]
async fn a_body_that_the_server_breaks_is_one_failure() {
    let (server, mut feeds) = fed_server().await;
    let traffic = released(&server, ReleaseOn::End);
    let proxy = Proxy::over(&traffic).await;
    let mut body = download(&proxy).await;
    let feed = feeds.recv().await.unwrap();
    feed.send(data("some")).unwrap();
    assert_eq!(next_data(&mut body).await.as_deref(), Some("some"));

    feed.send(Err("the disk is gone".into())).unwrap();
    assert!(body.frame().await.expect("no quiet end").is_err(), "the user must not take a part for the whole");
    until_counts(&traffic, "a", [0, 1, 1]).await;
}

#[tokio::test]
async fn a_request_that_is_released_at_the_head_is_not_in_flight_while_its_body_goes_on() {
    let (server, mut feeds) = fed_server().await;
    let traffic = released(&server, ReleaseOn::Head);
    let proxy = Proxy::over(&traffic).await;
    let mut body = download(&proxy).await;
    let feed = feeds.recv().await.unwrap();

    assert_eq!(counts(&traffic, "a"), [0, 1, 0]);
    feed.send(data("some")).unwrap();
    assert_eq!(next_data(&mut body).await.as_deref(), Some("some"));
    feed.send(Err("the disk is gone".into())).unwrap();
    assert!(body.frame().await.expect("no quiet end").is_err());
    until_counts(&traffic, "a", [0, 1, 1]).await;
}

#[tokio::test]
async fn a_request_that_is_released_at_the_first_frame_is_in_flight_until_then() {
    let (server, mut feeds) = fed_server().await;
    let traffic = released(&server, ReleaseOn::FirstFrame);
    let proxy = Proxy::over(&traffic).await;
    let mut body = download(&proxy).await;
    let feed = feeds.recv().await.unwrap();

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
    let (server, mut feeds) = fed_server().await;
    let other = Backend::named("b").await;
    let traffic = released(&server, ReleaseOn::End);
    let proxy = Proxy::over(&traffic).await;
    let mut body = download(&proxy).await;
    let feed = feeds.recv().await.unwrap();

    traffic.publish(shop(&[("us", &[("b", &other.address())])]).build().unwrap()).unwrap();
    assert_eq!(proxy.get("/").await, (StatusCode::OK, "b".into()));
    assert_eq!(traffic.status().draining, 1);
    assert_eq!(traffic.status().retired, 0, "the download keeps no table");
    feed.send(data("some")).unwrap();
    assert_eq!(next_data(&mut body).await.as_deref(), Some("some"));
    drop(feed);
    assert_eq!(next_data(&mut body).await, None);
    for _ in 0..100_000 {
        if traffic.status().draining == 0 {
            return;
        }
        yield_now().await;
    }
    panic!("the endpoint never drained");
}

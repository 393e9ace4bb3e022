//! Clients that speak HTTP/2, and an endpoint that does not.

use crate::bodies::until_given_back;
use crate::edge::request::MOST_FIELDS;
use crate::edge::serve::LONGEST_HEAD;
use crate::life::until_nobody_connects;
use crate::{Edge, edge_over_one};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// A client of the proxy.
async fn client(edge: &Edge) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(edge.proxy).await.expect("somebody listens");
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
    tokio::spawn(connection);
    client
}

/// Sends a request, which goes on whether or not anybody waits for the answer.
fn send(
    client: &mut SendRequest<Full<Bytes>>,
    request: http::request::Builder,
) -> impl Future<Output = Response<Incoming>> {
    send_with(client, request, "")
}

fn send_with(
    client: &mut SendRequest<Full<Bytes>>,
    request: http::request::Builder,
    body: &'static str,
) -> impl Future<Output = Response<Incoming>> {
    let request = request.body(Full::from(body)).expect("a request");
    let answer = tokio::spawn(client.send_request(request));
    async { answer.await.expect("it does not panic").expect("an answer") }
}

#[tokio::test]
async fn the_authority_becomes_the_host() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = client(&edge).await;
    let answer = send(&mut client, Request::get("http://shop.example:8443/cart?id=7").header("x", "y"));
    let mut endpoint = server.accept().await;
    let request = endpoint.head().await;
    assert_eq!(request.line, "GET /cart?id=7 HTTP/1.1");
    assert_eq!(request.values("host"), ["shop.example:8443"]);
    assert_eq!(request.values("x-forwarded-host"), ["shop.example:8443"]);
    assert_eq!(request.values("forwarded"), ["for=127.0.0.1;host=\"shop.example:8443\";proto=http"]);
    assert!(request.values("via")[0].starts_with("2.0 contraflow-"));
    assert!(!request.has("content-length") && !request.has("transfer-encoding"));
    endpoint.send("HTTP/1.1 200 OK\r\nconnection: x, keep-alive\r\nx: y\r\nkeep-alive: timeout=5\r\n").await;
    endpoint.send("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").await;
    let answer = answer.await;
    for name in ["connection", "x", "keep-alive", "transfer-encoding"] {
        assert!(!answer.headers().contains_key(name), "{name}");
    }
    assert_eq!(answer.into_body().collect().await.expect("a body").to_bytes(), "hello");
}

#[tokio::test]
async fn a_host_beside_the_authority_has_to_agree() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = client(&edge).await;
    let refused = send(&mut client, Request::get("http://a.example/").header("host", "b.example")).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert!(server.is_alone());
    _ = send(&mut client, Request::get("http://a.example:80/").header("host", "A.example"));
    assert_eq!(server.accept().await.head().await.values("host"), ["a.example:80"]);
}

/// HTTP/2 lets a client send each cookie in a field of its own, and HTTP/1.1 does not (RFC 9113, 8.2.3). Browsers do.
#[tokio::test]
async fn cookies_are_one_field_again() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = client(&edge).await;
    let request =
        Request::get("http://a.example/").header("cookie", "a=1").header("x", "y").header("cookie", "b=2; c=3");
    _ = send(&mut client, request);
    let request = server.accept().await.head().await;
    assert_eq!(request.values("cookie"), ["a=1; b=2; c=3"]);
}

#[tokio::test]
async fn a_head_may_have_as_many_fields_as_in_http_1_1() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = client(&edge).await;
    let with = |fields| (0..fields).fold(Request::get("http://a.example/"), |request, _| request.header("x", "y"));
    let refused = send(&mut client, with(MOST_FIELDS + 1)).await;
    assert_eq!(refused.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert!(server.is_alone());
    _ = send(&mut client, with(MOST_FIELDS));
    assert_eq!(server.accept().await.head().await.values("x").len(), MOST_FIELDS);
}

#[tokio::test]
async fn a_head_may_not_be_longer_than_in_http_1_1() {
    let (edge, server) = edge_over_one().await;
    let mut client = client(&edge).await;
    let refused = send(&mut client, Request::get("http://a.example/").header("x", "x".repeat(LONGEST_HEAD))).await;
    assert_eq!(refused.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert!(server.is_alone());
}

#[tokio::test]
async fn a_body_goes_on_with_one_length_or_in_chunks() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = client(&edge).await;
    let twice = Request::post("http://a.example/").header("content-length", "5").header("content-length", "5");
    for request in [Request::post("http://a.example/"), twice] {
        _ = send_with(&mut client, request, "hello");
        let mut endpoint = server.accept().await;
        assert_eq!(endpoint.head().await.values("content-length"), ["5"]);
        assert_eq!(endpoint.exactly(5).await, "hello");
    }
}

#[tokio::test]
async fn protocols_are_not_changed_in_http_2() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = client(&edge).await;
    let answer = send(&mut client, Request::get("http://a.example/").header("te", "trailers"));
    let mut endpoint = server.accept().await;
    let request = endpoint.head().await;
    assert_eq!((request.values("te"), request.values("connection")), (vec!["trailers"], vec!["te"]));
    endpoint.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").await;
    assert_eq!(answer.await.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(endpoint.rest().await, "");
}

#[tokio::test]
async fn many_streams_share_a_connection_and_each_gets_its_own_answer() {
    let edge = crate::edge(&[]).await;
    let client = client(&edge).await;
    let mut streams = tokio::task::JoinSet::new();
    for number in 0..200 {
        let mut client = client.clone();
        streams.spawn(async move {
            let body = format!("body of {number}");
            let request = Request::post("http://shop.example/echo").body(Full::from(body.clone())).expect("a request");
            let answer = client.send_request(request).await.expect("an answer");
            (answer.into_body().collect().await.expect("a body").to_bytes(), body)
        });
    }
    for (came, sent) in streams.join_all().await {
        assert_eq!(came, sent);
    }
    until_given_back(&edge).await;
}

#[tokio::test]
async fn a_stream_that_waits_or_is_given_up_leaves_the_others_alone() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = client(&edge).await;
    let waits = tokio::spawn(client.send_request(Request::get("http://a/1").body(Full::default()).expect("a request")));
    let mut first = server.accept().await;
    first.head().await;
    // The second has an answer while the first waits.
    let second = send(&mut client, Request::get("http://a/2"));
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    endpoint.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
    assert_eq!(second.await.into_body().collect().await.expect("a body").to_bytes(), "hi");
    // The first is reset: its endpoint is told, and the connection goes on.
    waits.abort();
    assert_eq!(first.rest().await, "");
    until_given_back(&edge).await;
    let third = send(&mut client, Request::get("http://a/3"));
    endpoint.head().await;
    endpoint.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nho").await;
    assert_eq!(third.await.into_body().collect().await.expect("a body").to_bytes(), "ho");
}

#[tokio::test]
async fn an_upload_that_no_endpoint_reads_does_not_stop_the_others() {
    const LONG: usize = 8 * 1024 * 1024;
    let (edge, mut server) = edge_over_one().await;
    let client = client(&edge).await;
    let upload = || {
        let request = Request::post("http://a/").body(Full::from(vec![b'x'; LONG])).expect("a request");
        tokio::spawn(client.clone().send_request(request))
    };
    let mut stuck = Vec::new();
    for _ in 0..6 {
        let answer = upload();
        let mut endpoint = server.accept().await;
        endpoint.head().await;
        stuck.push((endpoint, answer));
    }
    let answer = upload();
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    assert_eq!(endpoint.exactly(LONG).await.len(), LONG);
    endpoint.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(answer.await.expect("no panic").expect("an answer").status(), StatusCode::OK);
}

#[tokio::test]
async fn streams_that_are_open_at_the_end_are_finished() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = client(&edge).await;
    let answer = send(&mut client, Request::get("http://a/"));
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    let stopped = edge.stop(std::time::Duration::from_secs(60), |_| {});
    let answered = async {
        until_nobody_connects(edge.proxy).await;
        endpoint.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
        answer.await.into_body().collect().await.expect("a body").to_bytes()
    };
    let (left, body) = tokio::join!(stopped, answered);
    assert_eq!((left, &*body), (0, &b"hi"[..]));
}

/// An upstream of gRPC's kind: HTTP/2 only, with trailers.
#[tokio::test]
async fn endpoints_that_speak_http_2_are_spoken_to_so_when_it_is_asked_for() {
    let far = crate::edge(&[]).await;
    let near = crate::edge_with(&[("here", far.proxy)], |options| options.http2_upstreams = true).await;
    let mut client = client(&near).await;
    let answer = send(&mut client, Request::get("http://shop.example/headers").header("te", "trailers")).await;
    let seen = answer.into_body().collect().await.expect("a body").to_bytes();
    let seen = String::from_utf8(seen.to_vec()).expect("text");
    assert!(seen.contains("via: 2.0 contraflow-") && seen.contains(&format!("host: {}", far.proxy)), "{seen}");
    assert_eq!(seen.matches("via: 2.0").count(), 2, "{seen}");
    assert!(seen.contains("te: trailers"), "{seen}");
}

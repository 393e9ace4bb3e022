//! Bodies: large, slow, streamed, broken off, and given up.

use crate::edge::run::Edge;
use crate::wire::Wire;
use crate::{edge, edge_over_one, edge_without_retries};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// More than all buffers on the way hold, and than anybody may keep.
const LARGE: u64 = 64 * 1024 * 1024;

/// A body of which each byte says where it stands, made while it is read.
struct Pattern {
    at: u64,
    length: u64,
}

const PIECE: u64 = 60 * 1024 + 7;

fn byte(at: u64) -> u8 {
    (at % 251) as u8
}

impl Body for Pattern {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let end = self.length.min(self.at + PIECE);
        let piece: Bytes = (self.at..end).map(byte).collect();
        self.at = end;
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length - self.at)
    }
}

/// How long a body is that has to be the pattern.
async fn length_of(mut body: Incoming) -> u64 {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        for piece in frame.expect("it does not break").into_data().expect("data") {
            assert_eq!(piece, byte(length), "at {length}");
            length += 1;
        }
    }
    length
}

#[tokio::test]
async fn a_large_body_arrives_whole_and_comes_back_whole() {
    let edge = edge(&[]).await;
    for http2 in [false, true] {
        let client = Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
        let request = Request::post(format!("http://{}/echo", edge.proxy)).body(Pattern { at: 0, length: LARGE });
        let answer = client.request(request.expect("a request")).await.expect("an answer");
        assert_eq!(length_of(answer.into_body()).await, LARGE, "over HTTP/2: {http2}");
    }
    until_given_back(&edge).await;
}

/// A body whose frames the test sends.
struct Fed(UnboundedReceiver<Frame<Bytes>>);

impl Fed {
    fn new() -> (UnboundedSender<Frame<Bytes>>, Self) {
        let (feed, fed) = unbounded_channel();
        (feed, Fed(fed))
    }
}

impl Body for Fed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

/// What comes back of what is fed to the demo's echo, over this version of HTTP.
async fn echo(edge: &Edge, http2: bool, fields: &[(&'static str, &'static str)], body: Fed) -> Response<Incoming> {
    let client = Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
    let mut request = Request::post(format!("http://{}/echo", edge.proxy)).body(body).expect("a request");
    for (name, value) in fields {
        request.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    client.request(request).await.expect("an answer")
}

#[tokio::test]
async fn each_part_is_back_before_the_next_is_sent() {
    let edge = edge(&[]).await;
    for http2 in [false, true] {
        let (feed, fed) = Fed::new();
        feed.send(Frame::data("0;".into())).expect("the body is read");
        let mut body = echo(&edge, http2, &[], fed).await.into_body();
        for part in 0..20 {
            let came = body.frame().await.expect("a frame").expect("it does not break").into_data().expect("data");
            assert_eq!(came, format!("{part};"));
            feed.send(Frame::data(format!("{};", part + 1).into())).expect("the body is read");
        }
        assert_eq!(in_flight(&edge), 1, "it goes on");
        drop(feed);
        assert_eq!(body.collect().await.expect("it does not break").to_bytes(), "20;");
    }
    until_given_back(&edge).await;
}

#[tokio::test]
async fn trailers_go_both_ways() {
    let (edge, mut server) = edge_over_one().await;
    let (feed, fed) = Fed::new();
    let answer = {
        let edge_address = edge.proxy;
        tokio::spawn(async move {
            let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
            let request = Request::post(format!("http://{edge_address}/")).header("te", "trailers");
            let request = request.header("trailer", "x-sum").body(fed).expect("a request");
            client.request(request).await.expect("an answer").into_body().collect().await.expect("it does not break")
        })
    };
    feed.send(Frame::data("ab".into())).expect("the body is read");
    let trailers = HeaderMap::from_iter([("x-sum".parse().expect("a name"), HeaderValue::from_static("7"))]);
    feed.send(Frame::trailers(trailers)).expect("the body is read");
    drop(feed);

    let mut endpoint = server.accept().await;
    let request = endpoint.head().await;
    assert_eq!((request.values("te"), request.values("trailer")), (vec!["trailers"], vec!["x-sum"]));
    let body = "2\r\nab\r\n0\r\nx-sum: 7\r\n\r\n";
    assert_eq!(endpoint.exactly(body.len()).await, body);
    endpoint.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n").await;
    endpoint.send("2\r\ncd\r\n0\r\nx-sum: 8\r\n\r\n").await;
    let answer = answer.await.expect("no panic");
    assert_eq!(answer.trailers().map(|trailers| &trailers["x-sum"]), Some(&HeaderValue::from_static("8")));
    assert_eq!(answer.to_bytes(), "cd");
}

/// One byte at a time, as a bad line sends it: none is lost, and none has to wait for another.
#[tokio::test]
async fn a_body_that_trickles_arrives_as_it_comes() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 50\r\n\r\n").await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    for number in 0..50 {
        let byte = (b'a' + number % 26) as char;
        client.send(byte.to_string()).await;
        assert_eq!(endpoint.exactly(1).await, byte.to_string());
    }
    endpoint.send("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n").await;
    client.head().await;
    for number in 0..50 {
        let byte = (b'z' - number % 26) as char;
        endpoint.send(byte.to_string()).await;
        assert_eq!(client.exactly(1).await, byte.to_string());
    }
}

/// A client that is told the end is the end keeps half an answer for a whole one.
#[tokio::test]
async fn an_endpoint_that_closes_in_mid_body_is_seen_to_have_broken_off() {
    for (framing, part) in [("content-length: 10", "hello"), ("transfer-encoding: chunked", "5\r\nhello\r\n")] {
        let (edge, mut server) = edge_over_one().await;
        let mut client = Wire::to(edge.proxy).await;
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let mut endpoint = server.accept().await;
        endpoint.head().await;
        endpoint.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{part}")).await;
        let head = client.head().await;
        assert_eq!(client.exactly(part.len()).await, part, "what came is passed on");
        drop(endpoint);
        assert_eq!(client.rest().await, "", "{head:?}: no last chunk, and the connection closed");
        until_given_back(&edge).await;
        assert_eq!(failures(&edge), 1);
    }
}

#[tokio::test]
async fn an_endpoint_that_closes_before_it_answers_is_answered_for() {
    let (edge, mut server) = edge_without_retries().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    server.accept().await.head().await;
    let answer = client.head().await;
    assert_eq!(answer.status(), "502");
    let length = answer.values("content-length")[0].parse().expect("a length");
    assert_eq!(client.exactly(length).await, "the endpoint could not be reached, or broke off\n");
    until_given_back(&edge).await;
    assert_eq!(failures(&edge), 1);
}

#[tokio::test]
async fn a_client_that_leaves_in_mid_answer_leaves_nothing_behind() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    endpoint.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nhello").await;
    client.head().await;
    client.exactly(5).await;
    drop(client);
    assert_eq!(endpoint.rest().await, "", "the endpoint is told");
    until_given_back(&edge).await;
    assert_eq!(failures(&edge), 0, "it is not to blame");
}

#[tokio::test]
async fn a_client_that_leaves_in_mid_upload_leaves_nothing_behind() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nhello").await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    assert_eq!(endpoint.exactly(5).await, "hello");
    drop(client);
    assert_eq!(endpoint.rest().await, "", "the endpoint is told");
    until_given_back(&edge).await;
    assert_eq!(failures(&edge), 0, "it is not to blame");
}

/// Who does not read holds up who sends: nobody in between takes in what does not fit.
#[tokio::test]
async fn a_client_that_does_not_read_stops_the_endpoint() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    let length = 1_u64 << 40;
    endpoint.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n")).await;
    client.head().await;
    let took = endpoint.fill().await;
    assert!(took < LARGE, "{took} bytes were taken from the endpoint and given to nobody");
}

fn in_flight(edge: &Edge) -> u32 {
    edge.traffic.status().clusters.iter().flat_map(|cluster| &cluster.regions).map(|region| region.in_flight).sum()
}

fn failures(edge: &Edge) -> u64 {
    let clusters = edge.traffic.status().clusters;
    let regions = clusters.iter().flat_map(|cluster| &cluster.regions);
    regions.flat_map(|region| &region.endpoints).map(|endpoint| endpoint.failures).sum()
}

/// Lets everything else run until nothing counts as in flight.
pub(crate) async fn until_given_back(edge: &Edge) {
    for _ in 0..200_000 {
        if in_flight(edge) == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{} requests are in flight for ever", in_flight(edge));
}

//! Bodies that wait until they are asked for, and answers that do not wait for bodies.

use crate::edge_over_one;
use crate::wire::{Server, Wire};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long a body waits for a word that does not come.
const AT_MOST: Duration = Duration::from_secs(1);

const HEAD: &str = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-Continue\r\ncontent-length: 5\r\n\r\n";

/// Longer than all buffers on the way together.
const LARGE: usize = 32 * 1024 * 1024;

/// Another client is served.
async fn goes_on(proxy: SocketAddr, server: &mut Server) {
    let mut client = Wire::to(proxy).await;
    client.send("GET /next HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut endpoint = server.accept().await;
    assert_eq!(endpoint.head().await.line, "GET /next HTTP/1.1");
    endpoint.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(client.head().await.status(), "204");
}

#[tokio::test]
async fn a_client_is_asked_for_the_body_when_the_endpoint_asks_for_it() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send(HEAD).await;
    let mut endpoint = server.accept().await;
    assert_eq!(endpoint.head().await.values("expect"), ["100-Continue"]);
    let asked = Instant::now();
    endpoint.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(client.head().await.line, "HTTP/1.1 100 Continue");
    assert!(asked.elapsed() < AT_MOST, "it was the endpoint's word, and not the end of waiting");
    client.send("hello").await;
    assert_eq!(endpoint.exactly(5).await, "hello");
    endpoint.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(client.head().await.status(), "204");
    // And both connections are good for more.
    client.send("GET /next HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(endpoint.head().await.line, "GET /next HTTP/1.1");
}

#[tokio::test]
async fn a_client_is_not_asked_for_a_body_that_the_endpoint_refuses() {
    let (edge, mut server) = edge_over_one().await;
    for status in ["417 Expectation Failed", "413 Content Too Large"] {
        let mut client = Wire::to(edge.proxy).await;
        client.send(HEAD).await;
        let mut endpoint = server.accept().await;
        endpoint.head().await;
        endpoint.send(format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nno")).await;
        assert_eq!(client.head().await.line, format!("HTTP/1.1 {status}"), "and no 100 before it");
        assert_eq!(client.exactly(2).await, "no");
        // So the client does not send it, and closes: what else it sent would be read as the body.
        client.end().await;
        assert_eq!(client.rest().await, "");
        assert_eq!(endpoint.rest().await, "");
    }
    goes_on(edge.proxy, &mut server).await;
}

#[tokio::test]
async fn a_client_that_sends_the_body_after_a_refusal_goes_on() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send(HEAD).await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    endpoint.send("HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(client.head().await.status(), "417");
    client.send("helloGET /next HTTP/1.1\r\nhost: a\r\n\r\n").await;
    // The endpoint's connection has seen the whole of the first request before it sees the second.
    assert_eq!(endpoint.exactly(5).await, "hello");
    assert_eq!(endpoint.head().await.line, "GET /next HTTP/1.1");
}

/// With real sockets time cannot be paused: this takes the second.
#[tokio::test]
async fn a_body_goes_after_a_while_to_an_endpoint_that_says_nothing() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send(HEAD).await;
    let began = Instant::now();
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    assert_eq!(client.head().await.line, "HTTP/1.1 100 Continue");
    assert!(began.elapsed() >= AT_MOST, "{:?}", began.elapsed());
    client.send("hello").await;
    assert_eq!(endpoint.exactly(5).await, "hello");
    endpoint.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(client.head().await.status(), "204");
}

#[tokio::test]
async fn a_body_that_nobody_holds_back_goes_at_once() {
    let (edge, mut server) = edge_over_one().await;
    for expect in ["x: y", "expect: something-else"] {
        let mut client = Wire::to(edge.proxy).await;
        let began = Instant::now();
        client.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{expect}\r\ncontent-length: 5\r\n\r\nhello")).await;
        let mut endpoint = server.accept().await;
        endpoint.head().await;
        assert_eq!(endpoint.exactly(5).await, "hello");
        assert!(began.elapsed() < AT_MOST, "{expect}");
        endpoint.send("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
        assert_eq!(client.head().await.status(), "204", "and no 100 before it");
    }
}

/// Old clients know no 100 (RFC 9110, 10.1.1).
#[tokio::test]
async fn an_old_client_is_not_asked() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send(HEAD.replace("HTTP/1.1", "HTTP/1.0") + "hello").await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    endpoint.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(endpoint.exactly(5).await, "hello");
    endpoint.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(client.head().await.line, "HTTP/1.0 204 No Content");
}

#[tokio::test]
async fn other_interim_answers_are_not_the_answer() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    endpoint.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n").await;
    endpoint.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    // hyper's server has no way to send them on.
    assert_eq!(client.head().await.status(), "204");
}

#[tokio::test]
async fn an_answer_comes_while_the_body_is_still_on_its_way() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {LARGE}\r\n\r\n")).await;
    client.send(vec![b'x'; 64 * 1024]).await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    endpoint.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno").await;
    assert_eq!(client.head().await.status(), "413");
    assert_eq!(client.exactly(2).await, "no");
    goes_on(edge.proxy, &mut server).await;
}

#[tokio::test]
async fn a_client_that_sends_all_before_it_reads_gets_the_early_answer() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {LARGE}\r\n\r\n")).await;
    let upload = async {
        client.try_send(vec![b'x'; LARGE]).await;
        client
    };
    let refuse = async {
        let mut endpoint = server.accept().await;
        endpoint.head().await;
        endpoint.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno").await;
        endpoint.end().await;
        endpoint
    };
    let (mut client, _endpoint) = tokio::join!(upload, refuse);
    assert_eq!(client.head().await.status(), "413");
    assert_eq!(client.exactly(2).await, "no");
    goes_on(edge.proxy, &mut server).await;
}

//! Connections that are used again, at both ends, and answers without a body on them.

use crate::wire::Wire;
use crate::{edge, edge_over_one};

#[tokio::test]
async fn one_connection_each_is_enough_for_many_requests() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("GET /0 HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    for number in 1..5 {
        endpoint.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        client.head().await;
        client.exactly(2).await;
        client.send(format!("POST /{number} HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc")).await;
        assert_eq!(endpoint.head().await.line, format!("POST /{number} HTTP/1.1"));
        assert_eq!(endpoint.exactly(3).await, "abc");
    }
    assert!(server.is_alone());
}

#[tokio::test]
async fn clients_share_the_connections_to_an_endpoint() {
    let (edge, mut server) = edge_over_one().await;
    let mut first = Wire::to(edge.proxy).await;
    first.send("GET /1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    let mut endpoint = server.accept().await;
    assert!(!endpoint.head().await.has("connection"), "what a client closes is its own connection");
    endpoint.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(first.rest().await.starts_with("HTTP/1.1 204 "));
    let mut second = Wire::to(edge.proxy).await;
    second.send("GET /2 HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(endpoint.head().await.line, "GET /2 HTTP/1.1");
    assert!(server.is_alone());
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_their_order() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut endpoint = server.accept().await;
    for number in 1..=2 {
        assert_eq!(endpoint.head().await.line, format!("GET /{number} HTTP/1.1"));
        endpoint.send(format!("HTTP/1.1 200 OK\r\nx: {number}\r\ncontent-length: 0\r\n\r\n")).await;
        assert_eq!(client.head().await.values("x"), [number.to_string()]);
    }
}

#[tokio::test]
async fn an_old_client_gets_an_answer_and_a_close() {
    let (edge, mut server) = edge_over_one().await;
    for length in ["content-length: 5\r\n\r\nhello", "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"] {
        let mut client = Wire::to(edge.proxy).await;
        client.send("GET / HTTP/1.0\r\nhost: a\r\n\r\n").await;
        let mut endpoint = server.accept().await;
        assert_eq!(endpoint.head().await.line, "GET / HTTP/1.1");
        endpoint.send(format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{length}")).await;
        let head = client.head().await;
        assert_eq!((head.line.as_str(), head.has("transfer-encoding")), ("HTTP/1.0 200 OK", false));
        // Without chunks there is no end but the connection's.
        assert_eq!(client.rest().await, "hello");
    }
}

#[tokio::test]
async fn an_old_client_can_ask_to_keep_the_connection() {
    let edge = edge(&[]).await;
    let mut client = Wire::to(edge.proxy).await;
    for _ in 0..2 {
        client.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\nhost: a\r\n\r\n").await;
        let head = client.head().await;
        assert_eq!(head.values("connection"), ["keep-alive"]);
        client.exactly(head.values("content-length")[0].parse().expect("a number")).await;
    }
}

#[tokio::test]
async fn an_old_endpoints_answer_ends_with_its_connection() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let mut endpoint = server.accept().await;
        endpoint.head().await;
        endpoint.send("HTTP/1.0 200 OK\r\n\r\nhello").await;
        endpoint.end().await;
        let head = client.head().await;
        assert_eq!((head.line.as_str(), head.values("transfer-encoding")), ("HTTP/1.1 200 OK", vec!["chunked"]));
        assert_eq!(client.exactly(15).await, "5\r\nhello\r\n0\r\n\r\n");
    }
}

#[tokio::test]
async fn a_connection_that_an_idle_endpoint_closed_fails_nobody() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    for _ in 0..20 {
        // A POST: nobody would dare to send it twice.
        client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello").await;
        let mut endpoint = server.accept().await;
        endpoint.head().await;
        assert_eq!(endpoint.exactly(5).await, "hello");
        endpoint.send("HTTP/1.1 204 No Content\r\n\r\n").await;
        assert_eq!(client.head().await.status(), "204");
        // Just when the next request may be on its way.
        drop(endpoint);
    }
}

/// The next request on the connection would get it for an answer.
#[tokio::test]
async fn what_an_endpoint_sends_unasked_answers_nobody() {
    for unasked in ["HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad", "bad", "\r\n"] {
        let (edge, mut server) = edge_over_one().await;
        let mut client = Wire::to(edge.proxy).await;
        client.send("GET /1 HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let mut endpoint = server.accept().await;
        endpoint.head().await;
        endpoint.send(format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok{unasked}")).await;
        client.head().await;
        assert_eq!(client.exactly(2).await, "ok");
        client.send("GET /2 HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let mut another = server.accept().await;
        assert_eq!(another.head().await.line, "GET /2 HTTP/1.1");
        another.send("HTTP/1.1 204 No Content\r\n\r\n").await;
        assert_eq!(client.head().await.status(), "204", "{unasked:?}");
    }
}

#[tokio::test]
async fn answers_without_a_body_leave_the_connections_usable() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("HEAD /0 HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    for (number, (answer, next, length)) in [
        ("200 OK\r\ncontent-length: 5", "HEAD", Some("5")),
        ("200 OK\r\ntransfer-encoding: chunked", "HEAD", None),
        ("404 Not Found\r\ncontent-length: 7", "GET", Some("7")),
        ("204 No Content", "GET", None),
        ("304 Not Modified\r\netag: \"x\"", "GET", None),
        ("304 Not Modified\r\ncontent-length: 5", "POST", None),
        ("200 OK\r\ncontent-length: 0", "GET", Some("0")),
    ]
    .into_iter()
    .enumerate()
    {
        endpoint.send(format!("HTTP/1.1 {answer}\r\n\r\n")).await;
        let head = client.head().await;
        assert_eq!(head.status(), &answer[..3]);
        assert_eq!(head.values("content-length").first().copied(), length, "{answer}");
        assert!(!head.has("transfer-encoding"), "{answer}");
        client.send(format!("{next} /{} HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n", number + 1)).await;
        assert_eq!(endpoint.head().await.line, format!("{next} /{} HTTP/1.1", number + 1), "{answer}");
    }
    assert!(server.is_alone());
}

/// It is no body, and the next answer on that connection would begin with it.
#[tokio::test]
async fn a_body_where_there_is_none_is_cut_off() {
    for (method, answer) in [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")] {
        let (edge, mut server) = edge_over_one().await;
        let mut client = Wire::to(edge.proxy).await;
        client.send(format!("{method} /1 HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        let mut endpoint = server.accept().await;
        endpoint.head().await;
        endpoint.send(format!("HTTP/1.1 {answer}\r\ncontent-length: 5\r\n\r\nhello")).await;
        assert_eq!(client.head().await.status(), &answer[..3]);
        client.send("GET /2 HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let mut another = server.accept().await;
        another.head().await;
        another.send("HTTP/1.1 204 No Content\r\nx: 2\r\n\r\n").await;
        assert_eq!(client.head().await.values("x"), ["2"], "{answer}");
    }
}

//! How much a head may be, to the byte.

use crate::edge::request::MOST_FIELDS;
use crate::edge::serve::LONGEST_HEAD;
use crate::edge::target::LONGEST_TARGET;
use crate::wire::Wire;
use crate::{edge_over_one, sent_back};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn assert_is_passed_on(head: &str) {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send(head).await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    endpoint.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(client.head().await.status(), "204");
}

async fn assert_is_refused(head: &str, status: &str) {
    let (edge, server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.try_send(head).await;
    let answer = client.head().await;
    assert_eq!(answer.status(), status);
    assert!(server.is_alone());
}

/// A head of so many bytes.
fn long(length: usize) -> String {
    let begin = "GET / HTTP/1.1\r\nhost: shop.example\r\nx: ";
    format!("{begin}{}\r\n\r\n", "x".repeat(length - begin.len() - 4))
}

#[tokio::test]
async fn a_head_may_have_so_many_bytes_and_not_one_more() {
    assert_is_passed_on(&long(LONGEST_HEAD)).await;
    assert_is_refused(&long(LONGEST_HEAD + 1), "431").await;
    assert_is_refused(&long(LONGEST_HEAD * 16), "431").await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_refused() {
    assert_is_refused(long(LONGEST_HEAD + 4).trim_end(), "431").await;
    assert_is_refused(&"x".repeat(LONGEST_HEAD), "431").await;
}

#[tokio::test]
async fn a_head_may_have_so_many_fields_and_not_one_more() {
    let head = |fields: usize| format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(fields - 1));
    assert_is_passed_on(&head(MOST_FIELDS)).await;
    assert_is_refused(&head(MOST_FIELDS + 1), "431").await;
}

#[tokio::test]
async fn a_target_may_have_so_many_bytes_and_not_one_more() {
    let head = |begin: &str, length: usize| {
        format!("GET {begin}{} HTTP/1.1\r\nhost: a.example\r\n\r\n", "x".repeat(length - begin.len()))
    };
    assert_is_passed_on(&head("/", LONGEST_TARGET)).await;
    assert_is_passed_on(&head("/?", LONGEST_TARGET)).await;
    assert_is_refused(&head("/", LONGEST_TARGET + 1), "414").await;
    assert_is_refused(&head("/?", LONGEST_TARGET + 1), "414").await;
    // So long that no part of it is read.
    assert_is_refused(&head("/", LONGEST_HEAD), "431").await;
}

#[tokio::test]
async fn a_connection_goes_on_after_a_target_that_was_too_long() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send(format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(LONGEST_TARGET))).await;
    let refused = client.head().await;
    client.exactly(refused.values("content-length")[0].parse().expect("a number")).await;
    client.send("GET /short HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(server.accept().await.head().await.line, "GET /short HTTP/1.1");
}

/// hyper's client takes a hundred fields.
#[tokio::test]
async fn an_answer_with_too_many_fields_is_502() {
    let answer =
        |fields: usize| format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", "x: y\r\n".repeat(fields - 1));
    assert_eq!(sent_back(answer(100)).await.0.status(), "200");
    assert_eq!(sent_back(answer(101)).await.0.status(), "502");
}

/// Time stands still here, and goes on at once to whatever is waited for.
#[tokio::test(start_paused = true)]
async fn who_connects_and_asks_nothing_is_let_go() {
    let (edge, _server) = edge_over_one().await;
    for says in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n", "GET / HTTP/1.1\r\nhost: a"] {
        let mut client = TcpStream::connect(edge.proxy).await.expect("somebody listens");
        client.write_all(says.as_bytes()).await.expect("somebody reads");
        let mut came = Vec::new();
        // A reset is an end, too.
        _ = client.read_to_end(&mut came).await;
    }
}

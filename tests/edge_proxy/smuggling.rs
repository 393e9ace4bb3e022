//! Messages that two readers could take for different ones: whoever hides a second request in what the proxy takes for one
//! has walked around it.
//!
//! Most of it is hyper's to refuse. It answers a head that it cannot read with 400 and closes, so that nothing which
//! follows is read.

use crate::wire::Wire;
use crate::{edge, edge_over_one};

/// What an attacker hopes to have read as a request of its own.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nhost: shop.example\r\n\r\n";

/// Sends each head with a hidden request behind it: nothing may reach the endpoint, and the connection has to end after
/// one answer, of this status.
async fn are_refused_and_closed(status: &str, heads: impl IntoIterator<Item = impl AsRef<[u8]>>) {
    let (edge, server) = edge_over_one().await;
    for head in heads {
        let head = head.as_ref();
        let shown = String::from_utf8_lossy(head);
        let mut client = Wire::to(edge.proxy).await;
        client.send([head, b"\r\n\r\n", HIDDEN.as_bytes()].concat()).await;
        let answer = client.rest().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{shown:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{shown:?}: {answer}");
        assert!(server.is_alone(), "{shown:?} reached the endpoint");
    }
}

/// Heads of a POST with these lines beside its `Host`.
fn posts(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| format!("POST / HTTP/1.1\r\nHost: shop.example\r\n{line}")).collect()
}

#[tokio::test]
async fn a_length_that_is_no_plain_number_is_refused() {
    let lengths = ["", "-5", "+5", "0x5", "5.0", "5 5", "5;", "\"5\"", "5e0", "\u{665}", "18446744073709551616"];
    let lines = lengths.map(|length| format!("Content-Length: {length}"));
    are_refused_and_closed("400", posts(&lines.each_ref().map(String::as_str))).await;
    // The largest number of all marks a chunked body inside hyper, which finds the message too large.
    are_refused_and_closed("431", posts(&["Content-Length: 18446744073709551615"])).await;
}

#[tokio::test]
async fn two_lengths_that_differ_are_refused() {
    let lines = [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 6\r\nX-Between: x\r\ncontent-length: 5",
        "Content-Length: 0\r\nContent-Length: 5",
        "Content-Length: 5, 6",
        // Alike, and RFC 9110, 8.6 lets both be done: read it as one, or refuse. hyper refuses a list.
        "Content-Length: 5, 5",
    ];
    are_refused_and_closed("400", posts(&lines)).await;
}

#[tokio::test]
async fn two_lengths_that_are_alike_are_one() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello").await;
    client.send(HIDDEN).await;
    let mut endpoint = server.accept().await;
    assert_eq!(endpoint.head().await.values("content-length"), ["5"]);
    assert_eq!(endpoint.exactly(5).await, "hello");
    endpoint.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    // It is not hidden: both readings have the second request here.
    assert_eq!(endpoint.head().await.line, "GET /hidden HTTP/1.1");
}

#[tokio::test]
async fn a_length_beside_chunks_is_dropped_and_the_connection_is_not_used_again() {
    for lines in ["Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4"]
    {
        let (edge, mut server) = edge_over_one().await;
        let mut client = Wire::to(edge.proxy).await;
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n0\r\n\r\n{HIDDEN}")).await;
        let mut endpoint = server.accept().await;
        let request = endpoint.head().await;
        assert_eq!(request.values("transfer-encoding"), ["chunked"], "{lines}");
        assert!(!request.has("content-length"), "{lines}");
        assert_eq!(endpoint.exactly(5).await, "0\r\n\r\n", "{lines}");
        endpoint.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
        assert_eq!(endpoint.rest().await, "", "{lines}");
        let answers = client.rest().await;
        assert_eq!(answers.matches("HTTP/1.").count(), 1, "{lines}: {answers}");
        assert!(server.is_alone(), "{lines}");
    }
}

#[tokio::test]
async fn a_coding_that_does_not_end_in_chunks_is_refused() {
    let lines = [
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding: chu nked",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding: chunked\x0c",
        "Transfer-Encoding: chunked\0",
        "Transfer-Encoding:",
        "Transfer-Encoding: identity\r\nContent-Length: 5",
    ];
    are_refused_and_closed("400", posts(&lines)).await;
}

#[tokio::test]
async fn a_coding_beside_chunks_is_not_ours_to_take_off() {
    let lines = [
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nX: y\r\ntransfer-encoding: CHUNKED",
        // Outside ASCII, and a coding all the same.
        "Transfer-Encoding: \u{e9}\r\nTransfer-Encoding: chunked",
    ];
    are_refused_and_closed("501", posts(&lines)).await;
}

#[tokio::test]
async fn chunks_are_known_in_any_case_and_with_space_around() {
    let (edge, mut server) = edge_over_one().await;
    for coding in ["chunked", " CHUNKED", "\tchunked \t", " ,chunked"] {
        let mut client = Wire::to(edge.proxy).await;
        client.send(format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding:{coding}\r\n\r\n")).await;
        client.send("3;name=\"value\"\r\nabc\r\n0A \r\n0123456789\r\n000\r\n\r\n").await;
        let mut endpoint = server.accept().await;
        let request = endpoint.head().await;
        assert_eq!((request.values("transfer-encoding"), request.has("content-length")), (vec!["chunked"], false));
        endpoint.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(client.head().await.status(), "200", "{coding}");
        // Written anew: extensions, zeros and spaces have gone.
        let body = "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(endpoint.exactly(body.len()).await, body, "{coding}");
    }
}

#[tokio::test]
async fn http_1_0_has_no_codings() {
    let head = "POST / HTTP/1.0\r\nHost: shop.example\r\nTransfer-Encoding: chunked";
    are_refused_and_closed("400", [head]).await;
}

#[tokio::test]
async fn a_field_that_is_folded_or_has_odd_bytes_is_refused() {
    let lines = [
        "X: a\r\n b",
        "X: a\r\n\tContent-Length: 5",
        "Transfer-Encoding:\r\n chunked",
        " X: a",
        "X : a",
        "Content-Length : 5",
        "Transfer-Encoding\t: chunked",
        "X y: a",
        "X(y): a",
        ": a",
        "X",
        "X: a\0b",
        "X\0: a",
        "X: a\rb",
        "X: a\rContent-Length: 5",
        "X: a\x7f",
        "X: a\x08",
    ];
    are_refused_and_closed("400", posts(&lines)).await;
    are_refused_and_closed("400", ["POST / HTTP/1.1\r\n Host: shop.example", "POST / HTTP/1.1\rHost: shop.example"])
        .await;
}

/// RFC 9112, 2.2 lets a reader take a bare LF for the end of a line, and hyper does. No doubt is left behind us: what goes on
/// ends in both.
#[tokio::test]
async fn a_line_that_ends_in_a_bare_lf_is_passed_on_as_a_line() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("POST / HTTP/1.1\nhost: a\nx: y\ncontent-length: 2\n\nok").await;
    let mut endpoint = server.accept().await;
    let request = endpoint.head().await;
    assert_eq!((request.values("x"), request.values("content-length")), (vec!["y"], vec!["2"]));
    assert_eq!(endpoint.exactly(2).await, "ok");
}

#[tokio::test]
async fn a_request_line_with_two_readings_is_refused() {
    let lines = [
        "GET  / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        " GET / HTTP/1.1",
        "GET / a HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / HTTP/1.2",
        "GET / HTTP/1.10",
        "GET / HTTP/2.0",
        "GET / http/1.1",
        "GET /",
        "GET /\0 HTTP/1.1",
        "GET /\r HTTP/1.1",
        "G(T / HTTP/1.1",
    ];
    are_refused_and_closed("400", lines.map(|line| format!("{line}\r\nHost: shop.example"))).await;
}

#[tokio::test]
async fn what_follows_a_request_that_the_proxy_refused_is_a_request_of_its_own() {
    let edge = edge(&[]).await;
    let mut client = Wire::to(edge.proxy).await;
    client.send(format!("TRACE / HTTP/1.1\r\nhost: shop.example\r\n\r\n{HIDDEN}")).await;
    let refused = client.head().await;
    assert_eq!(refused.status(), "501");
    client.exactly(refused.values("content-length")[0].parse().expect("a number")).await;
    assert_eq!(client.head().await.status(), "200");
}

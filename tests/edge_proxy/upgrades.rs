//! Connections that change their protocol, requests to change it, and methods that are about the way itself.

use crate::wire::{Head, Wire};
use crate::{Edge, Server, edge_over_one, passed_on, refusal};

const ASKED: &str = "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";
const CHANGED: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n";

/// A client and an endpoint that have changed their protocol.
async fn changed(edge: &Edge, server: &mut Server) -> (Wire, Wire) {
    let mut client = Wire::to(edge.proxy).await;
    client.send(ASKED).await;
    let mut endpoint = server.accept().await;
    let request = endpoint.head().await;
    assert_eq!((request.values("connection"), request.values("upgrade")), (vec!["upgrade"], vec!["websocket"]));
    // The first bytes of the new protocol come with the head.
    endpoint.send(format!("{CHANGED}x-key: y\r\n\r\nwelcome")).await;
    let answer = client.head().await;
    assert_eq!(answer.line, "HTTP/1.1 101 Switching Protocols");
    assert_eq!((answer.values("connection"), answer.values("upgrade")), (vec!["upgrade"], vec!["websocket"]));
    assert_eq!(answer.values("x-key"), ["y"]);
    assert!(!answer.has("content-length") && !answer.has("transfer-encoding"));
    assert_eq!(client.exactly(7).await, "welcome");
    (client, endpoint)
}

/// The answer to a client that asked for an upgrade, or did not, when the endpoint changes its protocol like this.
async fn answer_to(request: &str, changed: &str) -> Head {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send(request).await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    endpoint.send(changed).await;
    let answer = client.head().await;
    if answer.status() != "101" {
        assert_eq!(endpoint.rest().await, "", "nobody speaks with it any more");
    }
    answer
}

#[tokio::test]
async fn bytes_go_both_ways_after_an_upgrade() {
    let (edge, mut server) = edge_over_one().await;
    let (mut client, mut endpoint) = changed(&edge, &mut server).await;
    for _ in 0..3 {
        client.send("GET /not-http HTTP/1.1\r\n\r\n\0").await;
        assert_eq!(endpoint.exactly(27).await, "GET /not-http HTTP/1.1\r\n\r\n\0");
        endpoint.send("\0HTTP/1.1 200 OK\r\n\r\n").await;
        assert_eq!(client.exactly(20).await, "\0HTTP/1.1 200 OK\r\n\r\n");
    }
}

#[tokio::test]
async fn an_end_that_has_no_more_to_say_still_listens() {
    let (edge, mut server) = edge_over_one().await;
    let (mut client, mut endpoint) = changed(&edge, &mut server).await;
    client.send("bye").await;
    client.end().await;
    assert_eq!(endpoint.rest().await, "bye");
    endpoint.send("one").await;
    assert_eq!(client.exactly(3).await, "one");
    endpoint.send("more").await;
    endpoint.end().await;
    assert_eq!(client.rest().await, "more");

    let (mut client, mut endpoint) = changed(&edge, &mut server).await;
    endpoint.send("bye").await;
    endpoint.end().await;
    assert_eq!(client.rest().await, "bye");
    client.send("one").await;
    assert_eq!(endpoint.exactly(3).await, "one");
    client.end().await;
    assert_eq!(endpoint.rest().await, "");
}

#[tokio::test]
async fn a_connection_is_good_for_more_after_an_upgrade_was_refused() {
    for refused in ["200 OK", "426 Upgrade Required"] {
        let (edge, mut server) = edge_over_one().await;
        let mut client = Wire::to(edge.proxy).await;
        client.send(ASKED).await;
        let mut endpoint = server.accept().await;
        endpoint.head().await;
        endpoint
            .send(format!("HTTP/1.1 {refused}\r\nconnection: upgrade\r\nupgrade: new\r\ncontent-length: 2\r\n\r\nno"))
            .await;
        let answer = client.head().await;
        assert_eq!(answer.line, format!("HTTP/1.1 {refused}"));
        // Which protocols would do is the endpoint's to say, when that is the answer (RFC 9110, 15.5.22).
        assert_eq!(answer.has("upgrade"), refused.starts_with("426"));
        assert_eq!(client.exactly(2).await, "no");
        client.send("GET /next HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!(endpoint.head().await.line, "GET /next HTTP/1.1");
        endpoint.send("HTTP/1.1 204 No Content\r\n\r\n").await;
        assert_eq!(client.head().await.status(), "204");
        assert!(server.is_alone(), "one connection was enough");
    }
}

#[tokio::test]
async fn an_upgrade_that_nobody_asked_for_is_502() {
    let plain = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    assert_eq!(answer_to(plain, &format!("{CHANGED}\r\n")).await.status(), "502");
    assert_eq!(answer_to(&ASKED.replace("HTTP/1.1", "HTTP/1.0"), &format!("{CHANGED}\r\n")).await.status(), "502");
}

#[tokio::test]
async fn an_upgrade_to_what_nobody_asked_for_is_502() {
    for line in ["upgrade: other", "upgrade: h2c", "upgrade: websocket, other", "x: y", "upgrade: websocket2"] {
        let changed = format!("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n{line}\r\n\r\n");
        assert_eq!(answer_to(ASKED, &changed).await.status(), "502", "{line}");
    }
    let several = ASKED.replace("websocket", "first/1, WebSocket");
    for protocol in ["websocket", "FIRST/1"] {
        let changed = format!("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: {protocol}\r\n\r\n");
        assert_eq!(answer_to(&several, &changed).await.values("upgrade"), [protocol]);
    }
}

#[tokio::test]
async fn an_upgrade_that_connection_does_not_name_is_not_passed_on() {
    for lines in ["upgrade: websocket", "connection: keep-alive\r\nupgrade: websocket", "connection: upgrade"] {
        let head = passed_on(&format!("GET / HTTP/1.1\r\nhost: a\r\n{lines}\r\n\r\n")).await;
        assert!(!head.has("upgrade") && !head.has("connection"), "{lines}");
    }
    let head = passed_on(&ASKED.replace("HTTP/1.1", "HTTP/1.0")).await;
    assert!(!head.has("upgrade") && !head.has("connection"), "HTTP/1.0 has no upgrades");
}

/// What is asked for over it would pass by the proxy.
#[tokio::test]
async fn http_2_is_never_asked_of_an_endpoint() {
    for (asked, passed) in [
        ("h2c", None),
        ("H2C", None),
        ("h2", None),
        ("HTTP/2.0", None),
        ("h2c, HTTP/3", None),
        ("h2c, websocket", Some("websocket")),
        ("websocket\r\nUpgrade: h2c", Some("websocket")),
    ] {
        let head = passed_on(&format!(
            "GET / HTTP/1.1\r\nhost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {asked}\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
        ))
        .await;
        assert_eq!(head.values("upgrade"), passed.into_iter().collect::<Vec<_>>(), "{asked}");
        assert_eq!(head.has("connection"), passed.is_some(), "{asked}");
        assert!(!head.has("http2-settings"), "{asked}");
    }
}

#[tokio::test]
async fn connect_and_trace_are_refused() {
    for head in [
        "CONNECT shop.example:443 HTTP/1.1\r\nhost: shop.example:443",
        "CONNECT / HTTP/1.1\r\nhost: a",
        "TRACE / HTTP/1.1\r\nhost: a",
        "TRACE / HTTP/1.1\r\nhost: a\r\nmax-forwards: 0\r\ncookie: secret",
    ] {
        let answer = refusal(head).await;
        assert_eq!(answer.status(), "501", "{head:?}");
        assert!(!answer.has("cookie"));
    }
}

#[tokio::test]
async fn options_goes_so_many_hops_and_no_more() {
    let options = |lines: &str| format!("OPTIONS /path HTTP/1.1\r\nhost: a\r\n{lines}");
    assert_eq!(refusal(&options("max-forwards: 0")).await.status(), "200");
    for (came, went) in [("1", "0"), ("7", "6"), ("4294967295", "4294967294")] {
        let head = passed_on(&(options(&format!("max-forwards: {came}")) + "\r\n\r\n")).await;
        assert_eq!(head.values("max-forwards"), [went]);
    }
    // No number of hops.
    for came in ["-1", "x", ""] {
        let head = passed_on(&(options(&format!("max-forwards: {came}")) + "\r\n\r\n")).await;
        assert_eq!(head.values("max-forwards"), [came]);
    }
}

#[tokio::test]
async fn options_for_the_server_as_a_whole_goes_on_as_such() {
    let head = passed_on("OPTIONS * HTTP/1.1\r\nhost: shop.example\r\n\r\n").await;
    assert_eq!((head.line.as_str(), head.values("host")), ("OPTIONS * HTTP/1.1", vec!["shop.example"]));
    assert_eq!(refusal("OPTIONS * HTTP/1.1\r\nhost: a\r\nmax-forwards: 0").await.status(), "200");
}

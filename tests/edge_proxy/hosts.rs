//! Whom a request is for: one host, said once, in a target of a form that its method has.

use crate::wire::Wire;
use crate::{edge_over_one, passed_on, refusal};

#[tokio::test]
async fn a_request_for_no_host_or_for_two_is_refused() {
    for head in [
        "GET / HTTP/1.1",
        "GET http://a.example/ HTTP/1.1",
        "GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example",
        "GET / HTTP/1.1\r\nHost: a.example\r\nX: y\r\nhost: a.example",
        "GET / HTTP/1.0\r\nHost: a.example\r\nHost: b.example",
        "GET / HTTP/1.1\r\nHost: a.example, b.example",
        "GET / HTTP/1.1\r\nHost: a.example b.example",
        "GET / HTTP/1.1\r\nHost: a.example@b.example",
        "GET / HTTP/1.1\r\nHost: a.example/b",
        "GET / HTTP/1.1\r\nHost: a.example:port",
        "GET / HTTP/1.1\r\nHost: a.example:80:80",
        "GET / HTTP/1.1\r\nHost: \u{e9}.example",
        "GET http://a.example/ HTTP/1.1\r\nHost: b.example",
        "GET http://a.example/ HTTP/1.0\r\nHost: b.example",
        "GET http://a.example:80/ HTTP/1.1\r\nHost: a.example:81",
        "GET http://b.example@a.example/ HTTP/1.1\r\nHost: a.example",
        "GET http:///a.example HTTP/1.1\r\nHost: a.example",
    ] {
        assert_eq!(refusal(head).await.status(), "400", "{head:?}");
    }
}

#[tokio::test]
async fn a_target_of_a_form_that_its_method_has_not_is_refused() {
    for head in [
        "GET * HTTP/1.1\r\nHost: a.example",
        "GET a.example HTTP/1.1\r\nHost: a.example",
        "GET a.example:80 HTTP/1.1\r\nHost: a.example:80",
        "OPTIONS a.example HTTP/1.1\r\nHost: a.example",
        "GET ?query HTTP/1.1\r\nHost: a.example",
    ] {
        assert_eq!(refusal(head).await.status(), "400", "{head:?}");
    }
}

/// RFC 9112, 3.2.2: whatever `Host` says. One that says another is refused before.
#[tokio::test]
async fn the_host_of_an_absolute_target_is_the_host() {
    for host in ["Host: a.example:80", "Host: A.Example.", "Host: a.example", "Host:"] {
        let head = passed_on(&format!("GET http://a.example:80/path?query HTTP/1.1\r\n{host}\r\n\r\n")).await;
        assert_eq!(head.line, "GET /path?query HTTP/1.1", "{host}");
        assert_eq!(head.values("host"), ["a.example:80"], "{host}");
        assert_eq!(head.values("x-forwarded-host"), ["a.example:80"], "{host}");
    }
    assert_eq!(passed_on("GET http://a.example HTTP/1.0\r\n\r\n").await.values("host"), ["a.example"]);
}

#[tokio::test]
async fn an_old_client_that_names_no_host_gets_the_endpoints() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    let head = server.accept().await.head().await;
    assert_eq!(head.line, "GET / HTTP/1.1");
    assert_eq!(head.values("host"), [server.address.to_string()]);
    assert!(!head.has("x-forwarded-host"), "nobody said that");
}

#[tokio::test]
async fn an_empty_host_is_none_and_goes_on_as_it_is() {
    let head = passed_on("GET / HTTP/1.1\r\nHost:\r\n\r\n").await;
    assert_eq!(head.values("host"), [""]);
}

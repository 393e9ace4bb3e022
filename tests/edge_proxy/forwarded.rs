//! What the endpoint is told of who asked: what the proxy saw, and what others claim only if it was told to trust them.

use crate::edge::forwarded::{Loop, Own, Peer};
use crate::wire::{Head, Server, Wire};
use crate::{edge, edge_over_one, edge_with, passed_on};
use http::Request;
use tokio::net::{TcpListener, TcpStream};

/// What the endpoint gets of a request with these lines, from a client whose claims are trusted.
async fn passed_on_trusted(lines: &str) -> Head {
    let mut server = Server::start().await;
    let edge = edge_with(&[("us-east", server.address)], |options| options.trust_forwarded = true).await;
    let mut client = Wire::to(edge.proxy).await;
    client.send(format!("GET / HTTP/1.1\r\nhost: shop.example\r\n{lines}\r\n\r\n")).await;
    server.accept().await.head().await
}

#[tokio::test]
async fn the_endpoint_is_told_who_asked_for_what_and_how() {
    let head = passed_on("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n").await;
    assert_eq!(head.values("forwarded"), ["for=127.0.0.1;host=shop.example;proto=http"]);
    assert_eq!(head.values("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(head.values("x-forwarded-host"), ["shop.example"]);
    assert_eq!(head.values("x-forwarded-proto"), ["http"]);
    assert!(head.values("via")[0].starts_with("1.1 contraflow-"));
}

#[tokio::test]
async fn the_version_in_via_is_the_clients() {
    let head = passed_on("GET / HTTP/1.0\r\nHost: shop.example\r\n\r\n").await;
    assert!(head.values("via")[0].starts_with("1.0 contraflow-"));
}

#[tokio::test]
async fn what_a_stranger_claims_is_dropped() {
    let claims = [
        "Forwarded: for=10.0.0.1;host=admin;proto=https",
        "forwarded: for=10.0.0.2",
        "X-Forwarded-For: 10.0.0.1",
        "X-FORWARDED-FOR: 10.0.0.2, 10.0.0.3",
        "X_Forwarded_For: 10.0.0.1",
        "X-Forwarded_For: 10.0.0.1",
        "X-Forwarded-Host: admin",
        "X-Forwarded-Proto: https",
        "X_Forwarded-Proto: https",
        "X-Forwarded-Port: 443",
        "X-Forwarded-Prefix: /admin",
        "X-Forwarded-Server: admin",
        "X-Forwarded-Ssl: on",
        "X-Forwarded-User: root",
        "X-Forwarded-Client-Cert: x",
        "X-Real-IP: 10.0.0.1",
        "X_Real_IP: 10.0.0.1",
        "X-Forward: stays",
        "X: stays",
        "XY-Forwarded-For: stays",
    ];
    let head = passed_on(&format!("GET / HTTP/1.1\r\nHost: shop.example\r\n{}\r\n\r\n", claims.join("\r\n"))).await;
    let mut names: Vec<_> = head.fields.iter().map(|field| field.0.as_str()).collect();
    names.sort_unstable();
    let ours =
        ["forwarded", "host", "via", "x", "x-forward", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];
    assert_eq!(names, [&ours[..], &["xy-forwarded-for"]].concat());
    assert_eq!(head.values("forwarded"), ["for=127.0.0.1;host=shop.example;proto=http"]);
    assert_eq!(head.values("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(
        (head.values("x-forwarded-host"), head.values("x-forwarded-proto")),
        (vec!["shop.example"], vec!["http"])
    );
}

#[tokio::test]
async fn what_a_trusted_proxy_claims_is_kept_and_ours_comes_after_it() {
    let head = passed_on_trusted(
        "Forwarded: for=10.0.0.1;proto=https\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Host: outer.example\r\n\
         X-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\nX-Real-IP: 10.0.0.1\r\nVia: 1.1 outer",
    )
    .await;
    let ours = "for=127.0.0.1;host=shop.example;proto=http";
    assert_eq!(head.values("forwarded"), [format!("for=10.0.0.1;proto=https, {ours}")]);
    assert_eq!(head.values("x-forwarded-for"), ["10.0.0.1, 127.0.0.1"]);
    // The first proxy's word: it is where the client connected.
    assert_eq!(head.values("x-forwarded-host"), ["outer.example"]);
    assert_eq!(head.values("x-forwarded-proto"), ["https"]);
    assert_eq!((head.values("x-forwarded-port"), head.values("x-real-ip")), (vec!["443"], vec!["10.0.0.1"]));
    let via = head.values("via");
    assert_eq!((via.len(), via[0]), (2, "1.1 outer"));
}

/// There are readers that take the first line for all.
#[tokio::test]
async fn lists_on_several_lines_become_one_line() {
    let head = passed_on_trusted(
        "X-Forwarded-For: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\nX-Forwarded-For: 10.0.0.2, 10.0.0.3\r\n\
         Forwarded: for=\"[::1]\";host=\"a:80\", for=_x\r\nX-Forwarded-For: \u{e9}",
    )
    .await;
    assert_eq!(head.values("x-forwarded-for"), ["10.0.0.1, 10.0.0.2, 10.0.0.3, \u{c3}\u{a9}, 127.0.0.1"]);
    let list = "for=10.0.0.1, for=\"[::1]\";host=\"a:80\", for=_x, for=127.0.0.1;host=shop.example;proto=http";
    assert_eq!(head.values("forwarded"), [list]);
}

#[tokio::test]
async fn a_host_that_is_no_token_is_quoted() {
    for host in ["shop.example:8080", "[::1]", "[::1]:8080", ""] {
        let head = passed_on(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(head.values("forwarded"), [format!("for=127.0.0.1;host=\"{host}\";proto=http")], "{host}");
        assert_eq!(head.values("x-forwarded-host"), [host]);
    }
}

/// The value of `Forwarded` for a request from this address with this `Host`.
fn forwarded(address: &str, host: &str) -> (String, String) {
    let peer = Peer::new(address.parse().expect("an address"));
    let mut request = Request::get("/").header("host", host).body(()).expect("a request");
    Own::new(false).sign(&mut request, &peer).expect("it is here for the first time");
    let value = |name: &str| request.headers()[name].to_str().expect("text").to_owned();
    (value("forwarded"), value("x-forwarded-for"))
}

#[test]
fn addresses_are_written_as_rfc_7239_has_them() {
    for (address, element, plain) in [
        ("10.0.0.1:80", "for=10.0.0.1", "10.0.0.1"),
        ("[2001:db8::17]:4711", "for=\"[2001:db8::17]\"", "2001:db8::17"),
        ("[::1]:80", "for=\"[::1]\"", "::1"),
        // A socket for both families shows IPv4 so.
        ("[::ffff:10.0.0.1]:80", "for=10.0.0.1", "10.0.0.1"),
        // The zone is of no use on another machine.
        ("[fe80::1%3]:80", "for=\"[fe80::1]\"", "fe80::1"),
    ] {
        assert_eq!(forwarded(address, "a"), (format!("{element};host=a;proto=http"), plain.to_owned()), "{address}");
    }
}

#[test]
fn a_host_cannot_write_elements_of_its_own() {
    let (value, _) = forwarded("10.0.0.1:80", "a\";for=10.0.0.9,\\");
    assert_eq!(value, "for=10.0.0.1;host=\"a\\\";for=10.0.0.9,\\\\\";proto=http");
}

#[test]
fn a_request_that_came_through_here_is_known_among_other_hops() {
    let (own, other) = (Own::new(false), Own::new(true));
    let peer = Peer::new(([10, 0, 0, 1], 80).into());
    let mut request = Request::get("/").header("via", "1.1 \u{e9}").body(()).expect("a request");
    assert_eq!(own.sign(&mut request, &peer), Ok(()));
    assert_eq!(other.sign(&mut request, &peer), Ok(()), "each proxy has a name of its own");
    let hops: Vec<_> = request.headers().get_all("via").iter().map(http::HeaderValue::as_bytes).collect();
    let mut again = Request::get("/").header("via", hops.join(&b", "[..])).body(()).expect("a request");
    assert_eq!(own.sign(&mut again, &peer), Err(Loop));
    assert_eq!(own.sign(&mut request, &peer), Err(Loop));
}

#[tokio::test]
async fn a_request_that_comes_back_is_refused() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let via = server.accept().await.head().await.values("via")[0].to_owned();
    let mut again = Wire::to(edge.proxy).await;
    again.send(format!("GET / HTTP/1.1\r\nhost: a\r\nvia: 1.0 x, {via}, 1.1 y (a comment)\r\n\r\n")).await;
    assert_eq!(again.head().await.status(), "508");
    assert!(server.is_alone());
}

#[tokio::test]
async fn a_proxy_that_is_its_own_endpoint_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let edge = edge(&[("us-east", listener.local_addr().expect("an address"))]).await;
    let proxy = edge.proxy;
    tokio::spawn(async move {
        let (mut endpoint, _) = listener.accept().await.expect("a connection");
        let mut back = TcpStream::connect(proxy).await.expect("the proxy listens");
        tokio::io::copy_bidirectional(&mut endpoint, &mut back).await
    });
    let mut client = Wire::to(proxy).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(client.head().await.status(), "508");
}

/// There are servers that take trailers for headers.
#[tokio::test]
async fn claims_in_trailers_are_dropped_and_so_is_what_is_of_the_hop() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\nte: trailers\r\ntransfer-encoding: chunked\r\n").await;
    client.send("trailer: x-forwarded-for, forwarded, connection, keep-alive, x-sum\r\n\r\n2\r\nab\r\n0\r\n").await;
    client.send("x-forwarded-for: 6.6.6.6\r\nforwarded: for=6.6.6.6\r\nconnection: x-sum\r\n").await;
    client.send("keep-alive: 5\r\nx-sum: 7\r\nx_real_ip: 6.6.6.6\r\n\r\n").await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    assert_eq!(endpoint.exactly(12).await, "2\r\nab\r\n0\r\n\r\n");
}

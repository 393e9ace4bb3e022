//! The edge proxy of the examples, on real sockets: what it does with HTTP as people send it, and as attackers do.
//!
//! Most tests write bytes and read bytes, at both ends, since no client library sends what has to be refused. Nothing
//! sleeps; what never comes ends a test after a while, with what there was until then.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "they are for the library; the proxy is a program"
)]

#[allow(dead_code, reason = "the program uses all of it")]
#[path = "../../examples/edge_proxy/edge/mod.rs"]
mod edge;

mod admin;
mod bad_bodies;
mod bodies;
mod command_line;
mod expect;
mod failover;
mod forwarded;
mod hop_by_hop;
mod hosts;
mod http2;
mod in_flight;
mod keep_alive;
mod life;
mod limits;
mod program;
mod retries;
mod shares;
mod smuggling;
mod upgrades;
mod wire;

use edge::options::{InFlight, Options, Upstream};
use edge::run::Edge;
use std::net::SocketAddr;
use wire::{Head, Server, Wire};

/// A proxy on free ports over these upstreams; over three of its own when there are none.
async fn edge(upstreams: &[(&str, SocketAddr)]) -> Edge {
    edge_with(upstreams, |_| {}).await
}

async fn edge_with(upstreams: &[(&str, SocketAddr)], change: impl FnOnce(&mut Options)) -> Edge {
    let upstream = |(region, address): &(&str, SocketAddr)| Upstream {
        region: (*region).into(),
        authority: address.to_string().parse().expect("an address is an authority"),
    };
    let mut options = Options {
        listen: ([127, 0, 0, 1], 0).into(),
        admin: ([127, 0, 0, 1], 0).into(),
        upstreams: upstreams.iter().map(upstream).collect(),
        limit: InFlight::Unlimited,
        retries: 3,
        no_retries: false,
        try_timeout: None,
        hedge: None,
        outlier: false,
        ramp: 120,
        http2_upstreams: false,
        allow_remote_admin: false,
        trust_forwarded: false,
    };
    change(&mut options);
    Edge::start(&options).await.expect("a proxy that runs")
}

/// A proxy over one upstream that the test plays, and that upstream.
async fn edge_over_one() -> (Edge, Server) {
    let server = Server::start().await;
    (edge(&[("us-east", server.address)]).await, server)
}

/// The answer to a head that must not reach the endpoint.
async fn refusal(head: &str) -> Head {
    let (edge, server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send(format!("{head}\r\n\r\n")).await;
    let answer = client.head().await;
    assert!(server.is_alone(), "{head:?} reached the endpoint");
    answer
}

/// What the endpoint gets of a request without a body.
async fn passed_on(request: &str) -> Head {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send(request).await;
    server.accept().await.head().await
}

/// A proxy that sends nothing again, over one upstream that the test plays.
async fn edge_without_retries() -> (Edge, Server) {
    let server = Server::start().await;
    (edge_with(&[("us-east", server.address)], |options| options.no_retries = true).await, server)
}

/// What the client gets of an answer: its head, and all the rest when the endpoint closes after it.
async fn sent_back(answer: impl AsRef<[u8]>) -> (Head, String) {
    let (edge, mut server) = edge_without_retries().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("GET / HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n").await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    endpoint.send(answer).await;
    endpoint.end().await;
    (client.head().await, client.rest().await)
}

#[tokio::test]
async fn a_request_goes_through_and_its_answer_comes_back() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("GET /cart?id=7 HTTP/1.1\r\nhost: shop.example\r\n\r\n").await;

    let mut endpoint = server.accept().await;
    let request = endpoint.head().await;
    assert_eq!(request.line, "GET /cart?id=7 HTTP/1.1");
    assert_eq!(request.values("host"), ["shop.example"]);
    endpoint.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
    let answer = client.head().await;
    assert_eq!(answer.line, "HTTP/1.1 200 OK");
    assert_eq!(client.exactly(5).await, "hello");
}

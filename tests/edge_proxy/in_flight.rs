//! How many requests may be in flight: who is refused, what they are told, and when there is room again.

use crate::bodies::until_given_back;
use crate::edge::options::InFlight;
use crate::edge::run::Edge;
use crate::edge::upstreams::{Pace, WORKERS};
use crate::edge_with;
use crate::wire::{Head, Server, Wire};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const REQUEST: &str = "GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n";

/// A proxy with this limit over an upstream that the test plays.
async fn limited(limit: InFlight) -> (Edge, Server) {
    let server = Server::start().await;
    (edge_with(&[("us-east", server.address)], |options| options.limit = limit).await, server)
}

/// A client that has asked.
async fn asks(edge: &Edge) -> Wire {
    let mut client = Wire::to(edge.proxy).await;
    client.send(REQUEST).await;
    client
}

/// What one more client is answered, by the proxy or an upstream of its own.
async fn answer(edge: &Edge) -> (Head, String) {
    let mut client = asks(edge).await;
    let head = client.head().await;
    let body = client.exactly(length(&head)).await;
    (head, body)
}

fn length(head: &Head) -> usize {
    head.values("content-length")[0].parse().expect("a length")
}

/// A request to the admin port: the status of its answer, and the body.
async fn operate(edge: &Edge, line: &str) -> (String, String) {
    let mut operator = Wire::to(edge.admin).await;
    operator.send(format!("{line} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
    let head = operator.head().await;
    let body = operator.exactly(length(&head)).await;
    (head.status().to_owned(), body)
}

async fn slow(edge: &Edge, region: &str, milliseconds: u64) {
    let (status, body) = operate(edge, &format!("PUT /slow/{region}?ms={milliseconds}")).await;
    assert_eq!(status, "200", "{body}");
}

/// What the admin port says of a region in the cluster of its name.
async fn region(edge: &Edge, name: &str) -> Value {
    let (_, body) = operate(edge, "GET /status").await;
    let mut status: Value = serde_json::from_str(&body).expect("JSON");
    status["table"]["clusters"][name]["regions"][name].take()
}

async fn refused(edge: &Edge, name: &str) -> Value {
    region(edge, name).await["limit"]["refused"].take()
}

/// Lets everything else run until so many requests are in flight in a region of the cluster of its name.
async fn until_in_flight(edge: &Edge, name: &str, requests: u32) {
    for _ in 0..200_000 {
        let clusters = edge.traffic.status().clusters;
        let mut regions = clusters.iter().filter(|one| one.name == *name).flat_map(|cluster| &cluster.regions);
        if regions.any(|region| region.name == *name && region.in_flight == requests) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("there are never {requests} in flight in {name}");
}

/// There is room for one more.
async fn next_is_served(edge: &Edge, server: &mut Server) {
    let (mut next, mut endpoint) = (asks(edge).await, server.accept().await);
    endpoint.head().await;
    endpoint.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(next.head().await.status(), "204");
}

#[tokio::test]
async fn who_finds_no_room_is_answered_with_503_and_when_to_ask_again() {
    let (edge, mut server) = limited(InFlight::AtMost(2)).await;
    let (_first, _second) = (asks(&edge).await, asks(&edge).await);
    let (mut one, mut other) = (server.accept().await, server.accept().await);
    one.head().await;
    other.head().await;

    let (head, body) = answer(&edge).await;
    assert_eq!((head.status(), head.values("retry-after")), ("503", vec!["1"]));
    let says =
        "as many requests are in flight as the limit allows, in region us-east; another try makes sense after 100ms";
    assert_eq!(body, format!("{says}\n"));
    assert!(server.is_alone(), "it reached the endpoint");
}

#[tokio::test]
async fn a_place_comes_back_when_the_answers_body_has_ended_and_not_before() {
    let (edge, mut server) = limited(InFlight::AtMost(1)).await;
    let mut client = asks(&edge).await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    endpoint.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 11\r\n\r\nhello").await;
    client.head().await;
    client.exactly(5).await;
    assert_eq!(answer(&edge).await.0.status(), "503", "the first is still being answered");

    endpoint.send(" world").await;
    client.exactly(6).await;
    until_given_back(&edge).await;
    next_is_served(&edge, &mut server).await;
}

#[tokio::test]
async fn a_place_comes_back_when_a_client_leaves() {
    let (edge, mut server) = limited(InFlight::AtMost(1)).await;
    for has_head in [false, true] {
        let mut client = asks(&edge).await;
        let mut endpoint = server.accept().await;
        endpoint.head().await;
        if has_head {
            endpoint.send("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello").await;
            client.head().await;
        }
        assert_eq!(answer(&edge).await.0.status(), "503", "the first is there, with a head: {has_head}");
        drop(client);
        until_given_back(&edge).await;
    }
    next_is_served(&edge, &mut server).await;
}

#[tokio::test]
async fn the_status_has_the_limit_what_is_in_flight_and_who_was_refused_for_what() {
    let (edge, mut server) = limited(InFlight::AtMost(2)).await;
    let _clients = (asks(&edge).await, asks(&edge).await);
    let (mut one, mut other) = (server.accept().await, server.accept().await);
    one.head().await;
    other.head().await;
    for _ in 0..3 {
        answer(&edge).await;
    }
    let limit = json!({
        "limit": 2,
        "in_flight": 2,
        "queued": 0,
        "refused": { "limit": 3, "partition": 0, "priority": 0, "queue": 0 },
        "left_queue": 0,
        "response_time_ms": null,
    });
    assert_eq!(region(&edge, "us-east").await["limit"], limit);
    let (_, body) = operate(&edge, "GET /status").await;
    let status: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(status["rejections"], json!({ "as many requests are in flight as the limit allows": 3 }));
    assert_eq!(status["decisions"], json!({ "all": { "us-east": { "us-east": 2 } } }), "who was refused was not sent");
}

#[tokio::test]
async fn each_region_of_each_cluster_has_the_limit_that_was_asked_for() {
    for (limit, number) in [(InFlight::Unlimited, None), (InFlight::AtMost(7), Some(7))] {
        let edge = edge_with(&[], |options| options.limit = limit).await;
        let regions = edge.traffic.status().clusters.into_iter().flat_map(|cluster| cluster.regions);
        let limits: Vec<_> = regions.map(|region| region.limit.map(|limit| limit.limit)).collect();
        assert_eq!(limits, [number; 9]);
        let shown = region(&edge, "eu-west").await;
        assert_eq!(shown["limit"].is_null(), number.is_none());
    }
    let edge = edge_with(&[], |options| options.limit = InFlight::Adaptive).await;
    // What it is to begin with is the algorithm's affair; that there is one is ours.
    assert!(region(&edge, "us-east").await["limit"]["limit"].is_u64());
}

#[tokio::test]
async fn without_a_limit_nobody_is_refused() {
    let (edge, mut server) = limited(InFlight::Unlimited).await;
    let (mut clients, mut endpoints) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        clients.push(asks(&edge).await);
        endpoints.push(server.accept().await);
    }
    for endpoint in &mut endpoints {
        endpoint.head().await;
        endpoint.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    }
    for client in &mut clients {
        assert_eq!(client.head().await.status(), "204");
    }
}

#[tokio::test]
async fn what_does_not_fit_into_a_region_goes_to_the_others_before_anybody_is_refused() {
    let servers = [Server::start().await, Server::start().await];
    let upstreams = [("us-east", servers[0].address), ("eu-west", servers[1].address)];
    let edge = edge_with(&upstreams, |options| options.limit = InFlight::AtMost(1)).await;
    edge.traffic.edit(|spec| Ok(_ = spec.route_mut("all")?.reweight("eu-west", 0))).expect("a sound table");
    let [mut us, mut eu] = servers;
    let (_first, mut first) = (asks(&edge).await, us.accept().await);
    first.head().await;
    let (_second, mut second) = (asks(&edge).await, eu.accept().await);
    second.head().await;

    let (head, body) = answer(&edge).await;
    assert!(
        head.status() == "503" && body.contains("in region us-east;"),
        "named is where it should have gone: {body}"
    );
    assert_eq!(refused(&edge, "us-east").await["limit"], 2, "one of them another region took");
    let (_, body) = operate(&edge, "GET /status").await;
    let status: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(status["decisions"], json!({ "all": { "us-east": { "us-east": 1, "eu-west": 1 } } }));
}

/// The slow one would hold them for a minute; nothing in the test takes so long.
#[tokio::test]
async fn an_upstream_that_is_slowed_keeps_nobody_waiting_but_its_own() {
    let edge = edge_with(&[], |options| options.limit = InFlight::AtMost(2)).await;
    let only = |region: &'static str| {
        let edit = edge.traffic.edit(move |spec| {
            let route = spec.route_mut("all")?;
            for one in ["us-east", "eu-west", "ap-south"] {
                route.reweight(one, u32::from(one == region));
            }
            Ok(())
        });
        edit.expect("a sound table");
    };
    slow(&edge, "us-east", 60_000).await;
    only("us-east");
    let held = (asks(&edge).await, asks(&edge).await);
    until_in_flight(&edge, "us-east", 2).await;

    for _ in 0..20 {
        let (head, body) = answer(&edge).await;
        assert_eq!(head.status(), "200");
        assert_ne!(body, "hello from us-east\n");
    }
    only("eu-west");
    for _ in 0..20 {
        assert_eq!(answer(&edge).await.1, "hello from eu-west\n");
    }
    assert_eq!(refused(&edge, "us-east").await["limit"], 20);
    assert_eq!(refused(&edge, "eu-west").await["limit"], 0);

    // And when it is well again it has its share again, as soon as those that it held have gone.
    slow(&edge, "us-east", 0).await;
    drop(held);
    until_given_back(&edge).await;
    only("us-east");
    assert_eq!(answer(&edge).await.1, "hello from us-east\n");
}

/// Time stands still here, and goes on at once to whatever is waited for.
#[tokio::test(start_paused = true)]
async fn an_upstream_that_is_slowed_works_on_a_few_at_once_and_lets_the_others_wait() {
    static PACE: std::sync::LazyLock<Pace> = std::sync::LazyLock::new(Pace::new);
    PACE.set(100);
    let begin = tokio::time::Instant::now();
    let mut work = JoinSet::new();
    for _ in 0..10 * WORKERS {
        work.spawn(async move {
            PACE.work().await;
            begin.elapsed().as_millis()
        });
    }
    let mut took = work.join_all().await;
    took.sort_unstable();
    let expected: Vec<_> = (0..10 * WORKERS).map(|place| 100 * (place / WORKERS + 1) as u128).collect();
    assert_eq!(took, expected, "the last waits longer the more there are");

    PACE.set(0);
    PACE.work().await;
    assert_eq!(begin.elapsed().as_millis(), 1000);
}

#[tokio::test]
async fn what_cannot_be_slowed_is_said_to_be_so_and_nothing_is() {
    let edge = edge_with(&[], |_| {}).await;
    let asks = "say how long a request takes, from 0 to 60000 ms: /slow/us-east?ms=100\n";
    for (line, status, says) in [
        ("PUT /slow/us-esat?ms=1", "404", "there is no region `us-esat`; there are us-east, eu-west, ap-south\n"),
        ("PUT /slow/us-east", "400", asks),
        ("PUT /slow/us-east?", "400", asks),
        ("PUT /slow/us-east?ms=", "400", asks),
        ("PUT /slow/us-east?ms=-1", "400", asks),
        ("PUT /slow/us-east?ms=60001", "400", asks),
        ("PUT /slow/us-east?ms=1&ms=2", "400", asks),
        ("PUT /slow/us-east?seconds=1", "400", asks),
        ("GET /slow/us-east?ms=1", "405", "only PUT here\n"),
    ] {
        assert_eq!(operate(&edge, line).await, (status.into(), says.into()), "{line}");
    }
    let (_, told) = operate(&edge, "PUT /slow/us-east?ms=100").await;
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told, json!({ "region": "us-east", "ms": 100, "at_once": 4, "at_most_a_second": 40.0 }));
    let (_, told) = operate(&edge, "PUT /slow/us-east?ms=0").await;
    assert!(told.contains("\"at_most_a_second\": null"), "{told}");

    let (edge, _server) = limited(InFlight::Unlimited).await;
    let says = "only upstreams of this program's own can be slowed: start it without --upstream\n";
    assert_eq!(operate(&edge, "PUT /slow/us-east?ms=1").await, ("404".into(), says.into()));
}

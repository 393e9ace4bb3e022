//! What is sent again and what is not: upstreams that are gone, silent, close too soon, or ask to be asked later.

use crate::edge::options::Options;
use crate::edge::run::Edge;
use crate::edge_with;
use crate::wire::{Gone, Head, Server, Wire};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, JoinSet};

const GET: &str = "GET /cart HTTP/1.1\r\nhost: shop.example\r\n\r\n";

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

const PREVIOUS: &str = "contraflow-previous-attempts";

/// Up to so many bytes of a body are kept.
const MOST_KEPT: usize = 64 * 1024;

/// What the budget of a cluster has to begin with, and what a success adds, in tenths of a retry.
const BURST: u64 = 100;
const A_SUCCESS: u64 = 1;
const A_RETRY: u64 = 10;

/// A proxy over two regions. All requests are for the first; the second takes what that cannot.
async fn over_two(first: SocketAddr, second: SocketAddr, change: impl FnOnce(&mut Options)) -> Edge {
    let edge = edge_with(&[("us-east", first), ("eu-west", second)], change).await;
    edge.traffic.edit(|spec| Ok(_ = spec.route_mut("all")?.reweight("eu-west", 0))).expect("a sound table");
    edge
}

/// A client that has sent this.
async fn asks(edge: &Edge, request: impl AsRef<[u8]>) -> Wire {
    let mut client = Wire::to(edge.proxy).await;
    client.send(request).await;
    client
}

/// The next request that comes, with a body of so many bytes, and its connection.
async fn next(server: &mut Server, length: usize) -> (Wire, Head, String) {
    let mut endpoint = server.accept().await;
    let head = endpoint.head().await;
    let body = endpoint.exactly(length).await;
    (endpoint, head, body)
}

async fn status(edge: &Edge) -> Value {
    let mut operator = Wire::to(edge.admin).await;
    operator.send("GET /status HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let length = operator.head().await.values("content-length")[0].parse().expect("a length");
    serde_json::from_str(&operator.exactly(length).await).expect("JSON")
}

/// What was sent as which attempt, why again, and why not.
async fn assert_attempts(edge: &Edge, sent: Value, again: Value, given_up: Value) {
    let expected = json!({ "sent": sent, "again": again, "given_up": given_up });
    assert_eq!(status(edge).await["attempts"], expected);
}

fn upload(method: &str, length: usize) -> String {
    format!("{method} /cart HTTP/1.1\r\nhost: shop.example\r\ncontent-length: {length}\r\n\r\n{}", text(length))
}

/// Text of which no two pieces are alike.
fn text(length: usize) -> String {
    let mut text = (0..=length / 5).map(|number| format!("{number:04x};")).collect::<Vec<_>>().concat();
    text.truncate(length);
    text
}

#[tokio::test]
async fn what_finds_nobody_there_goes_to_the_other_region_whatever_it_is() {
    for method in ["GET", "PUT", "POST", "PATCH"] {
        for length in [0, 1, 1000, MOST_KEPT] {
            let (first, mut second) = (Gone::new(), Server::start().await);
            let edge = over_two(first.address, second.address, |_| {}).await;
            let mut client = asks(&edge, upload(method, length)).await;
            let (mut endpoint, head, body) = next(&mut second, length).await;
            assert_eq!(head.line, format!("{method} /cart HTTP/1.1"));
            assert_eq!(head.values("content-length").first().unwrap_or(&"0"), &length.to_string());
            assert!(body == text(length), "{method} of {length} bytes arrived otherwise");
            endpoint.send(NO_CONTENT).await;
            assert_eq!(client.head().await.status(), "204");
            assert_attempts(&edge, json!({ "1": 1, "2": 1 }), json!({ "not_processed": 1 }), json!({})).await;
        }
    }
}

#[tokio::test]
async fn a_body_in_chunks_arrives_again_as_it_came() {
    let (mut first, mut second) = (Server::start().await, Server::start().await);
    let edge = over_two(first.address, second.address, |_| {}).await;
    let head = "PUT /cart HTTP/1.1\r\nhost: shop.example\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n";
    let body = "5\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 7\r\n\r\n";
    // Trailers claim nothing: there are servers that take them for headers.
    let claims = format!("6\r\n world\r\n0\r\nx-sum: 7\r\n{PREVIOUS}: 7\r\n\r\n");
    let mut client = asks(&edge, head).await;
    client.send("5\r\nhello\r\n").await;
    let (mut endpoint, _, _) = next(&mut first, "5\r\nhello\r\n".len()).await;
    client.send(claims).await;
    let rest = &body["5\r\nhello\r\n".len()..];
    assert_eq!(endpoint.exactly(rest.len()).await, rest);
    drop(endpoint);

    let (mut endpoint, head, came) = next(&mut second, body.len()).await;
    assert_eq!((head.values("transfer-encoding"), head.values("trailer")), (vec!["chunked"], vec!["x-sum"]));
    // The parts may be cut otherwise.
    assert_eq!(came, body);
    endpoint.send(NO_CONTENT).await;
    assert_eq!(client.head().await.status(), "204");
}

#[tokio::test]
async fn who_is_closed_on_before_the_answer_asks_again_if_that_does_no_harm() {
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let (mut first, mut second) = (Server::start().await, Server::start().await);
        let edge = over_two(first.address, second.address, |_| {}).await;
        let mut client = asks(&edge, upload(method, 3)).await;
        drop(next(&mut first, 3).await);
        let (mut endpoint, _, body) = next(&mut second, 3).await;
        assert_eq!(body, text(3));
        endpoint.send(NO_CONTENT).await;
        assert_eq!(client.head().await.status(), "204");
        assert_attempts(&edge, json!({ "1": 1, "2": 1 }), json!({ "failed": 1 }), json!({})).await;
    }
}

#[tokio::test]
async fn a_post_that_was_sent_is_not_sent_again() {
    let (mut first, second) = (Server::start().await, Server::start().await);
    let edge = over_two(first.address, second.address, |_| {}).await;
    let mut client = asks(&edge, upload("POST", 3)).await;
    drop(next(&mut first, 3).await);
    assert_eq!(client.head().await.status(), "502");
    assert!(first.is_alone() && second.is_alone());
    assert_attempts(&edge, json!({ "1": 1 }), json!({}), json!({})).await;
}

/// Nor one that a gateway could not pass on: it may have been, and only the answer was lost.
#[tokio::test]
async fn a_status_says_nothing_that_would_allow_a_post_twice() {
    let (mut first, second) = (Server::start().await, Server::start().await);
    let edge = over_two(first.address, second.address, |_| {}).await;
    for status in ["502", "503", "504", "429"] {
        let mut client = asks(&edge, upload("POST", 3)).await;
        let (mut endpoint, _, _) = next(&mut first, 3).await;
        let close = "connection: close\r\nretry-after: 0\r\ncontent-length: 0";
        endpoint.send(format!("HTTP/1.1 {status} x\r\n{close}\r\n\r\n")).await;
        assert_eq!(client.head().await.status(), status);
    }
    assert!(second.is_alone());
}

#[tokio::test]
async fn who_is_silent_for_as_long_as_an_attempt_may_take_is_not_waited_for() {
    let (mut first, mut second) = (Server::start().await, Server::start().await);
    let edge = over_two(first.address, second.address, |options| options.try_timeout = Some(50)).await;
    let began = Instant::now();
    let mut client = asks(&edge, GET).await;
    let (mut silent, _, _) = next(&mut first, 0).await;
    let (mut endpoint, head, _) = next(&mut second, 0).await;
    assert!(began.elapsed() >= Duration::from_millis(50));
    assert_eq!(head.values(PREVIOUS), ["1"]);
    assert_eq!(silent.rest().await, "", "it is told that nobody waits");
    endpoint.send(NO_CONTENT).await;
    assert_eq!(client.head().await.status(), "204");
    assert_attempts(&edge, json!({ "1": 1, "2": 1 }), json!({ "timed_out": 1 }), json!({})).await;
}

/// The last attempt has all the time that is left.
#[tokio::test]
async fn an_attempts_time_does_not_end_the_last_one() {
    let (mut first, mut second) = (Server::start().await, Server::start().await);
    let change = |options: &mut Options| (options.try_timeout, options.retries) = (Some(20), 2);
    let edge = over_two(first.address, second.address, change).await;
    let mut client = asks(&edge, GET).await;
    let (_silent, _, _) = next(&mut first, 0).await;
    let (mut endpoint, _, _) = next(&mut second, 0).await;
    let came = Instant::now();
    while came.elapsed() < Duration::from_millis(60) {
        tokio::task::yield_now().await;
    }
    endpoint.send(NO_CONTENT).await;
    assert_eq!(client.head().await.status(), "204");
}

#[tokio::test]
async fn without_retries_a_request_is_sent_once() {
    let never = |options: &mut Options| options.no_retries = true;
    let once = |options: &mut Options| options.retries = 1;
    for change in [never as fn(&mut Options), once] {
        let (first, second) = (Gone::new(), Server::start().await);
        let edge = over_two(first.address, second.address, change).await;
        assert_eq!(asks(&edge, GET).await.head().await.status(), "502");
        assert!(second.is_alone());
        assert_attempts(&edge, json!({ "1": 1 }), json!({}), json!({})).await;
    }
}

#[tokio::test]
async fn there_are_as_many_attempts_as_were_asked_for() {
    let first = Gone::new();
    for attempts in 2..=8 {
        let edge = edge_with(&[("us-east", first.address)], |options| options.retries = attempts).await;
        assert_eq!(asks(&edge, GET).await.head().await.status(), "502");
        let sent: Vec<_> = (1..=attempts).map(|number| (number.to_string(), json!(1))).collect();
        let again = json!({ "not_processed": attempts - 1 });
        assert_attempts(&edge, Value::Object(sent.into_iter().collect()), again, json!({ "attempts": 1 })).await;
    }
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_when_it_says() {
    for (after, at_least) in [("0", Duration::ZERO), ("1", Duration::from_secs(1))] {
        let mut server = Server::start().await;
        let edge = edge_with(&[("us-east", server.address)], |_| {}).await;
        let mut client = asks(&edge, GET).await;
        let (mut endpoint, _, _) = next(&mut server, 0).await;
        let said = Instant::now();
        endpoint.send(format!("HTTP/1.1 503 x\r\nretry-after: {after}\r\ncontent-length: 0\r\n\r\n")).await;
        // Over the same connection: nobody waits on it meanwhile.
        let head = endpoint.head().await;
        assert!(said.elapsed() >= at_least, "{after}: {:?}", said.elapsed());
        assert!(said.elapsed() < at_least + Duration::from_secs(1), "{after}: {:?}", said.elapsed());
        assert_eq!(head.values(PREVIOUS), ["1"]);
        endpoint.send(NO_CONTENT).await;
        assert_eq!(client.head().await.status(), "204");
        assert_attempts(&edge, json!({ "1": 1, "2": 1 }), json!({ "failed": 1 }), json!({})).await;
    }
}

#[tokio::test]
async fn who_asks_for_more_than_anybody_waits_is_passed_on_with_what_it_said() {
    let mut server = Server::start().await;
    let edge = edge_with(&[("us-east", server.address)], |_| {}).await;
    let mut client = asks(&edge, GET).await;
    let (mut endpoint, _, _) = next(&mut server, 0).await;
    endpoint.send("HTTP/1.1 503 x\r\nretry-after: 60\r\ncontent-length: 4\r\n\r\nbusy").await;
    let head = client.head().await;
    assert_eq!((head.status(), head.values("retry-after")), ("503", vec!["60"]));
    assert_eq!(client.exactly(4).await, "busy");
    assert_attempts(&edge, json!({ "1": 1 }), json!({}), json!({ "hint": 1 })).await;
}

#[tokio::test]
async fn the_answer_that_is_left_is_the_servers_own() {
    let mut server = Server::start().await;
    let edge = edge_with(&[("us-east", server.address)], |_| {}).await;
    let mut client = asks(&edge, GET).await;
    let (mut endpoint, _, _) = next(&mut server, 0).await;
    for attempt in 0..3 {
        endpoint.send(format!("HTTP/1.1 503 x\r\nx-try: {attempt}\r\ncontent-length: 4\r\n\r\nbusy")).await;
        if attempt < 2 {
            endpoint.head().await;
        }
    }
    let head = client.head().await;
    assert_eq!((head.status(), head.values("x-try")), ("503", vec!["2"]));
    assert_eq!(client.exactly(4).await, "busy");
    assert_attempts(&edge, json!({ "1": 1, "2": 1, "3": 1 }), json!({ "failed": 2 }), json!({ "attempts": 1 })).await;
}

#[tokio::test]
async fn only_what_is_sent_again_says_so_whatever_the_client_claimed() {
    for claimed in ["", "contraflow-previous-attempts: 7\r\n", "contraflow-previous-attempts: x\r\n"] {
        let claimed = claimed.repeat(2);
        let (mut first, mut second) = (Server::start().await, Server::start().await);
        let edge = over_two(first.address, second.address, |_| {}).await;
        let mut client = asks(&edge, format!("GET /cart HTTP/1.1\r\nhost: a\r\n{claimed}\r\n")).await;
        let (endpoint, head, _) = next(&mut first, 0).await;
        assert!(!head.has(PREVIOUS), "{claimed:?}: {head:?}");
        drop(endpoint);
        let (mut endpoint, head, _) = next(&mut second, 0).await;
        assert_eq!(head.values(PREVIOUS), ["1"], "{claimed:?}");
        endpoint.send(NO_CONTENT).await;
        assert_eq!(client.head().await.status(), "204");
    }
}

#[tokio::test]
async fn an_upload_that_is_longer_than_what_is_kept_is_sent_once() {
    for method in ["PUT", "POST"] {
        let (first, second) = (Gone::new(), Server::start().await);
        let edge = over_two(first.address, second.address, |_| {}).await;
        let mut client = Wire::to(edge.proxy).await;
        client.try_send(upload(method, MOST_KEPT + 1)).await;
        assert_eq!(client.head().await.status(), "502");
        assert!(second.is_alone());
        assert_attempts(&edge, json!({ "1": 1 }), json!({}), json!({})).await;
    }
}

/// Of one whose length nobody knows it turns out on the way, and the way goes on.
#[tokio::test]
async fn an_upload_of_unknown_length_goes_through_and_is_given_up_when_it_was_too_long() {
    let (mut first, second) = (Server::start().await, Server::start().await);
    let edge = over_two(first.address, second.address, |_| {}).await;
    let head = "PUT /cart HTTP/1.1\r\nhost: shop.example\r\ntransfer-encoding: chunked\r\n\r\n";
    let (piece, pieces) = (format!("400\r\n{}\r\n", text(1024)), 200);
    for breaks in [false, true] {
        let mut client = asks(&edge, head).await;
        let mut endpoint = first.accept().await;
        endpoint.head().await;
        for _ in 0..pieces {
            client.send(&piece).await;
            assert!(endpoint.exactly(piece.len()).await == piece);
        }
        if breaks {
            drop(endpoint);
            assert_eq!(client.head().await.status(), "502");
        } else {
            client.send("0\r\n\r\n").await;
            endpoint.exactly(5).await;
            endpoint.send("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
            assert_eq!(client.head().await.status(), "204");
        }
    }
    assert!(second.is_alone());
    assert_attempts(&edge, json!({ "1": 2 }), json!({}), json!({ "body": 1 })).await;
}

/// The client is asked for its body by the endpoint that wants it, and not by one that has turned the request away before.
#[tokio::test]
async fn a_body_that_waits_to_be_asked_for_goes_to_who_asks() {
    let (mut first, mut second) = (Server::start().await, Server::start().await);
    let edge = over_two(first.address, second.address, |_| {}).await;
    let head = "PUT / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    let mut client = asks(&edge, head).await;
    let (mut endpoint, _, _) = next(&mut first, 0).await;
    endpoint.send("HTTP/1.1 503 x\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n").await;
    let (mut endpoint, head, _) = next(&mut second, 0).await;
    assert_eq!(head.values("expect"), ["100-continue"]);
    endpoint.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(client.head().await.line, "HTTP/1.1 100 Continue");
    client.send("hello").await;
    assert_eq!(endpoint.exactly(5).await, "hello");
    endpoint.send(NO_CONTENT).await;
    assert_eq!(client.head().await.status(), "204");
}

/// It would be blamed for what the client did, and asked for more of it.
#[tokio::test]
async fn a_body_that_the_client_breaks_off_is_not_sent_again() {
    let (mut first, second) = (Server::start().await, Server::start().await);
    let edge = over_two(first.address, second.address, |_| {}).await;
    let mut client = asks(&edge, "PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n").await;
    let (mut endpoint, _, _) = next(&mut first, 7).await;
    client.send("no size\r\n").await;
    assert!(client.rest().await.starts_with("HTTP/1.1 400 "));
    assert_eq!(endpoint.rest().await, "");
    assert!(second.is_alone());
    assert_attempts(&edge, json!({ "1": 1 }), json!({}), json!({})).await;
}

#[tokio::test]
async fn a_second_copy_goes_to_another_upstream_of_the_region_and_the_first_answer_counts() {
    let mut servers = [Server::start().await, Server::start().await];
    let upstreams = [("us-east", servers[0].address), ("us-east", servers[1].address)];
    let edge = edge_with(&upstreams, |options| options.hedge = Some(20)).await;
    let mut client = asks(&edge, GET).await;
    let [one, other] = &mut servers;
    let (mut slow, quick) = tokio::select! {
        endpoint = one.accept() => (endpoint, other),
        endpoint = other.accept() => (endpoint, one),
    };
    assert!(!slow.head().await.has(PREVIOUS));
    let (mut endpoint, head, _) = next(quick, 0).await;
    assert_eq!(head.values(PREVIOUS), ["1"]);
    endpoint.send(NO_CONTENT).await;
    assert_eq!(client.head().await.status(), "204");
    assert_eq!(slow.rest().await, "", "it is told that nobody waits");
    assert_attempts(&edge, json!({ "1": 1, "2": 1 }), json!({ "slow": 1 }), json!({})).await;
}

#[tokio::test]
async fn what_must_not_be_done_twice_is_not_hedged() {
    let mut servers = [Server::start().await, Server::start().await];
    let upstreams = [("us-east", servers[0].address), ("us-east", servers[1].address)];
    let edge = edge_with(&upstreams, |options| options.hedge = Some(1)).await;
    let mut client = asks(&edge, upload("POST", 3)).await;
    let [one, other] = &mut servers;
    let (mut endpoint, idle) = tokio::select! {
        endpoint = one.accept() => (endpoint, other),
        endpoint = other.accept() => (endpoint, one),
    };
    endpoint.head().await;
    let came = Instant::now();
    while came.elapsed() < Duration::from_millis(20) {
        tokio::task::yield_now().await;
    }
    endpoint.exactly(3).await;
    endpoint.send(NO_CONTENT).await;
    assert_eq!(client.head().await.status(), "204");
    assert!(idle.is_alone());
}

#[tokio::test]
async fn the_status_has_what_is_left_of_each_clusters_budget() {
    let (first, second) = (Gone::new(), Crowd::start(Server::start().await));
    let edge = over_two(first.address, second.address, |_| {}).await;
    let mut client = Wire::to(edge.proxy).await;
    for _ in 0..3 {
        assert_eq!(answer(&mut client).await, Some(1));
    }
    let status = status(&edge).await;
    let cluster = &status["table"]["clusters"]["us-east"];
    let budget = &cluster["retry_budget"];
    assert_eq!((&budget["capacity"], &budget["under_way"]), (&json!(10), &json!(0)));
    let tokens = budget["tokens"].as_f64().expect("a number");
    // Ten to begin with, one for each, and a tenth for each that went well.
    assert!((tokens - 7.3).abs() < 0.01, "{tokens}");
    assert!(cluster["regions"]["eu-west"]["retry_share"].is_number());
    assert_eq!(status["table"]["clusters"]["eu-west"]["retry_budget"]["tokens"], 10.0, "each has its own");
}

/// An upstream that answers whatever comes with how many attempts were made before, on as many connections as there are.
struct Crowd {
    address: SocketAddr,
    serves: JoinHandle<()>,
}

impl Crowd {
    fn start(mut server: Server) -> Self {
        let address = server.address;
        let serves = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let mut endpoint = server.accept().await;
                connections.spawn(async move {
                    while let Some(head) = endpoint.head_or_end().await {
                        let previous = head.values(PREVIOUS).first().map_or("0", |previous| *previous).to_owned();
                        endpoint.try_send(format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{previous}")).await;
                    }
                });
            }
        });
        Crowd { address, serves }
    }

    /// Stops at once, and closes all connections, whoever waits on them.
    async fn kill(self) -> Gone {
        self.serves.abort();
        _ = self.serves.await;
        Gone::at(self.address)
    }
}

/// How many attempts came before the one that was answered; none when none was.
async fn answer(client: &mut Wire) -> Option<u64> {
    client.send(GET).await;
    let head = client.head().await;
    let body = client.exactly(head.values("content-length")[0].parse().expect("a length")).await;
    match head.status() {
        "200" => Some(body.parse().expect("a number")),
        "502" => None,
        status => panic!("{status}: {body}"),
    }
}

/// Half of the upstreams are gone, and half of the requests fail at first: as long as there is anything to pay with, none fails for
/// good, and whoever fails does so because there is nothing.
#[tokio::test]
async fn requests_fail_only_when_the_budget_is_spent() {
    let (one, other) = (Gone::new(), Crowd::start(Server::start().await));
    let edge = edge_with(&[("us-east", one.address), ("us-east", other.address)], |_| {}).await;
    let mut client = Wire::to(edge.proxy).await;
    let began = Instant::now();
    let (mut left, mut unfunded, mut failed) = (BURST, 0, 0);
    for request in 0..400 {
        match answer(&mut client).await {
            None => {
                assert!(left < A_RETRY, "request {request} failed, and {left} tenths were left");
                failed += 1;
                continue;
            }
            Some(0) => {}
            Some(_) if left >= A_RETRY => left -= A_RETRY,
            Some(_) => unfunded += 1,
        }
        left = BURST.min(left + A_SUCCESS);
    }
    // Of 400 some 200 fail at first; who has ten and gets a tenth for each success can save about 30.
    assert!((100..250).contains(&failed), "{failed}");
    assert!(unfunded <= 1 + began.elapsed().as_secs() / 10, "one in ten seconds comes for free: {unfunded}");
}

/// One of ten is killed under load, with all that it has, and comes back. What failed at first is what was sent again and what
/// failed for good; and what was sent again is within the budget.
#[tokio::test]
async fn an_upstream_that_is_killed_and_started_again_costs_no_more_than_the_budget_leaves() {
    const CLIENTS: u64 = 8;
    const EACH: u64 = 200;
    let mut upstreams = Vec::new();
    for _ in 0..10 {
        upstreams.push(Crowd::start(Server::start().await));
    }
    let addresses: Vec<_> = upstreams.iter().map(|upstream| ("us-east", upstream.address)).collect();
    let edge = edge_with(&addresses, |_| {}).await;
    let (proxy, began) = (edge.proxy, Instant::now());
    let (asked, failed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (asked, failed) = (asked.clone(), failed.clone());
        clients.spawn(async move {
            let mut client = Wire::to(proxy).await;
            for _ in 0..EACH {
                failed.fetch_add(u64::from(answer(&mut client).await.is_none()), Relaxed);
                asked.fetch_add(1, Relaxed);
            }
        });
    }
    let until_asked = async |requests: u64| {
        while asked.load(Relaxed) < requests {
            tokio::task::yield_now().await;
        }
    };
    until_asked(300).await;
    assert_eq!(failed.load(Relaxed), 0, "all are well");
    let gone = upstreams.remove(0).kill().await;
    until_asked(900).await;
    upstreams.push(Crowd::start(gone.start()));
    until_asked(1000).await;
    let failed_by_then = failed.load(Relaxed);
    while clients.join_next().await.is_some() {}
    let failed = failed.load(Relaxed);
    assert_eq!(failed, failed_by_then, "all are well again");

    let status = status(&edge).await;
    let count = |counts: &Value| counts.as_object().expect("counts").values().filter_map(Value::as_u64).sum::<u64>();
    let region = &status["table"]["clusters"]["us-east"]["regions"]["us-east"];
    let endpoints: Vec<_> = region["endpoints"].as_object().expect("endpoints").values().collect();
    let of_all = |what: &str| endpoints.iter().filter_map(|endpoint| endpoint[what].as_u64()).sum::<u64>();
    let (failures, successes) = (of_all("failures"), of_all("successes"));
    let attempts = &status["attempts"];
    let sent = count(&attempts["sent"]);
    // Paid for and not sent: the region's own share was spent.
    let refused = attempts["given_up"]["refused"].as_u64().unwrap_or(0);
    let again = count(&attempts["again"]) - refused;
    assert_eq!(successes, CLIENTS * EACH - failed);
    assert_eq!((sent, sent - CLIENTS * EACH), (successes + failures, again), "{attempts}");
    assert_eq!(failed, failures - again, "{attempts}");
    let unfunded = 1 + began.elapsed().as_secs() / 10;
    let allowed = (BURST + A_SUCCESS * successes) / A_RETRY + unfunded;
    assert!(again <= allowed, "{again} were sent again, and {allowed} may be");
    assert!(
        again >= failures.min(BURST / A_RETRY),
        "{again} of {failures} were sent again, and all was saved up that can be"
    );
    assert!(again > 0, "nothing failed");
}

//! A region that fails and comes back, and one that the operator takes out.

use crate::edge::run::Edge;
use crate::wire::Wire;
use crate::{edge, edge_with};
use contraflow::table::{Failover, Outlier};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

const SOON: Duration = Duration::from_millis(200);

/// Nothing here takes so long.
const FOREVER: Duration = Duration::from_secs(30);

const USERS: u64 = 4;

/// An upstream that answers all it is asked, until it is killed, and counts it.
struct Upstream {
    address: SocketAddr,
    asked: Arc<AtomicU64>,
    runs: Option<JoinHandle<()>>,
}

impl Upstream {
    async fn start() -> Self {
        let mut upstream = Upstream { address: ([127, 0, 0, 1], 0).into(), asked: Arc::default(), runs: None };
        upstream.restart().await;
        upstream
    }

    async fn restart(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("its port is free");
        self.address = listener.local_addr().expect("an address");
        let asked = self.asked.clone();
        self.runs = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (mut client, asked) = (Wire::new(stream), asked.clone());
                connections.spawn(async move {
                    while client.head_or_end().await.is_some() {
                        asked.fetch_add(1, Relaxed);
                        client.try_send("HTTP/1.1 204 No Content\r\n\r\n").await;
                    }
                });
            }
        }));
    }

    /// Ends it with all its connections.
    async fn kill(&mut self) {
        let runs = self.runs.take().expect("it runs");
        runs.abort();
        _ = runs.await;
    }

    fn asked(&self) -> u64 {
        self.asked.load(Relaxed)
    }
}

/// Users who ask all the time; the answers by what they were.
struct Load {
    goes_on: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    users: JoinSet<()>,
}

impl Load {
    fn on(edge: &Edge) -> Self {
        let goes_on = Arc::new(AtomicBool::new(true));
        let mut load = Load { goes_on, answered: Arc::default(), failed: Arc::default(), users: JoinSet::new() };
        for _ in 0..USERS {
            let (proxy, goes_on) = (edge.proxy, load.goes_on.clone());
            let (answered, failed) = (load.answered.clone(), load.failed.clone());
            load.users.spawn(async move {
                let mut client = Wire::to(proxy).await;
                while goes_on.load(Relaxed) {
                    client.send("GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n").await;
                    let head = client.head().await;
                    if let Some(length) = head.values("content-length").first() {
                        client.exactly(length.parse().expect("a length")).await;
                    }
                    let counter = if head.status() == "204" { &answered } else { &failed };
                    counter.fetch_add(1, Relaxed);
                }
            });
        }
        load
    }

    /// Until the users have so many more answers.
    async fn go_on(&self, more: u64) {
        let until = self.answered.load(Relaxed) + more;
        until_so(async || (self.answered.load(Relaxed) >= until).then_some(())).await;
    }

    /// How many were answered well, and how many not.
    async fn stop(mut self) -> (u64, u64) {
        self.goes_on.store(false, Relaxed);
        while let Some(user) = self.users.join_next().await {
            user.expect("no panic");
        }
        (self.answered.load(Relaxed), self.failed.load(Relaxed))
    }
}

/// Asks until there is an answer.
async fn until_so<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < FOREVER, "it does not come to that");
        tokio::task::yield_now().await;
    }
}

async fn send(edge: &Edge, request: &str) -> (String, String) {
    let mut operator = Wire::to(edge.admin).await;
    operator.send(format!("{request} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n")).await;
    let head = operator.head().await;
    let length = head.values("content-length")[0].parse().expect("a length");
    (head.status().to_owned(), operator.exactly(length).await)
}

async fn post(edge: &Edge, path: &str) -> Value {
    let (status, body) = send(edge, &format!("POST {path}")).await;
    assert_eq!(status, "200", "{body}");
    serde_json::from_str(&body).expect("JSON")
}

async fn status(edge: &Edge) -> Value {
    serde_json::from_str(&send(edge, "GET /status").await.1).expect("JSON")
}

/// A region of a cluster that is all its own.
async fn region(edge: &Edge, region: &str) -> Value {
    status(edge).await["table"]["clusters"]["us-east"]["regions"][region].clone()
}

/// What happened, as sentences.
async fn events(edge: &Edge) -> Vec<String> {
    let status = status(edge).await;
    let events = status["events"].as_array().expect("events").iter();
    events.map(|event| event["what"].as_str().expect("a sentence").to_owned()).collect()
}

/// Two upstreams in the first region and one in the second, which takes only what the first cannot.
async fn over_three(upstreams: &[Upstream; 3]) -> Edge {
    let [a, b, spare] = upstreams.each_ref().map(|upstream| upstream.address);
    let upstreams = [("us-east", a), ("us-east", b), ("eu-west", spare)];
    let edge = edge_with(&upstreams, |options| options.outlier = true).await;
    // As the program has it, but for times that a test can wait for.
    let short = |spec: &mut contraflow::TableSpec| {
        spec.route_mut("all")?.reweight("eu-west", 0);
        let cluster = spec.cluster_mut("us-east")?;
        cluster.knobs.outlier = Some(Outlier::default().window(Duration::from_secs(1)).times(SOON, SOON));
        cluster.knobs.failover = Some(Failover::default().hold(SOON).ramp(Duration::from_secs(1)).drain(SOON));
        Ok(())
    };
    edge.traffic.edit(short).expect("a sound table");
    edge
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_that_is_killed_and_restarted_is_left_probed_and_comes_back_by_degrees() {
    let mut upstreams = [Upstream::start().await, Upstream::start().await, Upstream::start().await];
    let edge = over_three(&upstreams).await;
    let load = Load::on(&edge);
    load.go_on(200).await;
    let well = region(&edge, "us-east").await;
    assert_eq!((&well["phase"], &well["usable"], &well["ceiling"]), (&json!("up"), &json!(1.0), &json!(1.0)));
    assert_eq!((&well["share"], &well["evacuated_for_seconds"]), (&json!(1.0), &Value::Null));
    let healths = |region: &Value| -> Vec<String> {
        let endpoints = region["endpoints"].as_object().expect("endpoints").values();
        endpoints.map(|endpoint| endpoint["health"].as_str().expect("a word").to_owned()).collect()
    };
    assert_eq!(healths(&well), ["well", "well"]);

    for upstream in &mut upstreams[..2] {
        upstream.kill().await;
    }
    let left = until_so(async || {
        let left = region(&edge, "us-east").await;
        (left["share"] == 0.0 && left["ceiling"] == 0.0).then_some(left)
    });
    let left = left.await;
    assert!(left["phase"] == "failing" && left["usable"] == 0.0, "{left}");
    assert!(healths(&left).iter().all(|health| health != "well"), "{left}");
    assert_eq!(region(&edge, "eu-west").await["share"], 1.0);
    load.go_on(200).await;

    for upstream in &mut upstreams[..2] {
        upstream.restart().await;
    }
    let returning = until_so(async || {
        let returning = region(&edge, "us-east").await;
        let (ceiling, share) = (returning["ceiling"].as_f64()?, returning["share"].as_f64()?);
        (returning["phase"] == "returning" && ceiling > 0.0 && ceiling < 1.0 && share > 0.0 && share < 1.0)
            .then_some(returning)
    });
    assert_eq!(healths(&returning.await), ["well", "well"]);
    until_so(async || {
        let back = region(&edge, "us-east").await;
        (back["phase"] == "up" && back["share"] == 1.0).then_some(())
    })
    .await;
    let (answered, failed) = load.stop().await;
    assert!(failed * 10 < answered, "{failed} failed, {answered} were answered");

    let events = events(&edge).await;
    for says in [" is ejected for ", " is doubted for ", " may be probed", " has returned"] {
        let says_so =
            |event: &&String| event.starts_with("us-east, us-east: endpoint 127.0.0.1:") && event.contains(says);
        assert!(events.iter().any(|event| says_so(&event)), "{says}: {events:#?}");
    }
    let phases: Vec<_> = events.iter().filter_map(|event| event.strip_prefix("us-east, us-east: from ")).collect();
    for (from, to) in [("up", "failing"), ("failing", "holding"), ("holding", "returning"), ("returning", "up")] {
        assert!(phases.iter().any(|phase| phase.starts_with(&format!("{from} to {to}, "))), "{from}: {phases:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_to_an_evacuated_region_from_the_moment_the_answer_is_back() {
    let upstreams = [Upstream::start().await, Upstream::start().await];
    let addresses = [("us-east", upstreams[0].address), ("eu-west", upstreams[1].address)];
    let edge = edge_with(&addresses, |options| options.ramp = 0).await;
    let load = Load::on(&edge);
    load.go_on(200).await;
    assert!(upstreams.iter().all(|upstream| upstream.asked() > 0));

    let told = post(&edge, "/evacuate/us-east?for=600&reason=INC-7%3A+packet%20loss").await;
    // What was decided before may still be on its way: at most one for each user.
    let sent = |status: &Value| status["decisions"]["all"]["us-east"]["us-east"].as_u64().expect("a count");
    let (before, asked) = (sent(&status(&edge).await), upstreams[0].asked());
    load.go_on(400).await;
    let settled = (sent(&status(&edge).await), upstreams[0].asked());
    assert!(settled.0 <= before + USERS && settled.1 <= asked + USERS, "{settled:?}, of {before} and {asked}");
    load.go_on(400).await;
    let after = status(&edge).await;
    assert_eq!((sent(&after), upstreams[0].asked()), settled);
    let (reason, lasting) = ("INC-7: packet loss", 600);
    assert_eq!(
        told,
        json!({ "region": "us-east", "evacuated_for_seconds": lasting, "over_seconds": 0, "reason": reason })
    );
    for cluster in ["us-east", "eu-west"] {
        let out = &after["table"]["clusters"][cluster]["regions"]["us-east"];
        let left = out["evacuated_for_seconds"].as_f64().expect("it is out");
        assert!(left > 500.0 && left < 600.0 && out["share"] == 0.0 && out["ceiling"] == 0.0, "{out}");
    }

    assert_eq!(post(&edge, "/readmit/us-east").await, json!({ "region": "us-east", "was_evacuated": true }));
    let asked = upstreams[0].asked();
    until_so(async || (upstreams[0].asked() > asked + 50).then_some(())).await;
    assert_eq!(post(&edge, "/readmit/us-east").await, json!({ "region": "us-east", "was_evacuated": false }));
    assert_eq!(load.stop().await.1, 0, "no request failed");
    let events = events(&edge).await;
    let said = ["region us-east is evacuated at once: INC-7: packet loss", "region us-east is readmitted"];
    assert_eq!(events[..2], said);
}

#[tokio::test]
async fn an_evacuation_by_degrees_begins_with_the_whole_and_ends_with_nothing() {
    let edge = edge(&[]).await;
    post(&edge, "/evacuate/us-east?over=1&for=600").await;
    let ceiling = async || region(&edge, "us-east").await["ceiling"].as_f64().expect("a ratio");
    until_so(async || Some(ceiling().await).filter(|ceiling| (0.01..0.99).contains(ceiling))).await;
    until_so(async || Some(ceiling().await).filter(|ceiling| *ceiling == 0.0)).await;
    assert_eq!(events(&edge).await, ["region us-east is evacuated over 1s"]);
}

#[tokio::test]
async fn a_region_that_does_not_exist_is_refused_and_those_there_are_are_named() {
    let edge = edge(&[]).await;
    for path in ["/evacuate/us-wets?for=60", "/evacuate/mars", "/readmit/", "/readmit/us%2Deast%20"] {
        let (status, body) = send(&edge, &format!("POST {path}")).await;
        assert_eq!(status, "404", "{body}");
        assert!(body.ends_with("; there are ap-south, eu-west, us-east\n"), "{body}");
    }
    assert_eq!(send(&edge, "POST /evacuate/%ff?for=60").await.0, "400");
    let told = post(&edge, "/evacuate/us%2Deast?for=60").await;
    assert_eq!(told["region"], "us-east");
}

#[tokio::test]
async fn an_evacuation_that_cannot_be_is_refused_with_a_sentence_and_changes_nothing() {
    let edge = edge(&[]).await;
    let how_long = "say for how long, in whole seconds from 1 to 604800: /evacuate/us-east?for=600";
    let no_number = |what: &str, least: u64| format!("`{what}` is no whole number of seconds from {least} to 604800");
    for (query, says) in [
        ("", how_long.into()),
        ("?", how_long.into()),
        ("?over=5&reason=x", how_long.into()),
        ("?for=", no_number("for=", 1)),
        ("?for", no_number("for=", 1)),
        ("?for=0", no_number("for=0", 1)),
        ("?for=-1", no_number("for=-1", 1)),
        ("?for=1.5", no_number("for=1.5", 1)),
        ("?for=10m", no_number("for=10m", 1)),
        ("?for=604801", no_number("for=604801", 1)),
        ("?for=99999999999999999999", no_number("for=99999999999999999999", 1)),
        ("?for=60&over=x", no_number("over=x", 0)),
        ("?for=60&over=60", "it would be back before it is out: over=60 is no less than for=60".into()),
        ("?for=60&for=60", "`for` is there twice".into()),
        ("?for=60&until=1", "there is no parameter `until`; there are for, over and reason".into()),
        ("?for=60&reason=%ff", "the reason is not UTF-8".into()),
    ] {
        let (status, body) = send(&edge, &format!("POST /evacuate/us-east{query}")).await;
        assert_eq!((status.as_str(), body.trim_end()), ("400", &*says), "{query}");
    }
    assert_eq!(region(&edge, "us-east").await["evacuated_for_seconds"], Value::Null);
    assert_eq!(events(&edge).await, <[String; 0]>::default());
}

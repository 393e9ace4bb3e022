//! Who gets how much, while it is being changed.

use crate::edge::run::Edge;
use crate::wire::Wire;
use crate::{edge, edge_with};
use contraflow::TableError;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Answers by who gave them.
type Answers = BTreeMap<String, u64>;

const CONNECTIONS: u64 = 8;

/// So many requests, over several kept connections at once.
async fn answers(edge: &Edge, requests: u64) -> Answers {
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut client = Wire::to(edge.proxy).await;
        clients.spawn(async move {
            let mut answers = Answers::new();
            for _ in 0..requests / CONNECTIONS {
                *answers.entry(one(&mut client).await).or_default() += 1;
            }
            answers
        });
    }
    let mut all = Answers::new();
    for answers in clients.join_all().await {
        add(&mut all, answers);
    }
    all
}

fn add(all: &mut Answers, answers: Answers) {
    for (name, count) in answers {
        *all.entry(name).or_default() += count;
    }
}

/// One request, which has to be answered by somebody.
async fn one(client: &mut Wire) -> String {
    client.send("GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!(head.status(), "200");
    let body = client.exactly(head.values("content-length")[0].parse().expect("a length")).await;
    body.trim_end().trim_start_matches("hello from ").to_owned()
}

fn reweight(edge: &Edge, weights: &[(&str, u32)]) {
    let change = |spec: &mut contraflow::TableSpec| -> Result<(), TableError> {
        let route = spec.route_mut("all")?;
        for (cluster, weight) in weights {
            route.reweight(cluster, *weight);
        }
        Ok(())
    };
    edge.traffic.edit(change).expect("a sound table");
}

/// That each got its share, within five times what chance explains.
fn assert_shares(answers: &Answers, shares: &[(&str, f64)]) {
    let all = answers.values().sum::<u64>() as f64;
    for (name, share) in shares {
        let got = answers.get(*name).copied().unwrap_or_default() as f64;
        let bound = 5.0 * (all * share * (1.0 - share)).sqrt();
        assert!((got - all * share).abs() <= bound, "{name} has {got} of {all}, and {share} were wanted: {answers:?}");
    }
}

/// I-02, and the bar: 10 000 requests through a change, none lost, each decided by the table in force when it came.
#[tokio::test]
async fn a_change_under_load_loses_nothing_and_holds_for_each_request_that_comes_after_it() {
    const REQUESTS: u64 = 10_000;
    let edge = Arc::new(edge(&[]).await);
    let asked = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (edge, asked) = (edge.clone(), asked.clone());
        let mut client = Wire::to(edge.proxy).await;
        clients.spawn(async move {
            let generation = || edge.traffic.snapshot().generation().as_u64();
            // By the table that was in force from before the request to after its answer, or zero.
            let mut answers = BTreeMap::<u64, Answers>::new();
            for _ in 0..REQUESTS / CONNECTIONS {
                if asked.fetch_add(1, Relaxed) == REQUESTS / 2 {
                    reweight(&edge, &[("us-east", 20), ("eu-west", 80), ("ap-south", 0)]);
                }
                let before = generation();
                let name = one(&mut client).await;
                let by = if before == generation() { before } else { 0 };
                *answers.entry(by).or_default().entry(name).or_default() += 1;
            }
            answers
        });
    }
    let mut all = BTreeMap::<u64, Answers>::new();
    for (by, answers) in clients.join_all().await.into_iter().flatten() {
        add(all.entry(by).or_default(), answers);
    }
    assert_eq!(all.values().flat_map(BTreeMap::values).sum::<u64>(), REQUESTS, "none is lost");
    assert!(all.get(&0).map_or(0, |between| between.values().sum::<u64>()) <= CONNECTIONS, "{all:?}");
    assert_shares(&all[&1], &[("us-east", 0.6), ("eu-west", 0.3), ("ap-south", 0.1)]);
    assert_shares(&all[&2], &[("us-east", 0.2), ("eu-west", 0.8), ("ap-south", 0.0)]);
}

#[tokio::test]
async fn nothing_is_lost_while_the_split_changes_all_the_time() {
    let edge = edge(&[]).await;
    let (stop, stopped) = watch::channel(());
    let writer = {
        let traffic = edge.traffic.clone();
        tokio::spawn(async move {
            let mut changes = 0_u32;
            while stopped.has_changed().is_ok() {
                // To one side, to the other, and back.
                let (us, eu) = [(60, 30), (0, 100), (100, 0)][changes as usize % 3];
                traffic
                    .edit(|spec| Ok(_ = spec.route_mut("all")?.reweight("us-east", us).reweight("eu-west", eu)))
                    .expect("a sound table");
                changes += 1;
                tokio::task::yield_now().await;
            }
            changes
        })
    };
    let answers = answers(&edge, 4000).await;
    drop(stop);
    let changes = writer.await.expect("no panic");
    assert_eq!(answers.values().sum::<u64>(), 4000);
    assert!(changes > 100, "only {changes} changes came between");
    let status = edge.traffic.status();
    let endpoints = status.clusters.iter().flat_map(|cluster| &cluster.regions).flat_map(|region| &region.endpoints);
    let (answered, failed) = endpoints.fold((0, 0), |(good, bad), endpoint| {
        assert_eq!(endpoint.in_flight, 0, "{} has requests in flight", endpoint.name);
        (good + endpoint.successes, bad + endpoint.failures)
    });
    assert_eq!((answered, failed), (4000, 0));
}

#[tokio::test]
async fn the_upstreams_of_a_region_share_what_it_gets() {
    let three = edge(&[]).await;
    let at = |region: &str| {
        let mut upstreams = three.upstreams.iter();
        let upstream = upstreams.find(|upstream| upstream.region == region).expect("a region of the demo");
        upstream.authority.as_str().parse().expect("an address")
    };
    let edge = edge_with(&[("here", at("us-east")), ("there", at("ap-south")), ("here", at("eu-west"))], |_| {}).await;
    let answers = answers(&edge, 2000).await;
    // Two choices by load are more even than chance.
    assert_shares(&answers, &[("us-east", 0.25), ("eu-west", 0.25), ("ap-south", 0.5)]);
}

#[tokio::test]
async fn a_region_that_is_evacuated_is_served_by_the_others() {
    let edge = edge(&[]).await;
    edge.traffic.evacuate("us-east", std::time::Duration::from_secs(3600)).expect("a region");
    let answers = answers(&edge, 800).await;
    assert_eq!(answers.get("us-east"), None);
    assert_eq!(answers.values().sum::<u64>(), 800);
}

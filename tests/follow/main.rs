//! What holds of discovery: what an answer changes, which removals wait, what is said of it, and who shares the table with it.
//!
//! Futures are polled by hand and time is moved by hand.
#![cfg(feature = "testing")]
#![allow(clippy::wildcard_imports, reason = "the parts share what they are written in terms of")]
#![allow(clippy::disallowed_types, reason = "the one lock is the crate's own, and these are its users")]

mod answers;
mod quarantine;
mod resolve;
mod shared;

use contraflow::layer::{Follow, NoSuchRegion};
use contraflow::table::EndpointSpec;
use contraflow::time::{Clock, ManualClock};
use contraflow::{Entropy, Event, Observer, Ratio, TableSpec, Traffic};
use futures_core::Stream;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

type Answer = Result<Vec<EndpointSpec>, &'static str>;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Endpoints of one letter each.
fn list(names: &str) -> Vec<EndpointSpec> {
    names.chars().map(|name| EndpointSpec::new(name, format!("{name}:80"))).collect()
}

/// Cluster `api`: region `eu` with these, and `us` with `z`; cluster `web` beside it.
fn spec(names: &str) -> TableSpec {
    let mut spec = TableSpec::new()
        .cluster("api", |c| c.region("eu", |r| r.weight(7)).region("us", |r| r.endpoint("z", "z:80")))
        .cluster("web", |c| c.region("eu", |r| r.endpoint("w", "w:80")))
        .route("all", |r| r.any().split([("api", 90), ("web", 10)]));
    spec.cluster_mut("api").unwrap().region_mut("eu").unwrap().endpoints = list(names);
    spec
}

fn traffic(spec: TableSpec) -> (Traffic, ManualClock) {
    let (clock, hand) = Clock::manual();
    (Traffic::with_sources(spec.build().expect("a sound table"), clock, Entropy::seeded(1)), hand)
}

/// A stream that gives what is put in, and waits for more until it is closed.
#[derive(Clone, Default)]
struct Source(Arc<Mutex<(VecDeque<Answer>, bool)>>);

impl Source {
    fn put(&self, answer: Answer) {
        self.0.lock().unwrap().0.push_back(answer);
    }

    fn close(&self) {
        self.0.lock().unwrap().1 = true;
    }
}

impl Stream for Source {
    type Item = Answer;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Answer>> {
        let (answers, is_closed) = &mut *self.0.lock().unwrap();
        match answers.pop_front() {
            None if !*is_closed => Poll::Pending,
            answer => Poll::Ready(answer),
        }
    }
}

/// Keeps what it is told of discovery.
#[derive(Default)]
struct Heard(Mutex<Vec<Event>>);

impl Observer for Heard {
    fn event(&self, event: &Event) {
        if !matches!(event, Event::Published { .. }) {
            self.0.lock().unwrap().push(event.clone());
        }
    }
}

/// What is told, in short; cluster and region are checked.
fn short(event: &Event) -> String {
    let (cluster, region, text) = match event {
        Event::Discovered { cluster, region, added, removed, changed, .. } => {
            (cluster, region, format!("+{added} -{removed} ~{changed}"))
        }
        Event::Quarantined { cluster, region, removed, known, until } => {
            let until = until.map_or("never".to_owned(), |until| (until.as_nanos() / 1_000_000_000).to_string());
            (cluster, region, format!("held {removed} of {known} until {until}"))
        }
        Event::DiscoveryFailed { cluster, region, why } => (cluster, region, format!("failed: {why}")),
        other => panic!("{other:?}"),
    };
    assert_eq!((cluster.as_str(), region.as_str()), ("api", "eu"));
    text
}

/// A traffic and who follows its region `eu`.
struct Followed {
    traffic: Traffic,
    hand: ManualClock,
    source: Source,
    heard: Arc<Heard>,
    future: Pin<Box<Follow<Source>>>,
}

fn followed(names: &str) -> Followed {
    followed_by(names, |follow| follow)
}

fn followed_by(names: &str, set: impl FnOnce(Follow<Source>) -> Follow<Source>) -> Followed {
    let (traffic, hand) = traffic(spec(names));
    let (source, heard) = (Source::default(), Arc::new(Heard::default()));
    traffic.observe(heard.clone());
    let future = Box::pin(set(traffic.follow("api", "eu", source.clone())));
    Followed { traffic, hand, source, heard, future }
}

impl Followed {
    fn poll(&mut self) -> Poll<Result<(), NoSuchRegion>> {
        self.future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn hear(&mut self, answer: Answer) -> &mut Self {
        self.source.put(answer);
        assert!(self.poll().is_pending());
        self
    }

    fn answers(&mut self, names: &str) -> &mut Self {
        self.hear(Ok(list(names)))
    }

    fn after(&mut self, time: Duration) -> &mut Self {
        self.hand.advance(time);
        assert!(self.poll().is_pending());
        self
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.0.lock().unwrap()).iter().map(short).collect()
    }

    fn generation(&self) -> u64 {
        self.traffic.snapshot().generation().as_u64()
    }

    fn endpoints(&self) -> Vec<EndpointSpec> {
        endpoints(&self.traffic)
    }

    fn names(&self) -> String {
        names(&self.traffic)
    }
}

/// Those of `api` in `eu`.
fn endpoints(traffic: &Traffic) -> Vec<EndpointSpec> {
    let mut spec = traffic.snapshot().table().spec().clone();
    spec.cluster_mut("api").unwrap().region_mut("eu").unwrap().endpoints.clone()
}

fn names(traffic: &Traffic) -> String {
    endpoints(traffic).iter().map(|endpoint| endpoint.name.as_str()).collect()
}

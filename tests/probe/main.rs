//! What holds of active checks: when endpoints are asked, what becomes of the answers, and who gets requests by them.
//!
//! The prober is polled by hand and time is moved by hand, from one alarm to the next, so that hours pass in no time and
//! every check has its exact moment.
#![cfg(feature = "testing")]
#![allow(clippy::wildcard_imports, reason = "the parts share what they are written in terms of")]
#![allow(clippy::disallowed_types, reason = "the one lock is the crate's own, and these are its users")]

mod http;
mod pace;
mod publish;
mod shares;
mod verdicts;

use contraflow::layer::{Check, Probe, Report};
use contraflow::state::Checked;
use contraflow::table::Failover;
use contraflow::table::{Endpoint, RegionSpec};
use contraflow::time::{Clock, Instant, ManualClock};
use contraflow::{Entropy, Event, Facts, Observer, Ratio, Snapshot, TableSpec, Traffic};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What an endpoint does with a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Says(Report),
    /// Nothing, until it is told otherwise.
    Hangs,
    Panics,
}

const PASSES: Answer = Answer::Says(Report::Passed);
const FAILS: Answer = Answer::Says(Report::Failed);

/// What endpoints do, and what they saw. All pass unless they are told otherwise.
#[derive(Clone, Default)]
struct Ward(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    answers: BTreeMap<String, Answer>,
    /// Each check that began: when, of whom.
    asked: Vec<(Duration, String)>,
    /// Those under way, and how many there have been at most.
    under_way: BTreeSet<String>,
    most: usize,
    clock: Option<Clock>,
}

impl Ward {
    fn set(&self, name: &str, answer: Answer) {
        self.0.lock().unwrap().answers.insert(name.into(), answer);
    }

    fn under_way(&self) -> usize {
        self.0.lock().unwrap().under_way.len()
    }

    fn most(&self) -> usize {
        self.0.lock().unwrap().most
    }

    /// When this one was asked, since that was last wanted.
    fn asked(&self, name: &str) -> Vec<Duration> {
        let mut seen = self.0.lock().unwrap();
        let asked = seen.asked.extract_if(.., |(_, asked)| asked == name).map(|(at, _)| at).collect();
        drop(seen);
        asked
    }
}

/// A check that is under way.
struct Asking {
    ward: Ward,
    name: String,
}

impl Check for Ward {
    type Future = Asking;

    fn check(&self, endpoint: &Endpoint) -> Asking {
        let name = endpoint.name().to_string();
        let mut seen = self.0.lock().unwrap();
        let now = seen.clock.as_ref().expect("it was given one").now().since(Instant::START);
        seen.asked.push((now, name.clone()));
        assert!(seen.under_way.insert(name.clone()), "{name} is asked twice at once");
        seen.most = seen.most.max(seen.under_way.len());
        drop(seen);
        Asking { ward: self.clone(), name }
    }
}

impl Future for Asking {
    type Output = Report;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Report> {
        let answer = self.ward.0.lock().unwrap().answers.get(&self.name).copied();
        match answer.unwrap_or(PASSES) {
            Answer::Says(report) => Poll::Ready(report),
            Answer::Hangs => Poll::Pending,
            Answer::Panics => std::panic::resume_unwind(Box::new("it was told to")),
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.ward.0.lock().unwrap().under_way.remove(&self.name);
    }
}

/// Traffic, its clock, and what its endpoints do.
struct Lab {
    traffic: Traffic,
    clock: Clock,
    hand: ManualClock,
    ward: Ward,
    events: Arc<Events>,
}

/// The verdicts that were told.
#[derive(Default)]
struct Events(Mutex<Vec<(String, Checked, Checked)>>);

impl Observer for Events {
    fn event(&self, event: &Event) {
        if let Event::Checked { endpoint, from, to, .. } = event {
            self.0.lock().unwrap().push((endpoint.to_string(), *from, *to));
        }
    }
}

/// The cluster `shop` with one region of endpoints that are named by a letter each.
fn shop(names: &str) -> TableSpec {
    let region = |region: RegionSpec| {
        names.chars().fold(region, |region, name| region.endpoint(name.to_string(), format!("{name}:80")))
    };
    // Without panic: what is down gets nothing while anything is not.
    let calm = Failover::default().panic_below(Ratio::ZERO);
    TableSpec::new().cluster("shop", |c| c.failover(calm).region("eu", region)).route("all", |r| r.any().to("shop"))
}

impl Lab {
    fn new(spec: TableSpec) -> Self {
        Lab::seeded(spec, 1)
    }

    fn seeded(spec: TableSpec, seed: u64) -> Self {
        let (clock, hand) = Clock::manual();
        let table = spec.build().expect("a sound table");
        let traffic = Traffic::with_sources(table, clock.clone(), Entropy::seeded(seed));
        let ward = Ward::default();
        ward.0.lock().unwrap().clock = Some(clock.clone());
        let events = Arc::new(Events::default());
        traffic.observe(events.clone());
        Lab { traffic, clock, hand, ward, events }
    }

    /// A prober that keeps to its intervals exactly.
    fn probe(&self) -> Probe<Ward> {
        self.traffic.probe(self.ward.clone()).jitter(Ratio::ZERO)
    }

    fn publish(&self, spec: TableSpec) {
        self.traffic.publish(spec.build().expect("a sound table")).expect("nothing refuses");
    }

    /// Polls, and lets time pass from alarm to alarm.
    fn run<C: Check>(&self, probe: &mut Probe<C>, time: Duration) {
        let end = self.clock.now().after(time);
        loop {
            poll(probe);
            match self.hand.next_alarm() {
                Some(alarm) if alarm <= end => self.hand.advance_to(alarm),
                _ => break,
            }
        }
        self.hand.advance_to(end);
        poll(probe);
    }

    /// Runs until all are up.
    fn settle<C: Check>(&self, probe: &mut Probe<C>) {
        self.run(probe, secs(2));
        let all = self.verdicts();
        assert!(all.values().all(|verdict| *verdict == Checked::Up), "{all:?}");
    }

    fn verdicts(&self) -> BTreeMap<String, Checked> {
        let regions = self.traffic.status().clusters.into_iter().flat_map(|cluster| cluster.regions);
        let endpoints = regions.flat_map(|region| region.endpoints);
        endpoints.map(|endpoint| (endpoint.name.to_string(), endpoint.checked)).collect()
    }

    fn verdict(&self, name: &str) -> Checked {
        self.verdicts()[name]
    }

    fn take_events(&self) -> Vec<(String, Checked, Checked)> {
        std::mem::take(&mut self.events.0.lock().unwrap())
    }

    /// Who gets requests, by this table.
    fn served_by(&self, snapshot: &Snapshot) -> String {
        let decide = |_| {
            let decided = snapshot.decide(&Facts::path("/"), self.traffic.draws(), self.traffic.now());
            let decision = decided.expect("there is always somebody");
            snapshot.endpoint(&decision).expect("it has decided").name().to_string()
        };
        (0..200).map(decide).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn served(&self) -> String {
        self.served_by(&self.traffic.snapshot())
    }
}

fn poll<C: Check>(probe: &mut Probe<C>) {
    assert!(Pin::new(probe).poll(&mut Context::from_waker(Waker::noop())).is_pending(), "a prober never ends");
}

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The times between moments.
fn gaps(moments: &[Duration]) -> Vec<Duration> {
    moments.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect()
}

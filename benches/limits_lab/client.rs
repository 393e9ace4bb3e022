//! A client: a process with a traffic of its own and, in its table, the limit that is tried.
//!
//! Nothing of the limiter is modelled. A client decides, admits and reports with the crate's own code, on the world's clock. It
//! shares nothing with the other clients but the backend. Those whose requests may wait have a stack of layers besides.

use crate::setting::Setting;
use crate::shared::calls::Future;
use crate::waiting::{Answer, Door, Stack};
use contraflow::state::Permit;
use contraflow::table::{Algorithm, Queue};
use contraflow::testing::Sources;
use contraflow::time::Instant;
use contraflow::traffic::{Reader, RegionStatus};
use contraflow::{Entropy, Facts, Limit, Pick, Plain, Priority, TableSpec, Traffic};
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot;
use tower::{Service, service_fn};

/// One client.
pub(crate) struct Client {
    reader: Reader,
    stack: Stack,
    /// Permits that live.
    pub(crate) in_flight: u32,
    /// When a request of high priority was last refused.
    pub(crate) refused_high: Option<Instant>,
    has_other_knobs: bool,
}

impl Client {
    /// A client of the setting's backend, with this limit.
    pub(crate) fn new(limit: Option<Limit>, setting: &Setting, door: &Door, sources: &Sources) -> Self {
        let queue = setting.max_wait.map(|wait| Queue::of(1000).max_wait(wait));
        let limit = limit.map(|limit| Limit { queue, ..limit });
        let table = TableSpec::new()
            .pick(Pick::LeastInFlight)
            .cluster("backend", |cluster| {
                cluster.region("here", |mut region| {
                    region.limit = limit;
                    (0..setting.endpoints)
                        .fold(region, |region, at| region.endpoint(at.to_string(), format!("10.0.0.{at}:80")))
                })
            })
            .route("all", |route| route.any().to("backend").deadline(setting.deadline))
            .build()
            .expect("a sound table");
        let entropy = Entropy::seeded(sources.entropy.word());
        let reader = Traffic::with_sources(table, sources.clock.clone(), entropy).reader();
        let stack = stack(reader.traffic(), door);
        Client { reader, stack, in_flight: 0, refused_high: None, has_other_knobs: false }
    }

    /// Asks to send one more request: to which endpoint, if the limit allows it.
    pub(crate) fn ask(&mut self, priority: Priority, now: Instant) -> Option<(Permit, usize)> {
        let draws = self.reader.traffic().draws();
        let snapshot = self.reader.pin();
        let decision = snapshot.decide(&Facts::path("/"), draws, now).expect("a route for all requests");
        let permit = snapshot.admit(&decision, priority, now).expect("this snapshot decided").ok()?;
        let name = snapshot.endpoint(&decision).expect("this snapshot decided").name();
        self.in_flight += 1;
        Some((permit, name.as_str().parse().expect("endpoints are numbered")))
    }

    /// Asks the layers, which let it wait if they may.
    pub(crate) fn call(&mut self) -> Future<Answer> {
        (self.stack)()
    }

    /// Publishes a table whose limit has other knobs, or the first ones again; whether the limit is what it was.
    pub(crate) fn publish(&mut self) -> bool {
        let before = self.limit();
        self.has_other_knobs = !self.has_other_knobs;
        let more = u32::from(self.has_other_knobs);
        let published = self.reader.traffic().edit(|spec| {
            let cluster = spec.cluster_mut("backend")?;
            // Not only the limit's, so that something changes where that has no knobs.
            cluster.endpoint_limit = Some(Limit::MAX - 1 + more);
            if let Some(limit) = &mut cluster.region_mut("here")?.limit {
                match &mut limit.algorithm {
                    Algorithm::Adaptive(knobs) => knobs.max = 1000 + more,
                    Algorithm::Aimd(knobs) => knobs.max = 200 + more,
                    Algorithm::Vegas(knobs) => knobs.max = 1000 + more,
                    Algorithm::Gradient2(knobs) => knobs.max = 200 + more,
                    _ => {}
                }
            }
            Ok(())
        });
        published.expect("a sound table");
        self.limit() == before
    }

    /// Whether the crate counts as many in flight as there are.
    pub(crate) fn counts_right(&self) -> bool {
        let region = self.region();
        let endpoints: u32 = region.endpoints.iter().map(|endpoint| endpoint.in_flight).sum();
        region.in_flight == self.in_flight && endpoints == self.in_flight
    }

    /// Requests in flight as the crate counts them.
    pub(crate) fn counted(&self) -> u32 {
        self.region().in_flight
    }

    fn limit(&self) -> Option<u32> {
        self.region().limit.map(|limit| limit.limit)
    }

    fn region(&self) -> RegionStatus {
        self.reader.traffic().status().clusters.swap_remove(0).regions.swap_remove(0)
    }
}

/// The layers over a service that leaves each request at the backend's door.
fn stack(traffic: &Traffic, door: &Door) -> Stack {
    let door = door.clone();
    let mut stack = traffic.layers(Plain::new(|(): &()| Facts::path("/"))).passthrough(service_fn(move |()| {
        let (caller, answered) = oneshot::channel();
        door.borrow_mut().push(caller);
        answered
    }));
    Box::new(move || {
        let ready = stack.poll_ready(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(ready, Poll::Ready(Ok(()))), "the door is always open");
        Box::pin(stack.call(()))
    })
}

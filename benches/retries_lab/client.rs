//! A client: a process with a traffic of its own, and the whole stack of layers over it.
//!
//! Nothing of retries, hedges or budgets is modelled. A client's stack routes, retries, hedges and reports with the crate's own
//! code, on the world's clock. It shares nothing with the other clients but the servers.

use crate::policies::Policy;
use crate::setting::Setting;
use crate::shared::calls::Future;
use contraflow::state::BudgetStatus;
use contraflow::table::Endpoint;
use contraflow::testing::Sources;
use contraflow::time::{Clock, Instant};
use contraflow::traffic::ClusterStatus;
use contraflow::{Another, Cause};
use contraflow::{Entropy, Error, Facts, Limit, Observer, Plain, Snapshot, TableSpec, Traffic};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot;
use tower::{Service, service_fn};

/// What a request comes to.
pub(crate) type Answer = Result<(), Error<oneshot::error::RecvError>>;

/// Where the stacks leave what they send.
pub(crate) type Door = Rc<RefCell<Vec<Sent>>>;

/// An attempt on its way to an endpoint, and whom to answer.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) endpoint: usize,
    pub(crate) caller: oneshot::Sender<()>,
}

/// Hears of attempts after the first, and passes on when and why.
pub(crate) struct Listener {
    pub(crate) clock: Clock,
    pub(crate) told: Sender<(Instant, Cause)>,
}

impl Observer for Listener {
    fn another(&self, _: &Snapshot, another: &Another) {
        // Nobody listens any more at the end of a run.
        _ = self.told.send((self.clock.now(), another.cause));
    }
}

/// One client.
pub(crate) struct Client {
    traffic: Traffic,
    policy: Policy,
    stack: Box<dyn FnMut() -> Future<Answer>>,
    has_other_knobs: bool,
}

impl Client {
    /// A client with this policy.
    pub(crate) fn new(
        policy: Policy,
        setting: &Setting,
        door: &Door,
        sources: &Sources,
        listener: &Arc<Listener>,
    ) -> Self {
        let table = spec(policy, setting).build().expect("a sound table");
        let entropy = Entropy::seeded(sources.entropy.word());
        let traffic = Traffic::with_sources(table, sources.clock.clone(), entropy);
        traffic.observe(listener.clone());
        let stack = stack(&traffic, door);
        Client { traffic, policy, stack, has_other_knobs: false }
    }

    /// Makes a request.
    pub(crate) fn call(&mut self) -> Future<Answer> {
        (self.stack)()
    }

    /// Publishes a table with other knobs of the same kinds, or with the first ones again; whether anything that was spent is
    /// forgotten.
    pub(crate) fn publish(&mut self) -> bool {
        let before = self.status().retry_budget;
        self.has_other_knobs = !self.has_other_knobs;
        let (policy, other) = (self.policy, self.has_other_knobs);
        let published = self.traffic.edit(|spec| {
            let cluster = spec.cluster_mut("backend")?;
            cluster.retry_budget = if other { policy.other_budget() } else { policy.budget() };
            if let Some(retry) = &mut spec.route_mut("all")?.knobs.retry {
                retry.max_body = 1024 + u32::from(other);
            }
            Ok(())
        });
        published.expect("a sound table");
        let after = self.status().retry_budget;
        // More than there can be cannot be seen to be spent.
        let capacity = after.capacity.map_or(f64::INFINITY, f64::from);
        let forgets = spent(&after) < spent(&before).min(capacity) - 1e-6;
        forgets || after.under_way != before.under_way
    }

    /// Requests in flight, and retries and hedges under way, as the crate counts them.
    pub(crate) fn counted(&self) -> u64 {
        let cluster = self.status();
        let of_regions = cluster.regions.iter().map(|region| u64::from(region.in_flight)).sum::<u64>();
        let of_endpoints = cluster.regions.iter().flat_map(|region| &region.endpoints);
        of_regions + of_endpoints.map(|one| u64::from(one.in_flight)).sum::<u64>() + cluster.retry_budget.under_way
    }

    fn status(&self) -> ClusterStatus {
        self.traffic.status().clusters.swap_remove(0)
    }
}

/// Tokens; where there is no end to what there can be, how many fewer than none are left.
fn spent(budget: &BudgetStatus) -> f64 {
    f64::from(budget.capacity.unwrap_or(0)) - budget.tokens.unwrap_or(0.0)
}

fn spec(policy: Policy, setting: &Setting) -> TableSpec {
    let hedge = setting.hedge.map(|hedge| policy.hedge(hedge));
    let retry = setting
        .per_try
        .filter(|_| policy != Policy::None)
        .map(|per_try| (setting.retry)(policy.retry().per_try(per_try).leave_region(setting.leave_region)));
    let deadline = if policy == Policy::None { setting.single_deadline } else { setting.deadline };
    TableSpec::new()
        .cluster("backend", |cluster| {
            let cluster = (0..setting.regions).fold(cluster, |cluster, at| {
                cluster.region(format!("r{at}"), |region| {
                    let places = at * setting.endpoints..(at + 1) * setting.endpoints;
                    let region = if setting.limits { region.limit(Limit::adaptive()) } else { region };
                    places.fold(region, |region, at| region.endpoint(at.to_string(), format!("10.0.0.{at}:80")))
                })
            });
            match policy.budget() {
                Some(budget) => cluster.retry_budget(budget),
                None => cluster,
            }
        })
        .route("all", |mut route| {
            route.knobs.retry = retry;
            route.knobs.hedge = hedge;
            route.any().to("backend").deadline(deadline)
        })
}

/// The layers over services that leave each attempt at the door.
fn stack(traffic: &Traffic, door: &Door) -> Box<dyn FnMut() -> Future<Answer>> {
    let door = door.clone();
    let protocol = Plain::new(|(): &()| Facts::path("/")).idempotent(|(): &()| true);
    let mut stack = traffic.layers(protocol).per_endpoint(move |endpoint: &Endpoint| {
        let endpoint = endpoint.name().as_str().parse().expect("endpoints are numbered");
        let door = door.clone();
        service_fn(move |()| {
            let (caller, answered) = oneshot::channel();
            door.borrow_mut().push(Sent { endpoint, caller });
            answered
        })
    });
    Box::new(move || {
        let ready = stack.poll_ready(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(ready, Poll::Ready(Ok(()))), "the stack is always ready");
        Box::pin(stack.call(()))
    })
}

//! Servers: workers, a queue, and what is wrong with them.

use super::Regions;
use super::calls::{Asked, poll_woken};
use super::fault::Fault;
use crate::entropy::Entropy;
use crate::id::Name;
use crate::layer::Target;
use crate::testing::world::World;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tower_service::Service;

/// How long a connection takes to be refused.
const REFUSED_AFTER: Duration = Duration::from_millis(1);

/// The answer of a server that fails.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the server failed")]
pub(super) struct Failed;

/// A server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    cluster: Name,
    pub(super) region: Name,
    endpoint: Name,
}

impl Place {
    pub(super) fn of(target: &Target<'_>) -> Self {
        let endpoint = target.endpoint().name().clone();
        Place { cluster: target.cluster().clone(), region: target.region().clone(), endpoint }
    }
}

/// An attempt on its way.
pub(super) struct Errand {
    pub(super) place: Place,
    /// What its region has under way, with it.
    pub(super) in_flight: u32,
    reply: Rc<Reply>,
}

/// Where attempts are left, until the world takes them to their servers.
///
/// It is the service of each endpoint.
#[derive(Clone, Default)]
pub(super) struct Door(Rc<Doorway>);

#[derive(Default)]
struct Doorway {
    errands: RefCell<Vec<Errand>>,
    in_flight: RefCell<BTreeMap<Name, Rc<Cell<u32>>>>,
}

impl Door {
    pub(super) fn take(&self) -> Vec<Errand> {
        self.0.errands.take()
    }
}

impl Service<(Asked, Place)> for Door {
    type Response = ();
    type Error = Failed;
    type Future = Served;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (_, place): (Asked, Place)) -> Served {
        let in_flight = self.0.in_flight.borrow_mut().entry(place.region.clone()).or_default().clone();
        in_flight.set(in_flight.get() + 1);
        let reply = Rc::new(Reply::default());
        self.0.errands.borrow_mut().push(Errand { place, in_flight: in_flight.get(), reply: reply.clone() });
        Served { reply, in_flight }
    }
}

/// Between a server and who waits for it.
#[derive(Default)]
struct Reply {
    answer: Cell<Option<Result<(), Failed>>>,
    waker: RefCell<Option<Waker>>,
    /// Nobody waits any more.
    is_gone: Cell<bool>,
}

impl Reply {
    fn put(&self, answer: Result<(), Failed>) {
        self.answer.set(Some(answer));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The future of an answer.
pub(super) struct Served {
    reply: Rc<Reply>,
    in_flight: Rc<Cell<u32>>,
}

impl Future for Served {
    type Output = Result<(), Failed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(answer) = self.reply.answer.take() {
            return Poll::Ready(answer);
        }
        *self.reply.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.reply.is_gone.set(true);
        self.in_flight.set(self.in_flight.get() - 1);
    }
}

/// All servers.
pub(super) struct Servers {
    all: BTreeMap<Place, Server>,
    laws: BTreeMap<String, Law>,
    /// Of all that happens to requests that were sent.
    luck: Entropy,
}

/// How the servers of a region work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Law {
    pub(super) mean: Duration,
    pub(super) workers: Option<u32>,
}

impl Default for Law {
    fn default() -> Self {
        Law { mean: Duration::from_millis(10), workers: None }
    }
}

#[derive(Default)]
struct Server {
    busy: u32,
    queue: VecDeque<Rc<Reply>>,
    /// Since its last fault began.
    answers: u64,
}

impl Servers {
    pub(super) fn new(seed: u64) -> Self {
        Servers { all: BTreeMap::new(), laws: BTreeMap::new(), luck: Entropy::seeded(seed) }
    }

    /// How those of a region work, to change it.
    pub(super) fn law(&mut self, region: &str) -> &mut Law {
        self.laws.entry(region.into()).or_default()
    }

    /// Another fault begins.
    pub(super) fn begin_again(&mut self, region: &str, endpoint: Option<&str>) {
        let is_meant = |place: &Place| {
            place.region.as_str() == region && endpoint.is_none_or(|name| place.endpoint.as_str() == name)
        };
        self.all.iter_mut().filter(|(place, _)| is_meant(place)).for_each(|(_, server)| server.answers = 0);
    }

    fn law_of(&self, place: &Place) -> Law {
        self.laws.get(place.region.as_str()).copied().unwrap_or_default()
    }

    /// In 0..1.
    fn uniform(&self) -> f64 {
        (self.luck.word() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Half of the mean, and half of it exponential.
    fn time(&self, mean: Duration) -> Duration {
        mean.mul_f64(0.5 - 0.5 * (1.0 - self.uniform()).ln())
    }
}

/// An attempt has come to its server.
pub(super) fn enter(world: &mut World<Regions>, errand: Errand) {
    let Errand { place, reply, .. } = errand;
    let state = &mut world.state;
    match state.faults.of(place.region.as_str(), place.endpoint.as_str()) {
        Fault::Hole => return,
        Fault::Fails(part) if state.servers.uniform() < part.get() => {
            return world.after(REFUSED_AFTER, move |world| {
                reply.put(Err(Failed));
                poll_woken(world);
            });
        }
        _ => {}
    }
    match state.servers.all.get_mut(&place) {
        Some(server) => server.queue.push_back(reply),
        None => state.servers.all.entry(place.clone()).or_default().queue.push_back(reply),
    }
    work(world, &place);
}

/// Its free workers take what waits.
fn work(world: &mut World<Regions>, place: &Place) {
    loop {
        let state = &mut world.state;
        let law = state.servers.law_of(place);
        let fault = state.faults.of(place.region.as_str(), place.endpoint.as_str());
        let (time, luck) = (state.servers.time(law.mean), state.servers.uniform());
        let Some(server) = state.servers.all.get_mut(place) else { return };
        if law.workers.is_some_and(|workers| server.busy >= workers) {
            return;
        }
        let Some(reply) = server.queue.pop_front() else { return };
        // Its connection is closed.
        if reply.is_gone.get() {
            continue;
        }
        server.busy += 1;
        let fails = matches!(fault, Fault::Grey { fails, .. } if luck < fails.get());
        let time = time.mul_f64(fault.slows(server.answers));
        let place = place.clone();
        world.after(time, move |world| done(world, &place, &reply, fails));
    }
}

/// A worker has done its work.
fn done(world: &mut World<Regions>, place: &Place, reply: &Reply, fails: bool) {
    let state = &mut world.state;
    let fault = state.faults.of(place.region.as_str(), place.endpoint.as_str());
    if let Some(server) = state.servers.all.get_mut(place) {
        server.busy -= 1;
        server.answers += 1;
    }
    if fault != Fault::Hole {
        reply.put(if fails { Err(Failed) } else { Ok(()) });
        poll_woken(world);
    }
    work(world, place);
}

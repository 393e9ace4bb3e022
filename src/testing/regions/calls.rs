//! Calls under way: futures through the real stack, and who polls them.
//!
//! A loop at the end of each event polls those that were woken. Timers ring with the world's clock, which comes to each millisecond
//! at least.

use super::Regions;
use super::servers::{Door, Errand, Failed, Place, enter};
use crate::error::Error;
use crate::protocol::{Facts, Plain, Priority};
use crate::table::Endpoint;
use crate::testing::world::World;
use crate::time::Instant;
use crate::traffic::Traffic;
use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tower_service::Service;

/// A request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) user: Option<[u8; 8]>,
    pub(super) priority: Priority,
}

type Answer = Result<(), Error<Failed>>;
type Answering = Pin<Box<dyn Future<Output = Answer>>>;

/// All calls under way.
pub(super) struct Calls {
    open: BTreeMap<u64, Call>,
    made: u64,
    stack: Box<dyn FnMut(Asked) -> Answering>,
    door: Door,
    wake: Sender<u64>,
    woken: Receiver<u64>,
    /// Where each user was last sent first.
    places: HashMap<[u8; 8], String>,
}

struct Call {
    asked: Asked,
    came: Instant,
    future: Answering,
    /// Whether any attempt of it was sent.
    is_sent: bool,
}

/// Wakes a call by its number.
struct Bell {
    call: u64,
    wake: Sender<u64>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // Nobody listens any more at the end of a run.
        _ = self.wake.send(self.call);
    }
}

impl Calls {
    pub(super) fn new(traffic: &Traffic) -> Self {
        let door = Door::default();
        let (wake, woken) = channel();
        Calls {
            open: BTreeMap::new(),
            made: 0,
            stack: stack(traffic, &door),
            door,
            wake,
            woken,
            places: HashMap::new(),
        }
    }

    pub(super) fn open(&self) -> usize {
        self.open.len()
    }
}

fn facts(asked: &Asked) -> Facts<'_> {
    let facts = Facts::path("/").with_priority(asked.priority);
    match &asked.user {
        Some(user) => facts.with_key(user),
        None => facts,
    }
}

/// The whole stack over servers that are told of each attempt where it goes.
fn stack(traffic: &Traffic, door: &Door) -> Box<dyn FnMut(Asked) -> Answering> {
    let door = door.clone();
    let mut stack = traffic
        .layers(Plain::new(facts).idempotent(|_: &Asked| true))
        .per_endpoint(move |_: &Endpoint| door.clone())
        .map_attempt(|asked: Asked, target| (asked, Place::of(target)));
    Box::new(move |asked| {
        let ready = stack.poll_ready(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(ready, Poll::Ready(Ok(()))), "the stack is always ready");
        Box::pin(stack.call(asked))
    })
}

/// Requests come from now on, at the rate of this demand, until there is another.
pub(super) fn arrive(world: &mut World<Regions>) {
    let demand = &world.state.demand;
    if demand.per_second <= 0.0 {
        return;
    }
    let number = demand.number;
    let pause = Duration::from_secs_f64(1.0 / demand.per_second);
    let pause = world.exponential(pause);
    world.after(pause, move |world| {
        if world.state.demand.number == number {
            call(world);
            arrive(world);
        }
    });
}

fn call(world: &mut World<Regions>) {
    let (word, other, now) = (world.word(), world.word(), world.now());
    let state = &mut world.state;
    state.calls.made += 1;
    let number = state.calls.made;
    let asked = state.demand.next(word, other);
    state.measured.at(now).asked[asked.priority as usize] += 1;
    let future = (state.calls.stack)(asked);
    state.calls.open.insert(number, Call { asked, came: now, future, is_sent: false });
    state.calls.wake.send(number).expect("the receiver stands beside");
    if let Some(patience) = state.demand.patience {
        world.after(patience, move |world| lose_patience(world, number));
    }
    poll_woken(world);
}

/// The caller goes away, if it has no answer.
fn lose_patience(world: &mut World<Regions>, number: u64) {
    if let Some(call) = world.state.calls.open.remove(&number) {
        world.state.measured.at(call.came).left += 1;
        drop(call);
        poll_woken(world);
    }
}

/// Polls until nobody is awake.
pub(super) fn poll_woken(world: &mut World<Regions>) {
    let now = world.now();
    while let Ok(number) = world.state.calls.woken.try_recv() {
        let state = &mut world.state;
        // One that was woken twice may be over.
        let Some(mut call) = state.calls.open.remove(&number) else { continue };
        let bell = Waker::from(Arc::new(Bell { call: number, wake: state.calls.wake.clone() }));
        let polled = call.future.as_mut().poll(&mut Context::from_waker(&bell));
        let sent = state.calls.door.take();
        for errand in &sent {
            is_sent(state, &mut call, errand, now);
        }
        match polled {
            Poll::Pending => _ = state.calls.open.insert(number, call),
            Poll::Ready(answer) => settle(state, &call, &answer, now),
        }
        for errand in sent {
            enter(world, errand);
        }
    }
}

/// An attempt was sent.
fn is_sent(state: &mut Regions, call: &mut Call, errand: &Errand, now: Instant) {
    let region = errand.place.region.as_str();
    let slice = state.measured.at(now);
    slice.send(region, errand.in_flight);
    let is_first = !std::mem::replace(&mut call.is_sent, true);
    let Some(user) = call.asked.user.filter(|_| is_first) else { return };
    match state.calls.places.get_mut(&user) {
        Some(place) if place == region => {}
        Some(place) => {
            let from = std::mem::replace(place, region.into());
            *slice.moved.entry((from, region.into())).or_default() += 1;
        }
        None => _ = state.calls.places.insert(user, region.into()),
    }
}

/// A call is over.
fn settle(state: &mut Regions, call: &Call, answer: &Answer, now: Instant) {
    let slice = state.measured.at(call.came);
    match answer {
        Ok(()) => {
            slice.ok += 1;
            slice.took += now.since(call.came).as_secs_f64();
        }
        Err(Error::Rejected(rejected)) => slice.refuse(rejected.reason(), call.asked.priority, 1),
        Err(_) => slice.failed += 1,
    }
}

//! The run: arrivals, attempts, answers, and what goes wrong meanwhile.
//!
//! An attempt has three parties: who called, the server that works on it, and the caller's patience. Whoever of server and
//! patience is first takes whom to answer; the other finds nobody. So a server goes on with what nobody waits for.
//!
//! Timers of the crate ring with the clock, which comes to each millisecond at least: as fine as a runtime's.

use crate::client::{Answer, Client, Door, Listener};
use crate::measured::Measured;
use crate::policies::Policy;
use crate::setting::{Conditions, Setting};
use crate::shared::calls::{Calling, Calls, call, poll_woken};
use crate::shared::server::{Backend, Health, Luck, Pace, Server, enter, work};
use contraflow::Cause;
use contraflow::Entropy;
use contraflow::testing::World;
use contraflow::time::Instant;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tokio::sync::oneshot;

/// How often tables are published, where they are.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);

/// How exact timers are.
const TICK: Duration = Duration::from_millis(1);

/// So much later than the crate's bound on an attempt the caller's patience ends, so that it is the crate that ends it where it
/// has a bound.
const GRACE: Duration = Duration::from_millis(2);

/// What the events act on.
pub(crate) struct Lab {
    setting: Rc<Setting>,
    servers: Vec<Server<Request>>,
    clients: Vec<Client>,
    calls: Calls<Lab>,
    door: Door,
    told: Receiver<(Instant, Cause)>,
    conditions: Conditions,
    /// Which of the setting's phases it is; none when nothing new comes any more.
    phase: Option<usize>,
    measured: Measured,
    /// Of all that happens to requests that were sent.
    luck: Luck,
}

/// An attempt that was sent: empty once it was answered or its caller has lost patience.
type Request = Rc<RefCell<Option<oneshot::Sender<()>>>>;

/// Runs a setting with a policy.
pub(crate) fn run(setting: &Setting, policy: Policy, seed: u64) -> Measured {
    let mut world = World::new(seed, |sources| {
        let door = Door::default();
        let (sender, told) = channel();
        let listener = Arc::new(Listener { clock: sources.clock.clone(), told: sender });
        let client = |_| Client::new(policy, setting, &door, sources, &listener);
        Lab {
            setting: Rc::new(setting.clone()),
            servers: (0..setting.servers()).map(|_| Server::default()).collect(),
            clients: (0..setting.clients).map(client).collect(),
            calls: Calls::new(),
            door: door.clone(),
            told,
            conditions: setting.phases[0].1,
            phase: None,
            measured: Measured::default(),
            luck: Luck(Entropy::seeded(sources.entropy.word())),
        }
    });
    for (phase, (second, _)) in setting.phases.iter().enumerate() {
        world.at(Instant::START.after(Duration::from_secs_f64(*second)), move |world| begin(world, phase));
    }
    world.every(TICK, poll_woken);
    if setting.publishes {
        world.every(PUBLISH_EVERY, |world| {
            let lab = &mut world.state;
            for client in &mut lab.clients {
                lab.measured.resets += u32::from(client.publish());
            }
        });
    }
    world.run_for(Duration::from_secs_f64(setting.end));
    world.state.phase = None;
    // Whoever is still under way comes to an end.
    world.run_for(setting.deadline + PUBLISH_EVERY);
    let lab = &mut world.state;
    lab.measured.leaked = lab.clients.iter().map(Client::counted).sum::<u64>() + lab.calls.open() as u64;
    world.state.measured
}

/// A phase begins: its conditions, and arrivals at its rate.
fn begin(world: &mut World<Lab>, phase: usize) {
    let lab = &mut world.state;
    lab.conditions = lab.setting.phases[phase].1;
    lab.phase = Some(phase);
    for server in 0..lab.servers.len() {
        work(world, server);
    }
    await_next(world, phase);
}

/// Arrivals are a Poisson process: it has no memory, so that a phase begins one of its own.
fn await_next(world: &mut World<Lab>, phase: usize) {
    let rate = world.state.conditions.load * world.state.setting.capacity();
    let pause = world.exponential(Duration::from_secs_f64(1.0 / rate));
    world.after(pause, move |world| {
        if world.state.phase == Some(phase) {
            arrive(world);
            await_next(world, phase);
        }
    });
}

/// Somebody asks something of one of the clients.
fn arrive(world: &mut World<Lab>) {
    let clients = world.state.clients.len() as u64;
    let client = world.below(clients) as usize;
    let now = world.now();
    world.state.measured.asked(now);
    let future = world.state.clients[client].call();
    call(world, now, future);
}

impl Calling for Lab {
    type Answer = Answer;
    /// Since when.
    type Note = Instant;

    fn calls(&mut self) -> &mut Calls<Self> {
        &mut self.calls
    }

    /// What was sent is handed to its server.
    fn polled(world: &mut World<Self>) {
        while let Ok((moment, cause)) = world.state.told.try_recv() {
            world.state.measured.another(moment, cause);
        }
        for sent in world.state.door.take() {
            let now = world.now();
            let setting = &world.state.setting;
            let (place, is_first) = (sent.endpoint, sent.endpoint < setting.endpoints);
            let (server, patience) = (if setting.is_pooled { 0 } else { place }, setting.patience);
            world.state.measured.sent(now, is_first);
            let request = Request::new(RefCell::new(Some(sent.caller)));
            if let Some(patience) = patience {
                let waits = request.clone();
                world.after(patience + GRACE, move |world| {
                    drop(waits.take());
                    poll_woken(world);
                });
            }
            enter(world, server, request);
        }
    }

    fn settle(world: &mut World<Self>, began: Instant, answer: Answer) {
        let took = world.now().since(began);
        world.state.measured.settled(began, took, &answer);
    }
}

impl Backend for Lab {
    type Request = Request;

    fn server(&mut self, place: usize) -> &mut Server<Request> {
        &mut self.servers[place]
    }

    fn pace(&self, place: usize) -> Pace {
        let Setting { workers, law, mean, endpoints, .. } = *self.setting;
        let Conditions { working, slow, first, .. } = self.conditions;
        let workers = (f64::from(workers) * working).round() as u32;
        let (workers, slow) = match first {
            Health::Slow(times) if place < endpoints => (workers, slow * times),
            Health::Hole if place < endpoints => (0, slow),
            _ => (workers, slow),
        };
        Pace { workers, law, mean, slow, contention: 0.0 }
    }

    fn luck(&self) -> &Luck {
        &self.luck
    }

    fn is_dropped(&self, request: &Request) -> bool {
        self.setting.drops && request.borrow().as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    fn answer(world: &mut World<Self>, request: Request) {
        if let Some(caller) = request.take() {
            _ = caller.send(());
            poll_woken(world);
        }
    }
}

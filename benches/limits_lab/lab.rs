//! The run: arrivals, answers, deadlines, departures, and what changes meanwhile.
//!
//! A request has three parties: its client's permit, the server that works on it, and the timers. Whoever of server and timers is
//! first takes the permit and reports with it; the others find it taken. So a server goes on with what nobody waits for.

use crate::algorithms::Algorithm;
use crate::client::Client;
use crate::measured::{Measured, SLICE};
use crate::setting::{Conditions, Setting};
use crate::shared::calls::Calls;
use crate::shared::server::{Backend, Health, Luck, Pace, Server, enter, work};
use crate::waiting::{self, Door};
use contraflow::state::Permit;
use contraflow::testing::World;
use contraflow::time::Instant;
use contraflow::{Entropy, Outcome, Priority};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often tables are published, where they are.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);

/// For so long after a request of high priority was refused, one of low priority that is admitted has overtaken it: as long as
/// the crate means to keep lower ranks out.
const SOON: Duration = Duration::from_millis(100);

/// What the events act on.
pub(crate) struct Lab {
    pub(crate) setting: Rc<Setting>,
    pub(crate) servers: Vec<Server<Request>>,
    pub(crate) clients: Vec<Client>,
    pub(crate) calls: Calls<Lab>,
    pub(crate) door: Door,
    conditions: Conditions,
    /// Which of the setting's phases it is; none when nothing new comes any more.
    phase: Option<usize>,
    pub(crate) measured: Measured,
    /// Of all that happens to requests that were sent.
    pub(crate) luck: Luck,
}

/// A request that was sent: empty once it was answered or given up.
pub(crate) type Request = Rc<RefCell<Option<Sent>>>;

/// Whom a request is from.
#[derive(Debug)]
pub(crate) enum Sent {
    /// A client sent it that was asked for a permit.
    Asked(Asked),
    /// A client's layers sent it, and hold what there is to hold.
    Called(oneshot::Sender<()>),
}

/// What a client has of a request that it sent by hand.
#[derive(Debug)]
pub(crate) struct Asked {
    client: usize,
    began: Instant,
    permit: Permit,
}

/// Runs a setting under an algorithm.
pub(crate) fn run(setting: &Setting, algorithm: Algorithm, seed: u64) -> Measured {
    let mut world = World::new(seed, |sources| {
        let limit = algorithm.limit(setting);
        let door = Door::default();
        let client = |_| Client::new(limit.clone(), setting, &door, sources);
        Lab {
            setting: Rc::new(setting.clone()),
            servers: (0..setting.endpoints).map(|_| Server::default()).collect(),
            clients: (0..setting.clients()).map(client).collect(),
            calls: Calls::new(),
            door: door.clone(),
            conditions: setting.phases[0].1.clone(),
            phase: None,
            measured: Measured::new(&setting.windows, setting.clients(), setting.deadline),
            luck: Luck(Entropy::seeded(sources.entropy.word())),
        }
    });
    for (phase, (second, _)) in setting.phases.iter().enumerate() {
        world.at(Instant::START.after(Duration::from_secs_f64(*second)), move |world| begin(world, phase));
    }
    world.every(SLICE, |world| {
        let inside = world.state.servers.iter().map(Server::inside).sum();
        world.state.measured.inside.push(inside);
    });
    if setting.publishes {
        world.every(PUBLISH_EVERY, |world| world.state.publish());
    }
    world.run_for(Duration::from_secs_f64(setting.end()));
    if setting.publishes {
        world.state.phase = None;
        world.run_for(setting.deadline + setting.body + PUBLISH_EVERY);
        world.state.measured.leaked = world.state.clients.iter().map(Client::counted).sum();
    }
    world.state.measured
}

/// A phase begins: its conditions, and arrivals at its rate.
fn begin(world: &mut World<Lab>, phase: usize) {
    let lab = &mut world.state;
    lab.conditions = lab.setting.phases[phase].1.clone();
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
    let (which, how) = (world.uniform(), world.uniform());
    let now = world.now();
    let lab = &mut world.state;
    let client = lab.client_at(which);
    let is_high = how < lab.setting.high;
    let priority = match (is_high, lab.setting.high > 0.0) {
        (true, _) => Priority::High,
        (false, true) => Priority::Low,
        (false, false) => Priority::Normal,
    };
    lab.measured.at(now).for_each(|window| window.asked.add(is_high));
    if lab.setting.max_wait.is_some() {
        return waiting::call(world, client);
    }
    let asking = &mut lab.clients[client];
    let Some((permit, server)) = asking.ask(priority, now) else {
        if is_high {
            asking.refused_high = Some(now);
        }
        lab.measured.at(now).for_each(|window| window.refused.add(is_high));
        return;
    };
    if !is_high && asking.refused_high.is_some_and(|refused| now.since(refused) < SOON) {
        lab.measured.at(now).for_each(|window| window.overtook += 1);
    }
    send(world, Asked { client, began: now, permit }, server);
}

/// A request goes to its server, and its client waits for so long.
fn send(world: &mut World<Lab>, asked: Asked, server: usize) {
    let request: Request = Rc::new(RefCell::new(Some(Sent::Asked(asked))));
    let (deadline, leaving) = (world.state.setting.deadline, world.state.setting.leaving);
    let waits = request.clone();
    world.after(deadline, move |world| give_up(world, &waits, true));
    if leaving > 0.0 && world.state.luck.uniform() < leaving {
        let after = deadline.mul_f64(world.state.luck.uniform());
        let waits = request.clone();
        world.after(after, move |world| give_up(world, &waits, false));
    }
    enter(world, server, request);
}

/// The head is there; the permit is held to the end of the body.
fn hear(world: &mut World<Lab>, request: &Request) {
    let mut asked = match request.take() {
        None => return,
        Some(Sent::Called(caller)) => return waiting::answer(world, caller),
        Some(Sent::Asked(asked)) => asked,
    };
    let now = world.now();
    asked.permit.answered(Outcome::Success, now);
    let lab = &mut world.state;
    lab.measured.answered(now, asked.client, now.since(asked.began));
    let body = lab.setting.body;
    if body.is_zero() {
        lab.end(asked);
    } else {
        world.after(body, move |world| world.state.end(asked));
    }
}

/// Nobody waits any more, unless the answer was there before.
fn give_up(world: &mut World<Lab>, request: &Request, by_deadline: bool) {
    let Some(Sent::Asked(mut asked)) = request.take() else { return };
    let now = world.now();
    asked.permit.gave_up(by_deadline, now);
    if by_deadline {
        world.state.measured.late(now, now.since(asked.began));
    }
    world.state.end(asked);
}

impl Backend for Lab {
    type Request = Request;

    fn server(&mut self, place: usize) -> &mut Server<Request> {
        &mut self.servers[place]
    }

    fn pace(&self, place: usize) -> Pace {
        let setting = &self.setting;
        let each = f64::from(setting.workers) / self.servers.len() as f64;
        let working = (each * self.conditions.working).round() as u32;
        let (workers, slow) = match self.conditions.first {
            Health::Slow(times) if place == 0 => (working, self.conditions.slow * times),
            Health::Hole if place == 0 => (0, self.conditions.slow),
            _ => (working, self.conditions.slow),
        };
        Pace { workers, law: setting.law, mean: setting.mean, slow, contention: setting.contention }
    }

    fn luck(&self) -> &Luck {
        &self.luck
    }

    /// The head of the answer goes back, if anybody waits for it.
    fn answer(world: &mut World<Self>, request: Request) {
        let delay = world.state.conditions.delay;
        if delay.is_zero() {
            return hear(world, &request);
        }
        world.after(delay, move |world| hear(world, &request));
    }
}

impl Lab {
    /// The client at a place in 0..1 of the demand.
    fn client_at(&self, place: f64) -> usize {
        let clients = self.conditions.clients;
        let Some(shares) = self.setting.shares.get(..clients) else {
            return (place * clients as f64) as usize;
        };
        let mut left = place * shares.iter().sum::<f64>();
        let is_beyond = |share: &&f64| {
            left -= **share;
            left >= 0.0
        };
        // Whoever is last takes what rounding leaves.
        shares.iter().take_while(is_beyond).count().min(clients - 1)
    }

    fn publish(&mut self) {
        for client in &mut self.clients {
            self.measured.miscounts += u32::from(!client.counts_right());
            self.measured.resets += u32::from(!client.publish());
        }
    }

    /// A request is in flight no more.
    fn end(&mut self, asked: Asked) {
        self.clients[asked.client].in_flight -= 1;
        drop(asked.permit);
    }
}

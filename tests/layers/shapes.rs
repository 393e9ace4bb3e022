//! Every shape of a stack against one plain model: what is counted, what is told, and by which table.
//!
//! The model does not know how a stack decides. It knows what was handed over (the request says so itself), what came back,
//! and what time it is, and from that alone what every counter and every observer has to say.

use super::observed::{Heard, Said};
use super::*;
use contraflow::layer::{MapAttempt, Target};
use std::cell::RefCell;
use std::rc::Rc;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const DEADLINE: u64 = 10_000;
/// Endpoints that have answered fewer than a hundred times are given a second.
const PATIENCE: u64 = 1_000;

#[derive(Clone, Debug)]
enum Act {
    Call,
    Poll(usize),
    Drop(usize),
    Next(usize, Step<u64, &'static str>),
    Release,
    Readiness(usize, Readiness<&'static str>),
    AllReady,
    Wait(u64),
    Publish,
    Evacuate(bool),
    Readmit,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let step = prop_oneof![
        1 => Just(Step::Answer(1)),
        2 => Just(Step::Fail("failed")),
        3 => Just(Step::Hold(7)),
        2 => Just(Step::Hang),
        1 => Just(Step::PanicInCall),
        1 => Just(Step::PanicInPoll),
    ];
    let readiness = prop_oneof![
        2 => Just(Readiness::Ready),
        4 => Just(Readiness::Busy),
        1 => Just(Readiness::Broken("broken")),
    ];
    let act = prop_oneof![
        8 => Just(Act::Call),
        10 => (0..5usize).prop_map(Act::Poll),
        3 => (0..5usize).prop_map(Act::Drop),
        5 => (0..4usize, step).prop_map(|(node, step)| Act::Next(node, step)),
        1 => Just(Act::Release),
        6 => (0..4usize, readiness).prop_map(|(node, readiness)| Act::Readiness(node, readiness)),
        1 => Just(Act::AllReady),
        3 => (0..6000u64).prop_map(Act::Wait),
        1 => Just(Act::Publish),
        1 => any::<bool>().prop_map(Act::Evacuate),
        1 => Just(Act::Readmit),
    ];
    vec(act, 0..80)
}

type Answer = Result<u64, Error<&'static str>>;
type Calling = Box<dyn FnMut(Letter) -> Polled<Pin<Box<dyn Future<Output = Answer>>>>>;
/// What was handed over, by letter and endpoint, in order.
type Handed = Rc<RefCell<Vec<(u64, String)>>>;

/// A backend that notes which readiness checks fail.
#[derive(Clone)]
struct Node {
    backend: Probe<Letters>,
    name: Option<String>,
    broken: Rc<RefCell<Vec<String>>>,
}

impl Service<Letter> for Node {
    type Response = u64;
    type Error = &'static str;
    type Future = <Probe<Letters> as Service<Letter>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        let said = self.backend.poll_ready(cx);
        if matches!(said, Poll::Ready(Err(_))) {
            self.broken.borrow_mut().extend(self.name.clone());
        }
        said
    }

    fn call(&mut self, letter: Letter) -> Self::Future {
        self.backend.call(letter)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    PerEndpoint { by_hand: bool },
    Passthrough { by_hand: bool },
}

const SHAPES: [Shape; 4] = [
    Shape::PerEndpoint { by_hand: false },
    Shape::PerEndpoint { by_hand: true },
    Shape::Passthrough { by_hand: false },
    Shape::Passthrough { by_hand: true },
];

/// What the test knows of a request.
struct Known {
    letter: u64,
    began: u64,
    generation: u64,
    /// Whether it was counted as in flight when it was called; if not, it is over.
    is_placed: bool,
    /// Where it was handed over, and since when the endpoint has had time for it.
    sent: Option<(String, u64)>,
    /// Whether its answer was asked for, and had to be waited for.
    is_awaited: bool,
}

/// The shape under test, and what all that happened should have come to.
struct Run {
    traffic: Traffic,
    hand: ManualClock,
    backends: Backends,
    readiness: [Readiness<&'static str>; 4],
    calling: Calling,
    handed: Handed,
    broken: Rc<RefCell<Vec<String>>>,
    readings: Rc<RefCell<Vec<Readings>>>,
    heard: Arc<Heard>,
    now: u64,
    generation: u64,
    /// Until when each region is out.
    out: [u64; 2],
    live: Vec<(Polled<Pin<Box<dyn Future<Output = Answer>>>>, Known)>,
    letters: u64,
    successes: BTreeMap<String, u64>,
    failures: BTreeMap<String, u64>,
    attempts: Vec<(String, u64)>,
    outcomes: Vec<(String, Outcome)>,
    rejections: Vec<Reason>,
    /// Found only broken services, or left before they were handed over.
    ended: usize,
}

fn polled<F: Future<Output = Answer> + 'static>(future: F) -> Polled<Pin<Box<dyn Future<Output = Answer>>>> {
    Polled::new(Box::pin(future))
}

fn calling<S>(mut stack: S) -> Calling
where
    S: Service<Letter, Response = u64, Error = Error<&'static str>, Future: 'static> + 'static,
{
    Box::new(move |letter| {
        assert!(is_ready(&mut stack), "a stack is always ready");
        polled(stack.call(letter))
    })
}

impl Run {
    fn new(shape: Shape) -> Self {
        let (traffic, hand) = traffic(1);
        let heard = Arc::new(Heard::default());
        traffic.observe(heard.clone());
        let (backends, handed) = (Backends::new(), Handed::default());
        let broken = Rc::<RefCell<Vec<String>>>::default();
        let readings = Rc::<RefCell<Vec<Readings>>>::default();
        let node = {
            let (backends, broken, readings) = (backends.clone(), Rc::clone(&broken), readings.clone());
            move |name: &str, own: bool| {
                let backend = Probe::new(backends.of(name).clone());
                readings.borrow_mut().push(backend.readings());
                Node { backend, name: own.then(|| name.into()), broken: broken.clone() }
            }
        };
        let note = {
            let handed = handed.clone();
            move |letter: Letter, target: &Target<'_>| {
                handed.borrow_mut().push((letter.0, target.endpoint().name().to_string()));
                letter
            }
        };
        let protocol = Plain::new(facts);
        let layers = ServiceBuilder::new().layer(traffic.route(protocol)).layer(traffic.failover());
        let per_endpoint = {
            let node = node.clone();
            move |endpoint: &Endpoint| node(endpoint.name().as_str(), true)
        };
        let calling = match shape {
            Shape::PerEndpoint { by_hand: false } => {
                calling(traffic.layers(protocol).per_endpoint(per_endpoint).map_attempt(note))
            }
            Shape::PerEndpoint { by_hand: true } => {
                calling(layers.service(MapAttempt::new(PerEndpoint::new(per_endpoint), note)))
            }
            Shape::Passthrough { by_hand: false } => {
                calling(traffic.layers(protocol).passthrough(node("a", false)).map_attempt(note))
            }
            Shape::Passthrough { by_hand: true } => {
                use tower::Layer;
                let leaf = Passthrough::new().layer(node("a", false));
                calling(layers.service(MapAttempt::new(leaf, note)))
            }
        };
        let (live, letters, now, generation, ended) = (Vec::new(), 0, 0, 1, 0);
        let (successes, failures) = (BTreeMap::new(), BTreeMap::new());
        let (attempts, outcomes, rejections) = (Vec::new(), Vec::new(), Vec::new());
        let readiness = [const { Readiness::Ready }; 4];
        Run {
            traffic,
            hand,
            backends,
            readiness,
            calling,
            handed,
            broken,
            readings,
            heard,
            now,
            generation,
            out: [0; 2],
            live,
            letters,
            successes,
            failures,
            attempts,
            outcomes,
            rejections,
            ended,
        }
    }

    fn act(&mut self, act: Act) {
        let heard = self.heard.all().len();
        let acting = match act {
            Act::Call => Some(self.call()),
            Act::Poll(which) if !self.live.is_empty() => Some(self.poll(which % self.live.len())),
            Act::Drop(which) if !self.live.is_empty() => {
                let (future, known) = self.live.swap_remove(which % self.live.len());
                drop(future);
                self.leave(&known);
                Some(known.generation)
            }
            Act::Poll(_) | Act::Drop(_) => None,
            act => {
                self.happen(act);
                None
            }
        };
        // One request, one table; and what is told is told by the request that acts.
        for said in &self.heard.all()[heard..] {
            let is_by = match said {
                Said::Decision(_, generation) | Said::Attempt(_, generation) => acting == Some(*generation),
                Said::Rejection(_) | Said::Outcome(..) => acting.is_some(),
            };
            assert!(is_by, "{said:?} by a request of generation {acting:?}");
        }
        self.check_counts();
    }

    /// Something happens to the world around the requests.
    fn happen(&mut self, act: Act) {
        match act {
            Act::Next(node, step) => self.backends.of(NAMES[node]).once(step),
            Act::Release => NAMES.iter().for_each(|name| self.backends.of(name).release()),
            Act::Readiness(node, readiness) => self.set_readiness(node, readiness),
            Act::AllReady => (0..4).for_each(|node| self.set_readiness(node, Readiness::Ready)),
            Act::Wait(time) => {
                self.now += time;
                self.hand.advance(Duration::from_millis(time));
            }
            Act::Publish => self.generation = self.traffic.publish(table()).expect("sound").generation().as_u64(),
            Act::Evacuate(first) => {
                self.traffic.evacuate(if first { "eu" } else { "us" }, seconds(5)).expect("a region");
                self.out[usize::from(!first)] = self.now + 5_000;
            }
            Act::Readmit => {
                for region in ["eu", "us"] {
                    self.traffic.readmit(region).expect("a region");
                }
                self.out = [0; 2];
            }
            Act::Call | Act::Poll(_) | Act::Drop(_) => {}
        }
    }

    fn set_readiness(&mut self, node: usize, readiness: Readiness<&'static str>) {
        self.backends.of(NAMES[node]).set_readiness(readiness.clone());
        self.readiness[node] = readiness;
    }

    fn call(&mut self) -> u64 {
        let (letter, rejected, open) = (self.letters, self.rejected(), self.open());
        self.letters += 1;
        let called = panic::catch_unwind(AssertUnwindSafe(|| (self.calling)(Letter(letter))));
        let is_placed = self.open() > open;
        let generation = self.generation;
        let mut known = Known { letter, began: self.now, generation, is_placed, sent: None, is_awaited: false };
        self.note_sent(&mut known);
        match called {
            Err(unwound) => {
                told_to(&*unwound);
                self.leave(&known);
            }
            Ok(future) => {
                if self.rejected() > rejected {
                    assert!(!is_placed && self.is_all_out(), "refused though a region is there");
                    self.rejections.push(Reason::NoEndpoint);
                } else if !is_placed {
                    assert_eq!(self.readiness[0], Readiness::Broken("broken"), "the service that all share");
                    self.ended += 1;
                }
                self.live.push((future, known));
            }
        }
        generation
    }

    fn poll(&mut self, which: usize) -> u64 {
        let (mut future, mut known) = self.live.swap_remove(which);
        let said = panic::catch_unwind(AssertUnwindSafe(|| future.poll()));
        self.note_sent(&mut known);
        let is_late = self.now >= known.began + DEADLINE;
        let generation = known.generation;
        match said {
            Err(unwound) => {
                told_to(&*unwound);
                drop(future);
                self.leave(&known);
            }
            Ok(Poll::Pending) => {
                assert!(!is_late, "a request outlives its deadline");
                let is_busy = self.readiness.iter().any(|readiness| *readiness != Readiness::Ready);
                assert!(known.sent.is_some() || is_busy, "a request waits for services that are all ready");
                // Until somebody polled for the answer the endpoint could do nothing.
                if let (false, Some((_, since))) = (known.is_awaited, known.sent.as_mut()) {
                    *since = self.now;
                }
                known.is_awaited = known.sent.is_some();
                self.live.push((future, known));
            }
            Ok(Poll::Ready(answer)) => {
                // What was held is given back with the answer, not when the future is dropped.
                self.check_counts();
                drop(future);
                self.answered(answer, &known, is_late);
            }
        }
        generation
    }

    fn answered(&mut self, answer: Answer, known: &Known, is_late: bool) {
        let sent = known.sent.as_ref().map(|(endpoint, _)| endpoint.clone());
        match (answer, sent) {
            (Ok(_), Some(endpoint)) => {
                *self.successes.entry(endpoint.clone()).or_default() += 1;
                self.outcomes.push((endpoint, Outcome::Success));
            }
            (Err(Error::Inner("failed")), Some(endpoint)) => self.failed(endpoint),
            (Err(Error::TimedOut(timed_out)), Some(endpoint)) => {
                assert!(is_late, "timed out before its time");
                assert_eq!(timed_out.after(), Duration::from_millis(DEADLINE));
                // Who began to wait after the deadline has missed it, and not the endpoint.
                if known.is_awaited { self.failed(endpoint) } else { self.outcomes.push((endpoint, Outcome::Ignore)) }
            }
            (Err(Error::Inner("broken")), None) => self.ended += usize::from(known.is_placed),
            (Err(Error::Rejected(rejected)), None) => {
                match rejected.reason() {
                    Reason::Deadline => assert!(is_late, "refused before its time"),
                    Reason::NoEndpoint => assert!(self.is_all_out() || !known.is_placed, "a region is there"),
                    other => panic!("nothing refuses for {other:?}"),
                }
                // What was refused in the call was told of there.
                if known.is_placed {
                    self.rejections.push(rejected.reason());
                }
            }
            (answer, sent) => panic!("{answer:?} to a request that was handed over to {sent:?}"),
        }
    }

    fn failed(&mut self, endpoint: String) {
        *self.failures.entry(endpoint.clone()).or_default() += 1;
        self.outcomes.push((endpoint, Outcome::Failure));
    }

    /// A request is dropped, or unwinds, before its answer came.
    fn leave(&mut self, known: &Known) {
        let Some((endpoint, since)) = known.sent.clone() else {
            self.ended += usize::from(known.is_placed);
            return;
        };
        let deadline = known.began + DEADLINE;
        let is_old = self.now - since >= PATIENCE || (since < deadline && self.now >= deadline);
        if known.is_awaited && is_old {
            self.failed(endpoint);
        } else {
            self.outcomes.push((endpoint, Outcome::Ignore));
        }
    }

    fn note_sent(&mut self, known: &mut Known) {
        for (letter, endpoint) in self.handed.borrow_mut().drain(..) {
            assert_eq!(letter, known.letter, "another's letter");
            assert!(known.sent.is_none(), "a letter was handed over twice");
            assert!(self.now < known.began + DEADLINE, "a letter was handed over too late");
            let region = usize::from(endpoint == "d");
            assert!(self.now >= self.out[region], "a letter was handed over in a region that is out");
            self.attempts.push((endpoint.clone(), known.generation));
            known.sent = Some((endpoint, self.now));
        }
        // An endpoint whose own service is broken has failed.
        for endpoint in self.broken.borrow_mut().drain(..) {
            *self.failures.entry(endpoint).or_default() += 1;
        }
    }

    fn is_all_out(&self) -> bool {
        self.out.iter().all(|until| self.now < *until)
    }

    fn rejected(&self) -> usize {
        self.heard.all().iter().filter(|said| matches!(said, Said::Rejection(_))).count()
    }

    fn open(&self) -> u32 {
        counts(&self.traffic).0
    }

    /// In flight are the requests that live, at the endpoints that have them.
    fn check_counts(&self) {
        let placed = || self.live.iter().filter(|(_, known)| known.is_placed);
        assert_eq!(self.open() as usize, placed().count(), "in flight");
        let mut waiting = 0;
        for region in self.traffic.status().clusters.iter().flat_map(|cluster| &cluster.regions) {
            for endpoint in &region.endpoints {
                let has = |known: &Known| known.sent.as_ref().is_some_and(|(name, _)| endpoint.name == **name);
                let sent = placed().filter(|(_, known)| has(known)).count();
                assert!(endpoint.in_flight as usize >= sent, "{} has {sent} requests", endpoint.name);
                waiting += endpoint.waiting as usize;
            }
        }
        assert_eq!(waiting, placed().count(), "all that is in flight waits for its head");
    }

    fn check_end(mut self) {
        for (future, known) in std::mem::take(&mut self.live) {
            drop(future);
            self.leave(&known);
        }
        self.check_counts();
        assert!(self.readings.borrow().iter().all(|readings| readings.in_flight() == 0));
        for region in self.traffic.status().clusters.iter().flat_map(|cluster| &cluster.regions) {
            for endpoint in &region.endpoints {
                let counted = |counts: &BTreeMap<String, u64>| counts.get(endpoint.name.as_str()).copied().unwrap_or(0);
                let should_be = (counted(&self.successes), counted(&self.failures));
                assert_eq!((endpoint.successes, endpoint.failures), should_be, "at {}", endpoint.name);
            }
        }
        let all = self.heard.all();
        let attempts = all.iter().filter_map(|said| match said {
            Said::Attempt(endpoint, generation) => Some((endpoint.clone(), *generation)),
            _ => None,
        });
        assert_eq!(attempts.collect::<Vec<_>>(), self.attempts, "attempts");
        let outcomes = all.iter().filter_map(|said| match said {
            Said::Outcome(endpoint, outcome) => Some((endpoint.clone(), *outcome)),
            _ => None,
        });
        assert_eq!(outcomes.collect::<Vec<_>>(), self.outcomes, "outcomes");
        let rejections = all.iter().filter_map(|said| match said {
            Said::Rejection(reason) => Some(*reason),
            _ => None,
        });
        assert_eq!(rejections.collect::<Vec<_>>(), self.rejections, "rejections");
        let ends = self.attempts.len() + self.rejections.len() + self.ended;
        assert_eq!(self.letters as usize, ends, "offered");
    }
}

/// What unwound is what a backend was told to do, and no broken contract.
fn told_to(unwound: &(dyn std::any::Any + Send)) {
    let said = unwound.downcast_ref::<&str>();
    assert!(said.is_some_and(|said| said.contains("told to panic")), "a panic that nobody asked for: {said:?}");
}

proptest! {
    #![proptest_config(config(192))]

    /// I-33, I-57, I-60, I-01, I-64: for every shape, with endpoints of which some are busy and some broken, over publishes
    /// and evacuations, with callers that leave at every point and services that panic in calls and in polls: in flight
    /// are the requests that live, each endpoint's counters are the model's, each attempt is told of once, with the endpoint
    /// that got it and the table that its request began with, and has one outcome, and no request is lost in the books.
    #[test]
    fn every_shape_counts_and_tells_what_really_happened(acts in acts()) {
        for shape in SHAPES {
            let mut run = Run::new(shape);
            for act in acts.clone() {
                run.act(act);
            }
            run.check_end();
        }
    }
}

//! I-56: what is read again is what was read, whoever reads when, and nothing is kept that nobody needs.
//!
//! Bodies follow a script and are moved on by hand. Their data knows when it is dropped, so what is kept is seen from
//! outside. A reader is polled again only when it was waked, unless a test wants it to be polled for nothing.

use super::ReplayBody;
use super::kept::MOST_PARTS;
use crate::sync::Mutex;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// What a body does when it is polled.
#[derive(Clone, Debug)]
enum Step {
    Data(Vec<u8>),
    Trailers(HeaderMap),
    Fail,
    /// Waits until it is moved on.
    Wait,
    /// Wakes who polls it at once, and has nothing yet.
    Yield,
}

/// What a body says of its length, which is true.
#[derive(Clone, Copy, Debug)]
enum Says {
    Exactly,
    /// Off by so much, below and above.
    About(u64, u64),
    Nothing,
}

#[derive(Clone, Debug)]
struct Plan {
    steps: VecDeque<Step>,
    says: Says,
    /// Whether it says that it has ended before it is asked for what is not there.
    tells: bool,
}

/// Data that is counted while it lives.
struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(self.0.len(), Ordering::Relaxed);
    }
}

struct Scripted {
    plan: Plan,
    waker: Option<Waker>,
}

/// What a test has of a body that is read.
#[derive(Clone)]
struct Hand {
    scripted: Arc<Mutex<Scripted>>,
    /// Bytes that came of it and live.
    alive: Arc<AtomicUsize>,
}

struct ByHand(Hand);

#[derive(Debug, PartialEq, Eq)]
struct Broken;

impl Plan {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Plan { steps: steps.into_iter().collect(), says: Says::Nothing, tells: false }
    }

    fn saying(self, says: Says) -> Self {
        Plan { says, ..self }
    }

    fn body(self) -> (ReplayBody<ByHand>, Hand) {
        let hand = Hand { scripted: Arc::new(Mutex::new(Scripted { plan: self, waker: None })), alive: Arc::default() };
        (ReplayBody::new(ByHand(hand.clone())), hand)
    }

    fn bytes_left(&self) -> u64 {
        self.steps.iter().map(|step| if let Step::Data(data) = step { data.len() as u64 } else { 0 }).sum()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.bytes_left();
        let mut hint = SizeHint::new();
        match self.says {
            Says::Exactly => hint.set_exact(left),
            Says::About(below, above) => {
                hint.set_lower(left.saturating_sub(below));
                hint.set_upper(left + above);
            }
            Says::Nothing => {}
        }
        hint
    }

    /// Whether there is an error before its end.
    fn fails(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Fail))
    }

    /// What a reader of all of it gets.
    fn whole(&self) -> Got {
        let mut got = Got { has_ended: true, ..Got::default() };
        for step in &self.steps {
            match step {
                Step::Data(data) => got.data.extend(data),
                Step::Trailers(trailers) => got.trailers.push(trailers.clone()),
                Step::Fail | Step::Wait | Step::Yield => {}
            }
        }
        got
    }

    fn longest(&self) -> usize {
        self.steps.iter().map(|step| if let Step::Data(data) = step { data.len() } else { 0 }).max().unwrap_or(0)
    }
}

impl Hand {
    /// Ends a wait; whether there was one.
    fn move_on(&self) -> bool {
        let mut scripted = self.scripted.lock();
        let waits = matches!(scripted.plan.steps.front(), Some(Step::Wait));
        if waits {
            scripted.plan.steps.pop_front();
        }
        let waker = scripted.waker.take();
        drop(scripted);
        waker.into_iter().for_each(Waker::wake);
        waits
    }

    fn alive(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    /// How many bytes came of the body, of so many.
    fn pulled(&self, of: usize) -> usize {
        of - self.scripted.lock().plan.bytes_left() as usize
    }

    fn bytes(&self, data: Vec<u8>) -> Bytes {
        self.alive.fetch_add(data.len(), Ordering::Relaxed);
        Bytes::from_owner(Counted(data, self.alive.clone()))
    }
}

impl Body for ByHand {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let mut scripted = self.0.scripted.lock();
        if let Some(Step::Wait) = scripted.plan.steps.front() {
            let old = scripted.waker.replace(cx.waker().clone());
            drop((scripted, old));
            return Poll::Pending;
        }
        let step = scripted.plan.steps.pop_front();
        drop(scripted);
        match step {
            Some(Step::Data(data)) => Poll::Ready(Some(Ok(Frame::data(self.0.bytes(data))))),
            Some(Step::Trailers(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Some(Step::Fail) => Poll::Ready(Some(Err(Broken))),
            Some(Step::Wait | Step::Yield) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        let plan = &self.0.scripted.lock().plan;
        plan.tells && plan.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.scripted.lock().plan.size_hint()
    }
}

/// What a reader got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Got {
    data: Vec<u8>,
    trailers: Vec<HeaderMap>,
    has_failed: bool,
    has_ended: bool,
}

impl Got {
    fn is_over(&self) -> bool {
        self.has_failed || self.has_ended
    }
}

/// A task: whether it was waked.
#[derive(Default)]
struct Task(AtomicBool);

impl Task {
    fn waked() -> Arc<Self> {
        Arc::new(Task(AtomicBool::new(true)))
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A body that is read by a task of its own.
struct Reading {
    body: ReplayBody<ByHand>,
    got: Got,
    task: Arc<Task>,
    has_begun: bool,
    /// Later copies have later ones.
    age: usize,
}

impl Reading {
    fn new(body: ReplayBody<ByHand>) -> Self {
        Reading { body, got: Got::default(), task: Task::waked(), has_begun: false, age: 0 }
    }

    /// Polls once; whether there was anything.
    fn poll(&mut self) -> bool {
        self.has_begun = true;
        self.task.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(self.task.clone());
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(&mut Context::from_waker(&waker)) else {
            return false;
        };
        self.task.0.store(true, Ordering::Relaxed);
        match frame.map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(data))) => self.got.data.extend_from_slice(&data),
            Some(Ok(Err(frame))) => self.got.trailers.extend(frame.into_trailers()),
            Some(Err(Broken)) => self.got.has_failed = true,
            None => self.got.has_ended = true,
        }
        true
    }

    /// Reads on for as long as it is waked, without moving the body on.
    fn run(&mut self) {
        while !self.got.is_over() && self.task.0.load(Ordering::Relaxed) {
            self.poll();
        }
    }

    /// Reads on and moves the body on whenever that helps.
    fn run_to_the_end(&mut self, hand: &Hand) {
        self.run();
        while hand.move_on() {
            self.run();
        }
    }

    fn says(&self) -> (u64, Option<u64>) {
        let hint = self.body.size_hint();
        (hint.lower(), hint.upper())
    }
}

fn data(text: &str) -> Step {
    Step::Data(text.into())
}

fn trailers() -> Step {
    Step::Trailers(HeaderMap::from_iter([("x-sum".parse().expect("a name"), HeaderValue::from_static("1"))]))
}

fn copied(plan: Plan, max_body: usize) -> (Reading, Reading, Hand) {
    let (mut first, hand) = plan.body();
    let copy = first.copy(max_body).expect("it can be copied");
    (Reading::new(first), Reading::new(copy), hand)
}

/// What happens to the readers; numbers are taken modulo how many there are.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Poll(usize),
    /// It is polled by another task from now on.
    Moved(usize),
    Copied(usize),
    Dropped(usize),
    MovedOn,
}

fn happens() -> impl Strategy<Value = Happens> {
    let who = 0..12_usize;
    prop_oneof![
        8 => who.clone().prop_map(Happens::Poll),
        1 => who.clone().prop_map(Happens::Moved),
        2 => who.clone().prop_map(Happens::Copied),
        1 => who.prop_map(Happens::Dropped),
        3 => Just(Happens::MovedOn),
    ]
}

fn plans() -> impl Strategy<Value = Plan> {
    let step = || {
        prop_oneof![
            6 => vec(any::<u8>(), 0..12).prop_map(Step::Data),
            3 => Just(Step::Wait),
            1 => Just(Step::Yield),
        ]
    };
    let says = select(&[Says::Exactly, Says::About(0, 0), Says::About(5, 3), Says::Nothing][..]);
    let end = prop_oneof![
        4 => Just(None),
        3 => Just(Some(trailers())),
        2 => Just(Some(Step::Fail)),
    ];
    (vec(step(), 0..14), end, any::<bool>(), says).prop_map(|(mut steps, end, tells, says)| {
        steps.extend(end);
        Plan { steps: steps.into(), says, tells }
    })
}

/// Readers of one body, and what must be true of them at any time.
struct World {
    plan: Plan,
    whole: Got,
    max_body: usize,
    readers: Vec<Reading>,
    hand: Hand,
    copies: usize,
    has_failed: bool,
}

impl World {
    /// Whether more comes of the body than may be kept.
    fn is_too_much(&self) -> bool {
        self.whole.data.len() > self.max_body
    }

    /// Whether a reader may have to stop in the middle.
    fn may_be_lost(&self) -> bool {
        self.is_too_much() || self.has_failed
    }

    fn happens(&mut self, what: Happens) {
        let count = self.readers.len();
        match what {
            Happens::MovedOn => {
                self.hand.move_on();
            }
            _ if count == 0 => {}
            Happens::Poll(who) => self.poll(who % count),
            Happens::Moved(who) => {
                self.readers[who % count].task = Task::waked();
                self.poll(who % count);
            }
            Happens::Copied(who) => {
                let reader = &mut self.readers[who % count];
                if let Some(body) = reader.body.copy(self.max_body) {
                    reader.has_begun = true;
                    self.copies += 1;
                    self.readers.push(Reading { age: self.copies, ..Reading::new(body) });
                }
            }
            Happens::Dropped(who) => drop(self.readers.swap_remove(who % count)),
        }
    }

    fn poll(&mut self, who: usize) {
        let reader = &mut self.readers[who];
        if !reader.got.is_over() {
            reader.poll();
        }
        self.has_failed |= reader.got.has_failed;
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let alive = self.hand.alive();
        prop_assert!(alive <= self.max_body + self.plan.longest(), "{} bytes are kept", alive);
        if !self.may_be_lost() {
            // Exactly what somebody has yet to read.
            let pulled = self.hand.pulled(self.whole.data.len());
            let needed = self.readers.iter().map(|reader| pulled - reader.got.data.len()).max();
            prop_assert_eq!(alive, needed.unwrap_or(0));
        }
        if self.has_failed {
            prop_assert_eq!(alive, 0, "nobody can read it to the end");
        }
        for reader in &self.readers {
            self.check_reader(reader)?;
        }
        Ok(())
    }

    fn check_reader(&self, reader: &Reading) -> Result<(), TestCaseError> {
        let got = &reader.got;
        prop_assert!(self.whole.data.starts_with(&got.data));
        prop_assert!(self.whole.trailers.starts_with(&got.trailers));
        if got.has_ended {
            prop_assert_eq!(got, &self.whole, "a clean end of half a body");
        }
        if reader.body.is_end_stream() {
            prop_assert_eq!(&got.data, &self.whole.data);
            prop_assert_eq!(&got.trailers, &self.whole.trailers);
            prop_assert!(!self.plan.fails() || got.has_failed);
        }
        if reader.body.is_whole() {
            prop_assert!(got.data.is_empty() && got.trailers.is_empty() && !self.has_failed);
        }
        if reader.body.is_complete() {
            prop_assert!(reader.body.is_whole());
            prop_assert_eq!(self.hand.pulled(self.whole.data.len()), self.whole.data.len());
        }
        let (lower, upper) = reader.says();
        let left = (self.whole.data.len() - got.data.len()) as u64;
        if self.may_be_lost() && (lower, upper) == (0, None) {
            return Ok(());
        }
        prop_assert!(lower <= left && upper.is_none_or(|upper| left <= upper), "{} in {}..{:?}", left, lower, upper);
        if let Says::Exactly = self.plan.says {
            prop_assert_eq!((lower, upper), (left, Some(left)));
        }
        Ok(())
    }

    /// Everybody reads on when waked, until nobody is.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        loop {
            for who in 0..self.readers.len() {
                while !self.readers[who].got.is_over() && self.readers[who].task.0.load(Ordering::Relaxed) {
                    self.poll(who);
                    self.check()?;
                }
            }
            let is_waked = |reader: &Reading| !reader.got.is_over() && reader.task.0.load(Ordering::Relaxed);
            if !self.hand.move_on() && !self.readers.iter().any(is_waked) {
                return Ok(());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..crate::property_config() })]

    /// I-56: Whatever comes in whatever parts, whoever reads it when, copies it or goes away: each reader gets the whole or
    /// never its end, nothing is kept that nobody needs, and never more than the limit and one part. A copy that says that it
    /// can be sent can be. Nobody waits for what is there.
    #[test]
    fn every_reader_gets_the_whole_or_never_its_end(
        plan in plans(),
        max_body in prop_oneof![2 => 0..60_usize, 1 => Just(1000)],
        what in vec(happens(), 0..60),
        by_itself in any::<bool>(),
    ) {
        let (mut body, hand) = plan.clone().body();
        let Some(copy) = body.copy(max_body) else {
            prop_assert!(plan.size_hint().lower() > max_body as u64);
            return Ok(());
        };
        let readers = vec![Reading::new(body), Reading { age: 1, ..Reading::new(copy) }];
        let mut world =
            World { whole: plan.whole(), plan, max_body, readers, hand, copies: 1, has_failed: false };
        world.check()?;
        for what in what {
            world.happens(what);
            world.check()?;
        }
        if let Some(at) = world.readers.iter().position(|reader| reader.body.is_complete()) {
            let reader = &mut world.readers[at];
            reader.run();
            prop_assert_eq!(&reader.got, &world.whole, "it said that it is complete");
            world.check()?;
        }
        let newest = world.readers.iter().filter(|reader| reader.has_begun).map(|reader| reader.age).max();
        let sent = world.readers.iter_mut().find(|reader| reader.body.is_whole() && newest <= Some(reader.age));
        if let Some(reader) = sent && by_itself {
            reader.run_to_the_end(&world.hand);
            prop_assert!(reader.got.is_over(), "it said that it is whole");
            prop_assert_eq!(reader.got.has_failed, world.plan.fails());
            world.has_failed |= reader.got.has_failed;
        }
        world.settle()?;
        if !world.may_be_lost() {
            for reader in &world.readers {
                prop_assert_eq!(&reader.got, &world.whole);
            }
        }
        world.readers.clear();
        prop_assert_eq!(world.hand.alive(), 0);
        prop_assert_eq!(Arc::strong_count(&world.hand.scripted), 1, "the body is kept");
    }

    /// I-62: A body whose copies are gone is what it was: every frame, also those with nothing in them, and what it says.
    #[test]
    fn a_body_without_copies_is_the_callers_own(plan in plans(), goes in 0..20_usize) {
        let (mut body, hand) = plan.clone().body();
        let mut copy = body.copy(1000);
        let (mut inside, other) = (ByHand(plan.body().1), hand);
        for at in 0..40 {
            if at == goes {
                copy = None;
            }
            prop_assert_eq!(body.is_end_stream(), inside.is_end_stream());
            if !inside.is_end_stream() {
                let (ours, theirs) = (body.size_hint(), inside.size_hint());
                prop_assert_eq!((ours.lower(), ours.upper()), (theirs.lower(), theirs.upper()));
            }
            let mut cx = Context::from_waker(Waker::noop());
            let ours = Pin::new(&mut body).poll_frame(&mut cx);
            let theirs = Pin::new(&mut inside).poll_frame(&mut cx);
            prop_assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
            if let Poll::Ready(None) = ours {
                break;
            }
            if ours.is_pending() {
                inside.0.move_on();
                other.move_on();
            }
        }
        drop(copy);
    }
}

/// What decides whether a body is copied at all is the least that it says of its length: linkerd2-proxy's `body_too_big`
/// (`linkerd/http/retry/src/replay.rs`).
#[test]
fn a_body_that_says_that_it_is_longer_is_not_copied() {
    for (says, max_body, is_copied) in [
        (Says::Exactly, 7, false),
        (Says::Exactly, 8, true),
        (Says::Exactly, 9, true),
        (Says::About(0, 5), 7, false),
        (Says::About(1, 5), 7, true),
        (Says::Nothing, 0, true),
    ] {
        let (mut body, hand) = Plan::new([data("in all 8")]).saying(says).body();
        let copy = body.copy(max_body);
        assert_eq!(copy.is_some(), is_copied, "{says:?}, {max_body}");
        let mut first = Reading::new(body);
        first.run();
        assert_eq!((&first.got.data[..], first.got.has_ended), (&b"in all 8"[..], true));
        let is_whole = copy.as_ref().is_some_and(ReplayBody::is_whole);
        assert_eq!((is_whole, hand.alive()), if max_body < 8 { (false, 0) } else { (true, 8) });
    }
}

/// A body that turns out to be longer goes on, and its copies say so.
#[test]
fn a_body_that_turns_out_to_be_longer_goes_on_by_itself() {
    let (mut first, copy, hand) = copied(Plan::new([data("12345"), data("678"), data("9"), trailers()]), 8);
    first.poll();
    first.poll();
    assert_eq!((hand.alive(), copy.body.is_whole()), (8, true));
    first.poll();
    assert_eq!((hand.alive(), copy.body.is_whole()), (0, false));
    first.run();
    assert_eq!((&first.got.data[..], first.got.trailers.len(), first.got.has_ended), (&b"123456789"[..], 1, true));
}

/// However small the parts are, so many are kept and no more.
#[test]
fn a_body_of_too_many_parts_goes_on_by_itself() {
    for (parts, is_whole) in [(MOST_PARTS, true), (MOST_PARTS + 1, false)] {
        let (mut first, copy, hand) = copied(Plan::new(vec![data("x"); parts]), 1 << 20);
        first.run();
        assert_eq!((first.got.data.len(), copy.body.is_whole()), (parts, is_whole));
        assert_eq!(hand.alive(), if is_whole { parts } else { 0 });
    }
    let (mut first, copy, _) = copied(Plan::new(vec![data(""); MOST_PARTS + 1]), 8);
    first.run();
    assert!(copy.body.is_complete(), "parts with nothing in them are not kept");
}

/// A connection that does not know yet that its attempt is over does not take the body from the attempt that counts.
#[test]
fn an_attempt_that_is_over_does_not_take_the_body() {
    for is_last in [true, false] {
        let (mut first, mut second, hand) = copied(Plan::new([data("1234"), data("5678"), data("90123")]), 8);
        first.poll();
        let third = if is_last {
            second.poll();
            None
        } else {
            // Who is copied again is sent, polled or not.
            second.body.copy(8)
        };
        first.run();
        assert_eq!((&first.got.data[..], first.got.has_ended), (&b"12345678"[..], false));
        assert_eq!(hand.alive(), if is_last { 9 } else { 13 }, "what the second has yet to read");
        assert!(third.is_none_or(|third| !third.is_whole()));
        second.run();
        assert_eq!((&second.got.data[..], second.got.has_ended), (&b"1234567890123"[..], true));
        assert_eq!(hand.alive(), 0);
    }
}

/// Once what counts is gone too, nobody can read it, and nothing of it is left.
#[test]
fn what_nobody_can_read_is_dropped() {
    let (mut first, mut second, hand) = copied(Plan::new([data("1234"), data("5678"), data("90123")]), 8);
    second.poll();
    first.run();
    assert_eq!(hand.alive(), 9, "what the second has yet to read");
    drop(second);
    assert_eq!((hand.alive(), Arc::strong_count(&hand.scripted)), (0, 1));
    assert!(!first.poll() && !first.body.is_end_stream() && !first.body.is_whole());
}

/// An error is told once, to who reads it; nobody else sees an end.
#[test]
fn an_error_in_the_middle_is_the_readers_own() {
    let plan = Plan { tells: true, ..Plan::new([data("12"), Step::Fail]) }.saying(Says::Exactly);
    let (mut first, mut copy, hand) = copied(plan, 8);
    first.poll();
    assert!(copy.body.is_whole());
    first.poll();
    assert!(first.got.has_failed);
    assert!(!copy.body.is_whole() && !copy.body.is_complete() && copy.body.copy(8).is_none());
    assert_eq!(hand.alive(), 0);
    copy.run();
    assert_eq!(copy.got, Got::default());
    assert_eq!((copy.body.is_end_stream(), copy.says()), (false, (0, None)));
    drop(first);
    assert!(!copy.poll() && !copy.body.is_end_stream());
}

/// What was read without being kept cannot be read again.
#[test]
fn a_body_that_was_read_is_not_copied() {
    let plan = Plan::new([Step::Wait, data("12"), data("34")]);
    let (body, hand) = plan.clone().body();
    let mut own = Reading::new(body);
    own.poll();
    assert!(own.body.copy(8).is_none() && !own.body.is_whole());
    own.run_to_the_end(&hand);
    assert!(own.body.copy(8).is_none());

    let (mut shared, copy, hand) = copied(plan, 8);
    drop(copy);
    hand.move_on();
    shared.poll();
    assert!(shared.body.copy(8).is_none() && !shared.body.is_whole());
}

/// It is known to be complete when its end was read, or as soon as it says so.
#[test]
fn a_body_is_complete_at_its_end_and_not_before() {
    for tells in [true, false] {
        let (mut first, copy, _) = copied(Plan { tells, ..Plan::new([data("12"), trailers()]) }, 8);
        first.poll();
        assert!(copy.body.is_whole() && !copy.body.is_complete());
        first.poll();
        assert_eq!(copy.body.is_complete(), tells);
        first.run();
        assert!(copy.body.is_complete());
        drop(first);
        assert!(copy.body.is_complete());
    }
}

/// Of two that wait the one polled last goes away, and the other is waked all the same.
#[test]
fn who_waits_is_waked_when_another_goes_away() {
    for is_first in [true, false] {
        let (first, copy, hand) = copied(Plan::new([Step::Wait, data("1")]), 8);
        let (mut stays, mut goes) = if is_first { (first, copy) } else { (copy, first) };
        assert!(!stays.poll() && !goes.poll());
        drop(goes);
        hand.move_on();
        stays.run();
        assert!(stays.got.has_ended);
    }
}

/// Who gets something wakes those that wait, also when it is the end, and what is not kept.
#[test]
fn who_gets_something_wakes_those_that_wait() {
    for step in [data("1"), data(""), trailers()] {
        let (mut first, mut copy, hand) = copied(Plan::new([Step::Wait, step, Step::Wait]), 8);
        assert!(!first.poll() && !copy.poll());
        // Nobody is waked: the reader comes by itself.
        hand.scripted.lock().plan.steps.pop_front();
        hand.scripted.lock().waker = None;
        assert!(first.poll());
        assert!(copy.task.0.load(Ordering::Relaxed));
    }
}

/// A waker may be all that holds a task, and the task a reader.
#[test]
fn a_waker_may_drop_a_reader() {
    struct Holds(Mutex<Option<ReplayBody<ByHand>>>);
    impl Wake for Holds {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().take());
        }
    }
    for is_waked in [true, false] {
        let (mut first, mut copy, hand) = copied(Plan::new([Step::Wait, data("1")]), 8);
        let third = copy.body.copy(8).expect("it is whole");
        let waker = Waker::from(Arc::new(Holds(Mutex::new(Some(third)))));
        assert!(Pin::new(&mut copy.body).poll_frame(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        hand.scripted.lock().plan.steps.pop_front();
        let waker = hand.scripted.lock().waker.take();
        drop(waker);
        if is_waked {
            assert!(first.poll());
        }
        drop(copy);
        first.run();
        assert_eq!((&first.got.data[..], hand.alive()), (&b"1"[..], 0));
    }
}

/// Readers on threads of their own, each of which sleeps until it is waked.
#[test]
fn readers_read_at_once() {
    struct Thread(std::thread::Thread);
    impl Wake for Thread {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    fn read(mut body: ReplayBody<ByHand>) -> Vec<u8> {
        let waker = Waker::from(Arc::new(Thread(std::thread::current())));
        let mut got = Vec::new();
        loop {
            match Pin::new(&mut body).poll_frame(&mut Context::from_waker(&waker)) {
                Poll::Pending => std::thread::park(),
                Poll::Ready(None) => return got,
                Poll::Ready(Some(frame)) => {
                    got.extend_from_slice(
                        &frame.expect("it does not fail").into_data().expect("there are no trailers"),
                    );
                }
            }
        }
    }
    for _ in 0..20 {
        let steps = (0..200_u8).flat_map(|at| [Step::Data(vec![at]), Step::Wait]);
        let plan = Plan::new(steps);
        let whole = plan.whole().data;
        let (mut body, hand) = plan.body();
        let copies = (0..3).map(|_| body.copy(1000).expect("it is whole")).collect::<Vec<_>>();
        std::thread::scope(|scope| {
            let readers = copies.into_iter().chain([body]).map(|body| scope.spawn(move || read(body)));
            let readers = readers.collect::<Vec<_>>();
            while !readers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                hand.move_on();
                std::thread::yield_now();
            }
            for reader in readers {
                assert_eq!(reader.join().expect("it ends"), whole);
            }
        });
        assert_eq!(hand.alive(), 0);
    }
}

/// A request that is sent once is moved with this in it.
#[test]
#[cfg(target_pointer_width = "64")]
fn what_is_shared_takes_no_room_where_nothing_is() {
    assert!(size_of::<ReplayBody<()>>() <= 24);
}

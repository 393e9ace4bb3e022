//! The line against a vector that is scanned, and what holds for it whatever the vector says.

use super::*;
use proptest::prelude::*;

const PARTITIONS: u8 = 3;

#[derive(Clone, Debug)]
enum Op {
    Push {
        class: Priority,
        partition: u8,
        left: Option<u64>,
    },
    /// For these partitions, and what counts at least as this class.
    Pop {
        partitions: [bool; PARTITIONS as usize],
        least: Priority,
    },
    Expire,
    Remove(prop::sample::Index),
    Pass(Duration),
    Reconfigure(Queue),
}

fn class() -> impl Strategy<Value = Priority> {
    prop::sample::select(&Priority::ALL[..])
}

fn knobs() -> impl Strategy<Value = Queue> {
    let (waits, targets) = (prop::sample::select(vec![20, 100, 5_000]), prop::sample::select(vec![0, 1, 5]));
    let ageings = prop::sample::select(vec![Duration::ZERO, MS(2), MS(3), MS(50), Duration::MAX]);
    let intervals = prop::sample::select(vec![0, 5, 20, 100]);
    (1u32..12, waits, targets, intervals, ageings).prop_map(|(max_len, max_wait, target, interval, ageing)| {
        let (max_wait, target, interval) = (MS(max_wait), MS(target), MS(interval));
        Queue { max_len, max_wait, target, interval, ageing }
    })
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let left = prop::option::weighted(0.2, 0u64..60);
    let partitions = prop::array::uniform3(prop::bool::weighted(0.8));
    let least = prop_oneof![4 => Just(Background), 1 => class()];
    let op = prop_oneof![
        10 => (class(), 0..PARTITIONS, left).prop_map(|(class, partition, left)| Op::Push { class, partition, left }),
        10 => prop::option::weighted(0.2, 0u64..60).prop_map(|left| Op::Push { class: Normal, partition: 0, left }),
        10 => (partitions, least).prop_map(|(partitions, least)| Op::Pop { partitions, least }),
        1 => Just(Op::Expire),
        2 => any::<prop::sample::Index>().prop_map(Op::Remove),
        12 => (0u64..6).prop_map(|passed| Op::Pass(MS(passed))),
        2 => (0u64..60_000_000).prop_map(|passed| Op::Pass(Duration::from_nanos(passed))),
        1 => knobs().prop_map(Op::Reconfigure),
    ];
    prop::collection::vec(op, 1..150)
}

fn is_eligible(op: &Op, class: Priority, partition: u8) -> bool {
    matches!(op, Op::Pop { partitions, least } if partitions[usize::from(partition)] && class >= *least)
}

/// One who waits, as a test sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Seen {
    payload: u32,
    class: Priority,
    partition: u8,
    since: Instant,
    deadline: Instant,
}

impl Seen {
    fn lane(&self) -> (u8, Priority) {
        (self.partition, self.class)
    }

    /// By a division.
    fn counts_as(&self, knobs: &Queue, now: Instant) -> Priority {
        let steps = now.since(self.since).as_nanos().checked_div(knobs.ageing.as_nanos()).unwrap_or(u128::MAX);
        Priority::ALL[(self.class as usize).saturating_add(steps.min(9) as usize).min(4)]
    }
}

/// What an operation came to.
#[derive(Clone, Debug, PartialEq)]
enum Came {
    Waits,
    Refused(Why),
    Served(u32),
    Told(u32, Why),
    Left(Option<u32>),
    Nothing,
}

/// The same by scanning: those who wait in the order in which they came.
struct Scan {
    knobs: Queue,
    waiting: Vec<Seen>,
    codels: Vec<((u8, Priority), Codel)>,
}

impl Scan {
    fn new(knobs: Queue) -> Self {
        let mut codels = Vec::new();
        for partition in 0..PARTITIONS {
            codels.extend(Priority::ALL.map(|class| ((partition, class), Codel::new(knobs.target, knobs.interval))));
        }
        Scan { knobs, waiting: Vec::new(), codels }
    }

    fn take(&mut self, at: usize) -> Seen {
        let seen = self.waiting.remove(at);
        if !self.waiting.iter().any(|other| other.lane() == seen.lane()) {
            self.codel(seen.lane()).reset();
        }
        seen
    }

    fn codel(&mut self, lane: (u8, Priority)) -> &mut Codel {
        &mut self.codels.iter_mut().find(|(of, _)| *of == lane).unwrap().1
    }

    fn push(&mut self, new: Seen) -> Vec<Came> {
        if new.since >= new.deadline {
            return vec![Came::Refused(Why::Deadline)];
        }
        let mut came = Vec::new();
        if self.waiting.len() >= self.knobs.max_len as usize {
            let counts = |seen: &Seen| seen.counts_as(&self.knobs, new.since);
            let lowest = self.waiting.iter().map(counts).min().unwrap();
            let last = self.waiting.iter().rposition(|seen| counts(seen) == lowest).unwrap();
            match self.expire(new.since) {
                Some(told) => came.push(told),
                None if lowest < new.class => came.push(Came::Told(self.take(last).payload, Why::Outranked)),
                None => return vec![Came::Refused(Why::Full)],
            }
        }
        self.waiting.push(new);
        came.push(Came::Waits);
        came
    }

    fn expire(&mut self, now: Instant) -> Option<Came> {
        let first = (0..self.waiting.len()).min_by_key(|&at| self.waiting[at].deadline);
        if let Some(at) = first.filter(|&at| now >= self.waiting[at].deadline) {
            return Some(Came::Told(self.take(at).payload, Why::Deadline));
        }
        let mut lanes: Vec<_> = self.waiting.iter().map(Seen::lane).collect();
        lanes.sort_unstable();
        lanes.dedup();
        let oldest: Vec<_> =
            lanes.iter().map(|lane| self.waiting.iter().position(|seen| seen.lane() == *lane).unwrap()).collect();
        for &at in &oldest {
            if now.since(self.waiting[at].since) >= self.knobs.max_wait {
                return Some(Came::Told(self.take(at).payload, Why::MaxWait));
            }
        }
        for &at in &oldest {
            let (lane, wait) = (self.waiting[at].lane(), now.since(self.waiting[at].since));
            self.codel(lane).judge(wait, now);
            let is_alone = self.waiting.iter().filter(|seen| seen.lane() == lane).count() == 1;
            if !is_alone && self.codel(lane).refuses(wait) {
                return Some(Came::Told(self.take(at).payload, Why::Congested));
            }
        }
        None
    }

    fn pop(&mut self, op: &Op, now: Instant) -> Came {
        if let Some(told) = self.expire(now) {
            return told;
        }
        let counts: Vec<_> = self.waiting.iter().map(|seen| seen.counts_as(&self.knobs, now)).collect();
        // Only the oldest of a lane is asked for: it counts as the highest class of its lane.
        let mut oldest: Option<usize> = None;
        for (at, seen) in self.waiting.iter().enumerate() {
            let is_first = !self.waiting[..at].iter().any(|other| other.lane() == seen.lane());
            if is_first
                && is_eligible(op, counts[at], seen.partition)
                && oldest.is_none_or(|best| counts[at] > counts[best])
            {
                oldest = Some(at);
            }
        }
        let Some(oldest) = oldest else { return Came::Nothing };
        let of = self.waiting[oldest];
        self.codel(of.lane()).observe(now.since(of.since));
        let newest =
            (0..counts.len()).rfind(|&at| self.waiting[at].lane() == of.lane() && counts[at] == counts[oldest]);
        let next = if self.codel(of.lane()).is_overloaded() { newest.unwrap() } else { oldest };
        Came::Served(self.take(next).payload)
    }
}

/// A line, who waits in it by what it said, and the time.
struct World {
    line: Line<u32>,
    waiting: Vec<(Ticket, Seen)>,
    gone: Vec<Ticket>,
    knobs: Queue,
    now: Instant,
    count: u32,
}

impl World {
    fn new(knobs: Queue) -> Self {
        let (line, now) = (Line::new(&knobs), at(1));
        World { line, waiting: Vec::new(), gone: Vec::new(), knobs, now, count: 0 }
    }

    /// Who would come next.
    fn newcomer(&self, class: Priority, partition: u8, left: Option<u64>) -> Seen {
        let deadline = left.map_or(Instant::NEVER, |left| self.now.after(MS(left)));
        Seen { payload: self.count, class, partition, since: self.now, deadline }
    }

    fn leaves(&mut self, ticket: Ticket, payload: u32) -> Seen {
        let at = self.waiting.iter().position(|(of, _)| *of == ticket).expect("only those leave who wait");
        let (_, seen) = self.waiting.remove(at);
        assert_eq!(seen.payload, payload);
        self.gone.push(ticket);
        seen
    }

    fn told(&mut self, ousted: &Ousted<u32>) -> Came {
        self.leaves(ousted.ticket, ousted.payload);
        Came::Told(ousted.payload, ousted.why)
    }

    fn play(&mut self, op: &Op) -> Vec<Came> {
        match *op {
            Op::Push { class, partition, left } => {
                let new = self.newcomer(class, partition, left);
                self.count += 1;
                match self.line.push(new.payload, class, partition, self.now, new.deadline) {
                    Ok(Pushed { ticket, ousted }) => {
                        let mut came: Vec<_> = ousted.into_iter().map(|ousted| self.told(&ousted)).collect();
                        self.waiting.push((ticket, new));
                        came.push(Came::Waits);
                        came
                    }
                    Err(Refused { payload, why }) => {
                        assert_eq!(payload, new.payload);
                        vec![Came::Refused(why)]
                    }
                }
            }
            Op::Pop { .. } => match self.line.pop(self.now, |class, partition| is_eligible(op, class, partition)) {
                Next::Serve(ticket, payload) => vec![Came::Served(self.leaves(ticket, payload).payload)],
                Next::Tell(ousted) => vec![self.told(&ousted)],
                Next::Nobody => vec![Came::Nothing],
            },
            Op::Expire => match self.line.expire(self.now) {
                Some(ousted) => vec![self.told(&ousted)],
                None => vec![Came::Nothing],
            },
            Op::Remove(index) if !self.waiting.is_empty() => {
                let (ticket, _) = self.waiting[index.index(self.waiting.len())];
                let payload = self.line.remove(ticket);
                if let Some(payload) = payload {
                    self.leaves(ticket, payload);
                }
                vec![Came::Left(payload)]
            }
            Op::Remove(_) => vec![Came::Left(None)],
            Op::Pass(passed) => {
                self.now = self.now.after(passed);
                vec![Came::Nothing]
            }
            Op::Reconfigure(knobs) => {
                self.knobs = knobs;
                self.line.reconfigure(&knobs);
                vec![Came::Nothing]
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::property_config())]

    #[test]
    fn it_does_what_a_vector_that_is_scanned_does(knobs in knobs(), ops in ops()) {
        let (mut world, mut scan) = (World::new(knobs), Scan::new(knobs));
        for op in &ops {
            let now = world.now;
            let expected = match *op {
                Op::Push { class, partition, left } => scan.push(world.newcomer(class, partition, left)),
                Op::Pop { .. } => vec![scan.pop(op, now)],
                Op::Expire => vec![scan.expire(now).unwrap_or(Came::Nothing)],
                Op::Remove(index) if !scan.waiting.is_empty() => {
                    vec![Came::Left(Some(scan.take(index.index(scan.waiting.len())).payload))]
                }
                Op::Remove(_) => vec![Came::Left(None)],
                Op::Pass(_) => vec![Came::Nothing],
                Op::Reconfigure(knobs) => {
                    scan.knobs = knobs;
                    scan.codels.iter_mut().for_each(|(_, codel)| codel.reconfigure(knobs.target, knobs.interval));
                    vec![Came::Nothing]
                }
            };
            prop_assert_eq!(world.play(op), expected, "{:?}", op);
            prop_assert!(world.waiting.iter().map(|(_, seen)| seen).eq(&scan.waiting));
            let is_congested = scan.codels.iter().any(|(_, codel)| codel.is_overloaded());
            prop_assert_eq!(world.line.is_congested(), is_congested);
        }
    }

    // I-38: bounded, and nobody is served late, or after leaving, or twice; nobody is lost.
    #[test]
    fn the_line_is_bounded_and_nobody_is_served_late_or_twice(knobs in knobs(), ops in ops()) {
        let mut world = World::new(knobs);
        for op in &ops {
            let (before, now) = (world.waiting.clone(), world.now);
            for came in world.play(op) {
                if let Came::Served(payload) = came {
                    let (_, seen) = before.iter().find(|(_, seen)| seen.payload == payload).unwrap();
                    prop_assert!(now < seen.deadline && now.since(seen.since) < world.knobs.max_wait);
                }
            }
            prop_assert_eq!(world.line.len(), world.waiting.len());
            prop_assert!(world.line.len() <= before.len().max(world.knobs.max_len as usize));
            prop_assert_eq!(world.line.is_empty(), world.waiting.is_empty());
            for &ticket in &world.gone {
                prop_assert!(world.line.remove(ticket).is_none());
            }
        }
        let mut left: Vec<_> = world.line.drain().collect();
        left.sort_unstable();
        prop_assert_eq!(left, world.waiting.iter().map(|(ticket, seen)| (*ticket, seen.payload)).collect::<Vec<_>>());
        prop_assert!(world.line.is_empty() && world.line.deadlines.is_empty());
    }

    // I-40: no lower class is served, and none stays in a full line, while a higher one waits or is refused. I-38: first
    // come, first served while nothing is congested.
    #[test]
    fn no_lower_class_is_served_before_a_higher_one(knobs in knobs(), ops in ops()) {
        let mut world = World::new(knobs);
        for op in &ops {
            let (before, now) = (world.waiting.clone(), world.now);
            let was_congested = world.line.is_congested();
            let came = world.play(op);
            let find = |payload| before.iter().map(|(_, seen)| seen).find(|seen| seen.payload == payload).unwrap();
            let class = |seen: &Seen| seen.counts_as(&world.knobs, now);
            let mut others = world.waiting.iter().map(|(_, seen)| seen);
            match (op, &came[0]) {
                (Op::Pop { .. }, Came::Served(payload)) => {
                    let served = find(*payload);
                    prop_assert!(is_eligible(op, class(served), served.partition));
                    let mut others = others.filter(|other| is_eligible(op, class(other), other.partition));
                    let is_first = others.all(|other| {
                        let is_later = was_congested || world.line.is_congested() || other.payload > served.payload;
                        class(other) < class(served) || class(other) == class(served) && is_later
                    });
                    prop_assert!(is_first, "{served:?}");
                }
                (Op::Push { class: new, .. }, Came::Told(payload, Why::Outranked)) => {
                    let ousted = find(*payload);
                    prop_assert!(class(ousted) < *new && others.all(|other| class(other) >= class(ousted)));
                }
                (Op::Push { class: new, .. }, Came::Refused(Why::Full)) => {
                    prop_assert!(others.all(|other| class(other) >= *new));
                }
                _ => {}
            }
        }
    }
}

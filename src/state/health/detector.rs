//! Who of a region goes, who comes back, and when: a machine that is told what time it is.
//!
//! It stands behind one lock per region that only failures and sweeps take, so that two that fail at once are counted one after the
//! other and the cap holds at every instant (Envoy counts ejections in a gauge of the whole cluster; A50 looks before it ejects, and
//! goes over by one).
//!
//! **Mass failure.** When most of a region fails at once, ejecting them all would put their load on the few that are left, and
//! ejecting none would keep traffic where it fails. What the rules would eject and the cap forbids is *doubted*: it stays in use
//! inside the region, which spreads what comes there, and is not counted as usable, so what comes there becomes less, and nothing
//! where all fail. One success clears it.
//!
//! **Return.** By evidence: when the time is over a probe may reach it, and its success returns it, its failure ejects it again for
//! twice as long. What it did before is forgotten then. An ejection is lived down by answering well for as long as the last one
//! took; by time alone, as in Envoy, one that fails each minute is ejected for 30 s for ever (envoy#21142).
//!
//! **Cold start.** No data is not bad health: without volume nobody is judged but by failures in a row.

use super::endpoint::{Health, Phase};
use super::rules::{self, Tally};
use super::verdict::{Verdict, What, Why};
use crate::entropy::{GAMMA, mix64};
use crate::id::Name;
use crate::state::checks::Checked;
use crate::sync::Arc;
use crate::table::{Outlier, Rules};
use crate::time::Instant;
use crate::unit::Share;
use std::collections::HashMap;
use std::time::Duration;

/// An endpoint of the region.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: Name,
    pub(crate) health: Arc<Health>,
    /// Of weight zero it has no part in anything.
    pub(crate) weight: u32,
}

/// What is left of a region, as sums of weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Live {
    /// In and well: neither ejected nor doubted, degraded nor down.
    pub(crate) usable: u64,
    /// All of which something is known: the denominator.
    pub(crate) counted: u64,
    /// In, and degraded: none of them is among the usable.
    pub(crate) degraded: u64,
}

/// The detector of one region.
#[derive(Debug)]
pub(crate) struct Detector {
    policy: Option<Outlier>,
    seats: Vec<Seat>,
    next_sweep: Instant,
    /// What a new table changed, to be told by the next look.
    untold: Vec<Verdict>,
}

#[derive(Debug)]
struct Seat {
    member: Member,
    stage: Stage,
    /// So many in a row, less those that were lived down.
    ejections: u32,
    /// How long the last one took.
    time: Duration,
    /// Since when it has been in, or lost a step.
    good_since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    In,
    Out {
        until: Instant,
        is_doubted: bool,
    },
    HalfOpen {
        is_doubted: bool,
    },
    /// Would be out, and is in.
    Shadow {
        until: Instant,
        is_doubted: bool,
    },
}

impl Seat {
    /// Of an endpoint that may come from another region, and be out there.
    fn of(member: Member, base: Duration) -> Self {
        let (phase, since) = member.health.phase();
        let until = since.after(base);
        let stage = match phase {
            Phase::In => Stage::In,
            Phase::Ejected => Stage::Out { until, is_doubted: false },
            Phase::Doubted => Stage::Out { until, is_doubted: true },
            Phase::HalfOpen => Stage::HalfOpen { is_doubted: false },
            Phase::DoubtedHalfOpen => Stage::HalfOpen { is_doubted: true },
        };
        let is_out = stage != Stage::In;
        let time = if is_out { base } else { Duration::ZERO };
        Seat { member, stage, ejections: u32::from(is_out), time, good_since: since }
    }

    /// Whether it counts for the cap.
    fn is_ejected(&self) -> bool {
        self.has_weight()
            && match self.stage {
                Stage::In => false,
                Stage::Out { is_doubted, .. } | Stage::HalfOpen { is_doubted } | Stage::Shadow { is_doubted, .. } => {
                    !is_doubted
                }
            }
    }

    fn has_weight(&self) -> bool {
        self.member.weight > 0
    }

    fn is_down(&self) -> bool {
        self.member.health.checked() == Checked::Down
    }

    /// Whether rules apply to it.
    fn is_judged(&self) -> bool {
        self.stage == Stage::In && self.has_weight() && !self.is_down()
    }

    fn tells(&self, what: What) -> Verdict {
        Verdict { endpoint: self.member.name.clone(), what }
    }

    fn return_in(&mut self, now: Instant) -> Verdict {
        self.stage = Stage::In;
        self.good_since = now;
        self.member.health.go(Phase::In, now);
        self.tells(What::Returned)
    }
}

impl Detector {
    /// Of a region without endpoints, that nobody watches.
    pub(crate) fn new() -> Self {
        Detector { policy: None, seats: Vec::new(), next_sweep: Instant::NEVER, untold: Vec::new() }
    }

    /// Adopts a new table: members that stay keep all, by their health; without knobs all are in.
    ///
    /// What that changed is told by the next [`look`](Self::look), which is due.
    pub(crate) fn put(&mut self, policy: Option<Outlier>, members: Vec<Member>, now: Instant) {
        let base = policy.map_or(Duration::ZERO, |policy| policy.base);
        let place = |health: &Arc<Health>| Arc::as_ptr(health) as usize;
        let mut known: HashMap<_, _> = self.seats.drain(..).map(|seat| (place(&seat.member.health), seat)).collect();
        let adopt = |member: Member| match known.remove(&place(&member.health)) {
            Some(seat) => Seat { member, ..seat },
            None => Seat::of(member, base),
        };
        self.seats = members.into_iter().map(adopt).collect();
        // So that who goes first does not depend on the table's order.
        self.seats.sort_unstable_by(|one, other| one.member.name.cmp(&other.member.name));
        self.policy = policy;
        let is_shadow = policy.is_some_and(|policy| policy.shadow);
        for seat in &mut self.seats {
            seat.member.health.ask(policy.as_ref());
            match seat.stage {
                Stage::In => {}
                Stage::Shadow { .. } if policy.is_some() && is_shadow => {}
                Stage::Shadow { .. } => seat.stage = Stage::In,
                Stage::Out { .. } | Stage::HalfOpen { .. } if policy.is_some() && !is_shadow => {}
                Stage::Out { .. } | Stage::HalfOpen { .. } => self.untold.push(seat.return_in(now)),
            }
        }
        match &self.policy {
            None => self.next_sweep = Instant::NEVER,
            Some(policy) => self.next_sweep = self.next_sweep.min(now.after(interval(policy))),
        }
        self.hold_cap(now);
    }

    /// All transitions that are due: by what requests said, by time, and, when a sweep is, by the rules.
    ///
    /// `word` is random: by it ejections differ in length.
    pub(crate) fn look(&mut self, now: Instant, word: u64) -> Vec<Verdict> {
        let mut told = std::mem::take(&mut self.untold);
        let Some(policy) = self.policy else { return told };
        let mut look = Look { seats: &mut self.seats, policy: &policy, now, word, told: &mut told };
        // A50 judges before it lets back in: who is back in this sweep leaves no room for another in the same.
        let judges_first = policy.like == Rules::A50;
        if !judges_first {
            look.timers();
        }
        look.streaks();
        if now >= self.next_sweep {
            look.judge();
            look.live_down();
            self.next_sweep = now.after(interval(&policy));
        }
        if judges_first {
            look.timers();
        }
        told
    }

    /// When time alone changes something next.
    pub(crate) fn next_change(&self) -> Instant {
        if !self.untold.is_empty() {
            return Instant::START;
        }
        let until = |seat: &Seat| match seat.stage {
            Stage::Out { until, .. } | Stage::Shadow { until, .. } => Some(until),
            Stage::In | Stage::HalfOpen { .. } => None,
        };
        self.seats.iter().filter_map(until).min().unwrap_or(Instant::NEVER)
    }

    /// When the rules judge next; never where there is nothing to judge or to live down.
    pub(crate) fn next_sweep(&self) -> Instant {
        let Some(policy) = &self.policy else { return Instant::NEVER };
        let judges = policy.success_rate.is_some() || policy.failure_ratio.is_some() || policy.latency.is_some();
        let has_past = self.seats.iter().any(|seat| seat.ejections > 0);
        if judges || has_past { self.next_sweep } else { Instant::NEVER }
    }

    /// What is left of the region.
    pub(crate) fn live(&self) -> Live {
        let with_weight = || self.seats.iter().filter(|seat| seat.has_weight());
        let is_unknown = |seat: &Seat| seat.member.health.checked() == Checked::Unknown;
        // Nothing known of anybody is not bad health.
        let none_known = with_weight().all(is_unknown);
        let mut live = Live::default();
        for seat in with_weight() {
            let weight = u64::from(seat.member.weight);
            if is_unknown(seat) && !none_known {
                continue;
            }
            live.counted += weight;
            let is_in = matches!(seat.stage, Stage::In | Stage::Shadow { .. });
            match seat.member.health.checked() {
                Checked::Degraded if is_in => live.degraded += weight,
                Checked::Never | Checked::Unknown | Checked::Up if is_in => live.usable += weight,
                // Down, or out.
                _ => {}
            }
        }
        live
    }

    /// Where an endpoint stands that has left, joined or has another weight, the cap may be below what is ejected: those that were
    /// about to return are doubted instead.
    fn hold_cap(&mut self, now: Instant) {
        let Some(policy) = self.policy.filter(|policy| policy.like == Rules::Contraflow) else { return };
        let endpoints = self.seats.iter().filter(|seat| seat.has_weight()).count();
        let mut ejected = self.seats.iter().filter(|seat| seat.is_ejected()).count();
        while ejected > 0
            && (ejected == endpoints || !rules::may_eject(ejected - 1, endpoints, policy.max_ejected, policy.like))
        {
            let until = |seat: &&mut Seat| match seat.stage {
                Stage::Out { until, .. } | Stage::Shadow { until, .. } => until,
                Stage::In | Stage::HalfOpen { .. } => Instant::START,
            };
            let Some(seat) = self.seats.iter_mut().filter(|seat| seat.is_ejected()).min_by_key(until) else { return };
            let until = until(&seat);
            let is_shadow = matches!(seat.stage, Stage::Shadow { .. });
            seat.stage = match seat.stage {
                Stage::Shadow { .. } => Stage::Shadow { until, is_doubted: true },
                Stage::HalfOpen { .. } => Stage::HalfOpen { is_doubted: true },
                Stage::Out { .. } | Stage::In => Stage::Out { until, is_doubted: true },
            };
            match seat.stage {
                Stage::HalfOpen { .. } => seat.member.health.go(Phase::DoubtedHalfOpen, now),
                Stage::Out { .. } => seat.member.health.go(Phase::Doubted, now),
                Stage::In | Stage::Shadow { .. } => {}
            }
            let what = What::Doubted { why: Why::Cap, time: until.since(now), shadow: is_shadow };
            self.untold.push(seat.tells(what));
            ejected -= 1;
        }
    }
}

/// How often the rules judge: ours with each bucket, since a look costs little and a dead endpoint much.
fn interval(policy: &Outlier) -> Duration {
    match policy.like {
        Rules::Contraflow => policy.window / 10,
        Rules::Envoy | Rules::A50 => policy.window,
    }
}

/// One look at a region.
struct Look<'a> {
    seats: &'a mut [Seat],
    policy: &'a Outlier,
    now: Instant,
    word: u64,
    told: &'a mut Vec<Verdict>,
}

impl Look<'_> {
    /// Those that are out: by what was said of them, and by time.
    fn timers(&mut self) {
        let by_time = self.policy.like != Rules::Contraflow;
        for place in 0..self.seats.len() {
            let seat = &mut self.seats[place];
            let said = seat.member.health.testimony();
            match seat.stage {
                Stage::In => {}
                Stage::Shadow { until, .. } => {
                    // What it does while it would be out is no evidence, and not every failure of it asks.
                    seat.member.health.forget_streak();
                    if until <= self.now {
                        seat.member.health.forget_window();
                        seat.stage = Stage::In;
                        seat.good_since = self.now;
                    }
                }
                Stage::Out { until, is_doubted } => {
                    let is_over = until <= self.now;
                    if is_doubted && said.successes > 0 || is_over && by_time {
                        self.told.push(seat.return_in(self.now));
                    } else if is_over {
                        seat.stage = Stage::HalfOpen { is_doubted };
                        let phase = if is_doubted { Phase::DoubtedHalfOpen } else { Phase::HalfOpen };
                        seat.member.health.go(phase, self.now);
                        self.told.push(seat.tells(What::Probing));
                    }
                }
                Stage::HalfOpen { is_doubted } => {
                    let enough = if is_doubted { 1 } else { u64::from(self.policy.successes) };
                    let is_well = said.successes >= enough && (is_doubted || said.failures == 0);
                    if is_well || by_time {
                        self.told.push(seat.return_in(self.now));
                    } else if said.failures > 0 {
                        self.strike(place, Why::Probe);
                    }
                }
            }
        }
    }

    /// Those that fail one answer after the other, the longest first.
    fn streaks(&mut self) {
        let Some(from) = self.policy.consecutive else { return };
        let streak = |(place, seat): (usize, &Seat)| {
            let failures = seat.member.health.streak();
            (seat.is_judged() && failures >= u64::from(from)).then_some((place, failures))
        };
        let mut found: Vec<_> = self.seats.iter().enumerate().filter_map(streak).collect();
        found.sort_by_key(|&(_, failures)| std::cmp::Reverse(failures));
        for (place, failures) in found {
            self.strike(place, Why::Consecutive { failures });
        }
    }

    /// Those that are out of line, or fail too much; the worst first.
    fn judge(&mut self) {
        let like = self.policy.like;
        if let Some(rule) = &self.policy.success_rate {
            let (places, tallies) = self.tallies();
            let (out, threshold) = rules::by_success_rate(&tallies, rule, like);
            let threshold = millionths(threshold);
            self.strike_worst(out, &places, &tallies, |rate| Why::SuccessRate { rate, threshold });
        }
        if let Some(rule) = &self.policy.failure_ratio {
            let (places, tallies) = self.tallies();
            let out = rules::by_failure_ratio(&tallies, rule, like);
            let failed = |rate: Share| Share::of(rate.whole() - rate.part(), rate.whole());
            self.strike_worst(out, &places, &tallies, |rate| Why::FailureRatio { failed: failed(rate) });
        }
        if let Some(rule) = &self.policy.latency {
            let (places, tallies) = self.tallies();
            let micros = |place: &usize| self.seats[*place].member.health.micros(self.now);
            let times: Vec<_> = tallies.iter().zip(&places).map(|((ok, _), place)| (*ok, micros(place))).collect();
            let mut out = rules::by_latency(&times, rule);
            out.sort_by_key(|&(_, mean, _)| std::cmp::Reverse(mean));
            for (at, mean, median) in out {
                let (mean, median) = (Duration::from_micros(mean), Duration::from_micros(median));
                self.strike(places[at], Why::Latency { mean, median });
            }
        }
    }

    /// What those did whom rules apply to, and their places.
    fn tallies(&self) -> (Vec<usize>, Vec<Tally>) {
        let judged = self.seats.iter().enumerate().filter(|(_, seat)| seat.is_judged());
        let tally = |(place, seat): (usize, &Seat)| {
            let (ok, fail) = seat.member.health.counts(self.now);
            (place, (ok, ok + fail))
        };
        judged.map(tally).unzip()
    }

    fn strike_worst(&mut self, mut out: Vec<usize>, places: &[usize], tallies: &[Tally], why: impl Fn(Share) -> Why) {
        let rate = |at: usize| Share::of(tallies[at].0, tallies[at].1);
        out.sort_by(|&one, &other| rate(one).get().total_cmp(&rate(other).get()));
        for at in out {
            self.strike(places[at], why(rate(at)));
        }
    }

    /// Ejects one if there is room, and doubts it if not.
    fn strike(&mut self, place: usize, why: Why) {
        let policy = self.policy;
        let others = || self.seats.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, seat)| seat);
        let ejected = others().filter(|seat| seat.is_ejected()).count();
        let endpoints = self.seats.iter().filter(|seat| seat.has_weight()).count();
        let leaves_one = others().any(|seat| seat.has_weight() && !seat.is_ejected() && !seat.is_down());
        let is_ours = policy.like == Rules::Contraflow;
        let has_room = rules::may_eject(ejected, endpoints, policy.max_ejected, policy.like);
        let is_doubted = !(has_room && (leaves_one || !is_ours));
        let health = &self.seats[place].member.health;
        if is_doubted && !is_ours {
            // So that not every failure asks: after as many again there may be room.
            return health.forget_streak();
        }
        let ejections = self.seats[place].ejections.saturating_add(1).min(rules::most_ejections(policy));
        let time = self.spread(rules::ejection_time(policy, ejections));
        let until = self.now.after(time);
        let shadow = policy.shadow;
        if shadow {
            // It goes on as if nothing had been; so that not every failure asks.
            health.forget_streak();
            health.forget_window();
        } else {
            health.go(if is_doubted { Phase::Doubted } else { Phase::Ejected }, self.now);
        }
        let stage = if shadow { Stage::Shadow { until, is_doubted } } else { Stage::Out { until, is_doubted } };
        let what = if is_doubted { What::Doubted { why, time, shadow } } else { What::Ejected { why, time, shadow } };
        let seat = &mut self.seats[place];
        (seat.stage, seat.ejections, seat.time) = (stage, ejections, time);
        self.told.push(seat.tells(what));
    }

    /// A tenth more at most, by chance: those that went together do not come back together.
    fn spread(&self, time: Duration) -> Duration {
        if self.policy.like != Rules::Contraflow {
            return time;
        }
        let draw = mix64(self.word.wrapping_add(GAMMA.wrapping_mul(self.told.len() as u64)));
        time + (time / 10).mul_f64((draw >> 11) as f64 / (1_u64 << 53) as f64)
    }

    /// Takes a step back where one was lived down: on success; as Envoy and A50 do, with each sweep.
    fn live_down(&mut self) {
        let policy = self.policy;
        for seat in self.seats.iter_mut().filter(|seat| seat.stage == Stage::In && seat.ejections > 0) {
            let health = &seat.member.health;
            let is_lived_down = if policy.like == Rules::Contraflow {
                let (ok, fail) = health.counts(self.now);
                self.now >= seat.good_since.after(seat.time) && ok > fail && health.streak() == 0
            } else {
                self.now >= seat.good_since.after(policy.window)
            };
            if is_lived_down {
                seat.ejections -= 1;
                if policy.like == Rules::Contraflow {
                    seat.good_since = self.now;
                    seat.time = rules::ejection_time(policy, seat.ejections);
                }
            }
        }
    }
}

fn millionths(ratio: f64) -> Share {
    Share::of((ratio.clamp(0.0, 1.0) * 1e6).round() as u64, 1_000_000)
}

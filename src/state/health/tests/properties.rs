//! What holds whatever requests, probes, sweeps and tables do, and in whatever order.

use super::*;
use crate::state::checks::Checked;
use crate::state::health::rules;
use crate::table::Rules;
use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Clone, Debug)]
enum Op {
    Ends { who: Index, outcome: Outcome, straggles: bool },
    Claim { who: Index },
    ProbeEnds { which: Index, outcome: Outcome },
    ProbeDrops { which: Index },
    Waits { milliseconds: u64 },
    Publish { max_ejected: u8, weights: Vec<bool> },
    Check { who: Index, is_down: bool },
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::Failure),
        2 => Just(Outcome::Success),
        1 => prop_oneof![Just(Outcome::Busy), Just(Outcome::Ignore)],
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let who = any::<Index>;
    prop_oneof![
        12 => (who(), outcome(), prop::bool::weighted(0.1))
            .prop_map(|(who, outcome, straggles)| Op::Ends { who, outcome, straggles }),
        4 => who().prop_map(|who| Op::Claim { who }),
        3 => (who(), outcome()).prop_map(|(which, outcome)| Op::ProbeEnds { which, outcome }),
        1 => who().prop_map(|which| Op::ProbeDrops { which }),
        4 => prop_oneof![0u64..2000, 20_000u64..400_000].prop_map(|milliseconds| Op::Waits { milliseconds }),
        1 => (0u8..=100, prop::collection::vec(prop::bool::weighted(0.8), 8))
            .prop_map(|(max_ejected, weights)| Op::Publish { max_ejected, weights }),
        1 => (who(), any::<bool>()).prop_map(|(who, is_down)| Op::Check { who, is_down }),
    ]
}

/// A probe that is under way.
#[derive(Clone, Copy, Debug)]
struct Probe {
    who: usize,
    began: Instant,
}

const AT_ONCE: u32 = 2;

/// A region beside what must be true of it.
struct Modelled {
    region: Region,
    policy: Outlier,
    probes: Vec<Probe>,
    /// The step of each one's last ejection or doubt, and whether it succeeded while it was in since.
    last: Vec<Option<(u32, bool)>>,
}

fn policy() -> Outlier {
    let ratio = FailureRatio { threshold: Ratio::percent(60), min_endpoints: 1, min_requests: 4 };
    Outlier::none().consecutive(2).failure_ratio(ratio).probes(AT_ONCE, 2)
}

/// Which step an ejection of this length is: 30, 60, 120, 240, 300 s, and up to a tenth more.
fn step(time: Duration) -> u32 {
    let is_of = |step: &u32| {
        let least = rules::ejection_time(&policy(), *step);
        (least..=least + least / 10).contains(&time)
    };
    (1..=5).find(is_of).unwrap_or_else(|| panic!("{time:?} is no ejection's length"))
}

impl Modelled {
    fn of(endpoints: usize) -> Self {
        let region = Region::of(endpoints, policy());
        Modelled { region, policy: policy(), probes: Vec::new(), last: vec![None; endpoints] }
    }

    fn look(&mut self, asks: bool) {
        if !asks {
            return;
        }
        for verdict in self.region.detector.look(self.region.now, 7) {
            let who = self.region.members.iter().position(|member| member.name == verdict.endpoint).unwrap();
            let (What::Ejected { time, why, .. } | What::Doubted { time, why, .. }) = verdict.what else { continue };
            if why == Why::Cap {
                continue;
            }
            // I-29: it grows, and falls only where it succeeded.
            let step = step(time);
            match self.last[who] {
                None => assert_eq!(step, 1),
                Some((last, false)) => assert_eq!(step, (last + 1).min(5), "without a success it grows"),
                Some((last, true)) => assert!(step <= (last + 1).min(5)),
            }
            self.last[who] = Some((step, false));
        }
    }

    fn run(&mut self, op: &Op) {
        let count = self.region.members.len();
        match op {
            Op::Ends { who, outcome, straggles } => {
                let who = who.index(count);
                let (health, now) = (self.region.health(who), self.region.now);
                let (phase, since) = health.phase();
                let straggles = *straggles && since > Instant::START;
                let began = if straggles { Instant::from_nanos(since.as_nanos() - 1) } else { now };
                let before = format!("{health:?}");
                let asks = health.record(*outcome, MILLISECOND, began, now, false);
                if straggles || matches!(outcome, Outcome::Busy | Outcome::Ignore) {
                    // I-30, I-32: it changes nothing.
                    assert!(!asks && format!("{health:?}") == before);
                } else if phase == Phase::In
                    && *outcome == Outcome::Success
                    && let Some((_, has_succeeded)) = &mut self.last[who]
                {
                    *has_succeeded = true;
                }
                self.look(asks);
            }
            Op::Claim { who } => {
                let who = who.index(count);
                let health = self.region.health(who);
                let is_half_open = matches!(health.phase().0, Phase::HalfOpen | Phase::DoubtedHalfOpen);
                let under_way = self.probes.iter().filter(|probe| probe.who == who).count();
                // I-30: exactly while there is a slot.
                assert_eq!(health.try_probe(AT_ONCE), is_half_open && under_way < AT_ONCE as usize);
                if is_half_open && under_way < AT_ONCE as usize {
                    self.probes.push(Probe { who, began: self.region.now });
                }
            }
            Op::ProbeEnds { which, outcome } if !self.probes.is_empty() => {
                let Probe { who, began } = self.probes.swap_remove(which.index(self.probes.len()));
                let (health, now) = (self.region.health(who), self.region.now);
                let (phase, since) = health.phase();
                let asks = health.record(*outcome, MILLISECOND, began, now, true);
                assert!(!asks || began >= since, "a straggler asks nothing");
                if phase == Phase::In
                    && began >= since
                    && let Some((_, has_succeeded)) = &mut self.last[who]
                {
                    *has_succeeded |= *outcome == Outcome::Success;
                }
                self.look(asks);
            }
            Op::ProbeDrops { which } if !self.probes.is_empty() => {
                let Probe { who, .. } = self.probes.swap_remove(which.index(self.probes.len()));
                self.region.health(who).release_probe();
            }
            Op::ProbeEnds { .. } | Op::ProbeDrops { .. } => {}
            Op::Waits { milliseconds } => {
                self.region.now = self.region.now.after(MILLISECOND * *milliseconds as u32);
                self.look(true);
            }
            Op::Publish { max_ejected, weights } => {
                for (member, has_weight) in self.region.members.iter_mut().zip(weights) {
                    member.weight = u32::from(*has_weight);
                }
                self.policy = policy().max_ejected(Ratio::percent(*max_ejected));
                self.region.put(self.policy);
            }
            Op::Check { who, is_down } => {
                let checked = if *is_down { Checked::Down } else { Checked::Up };
                self.region.health(who.index(count)).set_checked(checked);
            }
        }
    }

    /// I-28.
    fn holds_the_cap(&self) {
        let members = || self.region.members.iter().filter(|member| member.weight > 0);
        let is_out = |member: &&Member| matches!(member.health.phase().0, Phase::Ejected | Phase::HalfOpen);
        let (count, ejected) = (members().count(), members().filter(is_out).count());
        let most = (self.policy.max_ejected.get() * count as f64 + 1e-9).floor() as usize;
        assert!(ejected <= most && (ejected < count || count == 0), "{ejected} of {count}, at most {most}");
        let live = self.region.detector.live();
        assert!(live.usable + live.degraded <= live.counted && live.counted == count as u64, "{live:?}");
    }
}

proptest! {
    #![proptest_config(crate::property_config())]

    /// I-28, I-29, I-30, I-32: the cap, the lengths, the slots and what says nothing, after every step.
    #[test]
    fn a_region_keeps_its_word_whatever_happens(endpoints in 1usize..=8, ops in prop::collection::vec(op(), 0..200)) {
        let mut modelled = Modelled::of(endpoints);
        for op in &ops {
            modelled.run(op);
            modelled.holds_the_cap();
        }
    }

    /// I-30: whatever happened, when all probes have ended all slots are free.
    #[test]
    fn no_slot_is_lost(ops in prop::collection::vec(op(), 0..200)) {
        let mut modelled = Modelled::of(3);
        for op in &ops {
            modelled.run(op);
        }
        for Probe { who, .. } in std::mem::take(&mut modelled.probes) {
            modelled.region.health(who).release_probe();
        }
        for who in 0..3 {
            let health = modelled.region.health(who);
            health.go(Phase::HalfOpen, modelled.region.now);
            prop_assert!(health.try_probe(2) && health.try_probe(2) && !health.try_probe(2));
        }
    }

    /// I-31: the order in which endpoints stand changes neither the threshold, to the last bit, nor who is out.
    #[test]
    fn rules_judge_the_multiset(
        (tallies, shuffled) in prop::collection::vec((0u64..=1000, 0u64..=1000), 0..20)
            .prop_map(|tallies| tallies.into_iter().map(|(ok, fail)| (ok, ok + fail)).collect::<Vec<_>>())
            .prop_flat_map(|tallies| (Just(tallies.clone()), Just(tallies).prop_shuffle())),
        deviations in 0.1f64..3.0,
    ) {
        let rate = SuccessRate { deviations, ..SuccessRate::default() };
        let ratio = FailureRatio { threshold: Ratio::percent(60), ..FailureRatio::default() };
        let latency = Latency { factor: 1.5, ..Latency::default() };
        for like in [Rules::Contraflow, Rules::Envoy, Rules::A50] {
            let all = |tallies: &[(u64, u64)]| {
                let (by_rate, threshold) = rules::by_success_rate(tallies, &rate, like);
                let by_ratio = rules::by_failure_ratio(tallies, &ratio, like);
                let by_latency = rules::by_latency(tallies, &latency);
                let sorted = |places: Vec<usize>| {
                    let mut out: Vec<_> = places.into_iter().map(|place| tallies[place]).collect();
                    out.sort_unstable();
                    out
                };
                let slow = sorted(by_latency.iter().map(|(place, ..)| *place).collect());
                (threshold.to_bits(), sorted(by_rate), sorted(by_ratio), slow)
            };
            prop_assert_eq!(all(&tallies), all(&shuffled));
        }
    }

    /// I-31: nor does the order in which the answers came, or how fast.
    #[test]
    fn a_region_judges_what_was_answered_and_not_when(
        failed in prop::collection::vec(0usize..=20, 5..9),
        order in any::<u64>(), gap in 0u64..8,
    ) {
        let rate = SuccessRate { min_requests: 20, deviations: 1.0, ..SuccessRate::default() };
        let policy = Outlier::none().success_rate(rate);
        let mut answers: Vec<_> =
            failed.iter().enumerate().flat_map(|(who, failed)| (0..20).map(move |nth| (who, nth < *failed))).collect();
        let judged = |answers: &[(usize, bool)], gap: u64| {
            let mut region = Region::of(failed.len(), policy);
            for (who, is_failure) in answers {
                let outcome = if *is_failure { Outcome::Failure } else { Outcome::Success };
                region.answers(*who, outcome, 1);
                region.now = region.now.after(Duration::from_millis(gap));
            }
            region.now = Instant::START.after(105 * SECOND);
            (region.look(), region.phases())
        };
        let before = judged(&answers, 0);
        let mut seed = order;
        for place in (1..answers.len()).rev() {
            seed = crate::entropy::mix64(seed.wrapping_add(crate::entropy::GAMMA));
            answers.swap(place, seed as usize % (place + 1));
        }
        prop_assert_eq!(judged(&answers, gap), before);
    }
}

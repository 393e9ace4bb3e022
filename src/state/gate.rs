//! Which ranks have to leave room while others are being refused.
//!
//! One word: the rank up to which requests were refused, and when. It comes down by itself, one rank for each [`HOLD`], as a
//! function of the time that has passed, so nobody has to run for it; and it is zero while nobody is refused, which is all that
//! is looked at then. After DAGOR's admission level (Zhou et al., *Overload control for scaling `WeChat` microservices*, 2018),
//! which moves up and down by windows; ours goes up at once, since a refusal is proof.

use crate::protocol::Priority;
use crate::sync::{AtomicU64, Ordering};
use crate::time::Instant;
use std::time::Duration;

/// How long a refusal keeps lower ranks out, and how long each rank is kept out after the next higher: 100 ms, several answers
/// of a service that is worth limiting, and `CoDel`'s interval.
pub(crate) const HOLD: Duration = Duration::from_millis(100);

/// Who goes first: the priorities, and above them all who is below a guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(u8);

impl Rank {
    /// Of a partition that is below its guarantee.
    pub(crate) const GUARANTEED: Rank = Rank(Priority::ALL.len() as u8);
}

impl From<Priority> for Rank {
    fn from(priority: Priority) -> Self {
        Rank(priority as u8)
    }
}

/// Zero while it is open to all; else the rank in the low three bits, and the moment in what is left.
#[derive(Debug)]
pub(crate) struct Gate(AtomicU64);

const RANK_BITS: u32 = 3;

impl Gate {
    pub(crate) fn new() -> Self {
        Gate(AtomicU64::new(0))
    }

    /// Whether it is surely open to all.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        // Relaxed, here and below: a hint of what others saw; what is exact is the count.
        self.0.load(Ordering::Relaxed) == 0
    }

    /// How long a rank is kept out yet; none when it may pass.
    pub(crate) fn keeps_out(&self, rank: Rank, now: Instant) -> Option<Duration> {
        let word = self.0.load(Ordering::Relaxed);
        if word == 0 {
            return None;
        }
        let (level, since) = parts(word);
        let ranks_above = u32::from(level.0.saturating_sub(rank.0));
        let until = since.after(HOLD * ranks_above);
        let passed = now.since(since);
        if passed >= HOLD * u32::from(level.0) {
            // Nobody is kept out any more. Who raised it meanwhile does so again at the next refusal.
            _ = self.0.compare_exchange(word, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
        // Some ask by a moment before the refusal; who is not below it is not kept out.
        (level > rank && now < until).then(|| until.since(now))
    }

    /// Somebody of this rank was refused.
    pub(crate) fn raise(&self, rank: Rank, now: Instant) {
        if rank.0 == 0 {
            // There is nobody below.
            return;
        }
        let raised = |word: u64| {
            let (level, since) = parts(word);
            // What it has come down to meanwhile.
            let down = now.since(since).as_nanos() / HOLD.as_nanos();
            let left = u128::from(level.0).saturating_sub(down);
            (word == 0 || u128::from(rank.0) >= left).then(|| word_of(rank, now.max(since)))
        };
        _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, raised);
    }

    /// Who was below its guarantee has got in: what was kept for it is not needed any more.
    pub(crate) fn satisfy(&self) {
        let word = self.0.load(Ordering::Relaxed);
        if word != 0 && parts(word).0 == Rank::GUARANTEED {
            _ = self.0.compare_exchange(word, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

fn word_of(rank: Rank, now: Instant) -> u64 {
    // Rounded down to 8 ns.
    now.as_nanos() & !((1 << RANK_BITS) - 1) | u64::from(rank.0)
}

fn parts(word: u64) -> (Rank, Instant) {
    let rank = word & ((1 << RANK_BITS) - 1);
    (Rank(rank as u8), Instant::from_nanos(word - rank))
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Instant {
        Instant::START.after(Duration::from_millis(milliseconds))
    }

    fn kept_out(gate: &Gate, now: u64) -> Vec<Priority> {
        Priority::ALL.into_iter().filter(|one| gate.keeps_out(Rank::from(*one), at(now)).is_some()).collect()
    }

    #[test]
    fn a_refusal_keeps_all_lower_ranks_out_and_they_come_back_one_by_one() {
        let gate = Gate::new();
        assert!(gate.is_open() && kept_out(&gate, 0).is_empty());
        gate.raise(Rank::from(Priority::High), at(1000));
        assert_eq!(kept_out(&gate, 1050), [Priority::Background, Priority::Low, Priority::Normal]);
        assert_eq!(kept_out(&gate, 1150), [Priority::Background, Priority::Low]);
        assert_eq!(kept_out(&gate, 1250), [Priority::Background]);
        assert!(kept_out(&gate, 1300).is_empty() && gate.is_open());
    }

    #[test]
    fn a_lower_refusal_does_not_lower_it_and_the_same_renews_it() {
        let gate = Gate::new();
        gate.raise(Rank::from(Priority::High), at(1000));
        gate.raise(Rank::from(Priority::Low), at(1050));
        assert_eq!(kept_out(&gate, 1060).len(), 3);
        gate.raise(Rank::from(Priority::High), at(1090));
        assert_eq!(kept_out(&gate, 1180).len(), 3);
        // It has come down to what a normal request raises it to.
        gate.raise(Rank::from(Priority::Normal), at(1200));
        assert_eq!(kept_out(&gate, 1250), [Priority::Background, Priority::Low]);
    }

    #[test]
    fn who_lets_a_guarantee_be_met_opens_it_and_nothing_else_does() {
        let gate = Gate::new();
        gate.raise(Rank::from(Priority::Critical), at(1));
        gate.satisfy();
        assert_eq!(kept_out(&gate, 2).len(), 4);
        gate.raise(Rank::GUARANTEED, at(2));
        assert_eq!(kept_out(&gate, 3).len(), 5);
        assert!(gate.keeps_out(Rank::GUARANTEED, at(3)).is_none());
        gate.satisfy();
        assert!(gate.is_open());
    }

    #[test]
    fn who_asks_by_an_earlier_moment_is_kept_out_by_higher_ranks_only() {
        let gate = Gate::new();
        gate.raise(Rank::from(Priority::High), at(1000));
        assert_eq!(kept_out(&gate, 999), [Priority::Background, Priority::Low, Priority::Normal]);
        gate.raise(Rank::from(Priority::High), at(900));
        assert_eq!(kept_out(&gate, 1090).len(), 3, "an older refusal does not move it back");
    }

    #[test]
    fn the_lowest_rank_raises_nothing() {
        let gate = Gate::new();
        gate.raise(Rank::from(Priority::Background), at(1));
        assert!(gate.is_open());
    }
}

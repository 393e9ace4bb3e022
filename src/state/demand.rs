//! Who is refused when all regions have their part: the least important first.
//!
//! A share is a bound in expectation, so what is above it is refused by a draw. To refuse the least important first one has to know
//! how much of each priority there is: requests are counted by priority while anything has to be refused, and the counts are
//! halved again and again, so that they follow. Nothing is counted while there is room.

use super::parts::WHOLE;
use crate::entropy::{Draws, Purpose, below};
use crate::protocol::Priority;
use crate::sync::{AtomicU64, Ordering};

/// When so many are counted, all counts are halved: the last few thousand requests say what comes.
const MOST: u64 = 4096;

#[derive(Debug, Default)]
pub(crate) struct Demand {
    counts: [AtomicU64; Priority::ALL.len()],
}

impl Demand {
    /// Counts a request; whether it is one of those that are refused, where `shed` of `whole` have to be.
    #[cold]
    pub(crate) fn is_shed(&self, priority: Priority, draws: Draws, shed: u64, whole: u64) -> bool {
        // Relaxed, all of it: a measure of who comes, which need not be exact.
        self.counts[priority as usize].fetch_add(1, Ordering::Relaxed);
        let counts = self.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        let all: u64 = counts.iter().sum();
        if all >= MOST {
            self.counts.iter().zip(counts).for_each(|(count, was)| _ = count.fetch_sub(was / 2, Ordering::Relaxed));
        }
        let before: u64 = counts[..priority as usize].iter().sum();
        let own = counts[priority as usize].max(1);
        // What has to be refused of this priority, when all that matter less are refused already.
        let wanted = (u128::from(shed) * u128::from(all)).saturating_sub(u128::from(before) * u128::from(whole));
        let part = wanted * u128::from(WHOLE) / (u128::from(own) * u128::from(whole));
        u128::from(below(draws.draw(Purpose::Shed), WHOLE)) < part
    }
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use crate::entropy::Entropy;

    /// A fifth is to be refused of a demand of which a tenth is in the background and a fifth is low.
    #[test]
    fn the_least_important_are_refused_first() {
        let (demand, entropy) = (Demand::default(), Entropy::seeded(7));
        let (mut asked, mut refused) = ([0_u32; 5], [0_u32; 5]);
        for number in 0..100_000_u32 {
            let priority = match number % 10 {
                0 => Priority::Background,
                1 | 2 => Priority::Low,
                3 => Priority::Critical,
                _ => Priority::Normal,
            };
            asked[priority as usize] += 1;
            refused[priority as usize] += u32::from(demand.is_shed(priority, entropy.draws(), 1, 5));
        }
        let all: u32 = refused.iter().sum();
        assert!((19_000..21_000).contains(&all), "{refused:?} of {asked:?}");
        assert!(refused[0] * 100 >= asked[0] * 99, "{refused:?} of {asked:?}");
        assert!((9_000..11_000).contains(&refused[1]), "{refused:?} of {asked:?}");
        assert!(refused[2] + refused[3] + refused[4] < 100, "{refused:?} of {asked:?}");
    }
}

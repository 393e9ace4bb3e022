//! The only randomness, and how one random word becomes every draw of a request.
//!
//! A request takes **one** 64-bit word from the thread's generator. Each draw is a function of that word, of what the
//! draw is for, and of the attempt's number, so whoever has the word can repeat every decision: `explain`, a test, a
//! simulator, an evaluation offline. The function is `SplitMix64` (Steele, Lea, Flood, *Fast splittable pseudorandom
//! number generators*, OOPSLA 2014): the word is the seed, purpose and attempt give the position in its stream.

use crate::sync::{Arc, AtomicU64, Ordering};
use std::cell::Cell;
use std::hash::{Hash, Hasher};

/// Where random words come from. Cheap to clone; clones of a seeded one share its stream.
#[derive(Clone, Debug, Default)]
pub struct Entropy(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    /// The thread's generator.
    #[default]
    Random,
    /// Word by word from a seed: for tests and simulations.
    Seeded { seed: u64, words: Arc<AtomicU64> },
}

impl Entropy {
    /// Random words, from a generator of each thread that the operating system seeded.
    pub fn random() -> Self {
        Entropy(Source::Random)
    }

    /// The same words in the same order for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Entropy(Source::Seeded { seed: mix64(seed), words: Arc::new(AtomicU64::new(0)) })
    }

    /// The next word.
    #[expect(clippy::disallowed_methods, reason = "the one place that draws randomness")]
    #[inline]
    pub fn word(&self) -> u64 {
        match &self.0 {
            Source::Random => fastrand::u64(..),
            // Relaxed: the count need only be taken once by each caller.
            Source::Seeded { seed, words } => {
                mix64(seed.wrapping_add(words.fetch_add(1, Ordering::Relaxed).wrapping_mul(GAMMA)))
            }
        }
    }

    /// The draws of a new request.
    #[inline]
    pub fn draws(&self) -> Draws {
        Draws::from_word(self.word())
    }
}

/// The draws of one attempt of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Draws {
    word: u64,
    attempt: u32,
}

/// What a draw is for. Each purpose has its own place in the stream, so no two draws of an attempt are related.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub(crate) enum Purpose {
    Split = 1,
    Region = 2,
    Endpoint = 3,
    Rival = 4,
    SlowStart = 5,
    Another = 6,
    Backoff = 7,
    Hint = 8,
    Practice = 9,
    Shed = 10,
}

/// Places in the stream that one attempt may use; more than there are purposes, so new ones do not move old draws.
const PLACES: u64 = 16;

/// The golden ratio's fraction in 64 bits: `SplitMix64`'s increment.
pub(crate) const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

impl Draws {
    /// The first attempt's draws from a given word: the same word gives the same draws everywhere.
    #[inline]
    pub const fn from_word(word: u64) -> Self {
        Draws { word, attempt: 0 }
    }

    /// The same request's draws for another attempt, counted from 0.
    #[inline]
    pub const fn for_attempt(self, attempt: u32) -> Self {
        Draws { word: self.word, attempt }
    }

    /// The word all draws come from.
    pub const fn word(self) -> u64 {
        self.word
    }

    /// Which attempt these draws are for, counted from 0.
    pub const fn attempt(self) -> u32 {
        self.attempt
    }

    /// The 64 random bits for `purpose`.
    #[inline]
    pub(crate) fn draw(self, purpose: Purpose) -> u64 {
        let place = u64::from(self.attempt) * PLACES + purpose as u64;
        mix64(self.word.wrapping_add(place.wrapping_mul(GAMMA)))
    }
}

/// A fixed bijection of 64 bits in which every input bit moves half of the output bits: `SplitMix64`'s finaliser
/// (Stafford's variant 13 of `MurmurHash3`'s).
#[inline]
pub(crate) const fn mix64(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// Maps 64 random bits to `0..bound`, in proportion, by a multiplication (Lemire 2019, without the rejection step).
///
/// Each value's probability is within `2^-64` of `1/bound`. Scaling `bound` and a threshold by the same factor changes
/// no comparison with that threshold, which is why scaling all weights changes no decision.
#[inline]
pub(crate) const fn below(bits: u64, bound: u64) -> u64 {
    ((bits as u128 * bound as u128) >> 64) as u64
}

/// Like [`below`], and the bits that are left: uniform again, given the value.
#[inline]
pub(crate) const fn below_and_rest(bits: u64, bound: u64) -> (u64, u64) {
    let product = bits as u128 * bound as u128;
    ((product >> 64) as u64, product as u64)
}

/// A small number for this thread, for spreading threads over replicas: consecutive threads get different ones.
#[inline]
pub(crate) fn lane() -> usize {
    thread_local!(static LANE: Cell<Option<usize>> = const { Cell::new(None) });
    LANE.get().unwrap_or_else(|| {
        let lane = thread_number();
        LANE.set(Some(lane));
        lane
    })
}

/// The thread's own number: std counts threads, and hands the count only to hashers.
#[cold]
fn thread_number() -> usize {
    struct Last(u64);
    impl Hasher for Last {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0 = bytes.iter().fold(self.0, |all, &byte| mix64(all ^ u64::from(byte)));
        }
        fn write_u64(&mut self, number: u64) {
            self.0 = number;
        }
    }
    let mut last = Last(0);
    std::thread::current().id().hash(&mut last);
    last.finish() as usize
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix64() {
        // First outputs of SplitMix64 seeded with 0, as published with the reference code.
        let draws = Draws::from_word(0);
        assert_eq!(draws.draw(Purpose::Split), 0xE220_A839_7B1D_CDAF);
        assert_eq!(draws.draw(Purpose::Region), 0x6E78_9E6A_A1B9_65F4);
        assert_eq!(draws.draw(Purpose::Endpoint), 0x06C4_5D18_8009_454F);
    }

    #[test]
    fn attempts_draw_from_different_places() {
        let first = Draws::from_word(7);
        assert_ne!(first.draw(Purpose::Region), first.for_attempt(1).draw(Purpose::Region));
        assert_eq!(first.draw(Purpose::Region), first.for_attempt(0).draw(Purpose::Region));
    }

    #[test]
    fn below_is_never_the_bound_and_starts_at_zero() {
        assert_eq!(below(0, 10), 0);
        assert_eq!(below(u64::MAX, 10), 9);
        assert_eq!(below(u64::MAX, u64::MAX), u64::MAX - 1);
        assert_eq!(below(u64::MAX, 1), 0);
    }

    #[test]
    fn threads_that_start_one_after_another_get_different_lanes() {
        let lanes: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(lane)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut distinct = lanes.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), lanes.len(), "{lanes:?}");
    }
}

//! A Maglev table: consistent hashing by one lookup (Eisenbud et al., *Maglev: A Fast and Reliable Software Network Load
//! Balancer*, NSDI 2016, section 3.4).
//!
//! Each endpoint has its own permutation of the slots, `offset + i x skip (mod size)`, and endpoints in turn take the next
//! slot of theirs that is free. A lighter endpoint skips turns: in round `i` it takes one only when `i x weight` has
//! reached its target, which grows by the heaviest weight for each slot taken (Envoy's `maglev_lb.cc`). Turns go by name.
//!
//! The table is over *all* endpoints of weight above zero, and belongs to the table: health is met by bounded probing.

use crate::entropy::mix64;

/// The sizes tried by default, each a prime.
const SIZES: [u32; 5] = [1021, 4093, 16_381, 65_537, 655_373];

/// The largest size that may be asked for: Envoy's limit.
pub(crate) const MAX_SIZE: u32 = 5_000_011;

/// Slots, each with the endpoint that has it.
#[derive(Clone, Debug)]
pub(crate) struct MaglevTable(Box<[u32]>);

impl MaglevTable {
    /// The table of endpoints given as hash of the name and weight, in order of their names.
    pub(crate) fn new(endpoints: &[(u64, u32)], size: Option<u32>) -> Self {
        let size = size.unwrap_or_else(|| default_size(endpoints));
        let permutations: Vec<_> = endpoints
            .iter()
            .map(|&(hash, _)| {
                let offset = hash % u64::from(size);
                let skip = mix64(hash) % u64::from(size - 1) + 1;
                (offset as u32, skip as u32)
            })
            .collect();
        let weights: Vec<_> = endpoints.iter().map(|&(_, weight)| weight).collect();
        MaglevTable(fill(&permutations, &weights, size))
    }

    /// The endpoint that has the slot of 64 random bits; none when all weigh zero.
    #[inline]
    pub(crate) fn slot(&self, bits: u64) -> Option<u32> {
        let len = self.0.len() as u64;
        if len == 0 { None } else { Some(self.0[(bits % len) as usize]) }
    }

    #[cfg(all(test, not(contraflow_loom)))]
    pub(crate) fn slots(&self) -> &[u32] {
        &self.0
    }
}

/// The first size of the list that gives the lightest endpoint about 100 slots, else the last.
fn default_size(endpoints: &[(u64, u32)]) -> u32 {
    let total: u64 = endpoints.iter().map(|&(_, weight)| u64::from(weight)).sum();
    let lightest = endpoints.iter().map(|&(_, weight)| u64::from(weight)).filter(|&weight| weight > 0).min();
    let wanted = lightest.map_or(0, |lightest| (100 * total).div_ceil(lightest));
    SIZES.into_iter().find(|&size| u64::from(size) >= wanted).unwrap_or(SIZES[SIZES.len() - 1])
}

/// Fills the slots from permutations given as (offset, skip).
pub(crate) fn fill(permutations: &[(u32, u32)], weights: &[u32], size: u32) -> Box<[u32]> {
    const FREE: u32 = u32::MAX;
    struct Turn {
        endpoint: u32,
        next: u64,
        skip: u64,
        weight: u64,
        target: u64,
    }
    let mut turns: Vec<Turn> = permutations
        .iter()
        .zip(weights)
        .enumerate()
        .filter(|(_, (_, weight))| **weight > 0)
        .map(|(endpoint, (&(offset, skip), &weight))| Turn {
            endpoint: endpoint as u32,
            next: u64::from(offset),
            skip: u64::from(skip),
            weight: u64::from(weight),
            target: 0,
        })
        .collect();
    let Some(heaviest) = turns.iter().map(|turn| turn.weight).max() else {
        return Box::default();
    };
    let mut slots = vec![FREE; size as usize].into_boxed_slice();
    let mut free = size;
    // The heaviest takes a slot in every round, so there are at most `size` rounds, and a product is below 2^55.
    for round in 1.. {
        for turn in &mut turns {
            if round * turn.weight < turn.target {
                continue;
            }
            turn.target += heaviest;
            // `size` is prime, so the permutation meets every slot, and one is free.
            while slots[turn.next as usize] != FREE {
                turn.next = (turn.next + turn.skip) % u64::from(size);
            }
            slots[turn.next as usize] = turn.endpoint;
            free -= 1;
            if free == 0 {
                return slots;
            }
        }
    }
    unreachable!("every round takes a slot")
}

/// Whether a size is prime, by trial: at most 2235 divisions, at the largest size.
pub(crate) fn is_prime(number: u32) -> bool {
    number >= 2 && (2..=number.isqrt()).all(|divisor| !number.is_multiple_of(divisor))
}

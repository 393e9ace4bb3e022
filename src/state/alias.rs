//! A weighted draw among many in constant time: the alias method (Walker 1977; Vose, *A linear algorithm for generating
//! random numbers with a given distribution*, 1991), in integers.
//!
//! Every member gets one column of equal height. A column holds its own member up to a threshold and one other member
//! above it, so that the areas are exactly the weights: no rounding, and a weight of zero has no area at all.

use crate::entropy::{below, below_and_rest};

/// Members and their weights, ready to be drawn from.
#[derive(Debug, Default)]
pub(crate) struct Alias {
    columns: Box<[Column]>,
    /// By column, the weight of its own member.
    weights: Box<[u64]>,
    /// The height of a column: the sum of the weights.
    height: u64,
    /// All weights are equal: the column alone decides.
    even: bool,
    /// Column and member are the same number.
    whole: bool,
}

#[derive(Clone, Copy, Debug)]
struct Column {
    /// Below it the column is its own member's, from it on the other's.
    threshold: u64,
    own: u32,
    /// The other member's own column.
    other: u32,
}

/// A drawn member. What it weighs is asked for apart: where all weigh the same, nobody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub(crate) member: u32,
    column: u32,
}

impl Alias {
    /// A table over members and weights; zero weights are left out. The sum of the weights, and each weight times their
    /// number, must stay below 2^64: 2^20 members of 32-bit weights in 64 steps make 2^58 of each at most.
    pub(crate) fn new(members: impl IntoIterator<Item = (u32, u64)>) -> Self {
        let (owns, weights): (Vec<u32>, Vec<u64>) = members.into_iter().filter(|&(_, weight)| weight > 0).unzip();
        let height: u64 = weights.iter().sum();
        let even = weights.windows(2).all(|pair| pair[0] == pair[1]);
        let whole = owns.iter().enumerate().all(|(column, &own)| column as u32 == own);
        let columns = if even && whole { Box::default() } else { columns(&owns, &weights, height) };
        Alias { columns, weights: weights.into(), height, even, whole }
    }

    /// How many can be drawn.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether all that can be drawn weigh the same.
    #[inline]
    pub(crate) fn is_even(&self) -> bool {
        self.even
    }

    /// The sum of the weights.
    #[inline]
    pub(crate) fn total(&self) -> u64 {
        self.height
    }

    /// One member, drawn by weight with 64 random bits; none when there is none.
    #[inline]
    pub(crate) fn draw(&self, bits: u64) -> Option<Drawn> {
        if self.weights.is_empty() { None } else { Some(self.own(self.column(bits))) }
    }

    /// Two different members, one after the other, each drawn by weight with 64 random bits of its own; of two members or
    /// more. Where weights differ and the second draw meets the first's member, the next column's is taken.
    #[inline]
    pub(crate) fn draw_two(&self, bits: u64, others: u64) -> (Drawn, Drawn) {
        let count = self.weights.len() as u64;
        let (one, other) = if self.even {
            let (one, other) = (below(bits, count) as u32, below(others, count - 1) as u32);
            (one, other + u32::from(other >= one))
        } else {
            let (one, other) = (self.column(bits), self.column(others));
            let next = if u64::from(one) + 1 == count { 0 } else { one + 1 };
            (one, if other == one { next } else { other })
        };
        (self.own(one), self.own(other))
    }

    /// What a drawn member weighs.
    #[inline]
    pub(crate) fn weight(&self, drawn: Drawn) -> u64 {
        self.weights[drawn.column as usize]
    }

    /// All members.
    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = Drawn> {
        (0..self.weights.len() as u32).map(|column| self.own(column))
    }

    /// The column of the member that these bits draw.
    #[inline]
    fn column(&self, bits: u64) -> u32 {
        let (column, rest) = below_and_rest(bits, self.weights.len() as u64);
        if self.even {
            return column as u32;
        }
        let Column { threshold, other, .. } = self.columns[column as usize];
        // The product's low half is uniform again, given the column.
        if below(rest, self.height) < threshold { column as u32 } else { other }
    }

    #[inline]
    fn own(&self, column: u32) -> Drawn {
        Drawn { member: if self.whole { column } else { self.columns[column as usize].own }, column }
    }
}

/// Vose's two stacks: each light column is filled up by a heavy one, which is what its own member lacks less heavy.
fn columns(owns: &[u32], weights: &[u64], height: u64) -> Box<[Column]> {
    let count = weights.len() as u64;
    // Areas in units of 1/count of a weight: a full column is `height`, all columns are `height * count`.
    let mut left: Vec<u64> = weights.iter().map(|&weight| weight * count).collect();
    let mut columns: Box<[Column]> =
        owns.iter().enumerate().map(|(at, &own)| Column { threshold: height, own, other: at as u32 }).collect();
    let (mut light, mut heavy): (Vec<usize>, Vec<usize>) = (0..left.len()).partition(|&at| left[at] < height);
    while let (Some(small), Some(&large)) = (light.pop(), heavy.last()) {
        columns[small].threshold = left[small];
        columns[small].other = large as u32;
        left[large] -= height - left[small];
        if left[large] < height {
            heavy.pop();
            light.push(large);
        }
    }
    columns
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The exact area of each member, in units of `1 / (columns x height)`.
    fn areas(alias: &Alias, members: usize) -> Vec<u64> {
        let mut areas = vec![0; members];
        for column in 0..alias.len() as u32 {
            let own = alias.own(column).member as usize;
            match alias.columns.get(column as usize) {
                None => areas[own] += alias.height,
                Some(cell) => {
                    areas[own] += cell.threshold;
                    areas[alias.own(cell.other).member as usize] += alias.height - cell.threshold;
                }
            }
        }
        areas
    }

    proptest! {
        #![proptest_config(crate::property_config())]

        // I-07, I-08: areas are the weights exactly, and a zero weight has none.
        #[test]
        fn every_member_has_exactly_its_weight_in_area(weights in prop::collection::vec(0u64..1 << 38, 1..40)) {
            let alias = Alias::new((0..).zip(weights.iter().copied()));
            let expected: Vec<_> = weights.iter().map(|weight| weight * alias.len() as u64).collect();
            prop_assert_eq!(areas(&alias, weights.len()), expected);
        }

        #[test]
        fn a_draw_never_meets_a_zero_weight(weights in prop::collection::vec(0u64..3, 1..10), bits: u64) {
            let alias = Alias::new((0..).zip(weights.iter().copied()));
            if let Some(drawn) = alias.draw(bits) {
                prop_assert!(weights[drawn.member as usize] > 0);
                prop_assert_eq!(alias.weight(drawn), weights[drawn.member as usize]);
            } else {
                prop_assert!(weights.iter().all(|&weight| weight == 0));
            }
        }
    }

    // The members of two draws are never the same, and of equal weights every pair is as likely as every other.
    #[test]
    fn two_draws_are_two_members() {
        for weights in [vec![1u64; 5], vec![0, 1, 1], vec![1, 100], vec![3, 0, 1, 7]] {
            let alias = Alias::new((0..).zip(weights.iter().copied()));
            let mut pairs = std::collections::BTreeMap::new();
            // The middles of 20 x 60 equal parts of the line: as many for each of the 5 x 4 pairs.
            for at in 0..20 * 60u64 {
                let part = |part: u64, parts: u64| u64::MAX / (2 * parts) * (2 * part + 1);
                let (one, other) = alias.draw_two(part(at / 60, 20), part(at % 60, 60));
                assert!(weights[one.member as usize] > 0 && weights[other.member as usize] > 0);
                *pairs.entry((one.member, other.member)).or_insert(0) += 1;
            }
            assert!(pairs.keys().all(|(one, other)| one != other), "{weights:?}: {pairs:?}");
            assert!(weights != [1; 5] || (pairs.len() == 20 && pairs.values().all(|&count| count == 60)), "{pairs:?}");
        }
    }

    #[test]
    fn equal_weights_need_no_columns() {
        let alias = Alias::new((0..8).map(|member| (member, 5)));
        assert!(alias.columns.is_empty() && alias.is_even());
        assert_eq!(alias.draw(0).unwrap().member, 0);
        assert_eq!(alias.draw(u64::MAX).unwrap().member, 7);
    }
}

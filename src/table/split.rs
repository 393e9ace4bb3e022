//! A weighted choice among a few, exact in integers.

/// Targets with their weights, laid end to end on a line of length `total`.
///
/// Targets of weight zero are not in it, so nothing can pick them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weighted {
    slices: Box<[Slice]>,
    total: u64,
}

#[derive(Clone, Copy, Debug)]
struct Slice {
    /// Where the slice ends on the line; it begins where the one before it ends.
    end: u64,
    weight: u64,
    target: u32,
}

impl Weighted {
    /// The targets and their weights; zero weights are left out.
    pub(crate) fn new(weights: impl IntoIterator<Item = (u32, u64)>) -> Self {
        let mut total = 0;
        let slices = weights
            .into_iter()
            .filter(|&(_, weight)| weight > 0)
            .map(|(target, weight)| {
                total += weight;
                Slice { end: total, weight, target }
            })
            .collect();
        Weighted { slices, total }
    }

    /// The sum of the weights; zero when there is nothing to choose.
    #[inline]
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The target and weight at a point below `total`: a target of weight w has exactly w points.
    #[inline]
    pub(crate) fn at(&self, point: u64) -> Option<(u32, u64)> {
        for slice in &self.slices {
            if point < slice.end {
                return Some((slice.target, slice.weight));
            }
        }
        None
    }

    /// The only target, when there is one: no draw is needed.
    #[inline]
    pub(crate) fn only(&self) -> Option<(u32, u64)> {
        match &*self.slices {
            [one] => Some((one.target, one.weight)),
            _ => None,
        }
    }

    /// All targets with their weights.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u64)> {
        self.slices.iter().map(|slice| (slice.target, slice.weight))
    }
}

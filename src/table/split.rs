//! A weighted choice among a few, exact in integers.

/// Targets with their weights, laid end to end on a line of length `total`.
///
/// A weight of zero has no point on the line, so nothing can pick it.
#[derive(Clone, Debug)]
pub(crate) struct Weighted<T> {
    slices: Box<[Slice<T>]>,
    total: u64,
}

#[derive(Clone, Debug)]
struct Slice<T> {
    /// Where the slice ends on the line; it begins where the one before it ends.
    end: u64,
    target: T,
}

/// A target and its weight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weighed<'w, T> {
    /// Which of the targets it is.
    pub(crate) place: u32,
    pub(crate) weight: u64,
    pub(crate) target: &'w T,
}

impl<T> Weighted<T> {
    /// The targets and their weights.
    pub(crate) fn new(targets: impl IntoIterator<Item = (T, u64)>) -> Self {
        let mut total = 0;
        let slices = targets
            .into_iter()
            .map(|(target, weight)| {
                total += weight;
                Slice { end: total, target }
            })
            .collect();
        Weighted { slices, total }
    }

    /// The sum of the weights; zero when there is nothing to choose.
    #[inline]
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The target at a point below `total`: a target of weight w has exactly w points.
    #[inline]
    pub(crate) fn at(&self, point: u64) -> Option<Weighed<'_, T>> {
        // Targets are few, and the first is often the likeliest: a binary search would take longer.
        self.iter_with_ends().find(|(end, _)| point < *end).map(|(_, found)| found)
    }

    /// The target of this place.
    #[inline]
    pub(crate) fn get(&self, place: u32) -> Option<Weighed<'_, T>> {
        let start = if place == 0 { 0 } else { self.slices.get(place as usize - 1)?.end };
        let slice = self.slices.get(place as usize)?;
        Some(Weighed { place, weight: slice.end - start, target: &slice.target })
    }

    /// All targets, those of weight zero too.
    #[inline]
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = Weighed<'_, T>> {
        self.iter_with_ends().map(|(_, found)| found)
    }

    #[inline]
    fn iter_with_ends(&self) -> impl ExactSizeIterator<Item = (u64, Weighed<'_, T>)> {
        let mut start = 0;
        self.slices.iter().enumerate().map(move |(place, slice)| {
            let weight = slice.end - std::mem::replace(&mut start, slice.end);
            (slice.end, Weighed { place: place as u32, weight, target: &slice.target })
        })
    }
}

//! A weighted choice among a few, exact in integers.

/// Targets with their weights, laid end to end on a line of length `total`.
///
/// A weight of zero has no point on the line, so nothing can pick it.
#[derive(Clone, Debug)]
pub(crate) struct Weighted<T> {
    slices: Box<[Slice<T>]>,
    total: u64,
}

/// A target and its place on the line.
#[derive(Clone, Debug)]
pub(crate) struct Slice<T> {
    /// Where the slice ends on the line; it begins where the one before it ends.
    end: u64,
    pub(crate) weight: u64,
    pub(crate) target: T,
}

impl<T> Weighted<T> {
    /// The targets and their weights.
    pub(crate) fn new(targets: impl IntoIterator<Item = (T, u64)>) -> Self {
        let mut total = 0;
        let slices = targets
            .into_iter()
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

    /// The slice that holds a point below `total`, and its place: a target of weight w has exactly w points.
    #[inline]
    pub(crate) fn at(&self, point: u64) -> Option<(usize, &Slice<T>)> {
        // Few, and the first is the likeliest: a binary search would take longer.
        self.slices.iter().enumerate().find(|(_, slice)| point < slice.end)
    }

    /// All slices, those of weight zero too.
    #[inline]
    pub(crate) fn slices(&self) -> &[Slice<T>] {
        &self.slices
    }

    /// All targets, those of weight zero too.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &T> {
        self.slices.iter().map(|slice| &slice.target)
    }

    pub(crate) fn targets_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slices.iter_mut().map(|slice| &mut slice.target)
    }
}

//! The endpoints, and regions, that could not take an attempt before it was sent.

use super::tried::Tried;

/// How many endpoints an attempt asks before it waits: the first, and two others.
pub(crate) const CANDIDATES: u32 = 3;

/// In place of an endpoint: every one of the region.
pub(crate) const ALL: u32 = u32::MAX;

/// The endpoints of one cluster that an attempt has asked in vain, by place of region and endpoint; and those that earlier
/// attempts of its request were sent to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Passed {
    places: [(u32, u32); CANDIDATES as usize - 1],
    count: u32,
    tried: Tried,
}

impl Passed {
    /// Nobody was asked yet, in an attempt after others.
    pub(crate) fn after(tried: Tried) -> Self {
        Passed { tried, ..Passed::default() }
    }

    /// Adds an endpoint; whether another may be asked.
    pub(crate) fn add(&mut self, region: u32, endpoint: u32) -> bool {
        let Some(free) = self.places.get_mut(self.count as usize) else { return false };
        *free = (region, endpoint);
        self.count += 1;
        true
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.count as usize
    }

    /// Adds a whole region, whose limit let nobody in; whether another may be asked.
    pub(crate) fn add_region(&mut self, region: u32) -> bool {
        self.add(region, ALL)
    }

    pub(crate) fn has(&self, region: u32, endpoint: u32) -> bool {
        self.iter().any(|(one, place)| one == region && (place == endpoint || place == ALL))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        self.places.into_iter().take(self.len())
    }

    /// Where earlier attempts were sent.
    #[inline]
    pub(crate) fn tried(&self) -> &Tried {
        &self.tried
    }
}

//! Where the attempts of a request were sent, and where the next one goes.
//!
//! A retry is worth something where the first attempt's trouble is not: at another endpoint, or, when the trouble is the
//! region's, in another region. So what was tried is avoided for as long as there is anything else. How far a retry may go
//! is the route's to say; whether the region is in trouble is found by who makes the attempt, and is an argument here: the
//! same record decides alike, live and offline.

use super::decision::{EndpointReason, RegionReason};
use super::endpoint::{Choosing, ChosenEndpoint};
use super::loads::Loads;
use super::passed::Passed;
use super::region::{ChosenRegion, choose, vetoed};
use crate::entropy::Draws;
use crate::state::View;
use crate::table::{Cluster, Picking, Retry};

/// The most places that are kept: the last attempt avoids all before it.
const MOST: usize = Retry::MAX_ATTEMPTS as usize - 1;

/// Bits of an endpoint's place in [`Tried`]: a region has at most 2^20 endpoints, a cluster at most 64 regions.
const ENDPOINT_BITS: u32 = 20;

/// The endpoints of one cluster that attempts of a request were sent to, and the way that the next one takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tried {
    /// Region and endpoint in one word.
    places: [u32; MOST],
    count: u8,
    way: Way,
    /// Nothing that was tried is asked again.
    only_untried: bool,
}

/// Which region an attempt goes to that follows others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// That of the last attempt, while it has an endpoint that was not tried.
    #[default]
    Stay,
    /// Another, while there is one that was not tried.
    Leave,
    /// That of the last attempt, and no other.
    Within,
}

/// What may be chosen, from the best on.
#[derive(Clone, Copy)]
enum Tier {
    /// An untried endpoint of the last attempt's region.
    Here,
    /// Any endpoint of a region where nothing was tried.
    Elsewhere,
    /// Any untried endpoint.
    Untried,
    /// Any endpoint of the last attempt's region.
    HereAgain,
    /// Any endpoint.
    Again,
}

impl Tried {
    /// Adds where an attempt was sent. All but a last attempt's are kept, and nobody asks for that one's.
    pub(crate) fn add(&mut self, region: u32, endpoint: u32) {
        debug_assert!(endpoint < 1 << ENDPOINT_BITS, "a region has so many endpoints at most");
        if let Some(free) = self.places.get_mut(usize::from(self.count)) {
            *free = region << ENDPOINT_BITS | endpoint;
            self.count += 1;
        }
    }

    /// The same for an attempt that goes this way; a hedge is `only_untried`: what is slow is not asked twice at once.
    pub(crate) fn going(mut self, way: Way, only_untried: bool) -> Self {
        (self.way, self.only_untried) = (way, only_untried);
        self
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn has(&self, region: u32, endpoint: u32) -> bool {
        self.iter().any(|place| place == (region, endpoint))
    }

    /// How many attempts were sent to a region.
    pub(crate) fn count_in(&self, region: u32) -> usize {
        self.iter().filter(|(one, _)| *one == region).count()
    }

    /// In the order in which they were sent.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        let places = self.places.into_iter().take(usize::from(self.count));
        places.map(|place| (place >> ENDPOINT_BITS, place & ((1 << ENDPOINT_BITS) - 1)))
    }

    fn tiers(&self) -> &'static [Tier] {
        match (self.way, self.only_untried) {
            (Way::Stay, false) => &[Tier::Here, Tier::Elsewhere, Tier::Untried, Tier::Again],
            (Way::Stay, true) => &[Tier::Here, Tier::Elsewhere, Tier::Untried],
            (Way::Leave, false) => &[Tier::Elsewhere, Tier::Untried, Tier::Again],
            (Way::Leave, true) => &[Tier::Elsewhere, Tier::Untried],
            (Way::Within, false) => &[Tier::Here, Tier::HereAgain],
            (Way::Within, true) => &[Tier::Here],
        }
    }

    fn allows(&self, tier: Tier, region: u32, endpoint: u32) -> bool {
        let is_here = || self.iter().last().is_some_and(|(last, _)| last == region);
        match tier {
            Tier::Here => is_here() && !self.has(region, endpoint),
            Tier::Elsewhere => self.count_in(region) == 0,
            Tier::Untried => !self.has(region, endpoint),
            Tier::HereAgain => is_here(),
            Tier::Again => true,
        }
    }
}

/// What decides where an attempt goes that follows others.
pub(crate) struct Following<'a, L> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) view: &'a View,
    /// The regions that it may go to, if not all.
    pub(crate) within: Option<u64>,
    pub(crate) picking: Picking,
    /// The sticky key, where the route sticks to regions, and where it sticks to endpoints.
    pub(crate) keys: (Option<u64>, Option<u64>),
    pub(crate) loads: &'a L,
    pub(crate) draws: Draws,
    pub(crate) passed: &'a Passed,
}

impl<L: Loads> Following<'_, L> {
    /// A region and an endpoint of the first tier that has any. It looks at all endpoints, which only an attempt does that
    /// follows others.
    #[cold]
    pub(crate) fn choose(&self) -> Option<(ChosenRegion, ChosenEndpoint)> {
        let vetoed = vetoed(self.cluster, self.loads);
        self.passed.tried().tiers().iter().find_map(|tier| self.choose_in(*tier, vetoed))
    }

    fn choose_in(&self, tier: Tier, vetoed: u64) -> Option<(ChosenRegion, ChosenEndpoint)> {
        let Following { cluster, view, passed, draws, .. } = *self;
        let allows = |region, endpoint| passed.tried().allows(tier, region, endpoint) && !passed.has(region, endpoint);
        let open = self.within.unwrap_or(u64::MAX) & !vetoed;
        let has_any =
            |region: u32| view.regions[region as usize].endpoints.iter().any(|one| allows(region, one.member));
        let shares = view.shares_among(open, has_any);
        let chosen = choose(cluster, &shares, self.keys.0, draws)?;
        let region = ChosenRegion { vetoed, reason: RegionReason::Retried, ..chosen };
        let choosing = Choosing {
            region: &cluster.regions[region.place as usize],
            place: region.place,
            view: &view.regions[region.place as usize],
            picking: self.picking,
            key: self.keys.1,
            loads: self.loads,
            draws,
        };
        let (place, readings) = choosing.choose_among(|endpoint| allows(region.place, endpoint))?;
        Some((region, ChosenEndpoint { place, reason: EndpointReason::Retried, readings }))
    }
}

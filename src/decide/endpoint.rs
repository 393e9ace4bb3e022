//! Which endpoint of a region: bounded work, whatever the number of endpoints and of unusable ones.

use super::decision::EndpointReason;
use super::loads::{Loads, Readings};
use super::passed::Passed;
use super::rendezvous::{rendezvous, rendezvous_even};
use crate::entropy::{Draws, Purpose, below, mix64};
use crate::state::{Drawn, RegionView, STEPS};
use crate::table::{Picking, Region, Weighted};
use std::num::NonZeroU32;

/// Slots of a Maglev table that are tried before the key takes any usable endpoint. With half of the endpoints unusable,
/// one key in 65 536 comes that far; with a bound on loads, everybody who asks for one hot key does.
const MAX_PROBES: u16 = 16;

/// A chosen endpoint, why, and what was read.
#[derive(Clone, Copy)]
pub(crate) struct ChosenEndpoint {
    pub(crate) place: u32,
    pub(crate) reason: EndpointReason,
    pub(crate) readings: Readings,
}

/// What a key's slots came to.
enum Slots {
    Chosen(ChosenEndpoint),
    /// So many had their fill of the load, and the others could not be used either.
    Full(u16),
}

/// Everything a pick may look at.
pub(crate) struct Choosing<'a, L> {
    pub(crate) region: &'a Region,
    pub(crate) place: u32,
    pub(crate) view: &'a RegionView,
    pub(crate) picking: Picking,
    /// The sticky key, if the route sticks to endpoints.
    pub(crate) key: Option<u64>,
    pub(crate) loads: &'a L,
    pub(crate) draws: Draws,
}

impl<L: Loads> Choosing<'_, L> {
    /// The endpoint by the target's policy; none when none is usable.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once where every request passes, and where nobody hurries")]
    pub(crate) fn choose(&self) -> Option<ChosenEndpoint> {
        let usable = &self.view.endpoints;
        if usable.len() <= 1 {
            return Some(chosen(usable.iter().next()?.member, EndpointReason::Only));
        }
        let (reason, full_slots) = match (self.picking, self.key) {
            (Picking::LeastInFlight, None) => (EndpointReason::LessInFlight, 0),
            (Picking::PeakEwma, None) => (EndpointReason::Cheaper, 0),
            (Picking::Random, None) => return Some(chosen(self.draw()?.member, EndpointReason::Random)),
            (Picking::RoundRobin, None) => return self.by_turn(),
            (Picking::Maglev { table, max_load_percent }, key) => match self.by_slot(table, max_load_percent, key)? {
                Slots::Chosen(endpoint) => return Some(endpoint),
                // Drawn from the key, one endpoint would get all that a hot key's slots cannot take. So here the key counts
                // for nothing any more, and loads for everything.
                Slots::Full(slots) => (EndpointReason::SlotsPassed, slots),
            },
            (_, Some(key)) => return Some(chosen(self.by_rendezvous(key)?, EndpointReason::Sticky)),
        };
        let mut endpoint = self.by_two(reason);
        endpoint.readings.full_slots = full_slots;
        Some(endpoint)
    }

    /// An endpoint that was not asked yet. It looks at all endpoints of the region, which only an attempt does whose first
    /// choice could not take it.
    #[cold]
    pub(crate) fn choose_another(&self, passed: &Passed) -> Option<ChosenEndpoint> {
        let (one, _) = self.draw_two_among(|endpoint| !passed.has(self.place, endpoint))?;
        Some(chosen(one.member, EndpointReason::PassedOn))
    }

    /// One of those allowed: the key's; else drawn by weight, and where the policy looks at loads, the less loaded of two so
    /// drawn.
    pub(crate) fn choose_among(&self, allows: impl Fn(u32) -> bool) -> Option<(u32, Readings)> {
        let (one, other) = self.draw_two_among(allows)?;
        match self.picking {
            Picking::LeastInFlight => Some(self.lighter(one, other, false)),
            Picking::PeakEwma => Some(self.lighter(one, other, true)),
            Picking::Random | Picking::RoundRobin | Picking::Maglev { .. } => Some((one.member, Readings::default())),
        }
    }

    /// Two of those allowed, which may be one: drawn by weight, or the key's.
    fn draw_two_among(&self, allows: impl Fn(u32) -> bool) -> Option<(Drawn, Drawn)> {
        let usable = &self.view.endpoints;
        let others = || usable.iter().filter(|one| allows(one.member));
        if let Some(key) = self.key {
            let hash = |member: u32| self.region.endpoints[member as usize].hash;
            let one = rendezvous(key, others().map(|one| (hash(one.member), usable.weight(one), one)))?;
            return Some((one, one));
        }
        let weights = Weighted::new(others().map(|one| (one, usable.weight(one))));
        let draw = |purpose| weights.at(below(self.draws.draw(purpose), weights.total())).map(|found| *found.target);
        Some((draw(Purpose::Another)?, draw(Purpose::Rival)?))
    }

    /// Any usable endpoint, by weight.
    #[inline]
    fn draw(&self) -> Option<Drawn> {
        self.view.endpoints.draw(self.draws.draw(Purpose::Endpoint))
    }

    fn by_rendezvous(&self, key: u64) -> Option<u32> {
        let endpoints = &self.region.endpoints;
        let usable = self.view.endpoints.iter();
        if self.view.endpoints.is_even() {
            return rendezvous_even(key, usable.map(|one| (one.member, endpoints[one.member as usize].hash)));
        }
        let weight = |one| self.view.endpoints.weight(one);
        let candidates = usable.map(|one| (endpoints[one.member as usize].hash, weight(one), one.member));
        rendezvous(key, candidates)
    }

    /// The next turn; when its endpoint may not be used, or uses only a part of its turns because it is warming up, one
    /// drawn by weight. A probe further along the cycle would give all of a dead endpoint's turns to its successor.
    fn by_turn(&self) -> Option<ChosenEndpoint> {
        let ticket = self.loads.ticket(self.place);
        let readings = Readings { ticket, ..Readings::default() };
        let turn = self.region.sequence.as_ref().and_then(|sequence| sequence.turn(ticket));
        if let Some(place) = turn.filter(|&place| self.takes_its_part(place, self.draws.draw(Purpose::SlowStart))) {
            return Some(ChosenEndpoint { place, reason: EndpointReason::Turn, readings });
        }
        let place = self.draw()?.member;
        Some(ChosenEndpoint { place, reason: EndpointReason::TurnPassed, readings })
    }

    /// Whether an endpoint may be used, and, if it is warming up, whether these bits fall into the part that it takes.
    #[inline]
    fn takes_its_part(&self, endpoint: u32, bits: u64) -> bool {
        below(bits, STEPS) < self.view.step(endpoint)
    }

    /// The less loaded of two. Both are drawn by weight, and load is divided by weight, so endpoints share in proportion to
    /// their weights when idle (ties go to the first drawn) and carry loads in that proportion when busy. A cost in time
    /// already tells a strong endpoint from a weak one and is compared as it is.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what it returns is read at once")]
    fn by_two(&self, reason: EndpointReason) -> ChosenEndpoint {
        let by_cost = reason == EndpointReason::Cheaper;
        let usable = &self.view.endpoints;
        let (one, other) = usable.draw_two(self.draws.draw(Purpose::Endpoint), self.draws.draw(Purpose::Rival));
        let (place, readings) = self.lighter(one, other, by_cost);
        ChosenEndpoint { place, reason, readings }
    }

    /// The less loaded of two, and what was read of both.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what it returns is read at once")]
    fn lighter(&self, one: Drawn, other: Drawn, by_cost: bool) -> (u32, Readings) {
        let usable = &self.view.endpoints;
        let load = |endpoint| {
            if by_cost { self.loads.cost(self.place, endpoint) } else { self.loads.in_flight(self.place, endpoint) }
        };
        let (one_load, other_load) = (load(one.member), load(other.member));
        let first = if usable.is_even() || by_cost {
            one_load <= other_load
        } else {
            let weighed = |load: u64, weight: u64| u128::from(load) * u128::from(weight);
            weighed(one_load, usable.weight(other)) <= weighed(other_load, usable.weight(one))
        };
        let (picked, rival, picked_load, rival_load) =
            if first { (one, other, one_load, other_load) } else { (other, one, other_load, one_load) };
        (picked.member, Readings { picked_load, rival_load, rival: rival.member, ..Readings::default() })
    }

    /// The endpoint of the key's slot, or of one of the next, which are drawn from the key: probing neighbours would load
    /// whoever stands after a dead endpoint.
    fn by_slot(&self, table: u32, max_load: Option<NonZeroU32>, key: Option<u64>) -> Option<Slots> {
        let table = &self.region.maglevs[table as usize];
        let mut bits = key.unwrap_or_else(|| self.draws.draw(Purpose::Endpoint));
        let mut full_slots = 0;
        for probe in 0..MAX_PROBES {
            let place = table.slot(bits)?;
            bits = mix64(bits);
            // `bits` is fresh: whether a key takes part in a warm-up does not depend on which slot it has.
            if !self.takes_its_part(place, bits) {
                continue;
            }
            if max_load.is_some_and(|percent| self.is_full(place, percent)) {
                full_slots += 1;
                continue;
            }
            let reason = if probe == 0 { EndpointReason::Slot } else { EndpointReason::LaterSlot };
            let readings = Readings { full_slots, ..Readings::default() };
            return Some(Slots::Chosen(ChosenEndpoint { place, reason, readings }));
        }
        if full_slots > 0 {
            return Some(Slots::Full(full_slots));
        }
        Some(Slots::Chosen(chosen(self.view.endpoints.draw(bits)?.member, EndpointReason::SlotsPassed)))
    }

    /// Whether one more request would bring an endpoint above its bound: `in flight + 1 > ceil(c x fair share)`, where the
    /// fair share is its weight's part of the region's requests in flight and this one.
    fn is_full(&self, endpoint: u32, percent: NonZeroU32) -> bool {
        let weight = u64::from(self.region.endpoints[endpoint as usize].weight) * self.view.step(endpoint);
        let all = 100 * u128::from(self.view.endpoints.total());
        self.loads.exceeds(self.place, endpoint, |region_in_flight| {
            let bound = u128::from(region_in_flight + 1) * u128::from(percent.get()) * u128::from(weight);
            bound.div_ceil(all) as u64
        })
    }
}

fn chosen(place: u32, reason: EndpointReason) -> ChosenEndpoint {
    ChosenEndpoint { place, reason, readings: Readings::default() }
}

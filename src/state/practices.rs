//! Evacuations for practice: of some requests, while the region works.
//!
//! Whether a region can be left is known only when it is left. Practised now and then with a small part of the traffic, at an hour of
//! one's own choosing, it holds no surprises later (AWS moves zones out for half an hour a week for that). A practice never costs a
//! request: who finds no other region goes where it would have gone.
//!
//! Practices are the operator's, so they live beside the table, by region name, and end by themselves. Nobody who routes looks at
//! more than one word while there is none.

use crate::entropy::{Draws, Purpose, below, mix64};
use crate::id::Name;
use crate::protocol::Facts;
use crate::sync::{Arc, ArcCell, AtomicU64, Mutex, Ordering};
use crate::table::{Cluster, Kinds};
use crate::time::{Clock, Instant};
use crate::unit::Ratio;

/// The parts that a share is counted in.
const PARTS: u64 = 1 << 32;

/// Tells keys from how they are spread over regions: or those who practise would all live in one.
const SALT: u64 = 0x5052_4143_5449_4345;

/// One region that some requests keep away from.
#[derive(Debug)]
pub(crate) struct Practised {
    pub(crate) region: Name,
    /// Those that it takes; all, if it is empty.
    pub(crate) when: Kinds,
    pub(crate) share: Ratio,
    pub(crate) until: Instant,
}

/// All that is practised.
#[derive(Debug)]
pub(crate) struct Practices {
    /// How many there are, those included whose time is over.
    count: AtomicU64,
    list: ArcCell<Vec<Arc<Practised>>>,
    changing: Mutex<()>,
    clock: Clock,
}

impl Practices {
    pub(crate) fn new(clock: Clock) -> Self {
        let (count, list) = (AtomicU64::new(0), ArcCell::new(Arc::new(Vec::new())));
        Practices { count, list, changing: Mutex::new(()), clock }
    }

    /// Practises in place of what was practised there.
    pub(crate) fn put(&self, region: &Name, practised: Option<Practised>) {
        let _changing = self.changing.lock();
        let now = self.clock.now();
        let mut list = Vec::clone(&self.list.load());
        list.retain(|one| one.region != *region && now < one.until);
        list.extend(practised.map(Arc::new));
        let count = list.len() as u64;
        self.list.swap(Arc::new(list));
        // Release, and after the list: whoever sees that there is one finds it.
        self.count.store(count, Ordering::Release);
    }

    /// Whether there may be any.
    #[inline]
    pub(crate) fn are_any(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// Until when some keep away from a region, if they do.
    pub(crate) fn until(&self, region: &Name, now: Instant) -> Option<Instant> {
        let list = self.list.load();
        list.iter().find(|one| one.region == *region).map(|one| one.until).filter(|until| now < *until)
    }

    /// The region that a request keeps away from, by place: the first that it is to. One with a key does so as long as its key does.
    #[cold]
    pub(crate) fn avoided(&self, cluster: &Cluster, facts: &Facts<'_>, key: Option<u64>, draws: Draws) -> Option<u8> {
        let now = self.clock.now();
        let bits = key.map_or_else(|| draws.draw(Purpose::Practice), |key| mix64(key ^ SALT));
        let point = below(bits, PARTS);
        let takes_part = |one: &Practised| {
            now < one.until && point < (one.share.get() * PARTS as f64) as u64 && one.when.is_empty_or_takes(facts)
        };
        let list = self.list.load();
        // A cluster has at most 64 regions.
        let place = |one: &Practised| cluster.regions().iter().position(|region| *region.name() == one.region);
        list.iter().filter(|one| takes_part(one)).find_map(|one| place(one)).map(|place| place as u8)
    }
}

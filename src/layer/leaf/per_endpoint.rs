//! One service for each endpoint, made when it is first needed.
//!
//! A service belongs to an endpoint's *identity*: the state that its name has over all tables, and its address, authority
//! and TLS name. A swap that changes weights keeps it; one that changes the address makes another. The services stand in
//! an array by place, made for one table; the first request by a newer table makes the array for that one, taking over what
//! stays and dropping the services of endpoints that are gone (their clones in flight finish). A request that still has an
//! older table finds its endpoint's service by identity, or makes one for itself if the endpoint is gone.

use super::target::{Leaf, NotReady, Target};
use crate::id::Generation;
use crate::state::EndpointState;
use crate::sync::{Arc, ArcCell, AtomicU64, Mutex, Ordering};
use crate::table::Endpoint;
use crate::traffic::Pinned;
use http::uri::Authority;
use std::collections::HashMap;
use std::fmt;
use std::task::{Context, Poll};
use tower_service::Service;

/// One service for each endpoint, made by a factory.
///
/// The factory runs in the first attempt's poll, once for each endpoint: it should return quickly, as a channel does that
/// connects when it is first used. A service that fails its readiness check is dropped, and the next attempt gets a new one.
/// Clones share their services.
pub struct PerEndpoint<F, S> {
    shared: Arc<Shared<F, S>>,
    /// The service that was last asked whether it is ready, and the place of its endpoint. It keeps its turn there while
    /// the request waits.
    asked: Option<Asked<S>>,
}

struct Asked<S> {
    place: [u32; 3],
    made: Made<S>,
    /// None for a service that was made for one request.
    slot: Option<Arc<Slot<S>>>,
}

struct Shared<F, S> {
    make: F,
    slots: ArcCell<Slots<S>>,
    /// Held while the slots of another table are made.
    changing: Mutex<()>,
    /// How many services were made.
    count: AtomicU64,
}

/// The services of one table's endpoints, by place of cluster, region and endpoint.
struct Slots<S> {
    generation: Option<Generation>,
    places: Box<[Box<[InRegion<S>]>]>,
}

type InRegion<S> = Box<[Arc<Slot<S>>]>;

/// The place of one endpoint's service.
struct Slot<S> {
    state: Arc<EndpointState>,
    address: Box<str>,
    authority: Option<Authority>,
    tls_name: Option<Box<str>>,
    made: ArcCell<Option<Made<S>>>,
    /// Held while the service is made or dropped.
    making: Mutex<()>,
}

/// A service, and which of all that were made it is; zero for one that has no slot.
#[derive(Clone)]
struct Made<S> {
    service: S,
    number: u64,
}

impl<F, S> PerEndpoint<F, S> {
    /// Services by this factory, for stacks that are arranged by hand.
    pub fn new(make: F) -> Self
    where
        F: Fn(&Endpoint) -> S,
    {
        let slots = ArcCell::new(Arc::new(Slots { generation: None, places: Box::default() }));
        PerEndpoint {
            shared: Arc::new(Shared { make, slots, changing: Mutex::new(()), count: AtomicU64::new(0) }),
            asked: None,
        }
    }
}

impl<F, S> Clone for PerEndpoint<F, S> {
    /// The same services; nobody was asked yet.
    fn clone(&self) -> Self {
        PerEndpoint { shared: self.shared.clone(), asked: None }
    }
}

impl<F, S> fmt::Debug for PerEndpoint<F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerEndpoint").finish_non_exhaustive()
    }
}

impl<F: Fn(&Endpoint) -> S, S: Clone> Shared<F, S> {
    /// The service of an endpoint.
    fn service(&self, target: &Target<'_>) -> Asked<S> {
        let slot = self.slots.load().get(target).cloned();
        let slot = slot.or_else(|| self.slot_elsewhere(target));
        let made = match &slot {
            Some(slot) => {
                let made = Option::clone(&slot.made.load());
                made.unwrap_or_else(|| self.make_for(slot, target))
            }
            // The endpoint is gone, and whoever asks has not heard of it.
            None => Made { service: (self.make)(target.endpoint()), number: 0 },
        };
        Asked { place: target.place(), made, slot }
    }

    #[cold]
    fn make_for(&self, slot: &Slot<S>, target: &Target<'_>) -> Made<S> {
        let _making = slot.making.lock();
        if let Some(made) = Option::clone(&slot.made.load()) {
            return made;
        }
        // Relaxed: the number need only be new.
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let made = Made { service: (self.make)(target.endpoint()), number };
        slot.made.swap(Arc::new(Some(made.clone())));
        made
    }

    /// The slot of an endpoint of a table that the slots were not made for.
    #[cold]
    fn slot_elsewhere(&self, target: &Target<'_>) -> Option<Arc<Slot<S>>> {
        let changing = self.changing.lock();
        let slots = Arc::clone(&self.slots.load());
        // Somebody may have made them meanwhile.
        if let Some(slot) = slots.get(target) {
            return Some(slot.clone());
        }
        if slots.generation.is_some_and(|generation| generation > target.pin().generation()) {
            return slots.all().find(|slot| slot.is_of(target.endpoint(), target.state())).cloned();
        }
        let new = Arc::new(Slots::of(target.pin(), &slots));
        let slot = new.get(target).cloned();
        let old = self.slots.swap(new);
        // After the lock is free: dropping a service may do anything.
        drop(changing);
        drop((slots, old));
        slot
    }
}

impl<S> Slots<S> {
    /// The slot of a place, if the slots are of its table.
    #[inline]
    fn get(&self, target: &Target<'_>) -> Option<&Arc<Slot<S>>> {
        if self.generation != Some(target.pin().generation()) {
            return None;
        }
        let [cluster, region, endpoint] = target.place().map(|place| place as usize);
        let slot = self.places.get(cluster)?.get(region)?.get(endpoint)?;
        // Of this traffic too: a leaf may have been given to two.
        Arc::ptr_eq(&slot.state, target.state()).then_some(slot)
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Slot<S>>> {
        self.places.iter().flatten().flatten()
    }

    /// Slots for a table, with what is kept of the old ones.
    fn of(pin: &Pinned, old: &Slots<S>) -> Self {
        let known: HashMap<_, _> = old.all().map(|slot| (Arc::as_ptr(&slot.state), slot)).collect();
        let slot = |endpoint: &Endpoint, state: &Arc<EndpointState>| {
            let kept = known.get(&Arc::as_ptr(state)).filter(|slot| slot.is_of(endpoint, state));
            kept.map_or_else(|| Arc::new(Slot::new(endpoint, state)), |slot| Arc::clone(slot))
        };
        let places = pin.table().clusters().zip(pin.clusters()).map(|(cluster, handle)| {
            let regions = cluster.regions().iter().zip(&handle.regions);
            let slots = regions.map(|(region, handle)| {
                region
                    .endpoints()
                    .iter()
                    .zip(&handle.endpoints)
                    .map(|(endpoint, state)| slot(endpoint, state))
                    .collect()
            });
            slots.collect()
        });
        Slots { generation: Some(pin.generation()), places: places.collect() }
    }
}

impl<S> Slot<S> {
    fn new(endpoint: &Endpoint, state: &Arc<EndpointState>) -> Self {
        Slot {
            state: state.clone(),
            address: endpoint.address().into(),
            authority: endpoint.authority().cloned(),
            tls_name: endpoint.tls_name().map(Into::into),
            made: ArcCell::new(Arc::new(None)),
            making: Mutex::new(()),
        }
    }

    /// Drops a service that is broken, unless another stands in its place already.
    #[cold]
    fn forget(&self, broken: &Made<S>) {
        let making = self.making.lock();
        let holds_it = {
            let made: &Option<Made<S>> = &self.made.load();
            made.as_ref().is_some_and(|made| made.number == broken.number)
        };
        let old = holds_it.then(|| self.made.swap(Arc::new(None)));
        // After the lock is free: dropping a service may do anything.
        drop(making);
        drop(old);
    }

    /// Whether it is the slot of this endpoint as this table describes it.
    fn is_of(&self, endpoint: &Endpoint, state: &Arc<EndpointState>) -> bool {
        Arc::ptr_eq(&self.state, state)
            && *self.address == *endpoint.address()
            && self.authority.as_ref() == endpoint.authority()
            && self.tls_name.as_deref() == endpoint.tls_name()
    }
}

impl<R, F, S> Leaf<R> for PerEndpoint<F, S>
where
    F: Fn(&Endpoint) -> S,
    S: Service<R> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    const SHARED: bool = false;

    #[inline]
    fn poll_ready(&mut self, target: &Target<'_>, cx: &mut Context<'_>) -> Poll<Result<(), NotReady<S::Error>>> {
        let asked = match &mut self.asked {
            Some(asked) if asked.place == target.place() => asked,
            asked => asked.insert(self.shared.service(target)),
        };
        let said = asked.made.service.poll_ready(cx);
        if matches!(said, Poll::Ready(Err(_)))
            && let Some(Asked { made, slot: Some(slot), .. }) = self.asked.take()
        {
            slot.forget(&made);
        }
        said.map_err(NotReady::Broken)
    }

    #[inline]
    fn call(&mut self, request: R, _: &Target<'_>) -> S::Future {
        let asked = self.asked.as_mut().expect("a leaf is called after it was ready");
        asked.made.service.call(request)
    }
}

//! The handle: the one place where a table is swapped.
//!
//! Writers queue at one lock; nobody who serves a request ever waits for it. A publish adopts the state of every name the
//! table has, builds the views, swaps one pointer and remembers the table. What an old table leaves behind waits in a list
//! until nobody has it pinned: dropping a thousand routes is the publisher's work, not the last request's.

mod endpoints;
mod evacuation;
mod health;
mod history;
mod pin;
mod plan;
mod practice;
mod shared;
mod status;

pub use crate::state::{Checked, LimitStatus, PartitionStatus};
pub use evacuation::{Evacuation, UnknownRegion};
pub(crate) use health::Watch;
pub use history::{Cause, Revision};
pub use pin::{Pinned, Reader};
pub use plan::{Plan, Receiver};
pub use practice::{Practice, PracticeError};
pub(crate) use shared::Shared;
pub use status::{ClusterStatus, EndpointStatus, RegionStatus, RouteStatus, Status};

use crate::entropy::{Draws, Entropy};
use crate::error::TableError;
use crate::id::Generation;
use crate::observe::{Event, Observer};
use crate::state::{BoundRef, Practices, Registry, Snapshot};
use crate::sync::{Arc, Mutex};
use crate::table::{Cluster, Diff, RouteSpec, Table, TableSpec};
use crate::time::{Clock, Instant};
use history::History;
use pin::Cell;
use std::fmt;

/// The routing table in force and all that was learned under it. Cheap to clone; clones are the same traffic.
///
/// ```
/// use contraflow::{Facts, TableSpec, Traffic};
///
/// let table = TableSpec::new()
///     .cluster("api", |c| c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80")))
///     .cluster("api-next", |c| c.region("us-east", |r| r.endpoint("n", "10.0.0.9:80")))
///     .route("all", |r| r.any().split([("api", 99), ("api-next", 1)]))
///     .build()?;
/// let traffic = Traffic::new(table);
///
/// traffic.edit(|spec| {
///     spec.route_mut("all")?.reweight("api", 90).reweight("api-next", 10);
///     Ok(())
/// })?;
/// assert_eq!(traffic.snapshot().generation().as_u64(), 2);
///
/// traffic.rollback()?;
/// let decision = traffic.snapshot().decide(&Facts::path("/"), traffic.draws(), traffic.now())?;
/// assert_eq!(decision.generation().as_u64(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Traffic {
    core: Arc<Core>,
}

#[derive(Debug)]
struct Core {
    cell: Cell,
    shared: Arc<Shared>,
    entropy: Entropy,
    writer: Mutex<Writer>,
}

/// What only writers touch.
#[derive(Debug)]
struct Writer {
    current: Arc<Snapshot>,
    registry: Registry,
    history: History,
    /// Snapshots that somebody may still have pinned.
    retired: Vec<Arc<Snapshot>>,
}

impl fmt::Debug for Traffic {
    /// The generation in force, and no more: services hold a traffic, and are logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traffic").field("generation", &self.snapshot().generation()).finish_non_exhaustive()
    }
}

/// Why a publish was refused. Nothing changed.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Somebody else published first.
    #[error("generation {current} is in force, not {expected}; look at what changed and try again")]
    Conflict {
        /// The generation that should have been in force.
        expected: Generation,
        /// The one that is.
        current: Generation,
    },
    /// The changed spec is not a sound table.
    #[error(transparent)]
    Invalid(#[from] TableError),
    /// There is nothing before the table in force, or it was forgotten.
    #[error("no earlier table is remembered; the history goes back to generation {oldest}")]
    NothingBefore {
        /// The oldest that is remembered.
        oldest: Generation,
    },
    /// The generation was never in force, or was forgotten.
    #[error("generation {wanted} is not in the history, which goes back to generation {oldest}")]
    Forgotten {
        /// The generation that was asked for.
        wanted: Generation,
        /// The oldest that is remembered.
        oldest: Generation,
    },
}

// `unwrap()` and `main() -> Result` print Debug: the readable text serves there too.
impl fmt::Debug for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a publish did.
#[derive(Clone, Debug)]
pub struct Published {
    generation: Generation,
    before: Table,
    after: Table,
}

impl Published {
    /// The table's new generation.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The table that was in force before.
    pub fn before(&self) -> &Table {
        &self.before
    }

    /// The table in force now.
    pub fn after(&self) -> &Table {
        &self.after
    }

    /// What changed; compared when asked.
    pub fn diff(&self) -> Diff {
        self.before.diff(&self.after)
    }
}

/// What a sweep found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swept {
    /// Old tables that somebody still has pinned.
    pub retired: usize,
    /// Endpoints that left the table and still serve requests.
    pub draining: usize,
}

impl Traffic {
    /// Traffic by this table, on the machine's clock, with random draws.
    pub fn new(table: Table) -> Self {
        Traffic::with_sources(table, Clock::std(), Entropy::random())
    }

    /// Traffic by this table, with another clock and other draws: for tests and simulations, which then repeat exactly.
    pub fn with_sources(table: Table, clock: Clock, entropy: Entropy) -> Self {
        let now = clock.now();
        let mut registry = Registry::new(entropy.clone(), clock.clone());
        let generation = Generation::FIRST;
        let handles = registry.adopt(&table, generation, now);
        let current = Arc::new(Snapshot::new(generation, table.clone(), handles, &registry));
        let shared = Arc::new(Shared::new(clock, registry.board()));
        let cell = Cell::new(&current, &shared);
        let history = History::new(Revision::new(generation, table, Cause::Publish, now));
        let writer = Mutex::new(Writer { current, registry, history, retired: Vec::new() });
        Traffic { core: Arc::new(Core { cell, shared, entropy, writer }) }
    }

    /// Traffic to one service: one route that takes every request, to one cluster of one endpoint, all of this name.
    ///
    /// # Errors
    /// When the name or a knob is bad.
    ///
    /// ```
    /// use contraflow::Traffic;
    /// use std::time::Duration;
    ///
    /// let traffic = Traffic::single("db", |route| route.deadline(Duration::from_secs(1)))?;
    /// assert_eq!(traffic.status().clusters[0].name, "db");
    /// # Ok::<(), contraflow::TableError>(())
    /// ```
    pub fn single(name: &str, describe: impl FnOnce(RouteSpec) -> RouteSpec) -> Result<Self, TableError> {
        let spec = TableSpec::new()
            .cluster(name, |cluster| cluster.region(name, |region| region.endpoint(name, name)))
            .route(name, |route| describe(route.any().to(name)));
        Ok(Traffic::new(spec.build()?))
    }

    /// The table in force with its state, pinned: it stays as it is for whoever has it, whatever is published.
    #[inline]
    pub fn snapshot(&self) -> Pinned {
        self.core.cell.pin()
    }

    /// A reader that keeps its pin while the generation stands: the cheapest way to pin once for each of many requests.
    pub fn reader(&self) -> Reader {
        Reader::new(self.clone())
    }

    /// The moment on the traffic's clock.
    #[inline]
    pub fn now(&self) -> Instant {
        self.core.shared.clock().now()
    }

    /// The draws of a new request.
    #[inline]
    pub fn draws(&self) -> Draws {
        self.core.entropy.draws()
    }

    /// Puts a table in force.
    ///
    /// When it returns, no new request decides by an older table, on any thread. Requests that have one pinned finish by it.
    ///
    /// # Errors
    /// None yet: a [`Table`] is sound. Rules about what may change at once will refuse here.
    pub fn publish(&self, table: Table) -> Result<Published, PublishError> {
        self.write(|writer| Ok(writer.put(&self.core, table, Cause::Publish)))
    }

    /// Puts a table in force if this generation still is: for whoever made it from that generation's.
    ///
    /// # Errors
    /// [`PublishError::Conflict`] when another generation is.
    pub fn publish_if(&self, expected: Generation, table: Table) -> Result<Published, PublishError> {
        self.put_if(expected, table, Cause::Publish)
    }

    /// Changes the table in force: `change` gets its spec, and what it leaves there is built and published.
    ///
    /// Two edits never lose each other's changes: when somebody publishes in between, `change` runs again on the newer
    /// spec, so it may run several times, and outside any lock.
    ///
    /// # Errors
    /// [`PublishError::Invalid`] with what `change` or `build` found wrong.
    pub fn edit(
        &self,
        mut change: impl FnMut(&mut TableSpec) -> Result<(), TableError>,
    ) -> Result<Published, PublishError> {
        loop {
            let snapshot = self.snapshot();
            let mut spec = snapshot.table().spec().clone();
            change(&mut spec)?;
            match self.put_if(snapshot.generation(), spec.build()?, Cause::Edit) {
                // Somebody made progress, so this ends.
                Err(PublishError::Conflict { .. }) => {}
                done => return done,
            }
        }
    }

    /// Puts the table before the one in force back in force, as a new generation.
    ///
    /// Rolling back twice goes back two tables, not to and fro. What is gone back to is in force too and takes a place in the
    /// [`history`](Self::history), so a full history takes 16 rollbacks in a row. Lists that a
    /// [`Follow`](crate::layer::Follow) put into a table count as that table, and the newest comes back within a second.
    ///
    /// # Errors
    /// [`PublishError::NothingBefore`] when there is none before, or no longer: the last 32 are remembered.
    pub fn rollback(&self) -> Result<Published, PublishError> {
        self.write(|writer| {
            let (generation, table) = writer.history.before()?;
            Ok(writer.put(&self.core, table, Cause::Rollback(generation)))
        })
    }

    /// Puts the table of a remembered generation back in force, as a new generation.
    ///
    /// # Errors
    /// [`PublishError::Forgotten`] when it is not remembered.
    pub fn rollback_to(&self, generation: Generation) -> Result<Published, PublishError> {
        self.write(|writer| {
            let (origin, table) = writer.history.get(generation)?;
            Ok(writer.put(&self.core, table, Cause::Rollback(origin)))
        })
    }

    /// The tables that were in force, oldest first; the last is in force now. 32 are remembered.
    pub fn history(&self) -> Vec<Revision> {
        self.core.writer.lock().history.list()
    }

    /// Says where this process runs, or that it is nowhere in particular: clusters that go [home first](crate::table::ClusterSpec::home_first), or
    /// that have [an order of their own](crate::table::ClusterSpec::homes) from there, rank their regions by it.
    ///
    /// The table in force is published again under a new generation, so no request sees half of it.
    ///
    /// # Errors
    /// When no cluster has a region of this name, nor an order from there.
    ///
    /// ```
    /// use contraflow::{Facts, TableSpec, Traffic};
    ///
    /// let table = TableSpec::new()
    ///     .cluster("api", |c| {
    ///         c.home_first().region("eu", |r| r.endpoint("e", "e:80")).region("us", |r| r.endpoint("u", "u:80").rank(1))
    ///     })
    ///     .route("all", |r| r.any().to("api"))
    ///     .build()?;
    /// let traffic = Traffic::new(table);
    /// traffic.set_home(Some("us"))?;
    /// let snapshot = traffic.snapshot();
    /// let decision = snapshot.decide(&Facts::path("/"), traffic.draws(), traffic.now())?;
    /// assert_eq!(snapshot.endpoint(&decision).map(|endpoint| endpoint.address()), Some("u:80"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_home(&self, home: Option<&str>) -> Result<Generation, UnknownRegion> {
        let (published, waited_for) = {
            let mut writer = self.core.writer.lock();
            if let Some(home) = home {
                let has_order = |cluster: &Cluster| cluster.homes.iter().any(|known| *known.name == *home);
                let table = writer.current.table();
                let regions = || table.clusters().flat_map(Cluster::regions).map(|region| region.name().as_str());
                if !regions().any(|name| name == home) && !table.clusters().any(has_order) {
                    return Err(UnknownRegion::new(home, regions()));
                }
            }
            writer.registry.set_home(home);
            let table = writer.current.table().clone();
            (writer.put(&self.core, table, Cause::Publish), writer.registry.take_waited_for())
        };
        Ok(self.has_published(published, waited_for).generation)
    }

    /// Where this process runs, if it was told.
    pub fn home(&self) -> Option<String> {
        self.core.writer.lock().registry.home().map(Into::into)
    }

    /// Tells an observer of everything from now on, until [`stop_observing`](Self::stop_observing).
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.core.shared.add(observer);
    }

    /// Tells an observer nothing more.
    #[expect(clippy::needless_pass_by_value, reason = "so that a handle of the observer's own type can be given")]
    pub fn stop_observing(&self, observer: Arc<dyn Observer>) {
        self.core.shared.remove(&observer);
    }

    /// Frees old tables that nobody has pinned any more, and the state of endpoints that have drained.
    ///
    /// Every publish does this too; call it now and then when publishes are rare and tables large.
    pub fn sweep(&self) -> Swept {
        let garbage = self.core.writer.lock().garbage();
        // Freed while the lock is free, and before the state is looked at that it held.
        drop(garbage);
        self.core.writer.lock().swept()
    }

    /// What is in force and what is known of every endpoint, as plain values: for an admin page or a metric. It sweeps first.
    pub fn status(&self) -> Status {
        let swept = self.sweep();
        let writer = self.core.writer.lock();
        let now = self.now();
        writer.current.rebuild_due_views(now);
        let status = Status::new(&writer.current, swept, now);
        drop(writer);
        self.core.shared.tell_news();
        status
    }

    fn put_if(&self, expected: Generation, table: Table, cause: Cause) -> Result<Published, PublishError> {
        self.write(|writer| {
            let current = writer.current.generation();
            if current == expected {
                Ok(writer.put(&self.core, table, cause))
            } else {
                Err(PublishError::Conflict { expected, current })
            }
        })
    }

    /// Writes under the lock, and tells of it when the lock is free: an observer may ask for the status.
    fn write(
        &self,
        write: impl FnOnce(&mut Writer) -> Result<Published, PublishError>,
    ) -> Result<Published, PublishError> {
        let (published, waited_for) = {
            let mut writer = self.core.writer.lock();
            (write(&mut writer)?, writer.registry.take_waited_for())
        };
        Ok(self.has_published(published, waited_for))
    }

    fn has_published(&self, published: Published, waited_for: Vec<BoundRef>) -> Published {
        // Whoever is let in is woken, and may do anything.
        for place in waited_for {
            place.bound().let_in();
        }
        self.core.shared.watchers().wake();
        self.tell(|| Event::Published { generation: published.generation });
        published
    }

    fn tell(&self, event: impl FnOnce() -> Event) {
        if self.core.shared.is_observed() {
            let event = event();
            self.core.shared.tell(|observer| observer.event(&event));
        }
    }
}

impl Core {
    fn practices(&self) -> Arc<Practices> {
        self.writer.lock().registry.practices()
    }
}

impl Writer {
    /// From now on all endpoints are watched, of this table and of those to come.
    fn watch_all(&mut self, now: Instant) {
        let (table, generation) = (self.current.table().clone(), self.current.generation());
        self.registry.watch_all(&table, generation, now);
    }

    fn put(&mut self, core: &Core, table: Table, cause: Cause) -> Published {
        let now = core.shared.clock().now();
        let generation = self.current.generation().next();
        let handles = self.registry.adopt(&table, generation, now);
        let snapshot = Arc::new(Snapshot::new(generation, table.clone(), handles, &self.registry));
        core.cell.swap(&snapshot);
        let old = std::mem::replace(&mut self.current, snapshot);
        let before = old.table().clone();
        self.retired.push(old);
        self.history.push(Revision::new(generation, table.clone(), cause, now));
        drop(self.garbage());
        self.swept();
        Published { generation, before, after: table }
    }

    /// Takes out the tables that nobody uses any more; the caller drops them.
    fn garbage(&mut self) -> Vec<Arc<Snapshot>> {
        // Only this list can still give out the old snapshots, so a count of one cannot grow.
        self.retired.extract_if(.., |snapshot| Arc::strong_count(snapshot) == 1).collect()
    }

    /// Drops the state that nobody uses any more, and counts what is left.
    fn swept(&mut self) -> Swept {
        Swept { retired: self.retired.len(), draining: self.registry.sweep() }
    }
}

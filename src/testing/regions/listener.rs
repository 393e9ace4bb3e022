//! Who hears of what happens to the traffic as a whole.

use crate::observe::{Event, Observer};
use crate::sync::Mutex;
use crate::time::{Clock, Instant};

/// Keeps all events with their moments.
pub(super) struct Listener {
    clock: Clock,
    events: Mutex<Vec<(Instant, Event)>>,
}

impl Listener {
    pub(super) fn new(clock: Clock) -> Self {
        Listener { clock, events: Mutex::new(Vec::new()) }
    }

    pub(super) fn events(&self) -> Vec<(Instant, Event)> {
        self.events.lock().clone()
    }
}

impl Observer for Listener {
    fn event(&self, event: &Event) {
        let at = match event {
            Event::Health { at, .. } | Event::Region { at, .. } => *at,
            _ => self.clock.now(),
        };
        self.events.lock().push((at, event.clone()));
    }
}

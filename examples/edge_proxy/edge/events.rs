//! What happened lately to endpoints and regions, for who opens the status and asks why.

use contraflow::{Event, Observer};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// So many are kept, and older ones forgotten.
const KEPT: usize = 100;

/// The last events, each a sentence.
#[derive(Debug)]
pub(crate) struct Events {
    started: Instant,
    last: Mutex<VecDeque<(f64, String)>>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Events { started: Instant::now(), last: Mutex::default() }
    }

    /// The oldest first, with the seconds since the start at which they were told.
    pub(crate) fn last(&self) -> Value {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.iter().map(|(at, what)| json!({ "at_seconds": at, "what": what })).collect()
    }
}

impl Observer for Events {
    fn event(&self, event: &Event) {
        let Some(what) = sentence(event) else { return };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.push_back((self.started.elapsed().as_secs_f64(), what));
        if last.len() > KEPT {
            last.pop_front();
        }
    }
}

/// None of what the status tells anyway.
fn sentence(event: &Event) -> Option<String> {
    Some(match event {
        Event::Evacuated { region, over, reason, .. } => {
            let over = if over.is_zero() { "at once".to_owned() } else { format!("over {over:?}") };
            let reason = reason.as_ref().map(|reason| format!(": {reason}"));
            format!("region {region} is evacuated {over}{}", reason.unwrap_or_default())
        }
        Event::Readmitted { region } => format!("region {region} is readmitted"),
        Event::Health { cluster, region, verdict, .. } => format!("{cluster}, {region}: {verdict}"),
        Event::Region { cluster, region, from, to, health, .. } => {
            format!("{cluster}, {region}: from {from} to {to}, {:.0}% well", health.get() * 100.0)
        }
        _ => return None,
    })
}

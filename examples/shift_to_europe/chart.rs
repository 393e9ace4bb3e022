//! What one sees while it runs: a chart on a terminal, a line a second elsewhere.

use crate::plan::PLAN;
use crate::record::{Counts, EUROPE, REGIONS, Record};
use contraflow::{Event, Observer, Traffic};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bar, and a line of text: a line that is wrapped could not be drawn over.
const BAR: usize = 28;
const WIDTH: usize = 79;

/// So many of the last events are under the chart.
const EVENTS: usize = 6;

/// What the operator and health did, until somebody shows it.
pub(crate) struct Events {
    begun: Instant,
    untold: Mutex<Vec<String>>,
}

impl Observer for Events {
    fn event(&self, event: &Event) {
        let says = match event {
            Event::Evacuated { region, over, reason, .. } => {
                format!("{region} is evacuated over {over:.1?}: {}", reason.as_deref().unwrap_or("for no reason"))
            }
            Event::Readmitted { region } => format!("{region} is readmitted"),
            Event::Health { region, verdict, .. } => format!("{region}: {verdict}"),
            Event::Region { region, from, to, health, .. } => {
                format!("{region}: from {from} to {to}, {:.0}% well", health.get() * 100.0)
            }
            _ => return,
        };
        let at = self.begun.elapsed().as_secs_f64();
        self.untold.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{at:>5.1} s  {says}"));
    }
}

impl Events {
    pub(crate) fn new() -> Self {
        Events { begun: Instant::now(), untold: Mutex::default() }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.untold.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(crate) struct Chart {
    is_live: bool,
    /// Lines that the next drawing is drawn over.
    drawn: usize,
    last: VecDeque<String>,
}

impl Chart {
    pub(crate) fn new() -> Self {
        Chart { is_live: io::stdout().is_terminal(), drawn: 0, last: VecDeque::new() }
    }

    /// How often it is drawn.
    pub(crate) fn every(&self) -> Duration {
        if self.is_live { Duration::from_millis(500) } else { Duration::from_secs(1) }
    }

    /// Draws what came since it was drawn last. That nobody looks is no reason to stop.
    pub(crate) fn draw(&mut self, record: &Record, events: &Events, traffic: &Traffic) {
        let lately = record.lately();
        let at = events.begun.elapsed().as_secs_f64();
        let events = events.take();
        let phase = PLAN[record.phase()].name;
        let text = if self.is_live {
            self.last.extend(events);
            self.last.drain(..self.last.len().saturating_sub(EVENTS));
            self.chart(&lately, phase, at, traffic)
        } else {
            let events: String = events.into_iter().map(|event| event + "\n").collect();
            events + &line(&lately, phase, at)
        };
        let mut out = io::stdout();
        _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    fn chart(&mut self, lately: &Counts, phase: &str, at: f64, traffic: &Traffic) -> String {
        let a_second = |count: usize| count as f64 / self.every().as_secs_f64();
        let (requests, errors) = (a_second(lately.took.len()), a_second(lately.errors));
        let took = lately.percentile_99().as_millis();
        let mut lines = vec![
            format!("{at:>5.1} s  {phase:<16} {requests:>4.0} requests/s {errors:>4.0} errors/s  p99 {took} ms"),
            String::new(),
        ];
        for (place, region) in REGIONS.iter().enumerate() {
            let share = lately.share(place);
            let full = (share * BAR as f64 / 100.0).round() as usize;
            let (full, rest) = ("█".repeat(full), "·".repeat(BAR.saturating_sub(full)));
            let stands = if place == EUROPE { how_it_stands(traffic) } else { String::new() };
            lines.push(format!("  {region}  {full}{rest} {share:>5.1}%  {stands}"));
        }
        lines.push(String::new());
        lines.extend(self.last.iter().map(|event| event.chars().take(WIDTH).collect()));
        lines.resize(6 + EVENTS, String::new());
        let mut text = if self.drawn > 0 { format!("\x1b[{}A", self.drawn) } else { String::new() };
        self.drawn = lines.len();
        for line in lines {
            // Writing to a string cannot fail.
            _ = writeln!(text, "\x1b[2K{line}");
        }
        text
    }
}

fn line(lately: &Counts, phase: &str, at: f64) -> String {
    let mut line = format!("{at:>5.1} s  {phase:<16}");
    for (place, region) in REGIONS.iter().enumerate() {
        _ = write!(line, "{region} {:>5.1}%  ", lately.share(place));
    }
    let (requests, errors, took) = (lately.took.len(), lately.errors, lately.percentile_99().as_millis());
    line + &format!("{requests:>4} requests {errors:>3} errors  p99 {took:>3} ms\n")
}

/// The region in Europe, in words.
fn how_it_stands(traffic: &Traffic) -> String {
    let status = traffic.status();
    let mut regions = status.clusters.iter().flat_map(|cluster| &cluster.regions);
    let Some(region) = regions.find(|region| region.name.as_str() == REGIONS[EUROPE]) else { return String::new() };
    let ceiling = region.ceiling.get() * 100.0;
    let out = region.readmitted_in.map_or("", |_| ", evacuated");
    format!("{}{out}, at most {ceiling:.0}%", region.phase)
}

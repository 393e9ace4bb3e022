//! The figures of a run.

use crate::shared::figures::{Bar, Rows};
use contraflow::Event;
use contraflow::testing::RegionWorld;

/// From the onset until less than one in a hundred of the requests of a second fails.
const WELL: Bar = Bar::AtMost(2.0, 0.5);
/// A survivor is not asked for more than it can, in any second, but for what a bucket lets through.
const LOAD: Bar = Bar::AtMost(1.1, 1.0);

/// What is told of every run: from the second when the trouble began to its end, with regions that take so much each.
pub(crate) fn read(world: &RegionWorld, onset: f64, end: f64, per_second: f64, survivors: &[&str]) -> Rows {
    let mut rows = Rows::default();
    let measured = world.measured();
    let tenths = |from: f64, to: f64| ((from * 10.0) as u32..(to * 10.0) as u32).map(|tenth| f64::from(tenth) / 10.0);
    let is_well = |at: &f64| measured.between(*at, at + 1.0).errors() < 0.01;
    let well = tenths(onset, end - 1.0).find(is_well).unwrap_or(end) - onset;
    rows.add("s to < 1% errors", WELL, well);
    for name in survivors {
        let load = |at: f64| measured.between(at, at + 1.0).load(name).sent as f64 / per_second;
        rows.add(format!("peak load {name} / capacity"), LOAD, tenths(onset, end - 1.0).map(load).fold(0.0, f64::max));
    }
    let transitions = world.events().iter().filter(|(_, event)| matches!(event, Event::Region { .. })).count();
    rows.add("transitions", Bar::Note, transitions as f64);
    let share = |at: f64| measured.between(at, at + 1.0).share("eu");
    // From the second before it on.
    let moved = tenths(onset - 1.0, end - 2.0).map(|at| share(at + 1.0) - share(at));
    let (away, back) = moved.fold((0.0, 0.0), |(away, back): (f64, f64), by| (away.max(-by), back.max(by)));
    rows.add("% of all moved away in 1 s", Bar::Note, 100.0 * away);
    rows.add("% of all moved back in 1 s", Bar::Note, 100.0 * back);
    let all = measured.between(onset, end);
    rows.add("requests lost", Bar::Note, (all.asked() - all.ok - all.refused()) as f64);
    rows.add("requests refused", Bar::Note, all.refused() as f64);
    rows.add("lost and refused %", Bar::Note, 100.0 * all.errors());
    rows.add("ms of an answer", Bar::Note, 1e3 * all.took / all.ok.max(1) as f64);
    rows
}

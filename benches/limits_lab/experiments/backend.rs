//! The backend changes: how much it can do, how far away it is, and one of its endpoints.

use super::{Bar, GOODPUT, REFUSED_AT_0_7, REFUSED_AT_FIRST, Rows};
use crate::algorithms::Algorithm;
use crate::lab::run;
use crate::measured::{Measured, SLICE};
use crate::setting::{Conditions, Setting};
use crate::shared::server::Health;
use std::time::Duration;

type Change = fn(&mut Conditions);

/// E2: workers go, or all become slower; and are back twenty seconds later.
pub(super) fn capacity(algorithm: Algorithm, seed: u64) -> Rows {
    let fewer: Change = |conditions| conditions.working = 0.4;
    let slower: Change = |conditions| conditions.slow = 2.5;
    let mut rows = Rows::default();
    for (name, change) in [("workers", fewer), ("slower", slower)] {
        for clients in [1, 10] {
            let whole = |conditions: &mut Conditions| (conditions.working, conditions.slow) = (1.0, 1.0);
            let setting = Setting::new(clients, 1.5).then(20.0, change).then(40.0, whole);
            let setting = setting.measure(21.0, 40.0).measure(42.0, 60.0);
            let measured = run(&setting, algorithm, seed);
            let low = 0.4 * setting.capacity();
            let goodput = 100.0 * measured.windows[0].rate() / low;
            rows.add(format!("down s {name} n={clients}"), Bar::AtMost(1.0, 0.1), down(&measured, goodput));
            rows.add(format!("goodput % {name} n={clients}"), GOODPUT, goodput);
            rows.add(format!("up s {name} n={clients}"), Bar::AtMost(2.0, 0.2), up(&measured, setting.capacity()));
        }
    }
    rows
}

/// Slices of 50 ms in so many seconds.
fn slices(seconds: usize) -> usize {
    seconds * 1000 / SLICE.as_millis() as usize
}

/// Seconds until what is inside the backend stays at twice of what it becomes, by means of 200 ms in the first five seconds. An
/// algorithm that loses the backend meanwhile has no queue to come down to: all twenty seconds.
fn down(measured: &Measured, goodput: f64) -> f64 {
    if goodput < 50.0 {
        return 20.0;
    }
    let becomes = measured.mean_inside(slices(30)..slices(40));
    let began = slices(20);
    let is_above = |slice: &usize| measured.mean_inside(began + slice..began + slice + 4) > 2.0 * becomes;
    let last = (0..slices(5)).rev().find(is_above);
    last.map_or(0.0, |slice| (slice + 1) as f64 * SLICE.as_secs_f64())
}

/// Seconds until half a second has 95% of the answers that the restored capacity gives; all twenty if none has.
fn up(measured: &Measured, capacity: f64) -> f64 {
    let began = slices(40);
    let is_back = |slice: &usize| measured.rate(began + slice..began + slice + 10) >= 0.95 * capacity;
    (0..slices(19)).find(is_back).map_or(20.0, |slice| slice as f64 * SLICE.as_secs_f64())
}

/// E3: answers take longer on their way, and the backend can do what it could. What is refused beyond what is refused of the
/// same arrivals when nothing changes.
pub(super) fn distance(algorithm: Algorithm, seed: u64) -> Rows {
    let mut rows = Rows::default();
    for more in [40, 150] {
        for clients in [1, 10] {
            let stays = Setting::new(clients, 0.9).measure(20.0, 25.0).measure(25.0, 70.0);
            let changes = stays.clone().then(20.0, |conditions| conditions.delay = Duration::from_millis(more));
            let [stays, changes] = [stays, changes].map(|setting| run(&setting, algorithm, seed).windows);
            let extra = |window: usize| changes[window].refusals() - stays[window].refusals();
            rows.add(format!("refused % +{more} ms n={clients} 5 s"), REFUSED_AT_FIRST, extra(0));
            rows.add(format!("refused % +{more} ms n={clients} then"), Bar::AtMost(0.1, 0.1), extra(1));
        }
    }
    rows
}

/// E9: whether the region's limit stays, with an endpoint that is slow.
pub(super) fn slow_endpoint(algorithm: Algorithm, seed: u64) -> Rows {
    one_of_five(Health::Slow(10.0), algorithm, seed)
}

/// E10: the same with one that only ever times out.
pub(super) fn hole(algorithm: Algorithm, seed: u64) -> Rows {
    one_of_five(Health::Hole, algorithm, seed)
}

/// Refused beyond what was refused before, from two seconds after on. Whom the sick endpoint fails is another mechanism's
/// concern, and a note.
fn one_of_five(health: Health, algorithm: Algorithm, seed: u64) -> Rows {
    let mut rows = Rows::default();
    for clients in [1, 10] {
        let setting = Setting { endpoints: 5, ..Setting::new(clients, 0.7) }
            .then(20.0, |conditions| conditions.first = health)
            .measure(5.0, 20.0)
            .measure(22.0, 60.0);
        let windows = run(&setting, algorithm, seed).windows;
        let more = windows[1].refusals() - windows[0].refusals();
        rows.add(format!("refused % n={clients} 2 s later"), REFUSED_AT_0_7, more);
        rows.add(format!("timed out % n={clients}"), Bar::Note, windows[1].timed_out());
    }
    rows
}

//! Demand changes, or goes on for hours.

use super::{Bar, GOODPUT, P99, REFUSED_AT_0_7, REFUSED_AT_FIRST, Rows};
use crate::algorithms::Algorithm;
use crate::lab::run;
use crate::setting::Setting;
use std::time::Duration;

/// E4: five minutes of three times the capacity.
pub(super) fn spike(algorithm: Algorithm, seed: u64) -> Rows {
    let mut rows = Rows::default();
    for clients in [1, 10] {
        let setting = Setting::new(clients, 0.9)
            .then(20.0, |conditions| conditions.load = 3.0)
            .then(320.0, |conditions| conditions.load = 0.9)
            .measure(5.0, 20.0)
            .measure(20.0, 22.0)
            .measure(22.0, 320.0)
            .measure(322.0, 350.0);
        let windows = run(&setting, algorithm, seed).windows;
        let goodput = |at: usize| 100.0 * windows[at].rate() / setting.capacity();
        rows.add(format!("goodput % n={clients} first 2 s"), GOODPUT, goodput(1));
        rows.add(format!("goodput % n={clients} then"), GOODPUT, goodput(2));
        rows.add(format!("p99 n={clients}"), P99, windows[2].p99() / setting.unloaded_p99());
        let more = windows[3].refusals() - windows[0].refusals();
        rows.add(format!("refused % n={clients} after"), REFUSED_AT_0_7, more);
    }
    rows
}

/// E5: whether the usual is forgotten in the course of a long overload. Everything takes ten times as long, so that four hours
/// are two million requests.
pub(super) fn hours(algorithm: Algorithm, seed: u64) -> Rows {
    const HOURS: f64 = 4.0 * 3600.0;
    let mut rows = Rows::default();
    for clients in [1, 10] {
        let (mean, deadline) = (Duration::from_millis(100), Duration::from_millis(2500));
        let setting =
            Setting { mean, deadline, ..Setting::new(clients, 1.5) }.measure(50.0, 650.0).measure(HOURS - 600.0, HOURS);
        let windows = run(&setting, algorithm, seed).windows;
        let drift = 100.0 * (windows[1].p99() / windows[0].p99() - 1.0);
        rows.add(format!("p99 drift % n={clients}"), Bar::AtMost(10.0, 0.0), drift);
        rows.add(format!("goodput % n={clients}"), GOODPUT, 100.0 * windows[1].rate() / setting.capacity());
        rows.add(format!("p99 n={clients}"), P99, windows[1].p99() / setting.unloaded_p99());
    }
    rows
}

/// E11: another region is gone, and this one gets its requests too; there is room for them.
pub(super) fn doubled(algorithm: Algorithm, seed: u64) -> Rows {
    let mut rows = Rows::default();
    for clients in [1, 10] {
        let setting = Setting::new(clients, 0.35)
            .then(20.0, |conditions| conditions.load = 0.7)
            .measure(20.0, 22.0)
            .measure(22.0, 50.0);
        let windows = run(&setting, algorithm, seed).windows;
        rows.add(format!("refused % n={clients} 2 s"), REFUSED_AT_FIRST, windows[0].refusals());
        rows.add(format!("refused % n={clients} then"), REFUSED_AT_0_7, windows[1].refusals());
    }
    rows
}

//! Loads that stay as they are, from a cold start: clients, backend and load begin together.

use super::{Bar, GOODPUT, NEVER, P99, REFUSED_AT_0_7, REFUSED_AT_HALF, Rows};
use crate::algorithms::Algorithm;
use crate::lab::run;
use crate::measured::Window;
use crate::mmck::erlang_b;
use crate::setting::Setting;
use crate::shared::server::Law;
use std::sync::OnceLock;
use std::time::Duration;

/// E1: the backend of the formulas.
pub(super) fn exponential(algorithm: Algorithm, seed: u64) -> Rows {
    let mut rows = Rows::default();
    for (clients, load) in [(1, 1.5), (10, 1.5), (50, 1.5), (1, 3.0), (10, 3.0), (50, 3.0)] {
        overloaded(&mut rows, &format!("{load}x n={clients}"), &Setting::new(clients, load), algorithm, seed);
    }
    for (load, bar) in [(0.5, REFUSED_AT_HALF), (0.7, REFUSED_AT_0_7)] {
        for clients in [1, 10] {
            rows.add(
                format!("refused % {load}x n={clients}"),
                bar,
                window(Setting::new(clients, load), algorithm, seed).refusals(),
            );
        }
        // Each client has a fiftieth of it in flight, and at the bar's p99 a limit of one.
        let floor = 100.0 * erlang_b(1, load * 10.0 / 50.0);
        let name = format!("refused % {load}x n=50 [{floor:.1}]");
        rows.add(name, Bar::Note, window(Setting::new(50, load), algorithm, seed).refusals());
    }
    // At most one round trip.
    let max_wait = Some(Duration::from_millis(10));
    for (load, bar) in [(0.5, REFUSED_AT_HALF), (0.7, REFUSED_AT_0_7)] {
        for (clients, bar) in [(10, bar), (50, Bar::Note)] {
            let setting = Setting { max_wait, ..Setting::new(clients, load) };
            let refused = window(setting, algorithm, seed).refusals();
            rows.add(format!("refused % {load}x n={clients} wait"), bar, refused);
        }
    }
    for clients in [1, 10] {
        let refused = window(Setting::new(clients, 0.9), algorithm, seed).refusals();
        rows.add(format!("refused % 0.9x n={clients}"), Bar::Note, refused);
    }
    rows
}

/// E1, but for the service times and the backend's size; and where waiting requests slow down the others.
pub(super) fn laws(algorithm: Algorithm, seed: u64) -> Rows {
    static BEST: [OnceLock<f64>; 2] = [OnceLock::new(), OnceLock::new()];
    let mut rows = Rows::default();
    for (name, law) in [("lognormal", Law::LogNormal), ("bimodal", Law::Bimodal), ("constant", Law::Deterministic)] {
        for clients in [1, 10] {
            let setting = |load| Setting { law, ..Setting::new(clients, load) };
            overloaded(&mut rows, &format!("{name} n={clients}"), &setting(1.5), algorithm, seed);
            let refused = window(setting(0.5), algorithm, seed).refusals();
            rows.add(format!("refused % 0.5x {name} n={clients}"), REFUSED_AT_HALF, refused);
        }
    }
    for (workers, clients) in [(1, 1), (100, 1), (100, 10)] {
        let setting = |load| Setting { workers, ..Setting::new(clients, load) };
        overloaded(&mut rows, &format!("c={workers} n={clients}"), &setting(1.5), algorithm, seed);
        let refused = window(setting(0.5), algorithm, seed).refusals();
        rows.add(format!("refused % 0.5x c={workers} n={clients}"), REFUSED_AT_HALF, refused);
    }
    for (contention, best) in [0.01, 0.03].into_iter().zip(&BEST) {
        for clients in [1, 10] {
            let setting = Setting { contention, ..Setting::new(clients, 1.5) }.measure(5.0, 35.0);
            let best = best.get_or_init(|| best_fixed(&setting, &[10, 11, 12, 13, 14, 15, 16, 18, 20, 25]));
            let rate = run(&setting, algorithm, seed).windows[0].rate();
            rows.add(format!("of best % kappa={contention} n={clients}"), GOODPUT, 100.0 * rate / best);
        }
    }
    rows
}

/// E13: hardly any traffic.
pub(super) fn trickle(algorithm: Algorithm, seed: u64) -> Rows {
    let mut rows = Rows::default();
    let setting = Setting::new(1, 0.5 / 1000.0).measure(0.0, 4000.0);
    rows.add("refused % 0.5/s", NEVER, run(&setting, algorithm, seed).windows[0].refusals());
    rows
}

/// E14: bodies that take much longer than heads, so that most of what is in flight waits for nothing.
pub(super) fn streams(algorithm: Algorithm, seed: u64) -> Rows {
    static BEST: [OnceLock<f64>; 3] = [OnceLock::new(), OnceLock::new(), OnceLock::new()];
    // About 5000 bodies are open at the backend's capacity. With a limit like that a cold start beyond the capacity collapses, and
    // stays so: the best that is fixed is then below what may wait for heads, 250 ms of arrivals.
    const TOTALS: [u32; 12] = [150, 200, 250, 300, 350, 400, 1000, 2000, 3000, 4000, 5000, 6000];
    let mut rows = Rows::default();
    for (load, best) in [0.5, 0.9, 1.5].into_iter().zip(&BEST) {
        let setting = Setting { body: Duration::from_secs(5), ..Setting::new(10, load) }.measure(30.0, 60.0);
        let best = best.get_or_init(|| best_fixed(&setting, &TOTALS));
        let window = run(&setting, algorithm, seed).windows.swap_remove(0);
        rows.add(format!("of best % {load}x"), GOODPUT, 100.0 * window.rate() / best);
        rows.add(format!("p99 {load}x"), P99, window.p99() / setting.unloaded_p99());
    }
    rows
}

/// Goodput and p99 of a setting beyond the capacity.
pub(super) fn overloaded(rows: &mut Rows, name: &str, setting: &Setting, algorithm: Algorithm, seed: u64) {
    let window = window(setting.clone(), algorithm, seed);
    rows.add(format!("goodput % {name}"), GOODPUT, 100.0 * window.rate() / setting.capacity());
    // With one worker 95% of the capacity takes a limit of 5, and then the p99 is 2.5 times the idle backend's: no limit has both.
    let bar = if setting.workers == 1 { Bar::Note } else { P99 };
    rows.add(format!("p99 {name}"), bar, window.p99() / setting.unloaded_p99());
}

/// The half minute after the first five seconds; of a large backend ten seconds.
pub(super) fn window(setting: Setting, algorithm: Algorithm, seed: u64) -> Window {
    let until = if setting.workers > 10 { 15.0 } else { 35.0 };
    run(&setting.measure(5.0, until), algorithm, seed).windows.swap_remove(0)
}

/// The goodput of the best of these fixed limits, by the first window.
fn best_fixed(setting: &Setting, totals: &[u32]) -> f64 {
    totals.iter().map(|total| run(setting, Algorithm::Total(*total), 1).windows[0].rate()).fold(1.0, f64::max)
}

//! What clients do to each other, and what is done to them.

use super::steady::{overloaded, window};
use super::{Bar, GOODPUT, NEVER, P99, REFUSED_AT_0_7, Rows};
use crate::algorithms::Algorithm;
use crate::lab::run;
use crate::measured::percent;
use crate::setting::Setting;

/// E6: whether equal clients get equal parts; and one that comes when the others have all. It brings its own demand.
pub(super) fn fairness(algorithm: Algorithm, seed: u64) -> Rows {
    let mut rows = Rows::default();
    for clients in [2, 10, 50] {
        let setting = Setting::new(clients, 1.5)
            .then(30.0, |conditions| {
                conditions.clients = clients + 1;
                conditions.load *= (clients + 1) as f64 / clients as f64;
            })
            .measure(0.0, 30.0)
            .measure(30.0, 40.0)
            .measure(40.0, 60.0);
        let windows = run(&setting, algorithm, seed).windows;
        rows.add(format!("Jain n={clients}"), Bar::AtLeast(0.95, 0.98), windows[0].jain(clients));
        rows.add(format!("late share % n={clients} 10 s"), Bar::AtLeast(80.0, 80.0), windows[1].share(clients));
        rows.add(format!("late share % n={clients} then"), Bar::AtLeast(80.0, 80.0), windows[2].share(clients));
        rows.add(format!("p99 n={clients}+1"), P99, windows[2].p99() / setting.unloaded_p99());
    }
    rows
}

/// E7: nobody of high priority is refused while somebody of low priority gets in.
pub(super) fn priorities(algorithm: Algorithm, seed: u64) -> Rows {
    let mut rows = Rows::default();
    for clients in [1, 10] {
        let setting = Setting { high: 0.1, ..Setting::new(clients, 1.5) };
        let window = window(setting.clone(), algorithm, seed);
        rows.add(format!("overtaken % n={clients}"), NEVER, percent(window.overtook, window.asked.high));
        rows.add(format!("high refused % n={clients}"), Bar::Note, percent(window.refused.high, window.asked.high));
        rows.add(format!("goodput % n={clients}"), GOODPUT, 100.0 * window.rate() / setting.capacity());
    }
    rows
}

/// E12: tables come and go, and what was learned and counted stays.
pub(super) fn publishes(algorithm: Algorithm, seed: u64) -> Rows {
    let setting = Setting { publishes: true, ..Setting::new(10, 1.5) }.measure(5.0, 35.0);
    let measured = run(&setting, algorithm, seed);
    let mut rows = Rows::default();
    rows.add("goodput %", GOODPUT, 100.0 * measured.windows[0].rate() / setting.capacity());
    rows.add("permits leaked", NEVER, f64::from(measured.leaked));
    rows.add("in flight miscounted", NEVER, f64::from(measured.miscounts));
    rows.add("limits reset", NEVER, f64::from(measured.resets));
    rows
}

/// E15, a fifth of the callers leaves; E16, the first client asks for as much as all others together.
pub(super) fn leavers(algorithm: Algorithm, seed: u64) -> Rows {
    let mut rows = Rows::default();
    let mut both = |name: &str, setting: &dyn Fn(f64) -> Setting| {
        overloaded(&mut rows, name, &setting(1.5), algorithm, seed);
        rows.add(format!("refused % 0.7x {name}"), REFUSED_AT_0_7, window(setting(0.7), algorithm, seed).refusals());
    };
    for clients in [1, 10] {
        both(&format!("leave n={clients}"), &|load| Setting { leaving: 0.2, ..Setting::new(clients, load) });
    }
    for clients in [2, 10] {
        let mut shares = vec![1.0; clients];
        shares[0] = clients as f64 - 1.0;
        both(&format!("half n={clients}"), &|load| Setting { shares: shares.clone(), ..Setting::new(clients, load) });
    }
    rows
}

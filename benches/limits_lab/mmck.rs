//! The formula that the simulator is held against.
//!
//! A fixed limit K in front of c workers, arrivals without memory and service times without memory, is the queue M/M/c/K (Erlang's
//! loss system is K = c). Its state is a birth and death process, so that the probability of each number of requests inside
//! follows from the one before it: `p[k] = p[k - 1] x arrivals / (service rate of k)`. Whoever finds K inside is refused.

use crate::algorithms::Algorithm;
use crate::lab::run;
use crate::setting::Setting;
use serde_json::Value;

/// What the formula gave those who wrote the vectors.
const VECTORS: &str = include_str!("../../tests/vectors/limits.json");

/// How far simulator and formula may be apart: one of a hundred requests.
const POINTS: f64 = 1.0;

/// The part of requests that M/M/c/K refuses, `load` in units of the capacity.
pub(crate) fn refused(workers: u32, limit: u32, load: f64) -> f64 {
    let (mut last, mut sum) = (1.0, 1.0);
    for inside in 1..=limit {
        last *= load * f64::from(workers) / f64::from(inside.min(workers));
        sum += last;
    }
    last / sum
}

/// The part of requests that a limit refuses though the backend has no queue at all: Erlang's B. The floor for clients that
/// have so little each, whatever finds their limit.
pub(crate) fn erlang_b(limit: u32, in_flight: f64) -> f64 {
    refused(limit, limit, in_flight / f64::from(limit))
}

/// Says how far the simulator is from the formula, and the formula from the vectors; whether that is near enough.
pub(crate) fn validate(seconds: f64) -> bool {
    let vectors: Value = serde_json::from_str(VECTORS).expect("vectors are JSON");
    let rows = vectors["mmck_analytic"]["rows"].as_array().expect("rows");
    let (mut good_off, mut refused_off, mut formula_off) = (0f64, 0f64, 0f64);
    for row in rows {
        let number = |at: usize| row[at].as_f64().expect("a number");
        let limit = number(0) as u32;
        // Of capacity, and of requests, in percent.
        let good = 150.0 * (1.0 - refused(10, limit, 1.5));
        let too_many = 100.0 * refused(10, limit, 0.7);
        formula_off = formula_off.max((good - number(1) / 10.0).abs()).max((too_many - 100.0 * number(2)).abs());
        let simulated = |load: f64| {
            let setting = Setting::new(1, load).measure(5.0, 5.0 + seconds);
            run(&setting, Algorithm::Total(limit), 1).windows.swap_remove(0)
        };
        good_off = good_off.max((simulated(1.5).rate() / 10.0 - good).abs());
        refused_off = refused_off.max((simulated(0.7).refusals() - too_many).abs());
    }
    let is_near = good_off.max(refused_off).max(formula_off) <= POINTS;
    println!(
        "simulator and M/M/10/K are apart by at most {good_off:.2} points of goodput at 1.5x and {refused_off:.2} of refusals at \
         0.7x, formula and vectors by {formula_off:.2} (bar {POINTS}): {}",
        if is_near { "ok" } else { "NOT VALID" }
    );
    is_near
}

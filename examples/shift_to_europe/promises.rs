//! What was promised, and whether it held.

use crate::plan::{May, PLAN};
use crate::record::{EUROPE, REGIONS, Went};

/// While the region fails four of five requests, at most so many may fail of those of its users, in percent: they notice that
/// it fails, and not for long.
const MAY_FAIL: f64 = 40.0;

/// How the run went, a phase a line.
pub(crate) fn print_summary(went: &[Went]) {
    print!("\n{:<18}{:>9}{:>8}{:>10}", "", "requests", "errors", "p99");
    for region in REGIONS {
        print!("{region:>10}");
    }
    println!("{:>10}{:>24}", "moved", "moved who should not");
    for (phase, went) in PLAN.iter().zip(went) {
        let counts = &went.counts;
        let took = format!("{} ms", counts.percentile_99().as_millis());
        print!("{:<18}{:>9}{:>8}{took:>10}", phase.name, counts.took.len(), counts.errors);
        for region in 0..REGIONS.len() {
            print!("{:>9.1}%", counts.share(region));
        }
        println!("{:>10}{:>24}", went.moved.len(), went.strayed.len());
    }
}

/// The promises that did not hold, each a sentence.
///
/// `reached` is how many requests came to the servers in Europe while the region was out, `users` how many of all are at
/// home there in the end, `is_back` whether the region has all of its part again.
pub(crate) fn broken(went: &[Went], reached: u64, users: (usize, usize), is_back: bool) -> Vec<String> {
    let mut broken = Vec::new();
    for (phase, went) in PLAN.iter().zip(went) {
        let (counts, name) = (&went.counts, phase.name);
        if !went.strayed.is_empty() {
            broken.push(format!("{name}: {} users moved who should not have", went.strayed.len()));
        }
        if counts.errors_in_the_us > 0 {
            broken.push(format!("{name}: {} requests of users in the US failed", counts.errors_in_the_us));
        }
        if counts.errors > 0 && phase.may != May::FailInEurope {
            broken.push(format!("{name}: {} requests failed", counts.errors));
        }
    }
    let failing = || PLAN.iter().zip(went).filter(|(phase, _)| phase.may == May::FailInEurope).map(|(_, went)| went);
    let errors: usize = failing().map(|went| went.counts.errors).sum();
    let in_all: usize = failing().map(|went| went.counts.took.len()).sum();
    let failed = errors as f64 * 100.0 / (in_all as f64 * users.0 as f64 / users.1 as f64).max(1.0);
    if errors == 0 || failed > MAY_FAIL {
        broken.push(format!(
            "{failed:.0}% of the requests for Europe failed while it was broken; some, and at most {MAY_FAIL}%, should"
        ));
    }
    if reached > 0 {
        broken.push(format!("{reached} requests came to {} while it was out", REGIONS[EUROPE]));
    }
    let percent = users.0 as f64 * 100.0 / users.1 as f64;
    if !(17.0..33.0).contains(&percent) {
        broken.push(format!("{percent:.0}% of the users are in Europe, and not about 25%"));
    }
    if !is_back {
        broken.push(format!("{} is not wholly back", REGIONS[EUROPE]));
    }
    broken
}

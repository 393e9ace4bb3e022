//! What hedges save, and what they cost.

use crate::lab::run;
use crate::policies::Policy;
use crate::setting::Setting;
use crate::shared::figures::{Bar, Rows};
use crate::shared::server::Law;
use contraflow::Ratio;
use contraflow::table::Hedge;
use std::time::Duration;

/// The 99.9th percentile beside that without hedges.
const GAIN: Bar = Bar::Beside(0.2, 0.0, 0.1);
/// Where all get slower, and so pass any delay that was right before.
const SLOW: f64 = 60.0;

/// One of a hundred answers takes forty times as long.
pub(super) fn bimodal(policy: Policy, seed: u64) -> Rows {
    let mut rows = Rows::default();
    let fixed = Hedge::after(Duration::from_millis(10));
    let quantile = Hedge::at(Ratio::percent(95));
    let wide = fixed.max_extra(Ratio::percent(20));
    for (name, hedge) in [("10 ms", fixed), ("95%", quantile), ("10 ms, 20% extra", wide)] {
        for clients in [1, 50] {
            let setting = Setting::new(clients, 0.3).then(SLOW, |now| now.slow = 3.0);
            let setting = Setting {
                law: Law::Bimodal,
                is_pooled: false,
                endpoints: 4,
                patience: None,
                single_deadline: setting.deadline,
                per_try: None,
                hedge: Some(hedge),
                end: 90.0,
                ..setting
            };
            let measured = run(&setting, policy, seed);
            let (before, all) = (10.0..SLOW, 0.0..setting.end);
            let peak = |seconds| 100.0 * measured.peak(seconds, 10.0, |slice| slice.hedges, |slice| slice.asked);
            rows.add(format!("p99.9 ms {name} n={clients}"), GAIN, measured.quantile(before.clone(), 0.999));
            rows.add("  p50 ms", Bar::Note, measured.quantile(before.clone(), 0.5));
            let most = (100.0 * hedge.max_extra.get()).round();
            let extra = Bar::AtMost(most, most);
            rows.add("  hedges % in any 10 s", extra, peak(before));
            rows.add("  when all are 3x slower", extra, peak(all));
        }
    }
    rows
}

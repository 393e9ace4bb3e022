//! The limits that are compared.

use crate::setting::Setting;
use crate::shared::figures::Column;
use contraflow::Limit;
use contraflow::table::{self, Gradient2};
use std::time::Duration;

/// A column of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// No limit.
    None,
    /// What somebody would set who knows the backend, and how many clients there are: one and a half times its workers, divided
    /// among the clients and rounded up.
    Fixed,
    /// AIMD on an objective of six times the mean, 60 ms in most settings, down to 1.
    Aimd,
    /// Vegas as Netflix ships it.
    Vegas,
    /// Gradient2 as Netflix ships it: not below 20.
    Gradient2,
    /// The same down to 1.
    Gradient2From1,
    /// What the crate recommends.
    Ours,
    /// So many in all, whatever the backend: for the formulas, and to find the best there is.
    Total(u32),
}

impl Algorithm {
    /// Those with a column.
    pub(crate) const ALL: [Algorithm; 7] = [
        Algorithm::None,
        Algorithm::Fixed,
        Algorithm::Aimd,
        Algorithm::Vegas,
        Algorithm::Gradient2,
        Algorithm::Gradient2From1,
        Algorithm::Ours,
    ];

    /// The limit of each client in a setting.
    pub(crate) fn limit(self, setting: &Setting) -> Option<Limit> {
        let clients = setting.phases[0].1.clients as u32;
        let each = |total: u32| Limit::fixed(total.div_ceil(clients).max(1));
        Some(match self {
            Algorithm::None => return None,
            Algorithm::Fixed => each((setting.workers * 3).div_ceil(2)),
            Algorithm::Total(total) => each(total),
            Algorithm::Aimd => Limit::aimd(objective(setting)),
            Algorithm::Vegas => Limit::vegas(),
            Algorithm::Gradient2 => Limit::gradient2(),
            Algorithm::Gradient2From1 => {
                Limit::of(table::Algorithm::Gradient2(Gradient2 { min: 1, ..Gradient2::default() }))
            }
            Algorithm::Ours => Limit::adaptive(),
        })
    }
}

impl Column for Algorithm {
    fn name(self) -> &'static str {
        match self {
            Algorithm::None => "none",
            Algorithm::Fixed | Algorithm::Total(_) => "fixed",
            Algorithm::Aimd => "aimd",
            Algorithm::Vegas => "vegas",
            Algorithm::Gradient2 => "gradient2",
            Algorithm::Gradient2From1 => "gradient2-1",
            Algorithm::Ours => "ours",
        }
    }

    fn is_ours(self) -> bool {
        self == Algorithm::Ours
    }
}

fn objective(setting: &Setting) -> Duration {
    setting.mean * 6
}

//! What active checks say of an endpoint: how many answers in a row make a verdict.
//!
//! One failed check is a lost packet, one that passes may be a server between two crashes. So a verdict takes several
//! in a row, as `HAProxy` has it: `fall` failures take an endpoint out, `rise` passes bring it back, and a single
//! opposite result begins the count anew.
//!
//! Before the first verdict it is not so even. An endpoint of which nothing is known is *not unhealthy*: nothing speaks
//! against one that passes its first check, and it is up at once, as in Envoy. One that fails it is not down at once,
//! as it would be there: a server is often announced a moment before it listens, and what is down needs `rise` passes
//! to come back. It stays what it was, unknown, until it has failed `fall` times in a row; a pass in between makes it
//! up.
//!
//! *Degraded* is said by the server itself, not measured, so it takes no row: one that answers so is degraded, and
//! counts as one that answers.

/// What the active checks of an endpoint have come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Checked {
    /// Nobody checks it, or its first verdict is still to come: it is used as if there were no checks.
    #[default]
    Never,
    /// It is new, and is checked for the first time: it waits as long as the region has others that are used.
    Unknown,
    /// It passes.
    Up,
    /// It answers that it can do less than it should, or that it is busy. It is used.
    Degraded,
    /// It failed several times in a row: it is not used, unless the region has no other.
    Down,
}

/// What one check of an endpoint says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Report {
    /// It is well.
    Passed,
    /// It answers, and says that it can do less than it should.
    Degraded,
    /// It does not answer as it should.
    Failed,
}

impl Checked {
    /// Whether nothing speaks against it.
    pub(crate) const fn is_used(self) -> bool {
        matches!(self, Checked::Never | Checked::Up | Checked::Degraded)
    }

    const ALL: [Checked; 5] = [Checked::Never, Checked::Unknown, Checked::Up, Checked::Degraded, Checked::Down];

    /// As it stands in an endpoint's state.
    pub(in crate::state) const fn as_word(self) -> u64 {
        self as u64
    }

    pub(in crate::state) fn from_word(word: u64) -> Self {
        Checked::ALL.get(word as usize).copied().unwrap_or_default()
    }
}

/// How many results in a row make a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    /// Passes that bring back what was down.
    pub(crate) rise: u32,
    /// Failures that take out what was not.
    pub(crate) fall: u32,
}

impl Default for Rows {
    /// `HAProxy`'s 2 and 3.
    fn default() -> Self {
        Rows { rise: 2, fall: 3 }
    }
}

/// The verdict on one endpoint, and what speaks against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Streak {
    verdict: Checked,
    /// Results in a row that contradict the verdict.
    against: u32,
}

impl Streak {
    /// Before the first check: `Never` or `Unknown`.
    pub(crate) const fn new(before: Checked) -> Self {
        Streak { verdict: before, against: 0 }
    }

    /// The verdict, now that a check said this.
    pub(crate) fn observe(&mut self, report: Report, rows: Rows) -> Checked {
        let answers = match report {
            Report::Passed => Some(Checked::Up),
            Report::Degraded => Some(Checked::Degraded),
            Report::Failed => None,
        };
        let is_down = self.verdict == Checked::Down;
        if is_down == answers.is_none() {
            // As before, or in another degree of well: whatever spoke against it was not in a row.
            *self = Streak::new(answers.unwrap_or(self.verdict));
            return self.verdict;
        }
        self.against = self.against.saturating_add(1);
        // Never less than one: a row of none would be a verdict without a check.
        if self.against >= if is_down { rows.rise } else { rows.fall }.max(1) {
            *self = Streak::new(answers.unwrap_or(Checked::Down));
        }
        self.verdict
    }

    pub(crate) fn verdict(self) -> Checked {
        self.verdict
    }

    /// It is not held back any more for want of a verdict; whether it was.
    pub(crate) fn let_in(&mut self) -> bool {
        let was_held_back = self.verdict == Checked::Unknown;
        if was_held_back {
            self.verdict = Checked::Never;
        }
        was_held_back
    }

    /// Whether the next checks decide something: there is no verdict yet, or one that is being contradicted.
    pub(crate) fn is_at_edge(self) -> bool {
        self.against > 0 || matches!(self.verdict, Checked::Never | Checked::Unknown)
    }
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROWS: Rows = Rows { rise: 2, fall: 3 };

    /// The verdicts after each check, a letter each.
    fn verdicts(before: Checked, checks: &str) -> String {
        let mut streak = Streak::new(before);
        let letter = |check| match streak.observe(report(check), ROWS) {
            Checked::Never | Checked::Unknown => '?',
            Checked::Up => 'u',
            Checked::Degraded => 'g',
            Checked::Down => 'd',
        };
        checks.chars().map(letter).collect()
    }

    fn report(check: char) -> Report {
        match check {
            'S' => Report::Passed,
            'D' => Report::Degraded,
            _ => Report::Failed,
        }
    }

    /// Vector `hc-flip`.
    #[test]
    fn a_single_opposite_result_begins_the_count_anew() {
        assert_eq!(verdicts(Checked::Up, "FFSFFF"), "uuuuud");
        assert_eq!(verdicts(Checked::Down, "SFSS"), "dddu");
    }

    /// I-27: no data is not bad health.
    #[test]
    fn the_first_pass_decides_at_once_and_the_first_failure_does_not() {
        for before in [Checked::Never, Checked::Unknown] {
            assert_eq!(verdicts(before, "S"), "u");
            assert_eq!(verdicts(before, "D"), "g");
            assert_eq!(verdicts(before, "FFS"), "??u");
            assert_eq!(verdicts(before, "FFFSS"), "??ddu");
        }
    }

    #[test]
    fn degraded_is_a_word_of_the_servers_and_counts_as_an_answer() {
        assert_eq!(verdicts(Checked::Up, "DSFFDFF"), "guuugg".to_owned() + "g");
        assert_eq!(verdicts(Checked::Down, "SD"), "dg");
        assert_eq!(verdicts(Checked::Down, "DS"), "du");
    }

    #[test]
    fn an_edge_is_where_the_next_check_decides() {
        let edges = |before, checks: &str| {
            let mut streak = Streak::new(before);
            let edge = |check| {
                streak.observe(report(check), ROWS);
                if streak.is_at_edge() { '!' } else { '.' }
            };
            checks.chars().map(edge).collect::<String>()
        };
        assert!(Streak::new(Checked::Unknown).is_at_edge() && Streak::new(Checked::Never).is_at_edge());
        assert_eq!(edges(Checked::Unknown, "FFFFSSFS"), "!!..!.!.");
    }

    #[test]
    fn a_verdict_is_read_as_it_was_written() {
        for checked in Checked::ALL {
            assert_eq!(Checked::from_word(checked.as_word()), checked);
        }
    }

    proptest! {
        #![proptest_config(crate::property_config())]

        /// I-25: between two verdicts lie at least as many checks as a row has, whatever they say; and a row is in a row.
        #[test]
        fn a_verdict_turns_only_by_a_whole_row(checks in "[SDF]{0,80}", rise in 0u32..5, fall in 0u32..5) {
            let mut streak = Streak::new(Checked::Up);
            let rows = Rows { rise, fall };
            for (at, check) in checks.char_indices() {
                let was_down = streak.verdict() == Checked::Down;
                let is_down = streak.observe(report(check), rows) == Checked::Down;
                if was_down != is_down {
                    let row = if is_down { fall } else { rise }.max(1) as usize;
                    prop_assert!(at + 1 >= row);
                    prop_assert!(checks[at + 1 - row..=at].chars().all(|check| (check == 'F') == is_down), "{checks} at {at}");
                }
            }
        }
    }
}

//! Water-filling: an amount over vessels by weight, none past its rim, exact in integers.
//!
//! The level `λ` at which `sum(min(room, λ x weight))` is the amount is found without a search: whoever would overflow
//! at the level of the moment is full, and what it leaves raises the level for the others, so it stays full. Each round
//! fills one at least. The last are measured by the running sum of their weights, so that each gets its exact part rounded
//! up or down, and together they get everything.

/// Something to pour into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vessel<T> {
    pub(super) at: T,
    pub(super) weight: u128,
    /// The most it takes.
    pub(super) room: u64,
}

/// Pours an amount, tells who got how much, and returns what did not fit.
pub(super) fn pour<T: Copy>(amount: u64, mut open: Vec<Vessel<T>>, mut give: impl FnMut(T, u64)) -> u64 {
    let mut left = amount;
    open.retain(|one| one.weight > 0);
    loop {
        let weights: u128 = open.iter().map(|one| one.weight).sum();
        // Of the moment: those that fill up in this round do not change who else does.
        let level = left;
        let before = open.len();
        open.retain(|one| {
            let fills = u128::from(one.room) * weights <= u128::from(level) * one.weight;
            if fills {
                left -= one.room;
                give(one.at, one.room);
            }
            !fills
        });
        if open.is_empty() {
            return left;
        }
        if open.len() == before {
            let (mut sum, mut given) = (0, 0);
            for one in &open {
                sum += one.weight;
                let end = (u128::from(left) * sum / weights) as u64;
                give(one.at, end - given);
                given = end;
            }
            return 0;
        }
    }
}

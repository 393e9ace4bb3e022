//! Smooth weighted round robin, as a cycle computed once with the table.
//!
//! nginx keeps a current weight per peer and, for each pick, raises every peer's by its weight, takes the highest (ties:
//! the earliest) and lowers that one by the sum (`ngx_http_upstream_round_robin.c`). That is O(peers) and a lock per
//! pick. The picks repeat after `sum / gcd` of them, so we compute that cycle and leave a request one ticket to draw.

/// The longest cycle: above, weights are rounded. 4096 turns are 16 KiB and keep shares within 1/4096.
pub(crate) const MAX_CYCLE: usize = 4096;

/// The order in which the endpoints of a region take turns.
#[derive(Clone, Debug)]
pub(crate) struct Sequence(Box<[u32]>);

impl Sequence {
    /// The cycle for these weights. Zero weights get no turn; at most [`MAX_CYCLE`] weights may be positive.
    pub(crate) fn new(weights: &[u32]) -> Self {
        let turns = turns(weights);
        // One turn each: the order below would be the same, and take a time that grows with the square of their number.
        let equal = turns.iter().all(|&turns| turns <= 1);
        if equal {
            let members = turns.iter().enumerate().filter(|&(_, &turns)| turns == 1);
            return Sequence(members.map(|(index, _)| index as u32).collect());
        }
        let mut smooth = Smooth::new(&turns);
        let cycle = turns.iter().sum::<u64>();
        Sequence((0..cycle).map(|_| smooth.pick()).collect())
    }

    /// Whose turn a ticket is; none when nobody has any.
    #[inline]
    pub(crate) fn turn(&self, ticket: u64) -> Option<u32> {
        let len = self.0.len() as u64;
        if len == 0 { None } else { Some(self.0[(ticket % len) as usize]) }
    }

    #[cfg(all(test, not(contraflow_loom)))]
    pub(crate) fn cycle(&self) -> &[u32] {
        &self.0
    }
}

/// Turns per cycle: the weights over their common divisor or, when that makes too long a cycle, rounded.
fn turns(weights: &[u32]) -> Vec<u64> {
    let divisor = weights.iter().fold(0, |divisor, &weight| gcd(divisor, u64::from(weight))).max(1);
    let reduced: Vec<u64> = weights.iter().map(|&weight| u64::from(weight) / divisor).collect();
    if reduced.iter().sum::<u64>() <= MAX_CYCLE as u64 { reduced } else { round(&reduced, MAX_CYCLE as u64) }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Largest remainder (Hamilton): each gets the whole part of its quota, what is left goes to the largest fractions.
///
/// A weight too light for a turn gets one beforehand: a positive weight is not "never". That leaves fewer turns for the
/// others, among which another may then be too light, so it is asked again until none is.
fn round(weights: &[u64], cycle: u64) -> Vec<u64> {
    let mut turns = vec![0; weights.len()];
    let mut heavy: Vec<usize> = (0..weights.len()).filter(|&index| weights[index] > 0).collect();
    let (mut left, mut total) = (cycle, weights.iter().sum::<u64>());
    loop {
        let (lights, rest): (Vec<_>, Vec<_>) = heavy.iter().partition(|&&index| weights[index] * left < total);
        if lights.is_empty() {
            break;
        }
        for &index in &lights {
            turns[index] = 1;
            total -= weights[index];
        }
        left -= lights.len() as u64;
        heavy = rest;
    }
    let mut remainders = Vec::with_capacity(heavy.len());
    let mut missing = left;
    for index in heavy {
        let quota = weights[index] * left;
        turns[index] = quota / total;
        missing -= turns[index];
        remainders.push((std::cmp::Reverse(quota % total), index));
    }
    // Ties go to the earlier name. What is missing is less than one turn each.
    remainders.sort_unstable();
    for (_, index) in remainders.into_iter().take(missing as usize) {
        turns[index] += 1;
    }
    turns
}

/// nginx's picks, one by one.
#[derive(Debug)]
pub(crate) struct Smooth {
    weights: Vec<i64>,
    current: Vec<i64>,
    total: i64,
}

impl Smooth {
    pub(crate) fn new(weights: &[u64]) -> Self {
        let weights: Vec<i64> = weights.iter().map(|&weight| weight.cast_signed()).collect();
        Smooth { current: vec![0; weights.len()], total: weights.iter().sum(), weights }
    }

    /// The next turn. The current weights sum to the total before a pick, so the highest is positive and a zero weight,
    /// which stays at zero, never wins.
    pub(crate) fn pick(&mut self) -> u32 {
        let mut best = 0;
        for index in 0..self.weights.len() {
            self.current[index] += self.weights[index];
            // Strictly above: ties go to the earliest.
            if self.current[index] > self.current[best] {
                best = index;
            }
        }
        self.current[best] -= self.total;
        best as u32
    }

    #[cfg(all(test, not(contraflow_loom)))]
    pub(crate) fn current(&self) -> &[i64] {
        &self.current
    }
}

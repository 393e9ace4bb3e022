//! What one run came to.

use contraflow::time::Instant;
use std::time::Duration;

/// Answers and the backend's queue are kept by the twentieth of a second.
pub(crate) const SLICE: Duration = Duration::from_millis(50);

/// Latencies are kept in so many parts of the deadline.
const PARTS: usize = 1000;

/// All that was counted in a run.
#[derive(Debug)]
pub(crate) struct Measured {
    /// By the settings' windows.
    pub(crate) windows: Vec<Window>,
    /// Answers in time, by slice.
    good: Vec<u32>,
    /// Requests inside the backend, abandoned or not, at the end of each slice.
    pub(crate) inside: Vec<usize>,
    /// Publishes after which a client's limit was not what it had been before.
    pub(crate) resets: u32,
    /// Looks at which a client's requests in flight were not those that are open.
    pub(crate) miscounts: u32,
    /// Requests in flight when all have ended.
    pub(crate) leaked: u32,
}

/// What was counted in a span of time.
#[derive(Debug)]
pub(crate) struct Window {
    from: Instant,
    to: Instant,
    /// One part of the latencies below.
    part: Duration,
    pub(crate) asked: Count,
    pub(crate) refused: Count,
    /// Requests of low priority that were admitted soon after their client had refused one of high priority.
    pub(crate) overtook: u32,
    late: u32,
    pub(crate) good: Vec<u32>,
    latencies: Vec<u32>,
}

/// Requests, and how many of them are of high priority.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) all: u32,
    pub(crate) high: u32,
}

impl Count {
    pub(crate) fn add(&mut self, is_high: bool) {
        self.all += 1;
        self.high += u32::from(is_high);
    }
}

impl Measured {
    pub(crate) fn new(windows: &[(f64, f64)], clients: usize, deadline: Duration) -> Self {
        let moment = |second: f64| Instant::START.after(Duration::from_secs_f64(second));
        let window = |(from, to): &(f64, f64)| Window {
            from: moment(*from),
            to: moment(*to),
            part: deadline / PARTS as u32,
            asked: Count::default(),
            refused: Count::default(),
            overtook: 0,
            late: 0,
            good: vec![0; clients],
            // One more for what the deadline ended.
            latencies: vec![0; PARTS + 1],
        };
        let windows = windows.iter().map(window).collect();
        Measured { windows, good: Vec::new(), inside: Vec::new(), resets: 0, miscounts: 0, leaked: 0 }
    }

    /// The windows that a moment is in.
    pub(crate) fn at(&mut self, now: Instant) -> impl Iterator<Item = &mut Window> {
        self.windows.iter_mut().filter(move |window| window.from <= now && now < window.to)
    }

    /// A client's request was answered in time, after so long.
    pub(crate) fn answered(&mut self, now: Instant, client: usize, took: Duration) {
        let slice = (now.as_nanos() / SLICE.as_nanos() as u64) as usize;
        if self.good.len() <= slice {
            self.good.resize(slice + 1, 0);
        }
        self.good[slice] += 1;
        for window in self.at(now) {
            window.good[client] += 1;
            window.took(took);
        }
    }

    /// The deadline ended a wait of so long.
    pub(crate) fn late(&mut self, now: Instant, took: Duration) {
        for window in self.at(now) {
            window.late += 1;
            window.took(took);
        }
    }

    /// Answers per second over some slices.
    pub(crate) fn rate(&self, slices: std::ops::Range<usize>) -> f64 {
        let seconds = SLICE.as_secs_f64() * slices.len() as f64;
        let good: u32 = slices.map(|slice| self.good.get(slice).copied().unwrap_or(0)).sum();
        f64::from(good) / seconds
    }

    /// The mean of the requests inside the backend over some slices.
    pub(crate) fn mean_inside(&self, slices: std::ops::Range<usize>) -> f64 {
        let count = slices.len() as f64;
        self.inside[slices].iter().sum::<usize>() as f64 / count
    }
}

impl Window {
    fn took(&mut self, took: Duration) {
        let part = (took.as_nanos() / self.part.as_nanos()) as usize;
        self.latencies[part.min(PARTS)] += 1;
    }

    /// The part of the requests that was refused, in percent.
    pub(crate) fn refusals(&self) -> f64 {
        percent(self.refused.all, self.asked.all)
    }

    /// The part of the requests that the deadline ended, in percent.
    pub(crate) fn timed_out(&self) -> f64 {
        percent(self.late, self.asked.all)
    }

    /// Answers in time, per second.
    pub(crate) fn rate(&self) -> f64 {
        f64::from(self.good.iter().sum::<u32>()) / self.to.since(self.from).as_secs_f64()
    }

    /// The 99th percentile of the admitted requests' latency, in milliseconds; what the deadline ended counts with its age.
    pub(crate) fn p99(&self) -> f64 {
        let count: u64 = self.latencies.iter().map(|count| u64::from(*count)).sum();
        let mut left = count * 99 / 100;
        for (part, count) in self.latencies.iter().enumerate() {
            if u64::from(*count) > left {
                return (part as f64 + 0.5) * self.part.as_secs_f64() * 1e3;
            }
            left -= u64::from(*count);
        }
        0.0
    }

    /// A client's answers beside an equal share.
    pub(crate) fn share(&self, client: usize) -> f64 {
        percent(self.good[client] * self.good.len() as u32, self.good.iter().sum())
    }

    /// How equally the first clients were served: 1 for alike, 1/n when one gets all (Jain, Chiu, Hawe 1984).
    pub(crate) fn jain(&self, clients: usize) -> f64 {
        let good = || self.good.iter().take(clients).map(|good| f64::from(*good));
        let squares: f64 = good().map(|good| good * good).sum();
        if squares == 0.0 { 0.0 } else { good().sum::<f64>().powi(2) / (squares * clients as f64) }
    }
}

/// A part in percent; none of nothing.
pub(crate) fn percent(part: u32, whole: u32) -> f64 {
    100.0 * f64::from(part) / f64::from(whole.max(1))
}

use super::check::Check;
use super::future::Probe;
use super::pace::Pace;
use crate::entropy::Entropy;
use crate::traffic::Traffic;
use crate::unit::Ratio;
use std::time::Duration;

impl Traffic {
    /// A prober of all endpoints, of the table in force and of each that will be: a future to be spawned, which never ends.
    ///
    /// An endpoint that passes its first check is up, one that fails [`fall`](Probe::fall) in a row is down and gets no
    /// requests, and [`rise`](Probe::rise) passes in a row bring it back; where all of a region are down, all are used.
    /// Endpoints that are there when it begins are used until they are found down. One that comes later waits for its
    /// first pass, if at least half of those that served its region before are still there. Streaks are kept over
    /// publishes, and found again by name.
    ///
    /// The prober holds the traffic. To end it, drop it or abort its task: then every endpoint is used as if it had
    /// never been checked. An endpoint that stands in two clusters is checked for each. Two probers of one endpoint
    /// would overrule each other.
    ///
    /// ```
    /// use contraflow::layer::HttpCheck;
    /// use contraflow::{TableSpec, Traffic};
    /// use bytes::Bytes;
    /// use http_body_util::Empty;
    /// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// use std::time::Duration;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    /// # let _inside = runtime.enter();
    /// let table = TableSpec::new()
    ///     .cluster("shop", |c| c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80")))
    ///     .route("all", |r| r.any().to("shop"))
    ///     .build()?;
    /// let traffic = Traffic::new(table);
    /// let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    /// let check = HttpCheck::new(client).path("/healthz")?;
    /// let prober = tokio::spawn(traffic.probe(check).every(Duration::from_secs(2)));
    /// // .. and when the program ends:
    /// prober.abort();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn probe<C: Check>(&self, check: C) -> Probe<C> {
        Probe::new(self, None, check, Pace::new(Entropy::seeded(self.draws().word())))
    }

    /// The same for the endpoints of one cluster; while no table has it, nothing is checked.
    pub fn probe_cluster<C: Check>(&self, cluster: &str, check: C) -> Probe<C> {
        Probe::new(self, Some(cluster), check, Pace::new(Entropy::seeded(self.draws().word())))
    }
}

impl<C: Check> Probe<C> {
    /// From one check of an endpoint to the next: 5 s unless it is said, and at least 1 ms.
    ///
    /// What requests get to feel, they say themselves, and sooner; a check is for what gets none. Fifty processes that
    /// check a server every 5 s are ten checks a second there.
    pub fn every(mut self, interval: Duration) -> Self {
        self.pace.every = interval;
        self
    }

    /// The same while the next checks decide something, because an endpoint has no verdict yet or the last check
    /// contradicts it: a fifth of [`every`](Self::every) unless it is said.
    ///
    /// By default what dies is down some 7 s later, or 8 where it does not even answer: 5 s to the check that first
    /// fails, and two more, 1 s apart.
    pub fn faster_at_edge(mut self, interval: Duration) -> Self {
        self.pace.at_edge = Some(interval);
        self
    }

    /// The same for an endpoint that is down: as [`every`](Self::every) unless it is said. What is down for days need not be
    /// asked every second; but it comes back later by as much.
    pub fn slower_when_down(mut self, interval: Duration) -> Self {
        self.pace.when_down = Some(interval);
        self
    }

    /// How far an interval may lie from what was said, to both sides: 0.1 unless it is said. Each is drawn anew; 5 s at
    /// 0.1 are 4.5 to 5.5 s. With 0, probers that were started together ask together for ever.
    pub fn jitter(mut self, jitter: Ratio) -> Self {
        self.pace.jitter = jitter;
        self
    }

    /// How long a check may take: 1 s unless it is said. One that takes longer has failed.
    ///
    /// A health page answers in milliseconds; a second is what a lost packet takes to be sent again.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Passes in a row that bring back what was down: 2 unless it is said, at least 1. What was not down yet needs one.
    pub fn rise(mut self, passes: u32) -> Self {
        self.rows.rise = passes;
        self
    }

    /// Failures in a row that take an endpoint out: 3 unless it is said, at least 1.
    pub fn fall(mut self, failures: u32) -> Self {
        self.rows.fall = failures;
        self
    }

    /// How many checks may be under way at once: 16 unless it is said, at least 1. Those that find no room are due when
    /// there is.
    ///
    /// One that answers nobody takes a place for the whole timeout: sixteen places and 1 s are sixteen of those a
    /// second, or eighty every 5 s. With more of them the others are late.
    pub fn at_most(mut self, checks: usize) -> Self {
        self.at_most = checks.max(1);
        self
    }
}

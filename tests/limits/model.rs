//! Limits in the plainest way: numbers, lists, and one thing at a time.

use std::collections::VecDeque;

/// How many may wait anywhere.
pub(super) const QUEUE: usize = 2;

/// A limit, and whether there is a queue.
pub(super) type Bounded = Option<(u32, bool)>;

/// What a table says: of the route, of each region, of each endpoint.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    pub(super) route: Bounded,
    pub(super) region: Bounded,
    pub(super) endpoint: Option<u32>,
}

/// The bounds by place: the route, and the two regions, of one endpoint each.
pub(super) const ROUTE: usize = 0;

#[derive(Debug, Default)]
pub(super) struct Bound {
    pub(super) open: u32,
    limit: Bounded,
    /// Calls, by number.
    pub(super) line: VecDeque<usize>,
}

impl Bound {
    fn has_room(&self) -> bool {
        self.limit.is_none_or(|(limit, _)| self.open < limit)
    }

    fn queues(&self) -> bool {
        self.limit.is_some_and(|(_, queues)| queues)
    }

    /// Whether one more was let in.
    fn admits(&mut self) -> bool {
        let admits = self.has_room() && self.line.is_empty();
        self.open += u32::from(admits);
        admits
    }
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// Turned away at a bound where it may wait, once it is polled.
    Turned(usize),
    InLine(usize),
    /// Let in where it waited, and does not know of it.
    Served(usize),
    /// It chooses a region when it is polled.
    Anew,
    /// It has a place in a region.
    Placed(usize),
    Sent(usize),
    /// Its answer has so many frames yet.
    Answering(usize, usize),
    Refused,
    Over,
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) at: At,
    has_route: bool,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) bounds: [Bound; 3],
    pub(super) at_endpoint: [u32; 3],
    endpoint_limit: Option<u32>,
    is_limited: bool,
    out: [bool; 3],
    pub(super) calls: Vec<Call>,
}

impl Model {
    pub(super) fn publish(&mut self, limits: Limits) {
        self.is_limited = limits.route.is_some();
        self.endpoint_limit = limits.endpoint;
        for (place, limit) in [limits.route, limits.region, limits.region].into_iter().enumerate() {
            self.bounds[place].limit = limit;
            self.let_in(place);
        }
    }

    pub(super) fn evacuate(&mut self, region: usize) {
        self.out[region] = true;
        for call in std::mem::take(&mut self.bounds[region].line) {
            self.calls[call].at = At::Anew;
        }
    }

    pub(super) fn readmit(&mut self, region: usize) {
        self.out[region] = false;
    }

    /// A new call comes as far as it can before it is polled: its number.
    pub(super) fn call(&mut self) -> usize {
        let call = self.calls.len();
        self.calls.push(Call { at: At::Anew, has_route: false });
        if self.is_limited && !self.bounds[ROUTE].admits() {
            let queues = self.bounds[ROUTE].queues();
            self.calls[call].at = if queues { At::Turned(ROUTE) } else { At::Refused };
            return call;
        }
        self.calls[call].has_route = self.is_limited;
        self.choose(call, None);
        call
    }

    /// `kept` is a region where it has been let in, and found its endpoint full.
    fn choose(&mut self, call: usize, kept: Option<usize>) {
        let mut first = None;
        for region in [1, 2] {
            if self.out[region] {
                continue;
            }
            let is_kept = kept == Some(region);
            if !is_kept && !self.bounds[region].admits() {
                first.get_or_insert((region, self.bounds[region].queues()));
            } else if self.enter_endpoint(region) {
                self.calls[call].at = At::Placed(region);
                if !is_kept {
                    self.end_kept(kept);
                }
                return;
            } else {
                if !is_kept {
                    self.end(region);
                }
                first.get_or_insert((region, false));
            }
        }
        self.end_kept(kept);
        match first {
            Some((region, true)) => self.calls[call].at = At::Turned(region),
            _ => self.leave(call, At::Refused),
        }
    }

    fn enter_endpoint(&mut self, region: usize) -> bool {
        let enters = self.endpoint_limit.is_none_or(|limit| self.at_endpoint[region] < limit);
        self.at_endpoint[region] += u32::from(enters);
        enters
    }

    /// Comes as far as it can without the service.
    pub(super) fn poll(&mut self, call: usize) {
        loop {
            let at = self.calls[call].at;
            match at {
                At::Turned(place) => {
                    let bound = &mut self.bounds[place];
                    if bound.line.is_empty() && bound.has_room() {
                        bound.open += 1;
                        self.calls[call].at = At::Served(place);
                    } else if !bound.queues() || bound.line.len() >= QUEUE {
                        self.leave(call, At::Refused);
                    } else if self.out[place] {
                        self.calls[call].at = At::Anew;
                    } else {
                        bound.line.push_back(call);
                        self.calls[call].at = At::InLine(place);
                    }
                }
                At::Served(ROUTE) => {
                    self.calls[call].has_route = true;
                    self.calls[call].at = At::Anew;
                }
                At::Served(region) if self.enter_endpoint(region) => self.calls[call].at = At::Placed(region),
                At::Served(region) => {
                    self.calls[call].at = At::Anew;
                    self.choose(call, Some(region));
                }
                At::Anew => self.choose(call, None),
                At::Placed(region) if self.out[region] => {
                    self.at_endpoint[region] -= 1;
                    self.end(region);
                    self.calls[call].at = At::Anew;
                }
                At::Placed(region) => self.calls[call].at = At::Sent(region),
                At::InLine(_) | At::Sent(_) | At::Answering(..) | At::Refused | At::Over => return,
            }
        }
    }

    /// A call ends, or is dropped.
    pub(super) fn leave(&mut self, call: usize, at: At) {
        let was = std::mem::replace(&mut self.calls[call].at, at);
        match was {
            At::Turned(_) | At::Anew | At::Refused | At::Over => {}
            At::InLine(place) => self.bounds[place].line.retain(|one| *one != call),
            At::Served(place) => self.end(place),
            At::Placed(region) | At::Sent(region) | At::Answering(region, _) => {
                self.at_endpoint[region] -= 1;
                self.end(region);
            }
        }
        if std::mem::take(&mut self.calls[call].has_route) {
            self.end(ROUTE);
        }
    }

    fn end_kept(&mut self, kept: Option<usize>) {
        if let Some(kept) = kept {
            self.end(kept);
        }
    }

    fn end(&mut self, place: usize) {
        self.bounds[place].open -= 1;
        self.let_in(place);
    }

    fn let_in(&mut self, place: usize) {
        while self.bounds[place].has_room()
            && let Some(next) = self.bounds[place].line.pop_front()
        {
            self.bounds[place].open += 1;
            self.calls[next].at = At::Served(place);
        }
    }
}

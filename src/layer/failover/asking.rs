//! A request that is still ours: one endpoint after another is asked whether it can take it.

use crate::error::{Error, Reason, Rejected};
use crate::layer::leaf::{Leaf, NotReady, Target};
use crate::layer::pass::{Pass, Turned, Unplaced};
use crate::layer::queued::Queued;
use crate::time::Sleep;
use std::task::{Context, Poll, ready};

/// A request that is still ours.
pub(super) struct Asking<Q, L> {
    pub(super) request: Q,
    pub(super) leaf: L,
    wait: Option<Wait>,
}

/// Nobody could take the request at once.
#[derive(Default)]
struct Wait {
    /// It stands in a limit's queue.
    queued: Option<Box<Queued>>,
    /// Whether all were asked, and the request waits for the endpoint where the pass stands.
    settled: bool,
    /// How many services failed their readiness check.
    broken: u32,
}

/// Services that may fail their readiness check before the request fails with the last one's error.
const MAX_BROKEN: u32 = 3;

impl<Q, L> Asking<Q, L> {
    /// Nobody was asked yet.
    pub(super) fn new(request: Q, leaf: L) -> Self {
        Asking { request, leaf, wait: None }
    }

    /// A limit has turned it away, and may let it in later.
    pub(super) fn queued(request: Q, leaf: L, turned: Turned) -> Self {
        let wait = Some(Wait { queued: Some(Box::new(Queued::new(turned))), ..Wait::default() });
        Asking { request, leaf, wait }
    }
}

impl<Q, L: Leaf<Q>> Asking<Q, L> {
    /// Ready when the endpoint where the pass stands can take the request.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "nearly always the first endpoint is ready at once")]
    pub(super) fn poll_taker(
        &mut self,
        pass: &mut Pass,
        timer: &mut Option<Sleep>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error<L::Error>>> {
        loop {
            if !pass.is_placed() {
                ready!(self.poll_place(pass, timer, cx))?;
            }
            let said = (!pass.is_vetoed()).then(|| self.leaf.poll_ready(&Target::of(pass), cx));
            match said {
                Some(Poll::Ready(Ok(()))) if self.wait.is_none() => return Poll::Ready(Ok(())),
                said => match self.ask_others(said, pass, timer, cx) {
                    // A limit turned it away, and it waits there.
                    Poll::Ready(Ok(())) if !pass.is_placed() => {}
                    asked => return asked,
                },
            }
        }
    }

    /// Ready when limits have let the request in somewhere.
    #[cold]
    fn poll_place(
        &mut self,
        pass: &mut Pass,
        timer: &mut Option<Sleep>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error<L::Error>>> {
        let wait = self.wait.get_or_insert_default();
        while !pass.is_placed() {
            if let Some(queued) = &mut wait.queued {
                match queued.poll(pass, cx) {
                    Poll::Ready(waited) => waited?,
                    Poll::Pending => return poll_deadline(pass, timer, cx),
                }
                wait.queued = None;
                continue;
            }
            let chosen = pass.choose_anew();
            pass.release_kept();
            match chosen {
                Ok(()) => {}
                Err(Unplaced::Rejected(rejected)) => return Poll::Ready(Err(Error::Rejected(rejected))),
                Err(Unplaced::Waits(turned)) => wait.queued = Some(Box::new(Queued::new(turned))),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Asks endpoints until one can take the request or all candidates were asked; then waits for the first that may.
    ///
    /// `said` is what the endpoint said where the pass stands; none when the pass had to leave it. Ready without a place when
    /// it has to wait at a limit first.
    #[cold]
    fn ask_others(
        &mut self,
        said: Option<Said<L::Error>>,
        pass: &mut Pass,
        timer: &mut Option<Sleep>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error<L::Error>>> {
        let asked = self.ask_one_by_one(said, pass, timer, cx);
        pass.release_kept();
        asked
    }

    fn ask_one_by_one(
        &mut self,
        mut said: Option<Said<L::Error>>,
        pass: &mut Pass,
        timer: &mut Option<Sleep>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error<L::Error>>> {
        let wait = self.wait.get_or_insert_default();
        // It keeps its turn where it waits.
        if wait.settled && matches!(said, Some(Poll::Pending)) {
            return poll_deadline(pass, timer, cx);
        }
        wait.settled = false;
        pass.choose_by_now();
        let (mut passed, mut turned) = (pass.asked_nobody(), None);
        let mut may_take = None;
        let mut why = None;
        loop {
            let is_placed = said.is_some();
            match said {
                None => {}
                Some(Poll::Ready(Ok(()))) => {
                    pass.count_turned(turned.as_ref());
                    return Poll::Ready(Ok(()));
                }
                // What is sent in addition waits for nobody, and a probe would be none when the wait is over.
                Some(Poll::Pending) if pass.hurries() || pass.is_there_to_probe() && !L::SHARED => {
                    why = Some(Rejected::new(Reason::NoEndpoint).into());
                }
                Some(Poll::Pending) => {
                    if L::SHARED {
                        pass.count_turned(turned.as_ref());
                        return poll_deadline(pass, timer, cx);
                    }
                    may_take.get_or_insert_with(|| pass.standing());
                }
                Some(Poll::Ready(Err(NotReady::Broken(error)))) => {
                    wait.broken += 1;
                    if !L::SHARED {
                        pass.blame();
                    }
                    if L::SHARED || wait.broken == MAX_BROKEN {
                        pass.count_turned(turned.as_ref());
                        return Poll::Ready(Err(Error::Inner(error)));
                    }
                    why = Some(Error::Inner(error));
                }
                Some(Poll::Ready(Err(NotReady::Refused(reason)))) => why = Some(Rejected::new(reason).into()),
            }
            if is_placed && !pass.pass_on(&mut passed, may_take.as_ref()) {
                break;
            }
            if let Err(reason) = pass.choose(&mut passed, &mut turned) {
                why.get_or_insert(Error::Rejected(Rejected::new(reason)));
                break;
            }
            said = Some(self.leaf.poll_ready(&Target::of(pass), cx));
        }
        let Some(standing) = may_take else {
            match pass.turned_away(turned) {
                None => {}
                Some(Unplaced::Rejected(rejected)) => return Poll::Ready(Err(Error::Rejected(rejected))),
                Some(Unplaced::Waits(turned)) => {
                    wait.queued = Some(Box::new(Queued::new(turned)));
                    return Poll::Ready(Ok(()));
                }
            }
            let error = why.unwrap_or(Error::Rejected(Rejected::new(Reason::NoEndpoint)));
            if let Error::Rejected(rejected) = &error {
                pass.tell_rejected(rejected);
            }
            return Poll::Ready(Err(error));
        };
        pass.count_turned(turned.as_ref());
        // Asked once more, since the leaf has asked others meanwhile, and has to know whom to wake.
        if let Err(rejected) = pass.return_to(standing) {
            return Poll::Ready(Err(Error::Rejected(rejected)));
        }
        match self.leaf.poll_ready(&Target::of(pass), cx) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
            Poll::Ready(Err(NotReady::Broken(error))) => {
                pass.blame();
                return Poll::Ready(Err(Error::Inner(error)));
            }
            Poll::Ready(Err(NotReady::Refused(reason))) => return refuse(pass, reason),
        }
        wait.settled = true;
        poll_deadline(pass, timer, cx)
    }
}

/// Pending until the deadline.
fn poll_deadline<E>(pass: &Pass, timer: &mut Option<Sleep>, cx: &mut Context<'_>) -> Poll<Result<(), Error<E>>> {
    match pass.timing() {
        Some(timing) if timing.is_over(timer, cx) => refuse(pass, Reason::Deadline),
        _ => Poll::Pending,
    }
}

/// What an endpoint's service said when it was asked whether it is ready.
type Said<E> = Poll<Result<(), NotReady<E>>>;

fn refuse<E>(pass: &Pass, reason: Reason) -> Poll<Result<(), Error<E>>> {
    let rejected = Rejected::new(reason);
    pass.tell_rejected(&rejected);
    Poll::Ready(Err(Error::Rejected(rejected)))
}

//! The attempts of a request that may be sent more than once.

use super::attempts::Attempts;
use super::course::{Course, Next};
use crate::error::{Error, GiveUp};
use crate::layer::attempt::Attempt;
use crate::layer::pass::{Account, End, Pass, Spending};
use crate::protocol::{Replay, Retryable};
use crate::time::Sleep;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// What an attempt comes to.
type Answered<Q, K, A> = Result<<A as Attempts<Q, K>>::Answer, Error<<A as Attempts<Q, K>>::Error>>;

/// How an attempt failed, and with what.
type Failed<Q, K, A> = Box<(End, Answered<Q, K, A>)>;

/// All that is needed to send a request again. In a box: most requests are sent once, and none should be as large.
pub(crate) struct More<K, Q, A: Attempts<Q, K>> {
    attempts: A,
    protocol: K,
    ways: Ways<K, Q>,
    /// What another attempt is sent; none once the last has it.
    copy: Option<Q>,
    course: Course,
    /// Whether there is an attempt under way in the future's own place, and whether it is known where it was sent.
    has_first: bool,
    first_is_known: bool,
    /// Attempts beside that one.
    beside: Vec<Beside<A::Future>>,
    /// How the last attempt failed that did, and with what: kept until a later one is sent. In a box, so that what rarely fails
    /// is not made room for.
    failed: Option<Failed<Q, K, A>>,
    /// Between two attempts.
    wait: Option<(Sleep, Spending)>,
    hedge: HedgeTimer,
}

struct Beside<F> {
    future: Pin<Box<F>>,
    is_known: bool,
}

/// When the next attempt is sent beside those under way.
enum HedgeTimer {
    /// Nothing was sent since the last look.
    Unset,
    Set {
        timer: Sleep,
        after: Duration,
    },
    /// There will be none beside these.
    Off,
}

/// How a request is copied: by its protocol, which knows its type as it came.
struct Ways<K, Q> {
    copy: fn(&K, &mut Q, usize) -> Option<Q>,
    is_whole: fn(&K, &Q) -> bool,
    claim: fn(&K, &mut Q) -> bool,
    is_complete: fn(&K, &Q) -> bool,
    mark: fn(&K, &mut Q, u32, Option<Duration>),
}

/// Once, and not inlined in two places.
#[inline(never)]
fn poll<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    future.poll(cx)
}

/// What it takes to send a request again, if it may be. Policy and budget are asked first: a copy costs more than all that.
#[inline(never)]
pub(crate) fn prepare<K, R, A>(
    protocol: &K,
    pass: &mut Pass,
    sent: &mut K::Sent,
    attempts: impl FnOnce() -> A,
) -> Option<Box<More<K, K::Sent, A>>>
where
    K: Replay<R> + Clone,
    A: Attempts<K::Sent, K>,
{
    if !pass.may_retry() || !pass.has_budget() {
        return None;
    }
    let retry = &pass.policy().retry;
    let copy = protocol.copy(sent, retry.max_body as usize)?;
    let attempts = attempts();
    let course = Course::begin(pass, attempts.ledger());
    let ways =
        Ways { copy: K::copy, is_whole: K::is_whole, claim: K::claim, is_complete: K::is_complete, mark: K::mark };
    Some(Box::new(More {
        attempts,
        protocol: protocol.clone(),
        ways,
        copy: Some(copy),
        course,
        has_first: true,
        first_is_known: false,
        beside: Vec::new(),
        failed: None,
        wait: None,
        hedge: HedgeTimer::Unset,
    }))
}

impl<K: Clone, Q, A: Attempts<Q, K>> More<K, Q, A> {
    /// `first` is the future's own place for an attempt.
    pub(crate) fn poll(&mut self, mut first: Pin<&mut A::Future>, cx: &mut Context<'_>) -> Poll<Answered<Q, K, A>> {
        loop {
            if let Poll::Ready(answer) = self.poll_attempts(first.as_mut(), cx) {
                self.supersede(first);
                return Poll::Ready(answer);
            }
            if self.under_way() > 0 {
                let spending = ready!(self.poll_hedge(first.as_ref(), cx));
                let pass = self.course.hedge(spending, self.attempts.ledger());
                if let Some(future) = self.begin(pass) {
                    self.beside.push(Beside { future: Box::pin(future), is_known: false });
                }
                continue;
            }
            if let Some((timer, _)) = &mut self.wait {
                ready!(Pin::new(timer).poll(cx));
                let Some((_, spending)) = self.wait.take() else { continue };
                // An older attempt may have read more meanwhile than can be kept.
                if !self.copy.as_mut().is_some_and(|copy| (self.ways.claim)(&self.protocol, copy)) {
                    self.course.tell_gave_up(GiveUp::Body);
                    return Poll::Ready(self.deliver(Some(GiveUp::Body)));
                }
                // What was to be sent beside the last is not beside this one.
                self.hedge = HedgeTimer::Unset;
                let pass = self.course.retry(spending, self.attempts.ledger());
                if let Some(future) = self.begin(pass) {
                    first.set(future);
                    (self.has_first, self.first_is_known) = (true, false);
                }
                continue;
            }
            let Some(failed) = &self.failed else { panic!("polled after it was over") };
            let end = failed.0;
            let is_whole = self.copy.as_ref().is_some_and(|copy| (self.ways.is_whole)(&self.protocol, copy));
            match self.course.next(end, is_whole) {
                Next::Again { at, spending } => self.wait = Some((self.course.sleep_until(at), spending)),
                Next::Deliver(why) => return Poll::Ready(self.deliver(why)),
            }
        }
    }

    /// How many attempts are under way.
    fn under_way(&self) -> usize {
        usize::from(self.has_first) + self.beside.len()
    }

    /// The future of an attempt that is over.
    pub(crate) fn over(&self) -> A::Future {
        A::over(self.protocol.clone())
    }

    /// Ready with the answer that is handed on; pending while attempts are under way, and when none is.
    fn poll_attempts(&mut self, mut first: Pin<&mut A::Future>, cx: &mut Context<'_>) -> Poll<Answered<Q, K, A>> {
        if self.has_first {
            let polled = poll(first.as_mut(), cx);
            let account = A::account(first.as_ref());
            if let Poll::Ready(answer) = polled {
                self.has_first = false;
                if account.end == Some(End::Answered(Retryable::No)) {
                    // As nearly always: not moved any further than it has to be.
                    return Poll::Ready(answer);
                }
                self.notice(self.first_is_known, account);
                first.set(self.over());
                if let Some(answer) = self.ended(answer, account) {
                    return Poll::Ready(answer);
                }
            } else {
                self.first_is_known = self.notice(self.first_is_known, account);
            }
        }
        let mut at = 0;
        while let Some(one) = self.beside.get_mut(at) {
            let polled = poll(one.future.as_mut(), cx);
            let account = A::account(one.future.as_ref());
            let is_known = one.is_known;
            let is_known = self.notice(is_known, account);
            match polled {
                Poll::Pending => {
                    self.beside[at].is_known = is_known;
                    at += 1;
                }
                Poll::Ready(answer) => {
                    drop(self.beside.remove(at));
                    if let Some(answer) = self.ended(answer, account) {
                        return Poll::Ready(answer);
                    }
                }
            }
        }
        Poll::Pending
    }

    /// An attempt may have been sent since the last look; whether it is known where.
    fn notice(&mut self, is_known: bool, account: Account) -> bool {
        if let (false, Some(place)) = (is_known, account.sent) {
            self.course.sent(place);
            // A later one is on its way: what it says counts.
            self.failed = None;
            self.hedge = HedgeTimer::Unset;
            return true;
        }
        is_known
    }

    /// An attempt ended; its answer, if that is handed on.
    fn ended(&mut self, answer: Answered<Q, K, A>, account: Account) -> Option<Answered<Q, K, A>> {
        let has_others = self.under_way() > 0;
        let end = Course::end(account);
        if self.course.is_failure(end) {
            self.failed = Some(Box::new((end, answer)));
            if has_others {
                // The next need not wait for what is not coming.
                self.hurry(end);
            }
            return None;
        }
        // Also what a layer between answered in the service's place.
        if end != End::Local || answer.is_ok() {
            return Some(answer);
        }
        // Nobody could take it. That is the request's answer only if it is all there is.
        if !has_others && self.failed.is_none() {
            return Some(answer);
        }
        let why = match &answer {
            Err(Error::Rejected(rejected)) => Some(GiveUp::Refused(rejected.reason())),
            _ => None,
        };
        if let Some(why) = why {
            self.course.tell_gave_up(why);
        }
        if has_others {
            self.course.not_begun();
            return None;
        }
        Some(self.deliver(why))
    }

    /// The failure that is left, with why there was no other attempt.
    fn deliver(&mut self, why: Option<GiveUp>) -> Answered<Q, K, A> {
        let Some(failed) = self.failed.take() else { panic!("polled after it was over") };
        let (_, answer) = *failed;
        let Some(why) = why else { return answer };
        match answer {
            Ok(mut answer) => {
                A::note(&self.protocol, &mut answer, why);
                Ok(answer)
            }
            Err(error) => Err(error.giving_up(why)),
        }
    }

    /// An attempt failed beside others: the next one beside them is due at once, or when the server says.
    fn hurry(&mut self, end: End) {
        self.hedge = self.hedge_after(self.course.hurried_delay(end, self.under_way()));
    }

    fn hedge_after(&self, after: Option<Duration>) -> HedgeTimer {
        let Some(after) = after else { return HedgeTimer::Off };
        HedgeTimer::Set { timer: self.course.sleep_until(self.course.now().after(after)), after }
    }

    /// Ready with what a hedge costs when one is to be sent beside those under way.
    fn poll_hedge(&mut self, first: Pin<&A::Future>, cx: &mut Context<'_>) -> Poll<Spending> {
        let under_way = self.under_way();
        if let HedgeTimer::Unset = self.hedge {
            // Not before it was sent: until then it costs nobody anything.
            let is_sent = self.first_is_known || self.beside.iter().any(|one| one.is_known);
            if !is_sent {
                A::wake_when_sent(first, cx.waker());
                return Poll::Pending;
            }
            self.hedge = self.hedge_after(self.course.hedge_delay(under_way));
        }
        let HedgeTimer::Set { timer, after } = &mut self.hedge else { return Poll::Pending };
        ready!(Pin::new(timer).poll(cx));
        let after = *after;
        let can_be_sent = self.copy.as_mut().is_some_and(|copy| {
            (self.ways.is_complete)(&self.protocol, copy) && (self.ways.claim)(&self.protocol, copy)
        });
        self.hedge = HedgeTimer::Off;
        if !can_be_sent || self.course.hedge_delay(under_way).is_none() {
            return Poll::Pending;
        }
        match self.course.spend_on_hedge(after) {
            None => Poll::Pending,
            Some(spending) => {
                self.hedge = HedgeTimer::Unset;
                Poll::Ready(spending)
            }
        }
    }

    /// Begins an attempt with a copy of the request; the last gets the copy itself.
    fn begin(&mut self, pass: Pass) -> Option<A::Future> {
        // A hedge that nobody takes has not been, and leaves the copy for another.
        let is_last = self.course.is_last() && !pass.hurries();
        let mut copy = self.copy.take()?;
        let next = if is_last { None } else { (self.ways.copy)(&self.protocol, &mut copy, self.course.max_body()) };
        self.copy = next;
        (self.ways.mark)(&self.protocol, &mut copy, pass.number(), self.course.left());
        Some(self.attempts.attempt(Attempt { request: copy, pass, protocol: self.protocol.clone() }))
    }

    /// What is still under way was too slow.
    fn supersede(&mut self, first: Pin<&mut A::Future>) {
        if self.has_first {
            A::supersede(first);
        }
        for one in &mut self.beside {
            A::supersede(one.future.as_mut());
        }
    }
}

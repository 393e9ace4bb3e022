use super::asking::Asking;
use crate::decide::Decision;
use crate::error::{Error, GiveUp, Rejected, TimedOut};
use crate::layer::held::Held;
use crate::layer::leaf::{Leaf, NotReady, Target};
use crate::layer::pass::{Account, End, Pass, Turned, Unplaced};
use crate::layer::retry::{More, Straight};
use crate::protocol::{Classify, Outcome, Release, Retryable, Verdict};
use crate::time::Sleep;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

pin_project! {
    /// The future of [`FailoverService`](super::FailoverService) and of [`Stack`](crate::layer::Stack).
    pub struct FailoverFuture<K, Q, L>
    where
        K: Classify<L::Response, L::Error>,
        K: Release<L::Response>,
        K: Clone,
        L: Leaf<Q>,
    {
        #[pin]
        state: State<Q, L, L::Future, L::Error>,
        // None once the head of the answer has come, or nobody could take the request.
        pass: Option<Pass>,
        timer: Option<Sleep>,
        protocol: K,
        // How it went, once there is no pass any more.
        account: Account,
        // The other attempts of a request that may be sent again, if this is the stack's own future: then this is the first, or one
        // that follows when no other is under way. Here and not around it, so that it need not be moved there.
        more: Option<Box<More<K, Q, Straight<L>>>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<Q, L, F, E> {
        // None for the moment in which the request is handed over.
        Asking { asking: Option<Asking<Q, L>> },
        Calling { #[pin] future: F },
        Rejected { rejected: Rejected },
        // The service that all endpoints share.
        Broken { error: Option<E> },
        Over,
    }
}

impl<K, Q, L> fmt::Debug for FailoverFuture<K, Q, L>
where
    K: Classify<L::Response, L::Error> + Release<L::Response> + Clone,
    L: Leaf<Q>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailoverFuture").finish_non_exhaustive()
    }
}

impl<K, Q, L> FailoverFuture<K, Q, L>
where
    K: Classify<L::Response, L::Error> + Release<L::Response> + Clone,
    L: Leaf<Q>,
{
    /// The stage: chooses an endpoint, and hands the request over if that needs no waiting and no service to be made; else
    /// the future has to ask.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    pub(crate) fn start(protocol: K, mut pass: Pass, request: Q, leaf: &mut L) -> Self {
        if let Err(first) = pass.choose_first(leaf.admits(&request)) {
            // Not where it was first chosen, or not so simply: a limit refused it, somebody observes, or there is nowhere to go.
            if let Err(unplaced) = pass.choose_after(first) {
                return FailoverFuture::unplaced(protocol, pass, request, leaf, unplaced);
            }
        }
        if !L::SHARED {
            return FailoverFuture::asking(protocol, pass, request, leaf.clone());
        }
        // Nobody is to be woken: the future asks again if it has to wait.
        let said = leaf.poll_ready(&Target::of(&pass), &mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(Ok(())) = said {
            pass.send();
            let state = State::Calling { future: leaf.call(request, &Target::of(&pass)) };
            let account = Account::default();
            return FailoverFuture { state, pass: Some(pass), timer: None, protocol, account, more: None };
        }
        // The one that was asked is used up: it may stand in a queue, or be broken.
        let fresh = leaf.clone();
        let asked = mem::replace(leaf, fresh);
        match said {
            Poll::Ready(Err(NotReady::Broken(error))) => FailoverFuture::broken(protocol, &pass, error),
            // An address that is no good now will not be in a moment.
            _ => FailoverFuture::asking(protocol, pass, request, asked),
        }
    }

    /// Nobody let it in.
    #[cold]
    #[inline(never)]
    fn unplaced(protocol: K, pass: Pass, request: Q, leaf: &L, unplaced: Unplaced) -> Self {
        match unplaced {
            Unplaced::Waits(turned) => FailoverFuture::waiting(protocol, pass, request, leaf.clone(), turned),
            Unplaced::Rejected(rejected) => {
                pass.ended(End::Local);
                FailoverFuture::rejected(protocol, rejected)
            }
        }
    }

    /// The request is ours until an endpoint can take it.
    #[inline]
    fn asking(protocol: K, pass: Pass, request: Q, leaf: L) -> Self {
        let asking = Some(Asking::new(request, leaf));
        let account = Account::default();
        FailoverFuture { state: State::Asking { asking }, pass: Some(pass), timer: None, protocol, account, more: None }
    }

    /// A limit has to let it in first.
    #[cold]
    fn waiting(protocol: K, pass: Pass, request: Q, leaf: L, turned: Turned) -> Self {
        let asking = Some(Asking::queued(request, leaf, turned));
        let account = Account::default();
        FailoverFuture { state: State::Asking { asking }, pass: Some(pass), timer: None, protocol, account, more: None }
    }

    #[cold]
    fn broken(protocol: K, pass: &Pass, error: L::Error) -> Self {
        let account = pass.ended(End::Local);
        FailoverFuture {
            state: State::Broken { error: Some(error) },
            pass: None,
            timer: None,
            protocol,
            account,
            more: None,
        }
    }

    #[cold]
    pub(crate) fn rejected(protocol: K, rejected: Rejected) -> Self {
        let account = Account { sent: None, end: Some(End::Local) };
        FailoverFuture { state: State::Rejected { rejected }, pass: None, timer: None, protocol, account, more: None }
    }

    /// One that is over.
    pub(crate) fn over(protocol: K) -> Self {
        FailoverFuture {
            state: State::Over,
            pass: None,
            timer: None,
            protocol,
            account: Account::default(),
            more: None,
        }
    }

    /// Other attempts may follow, by what it takes to make them.
    pub(crate) fn may_follow(&mut self, more: Option<Box<More<K, Q, Straight<L>>>>) {
        self.more = more;
    }

    /// How it went, so far.
    pub(crate) fn account(&self) -> Account {
        self.pass.as_ref().map_or(self.account, Pass::account)
    }

    /// Another attempt was answered first.
    pub(crate) fn supersede(self: Pin<&mut Self>) {
        if let Some(pass) = self.project().pass {
            pass.supersede();
        }
    }
}

impl<K, Q, L> Future for FailoverFuture<K, Q, L>
where
    K: Classify<L::Response, L::Error> + Release<L::Response> + Clone,
    L: Leaf<Q>,
{
    type Output = Result<K::Held<Held>, Error<L::Error>>;

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.more.is_some() {
            return poll_with_others(self, cx);
        }
        let mut me = self.project();
        loop {
            match me.state.as_mut().project() {
                StateProj::Asking { asking } => {
                    let (Some(ours), Some(pass)) = (asking.as_mut(), me.pass.as_mut()) else { unpolled() };
                    let taken = ready!(ours.poll_taker(pass, me.timer, cx));
                    if let Err(error) = taken.and_then(|()| pass.send_now().map_err(Error::Rejected)) {
                        *me.account = pass.ended(End::Local);
                        // What was held is given back now, not when the future is dropped.
                        *me.pass = None;
                        me.state.set(State::Over);
                        return Poll::Ready(Err(error));
                    }
                    let Some(Asking { request, mut leaf, .. }) = asking.take() else { unpolled() };
                    // An attempt may have less time from now on than it had to wait.
                    *me.timer = None;
                    let future = leaf.call(request, &Target::of(pass));
                    me.state.set(State::Calling { future });
                }
                StateProj::Calling { future } => {
                    let Some(pass) = me.pass.as_mut() else { unpolled() };
                    // The answer first: one that is there in time is not refused because the timer is, too.
                    if let Poll::Ready(answer) = future.poll(cx) {
                        let verdict = me.protocol.classify(answer.as_ref());
                        let mut goes_on = answer.as_ref().is_ok_and(|answer| me.protocol.goes_on(answer));
                        let mut gave_up = None;
                        let is_success = matches!(verdict, Verdict::Known(Outcome::Success) | Verdict::AtEnd);
                        if pass.is_tracked() || !is_success {
                            let retryable = me.protocol.retryable(answer.as_ref());
                            *me.account = judged(pass, retryable);
                            // Another may answer in its place: then nobody reads this one's rest.
                            goes_on &= !pass.may_be_followed(retryable);
                            gave_up = pass.gives_up(retryable);
                        }
                        let held = if goes_on { Some(pass.hold(verdict)) } else { None };
                        if !goes_on {
                            pass.finish(verdict);
                        }
                        let shown = pass.shown();
                        *me.pass = None;
                        let delivered = deliver(me.protocol, answer, held, shown);
                        return Poll::Ready(match gave_up {
                            None => delivered,
                            Some(why) => give_up(me.protocol, delivered, why),
                        });
                    }
                    pass.wait();
                    if !pass.is_timed_out(me.timer, cx) {
                        return Poll::Pending;
                    }
                    let timed_out = TimedOut::new(pass.given());
                    pass.fail();
                    *me.account = pass.ended(End::Unanswered);
                    me.state.set(State::Over);
                    *me.pass = None;
                    return Poll::Ready(Err(Error::TimedOut(timed_out)));
                }
                StateProj::Rejected { rejected } => return Poll::Ready(Err(Error::Rejected(rejected.clone()))),
                StateProj::Broken { error } => {
                    let Some(error) = error.take() else { unpolled() };
                    return Poll::Ready(Err(Error::Inner(error)));
                }
                StateProj::Over => unpolled(),
            }
        }
    }
}

/// The same for a request that may be sent again.
#[inline(never)]
fn poll_with_others<K, Q, L>(
    mut first: Pin<&mut FailoverFuture<K, Q, L>>,
    cx: &mut Context<'_>,
) -> Poll<<FailoverFuture<K, Q, L> as Future>::Output>
where
    K: Classify<L::Response, L::Error> + Release<L::Response> + Clone,
    L: Leaf<Q>,
{
    // Taken out meanwhile: the attempt itself knows nothing of others.
    let Some(mut more) = first.as_mut().project().more.take() else { unpolled() };
    let polled = more.poll(first.as_mut(), cx);
    match &polled {
        Poll::Pending => *first.project().more = Some(more),
        // All that the others held is free before the answer is handed on.
        Poll::Ready(_) => first.set(more.over()),
    }
    polled
}

/// What a head says that is not simply a success, to whom it concerns.
#[cold]
fn judged(pass: &mut Pass, retryable: Retryable) -> Account {
    if retryable != Retryable::No {
        pass.fail();
    }
    pass.ended(End::Answered(retryable))
}

/// Says beside a failure why there was no other attempt.
#[cold]
fn give_up<K: Release<T>, T, E>(
    protocol: &K,
    answer: Result<K::Held<Held>, Error<E>>,
    why: GiveUp,
) -> Result<K::Held<Held>, Error<E>> {
    match answer {
        Ok(mut answer) => {
            protocol.attach(&mut answer, why);
            Ok(answer)
        }
        Err(error) => Err(error.giving_up(why)),
    }
}

#[cold]
fn unpolled() -> ! {
    panic!("polled after it was over")
}

/// Gives an answer on, with what it holds if it goes on, and with the decision if that is wanted.
#[inline(always)]
#[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
fn deliver<K: Release<T>, T, E>(
    protocol: &K,
    answer: Result<T, E>,
    held: Option<Held>,
    shown: Option<Box<Decision>>,
) -> Result<K::Held<Held>, Error<E>> {
    match answer {
        Ok(answer) => Ok(match (shown, held) {
            (None, None) => protocol.bare(answer),
            (None, Some(held)) => protocol.hold(answer, held),
            (Some(decision), held) => show(protocol, answer, held, *decision),
        }),
        Err(error) => Err(Error::Inner(error)),
    }
}

#[cold]
fn show<K: Release<T>, T>(protocol: &K, answer: T, held: Option<Held>, decision: Decision) -> K::Held<Held> {
    let mut answer = match held {
        Some(held) => protocol.hold(answer, held),
        None => protocol.bare(answer),
    };
    protocol.attach(&mut answer, decision);
    answer
}

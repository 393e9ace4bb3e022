//! One body with several readers.
//!
//! Each reader has its own place, and whoever is ahead reads on from the body; the others get what was kept. While a reader is
//! at the beginning and nothing was lost, a request can be sent with it.
//!
//! **Too much.** When a part would bring what is kept above its limit, one reader goes on and the others are *lost*: what they
//! would read next is gone. The one is the newest that has begun. An older attempt is over when a newer one is sent, but its
//! connection may not know and go on reading for a while; it must not take the body from the attempt that counts. What a
//! newer reader has not read yet stays for it, so there is never more than the limit and one part.
//!
//! **Errors.** An error has one reader, who is then the one that goes on. What it was is not ours to invent for others.
//!
//! **Lost readers** wait for ever. They cannot fail, for they have no error; and they must not end, since the end of half a
//! body is the end of a shorter one to the server. A lost reader is a copy that says that it is not whole, or belongs to an
//! attempt that is over: nobody waits for it.
//!
//! **Wake-ups.** A body wakes whom it was polled for last. So one reader that waits alone is waked by the body itself; one
//! that comes to wait beside others polls the body for all of them. Whoever gets something wakes all that wait: they have
//! something to read too, or it is their turn to poll.

use super::in_bytes;
use super::kept::{Kept, MOST_PARTS};
use crate::sync::{Arc, Meeting};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker};

/// A reader of a body that others read too.
#[derive(Debug)]
pub(super) struct Reader<B> {
    tee: Arc<Meeting<Tee<B>>>,
    place: Place,
}

/// A reader, and how far it is.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The number of its next part.
    next: u32,
    /// Later readers have greater ones.
    id: u32,
}

/// What the readers share.
#[derive(Debug)]
struct Tee<B> {
    /// None once it has ended, or nobody can read it any more. In a box since it must stay where it is.
    body: Option<Pin<Box<B>>>,
    kept: Kept,
    max_bytes: usize,
    readers: usize,
    /// The id of the next reader.
    id: u32,
    /// The newest reader that has begun.
    newest: Option<Place>,
    /// The one reader that goes on, when the others are lost.
    only: Option<u32>,
    has_ended: bool,
    waiting: Vec<(u32, Waker)>,
}

/// Wakes all that waited when the body was polled.
struct All(Vec<Waker>);

impl Wake for All {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.iter().for_each(Waker::wake_by_ref);
    }
}

/// What is left to do when the lock is free again. What is waked or dropped may drop a reader, which takes the lock.
struct Rest<B> {
    wake: Vec<(u32, Waker)>,
    waker: Option<Waker>,
    body: Option<Pin<Box<B>>>,
}

type Polled<B> = Poll<Option<Result<Frame<Bytes>, <B as Body>::Error>>>;

impl<B: Body> Reader<B> {
    /// The first reader of a body that nobody has polled.
    pub(super) fn new(body: B, max_bytes: usize) -> Self {
        let tee = Tee {
            body: Some(Box::pin(body)),
            kept: Kept::default(),
            max_bytes,
            readers: 1,
            id: 1,
            newest: None,
            only: None,
            has_ended: false,
            waiting: Vec::new(),
        };
        Reader { tee: Arc::new(Meeting::new(tee)), place: Place { next: 0, id: 0 } }
    }

    /// Another reader of the whole body, if all of it is to be had. Who is copied is about to be read.
    pub(super) fn copy(&self) -> Option<Self> {
        let mut tee = self.tee.lock();
        if !tee.is_whole(self.place) {
            return None;
        }
        tee.begin(self.place);
        tee.readers += 1;
        tee.kept.need_from(self.place.next);
        let id = tee.id;
        tee.id += 1;
        drop(tee);
        Some(Reader { tee: self.tee.clone(), place: Place { id, ..self.place } })
    }

    pub(super) fn is_whole(&self) -> bool {
        self.tee.lock().is_whole(self.place)
    }

    /// The reader is about to be read: whether all is to be had. No older reader takes the body from it any more.
    pub(super) fn claim(&self) -> bool {
        let mut tee = self.tee.lock();
        let is_whole = tee.is_whole(self.place);
        if is_whole {
            tee.begin(self.place);
        }
        is_whole
    }

    pub(super) fn is_complete(&self) -> bool {
        let tee = self.tee.lock();
        tee.is_whole(self.place) && tee.has_ended()
    }

    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled<B> {
        let mut rest = Rest { wake: Vec::new(), waker: None, body: None };
        let polled = self.tee.lock().poll_frame(&mut self.place, cx, &mut rest);
        for (id, waker) in rest.wake {
            if id != self.place.id {
                waker.wake();
            }
        }
        polled
    }

    pub(super) fn is_end_stream(&self) -> bool {
        let tee = self.tee.lock();
        !tee.is_lost(self.place) && tee.kept.is_end(self.place.next) && tee.has_ended()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let tee = self.tee.lock();
        if tee.is_lost(self.place) {
            return SizeHint::default();
        }
        let to_come = tee.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
        let kept = tee.kept.bytes_from(self.place.next);
        let mut hint = SizeHint::new();
        hint.set_lower(to_come.lower().saturating_add(kept));
        if let Some(upper) = to_come.upper().and_then(|upper| upper.checked_add(kept)) {
            hint.set_upper(upper);
        }
        hint
    }
}

impl<B> Tee<B> {
    /// Whether what the reader would read next is gone.
    fn is_lost(&self, place: Place) -> bool {
        self.only.is_some_and(|only| only != place.id)
    }

    /// Whether the reader can read all of the body.
    fn is_whole(&self, place: Place) -> bool {
        place.next == 0 && !self.kept.is_cut()
    }

    /// The reader is read, or about to be.
    fn begin(&mut self, place: Place) {
        if self.newest.is_none_or(|newest| newest.id <= place.id) {
            self.newest = Some(place);
        }
    }

    fn leave_to(&mut self, place: Place) {
        self.only = Some(place.id);
        self.kept.skip();
        self.kept.leave_to_one(place.next);
    }

    /// A reader goes away: what only it needed is dropped.
    fn leave(&mut self, place: Place) -> Rest<B> {
        self.readers -= 1;
        self.newest = self.newest.filter(|newest| newest.id != place.id);
        let mut rest = Rest { wake: Vec::new(), waker: self.no_longer_waits(place.id), body: None };
        if self.is_lost(place) {
            return rest;
        }
        self.kept.forget_from(place.next);
        if self.only.is_some() {
            // The others are lost.
            rest.body = self.body.take();
        }
        rest
    }

    fn no_longer_waits(&mut self, id: u32) -> Option<Waker> {
        let at = self.waiting.iter().position(|(other, _)| *other == id)?;
        Some(self.waiting.swap_remove(at).1)
    }
}

impl<B: Body> Tee<B> {
    fn has_ended(&self) -> bool {
        self.has_ended || self.body.as_ref().is_some_and(Body::is_end_stream)
    }

    fn poll_frame(&mut self, place: &mut Place, cx: &mut Context<'_>, rest: &mut Rest<B>) -> Polled<B> {
        if self.is_lost(*place) {
            return Poll::Pending;
        }
        let polled = self.read(place, cx, rest);
        self.begin(*place);
        if polled.is_ready() {
            rest.waker = self.no_longer_waits(place.id);
        }
        polled
    }

    fn read(&mut self, place: &mut Place, cx: &mut Context<'_>, rest: &mut Rest<B>) -> Polled<B> {
        if let Some(frame) = self.kept.read(place.next) {
            place.next = place.next.wrapping_add(1);
            return Poll::Ready(Some(Ok(frame)));
        }
        if self.has_ended {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = self.poll_body(place.id, cx, rest) else { return Poll::Pending };
        rest.wake = mem::take(&mut self.waiting);
        match frame {
            Some(Ok(frame)) => {
                if self.has_ended() {
                    self.end(rest);
                }
                if self.keep(&frame, place) { Poll::Ready(Some(Ok(frame))) } else { Poll::Pending }
            }
            Some(Err(error)) => {
                self.leave_to(*place);
                Poll::Ready(Some(Err(error)))
            }
            None => {
                self.end(rest);
                Poll::Ready(None)
            }
        }
    }

    /// Polls the body for all that wait, this reader among them.
    fn poll_body(&mut self, id: u32, cx: &mut Context<'_>, rest: &mut Rest<B>) -> Polled<B> {
        let Some(body) = self.body.as_mut() else { return Poll::Pending };
        let others = self.waiting.iter().filter(|(other, _)| *other != id);
        let polled = if others.clone().next().is_none() {
            body.as_mut().poll_frame(cx)
        } else {
            let all = others.map(|(_, waker)| waker).chain([cx.waker()]).cloned().collect();
            let all = Waker::from(Arc::new(All(all)));
            body.as_mut().poll_frame(&mut Context::from_waker(&all))
        };
        if polled.is_pending() {
            match self.waiting.iter_mut().find(|(other, _)| *other == id) {
                Some((_, waker)) if waker.will_wake(cx.waker()) => {}
                Some((_, waker)) => rest.waker = Some(mem::replace(waker, cx.waker().clone())),
                None => self.waiting.push((id, cx.waker().clone())),
            }
        }
        polled.map(|frame| frame.map(|frame| frame.map(in_bytes)))
    }

    fn end(&mut self, rest: &mut Rest<B>) {
        self.has_ended = true;
        rest.body = self.body.take();
    }

    /// Keeps what a reader got, where others need it; false when it is not for that reader any more.
    fn keep(&mut self, frame: &Frame<Bytes>, place: &mut Place) -> bool {
        let size = frame.data_ref().map(Bytes::len);
        if size == Some(0) {
            // Nobody misses it, and any number could come.
            return true;
        }
        if self.only.is_some() || self.readers == 1 {
            self.kept.skip();
            return true;
        }
        let bytes = self.kept.bytes().saturating_add(size.unwrap_or(0) as u64);
        if bytes <= self.max_bytes as u64 && self.kept.len() < MOST_PARTS {
            self.kept.push(frame, self.readers - 1);
            place.next = self.kept.end();
            return true;
        }
        let newest = self.newest.filter(|newest| newest.id > place.id).unwrap_or(*place);
        self.leave_to(newest);
        if newest.id == place.id {
            return true;
        }
        self.kept.push(frame, 1);
        false
    }
}

impl<B> Drop for Reader<B> {
    fn drop(&mut self) {
        let mut tee = self.tee.lock();
        let rest = tee.leave(self.place);
        drop(tee);
        drop(rest);
    }
}

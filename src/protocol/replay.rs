//! The body of a request as it is sent, so that the request can be sent again.
//!
//! A body is read once, and who reads it is the connection: once a part of it was sent and the attempt failed, that part is
//! gone. To ask for bodies that are `Clone` leaves out what streams. To read the whole body before the first attempt makes
//! every request wait for its last byte, and holds it in memory whatever its size.
//!
//! So nothing is read ahead. A request that is sent once has its own body in here and nothing else. Once it is copied, body
//! and copy share the caller's body (see [`tee`]): what one of them reads is kept for the other, up to a limit of bytes. A
//! body that turns out to be longer goes on as if it had never been copied, and the copies say that they cannot be sent.
//! One that says beforehand that it is longer is not copied at all. A body with nothing in it is copied for free.

mod kept;
mod tee;
#[cfg(all(test, not(contraflow_loom)))]
mod tests;

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use tee::Reader;

pin_project! {
    /// The body of a request as it is sent: the caller's own, none, or what is shared with copies of the request.
    ///
    /// Any body can be copied, whatever its type: a streaming body need not be `Clone` for its request to be sent again. What
    /// was read is kept only while some copy may still need it. The data comes as `Bytes`, so that a part can be kept and sent
    /// at once; for a body of `Bytes`, as most are, that costs nothing.
    #[derive(Debug)]
    pub struct ReplayBody<B> {
        #[pin]
        form: Form<B>,
    }
}

pin_project! {
    #[project = FormNow]
    #[derive(Debug)]
    enum Form<B> {
        // There was nothing in it.
        Empty,
        // As it came. Once it was polled it cannot be shared any more: its beginning may be gone.
        Own { #[pin] body: B, was_polled: bool },
        Shared { reader: Reader<B> },
    }
}

/// A frame whose data can be kept without copying it.
#[inline]
fn in_bytes<D: Buf>(frame: Frame<D>) -> Frame<Bytes> {
    frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))
}

impl<B: Body> ReplayBody<B> {
    #[inline]
    pub(super) fn new(body: B) -> Self {
        let form = if body.is_end_stream() { Form::Empty } else { Form::Own { body, was_polled: false } };
        ReplayBody { form }
    }

    /// The same body once more; none when it cannot be repeated in full, as far as that is known.
    ///
    /// At most `max_body` bytes are kept for all copies, as the first copy has it.
    pub(super) fn copy(&mut self, max_body: usize) -> Option<Self> {
        self.share(max_body);
        match &self.form {
            Form::Empty => Some(ReplayBody::default()),
            Form::Own { .. } => None,
            Form::Shared { reader } => Some(ReplayBody { form: Form::Shared { reader: reader.copy()? } }),
        }
    }

    /// Whether all of it is still to be had from here: nothing was lost, nor read from this copy.
    pub(super) fn is_whole(&self) -> bool {
        match &self.form {
            Form::Empty => true,
            Form::Own { was_polled, .. } => !was_polled,
            Form::Shared { reader } => reader.is_whole(),
        }
    }

    /// The same for a copy that is sent now: from now on no older one takes the body from it.
    pub(super) fn claim(&self) -> bool {
        match &self.form {
            Form::Empty | Form::Own { .. } => self.is_whole(),
            Form::Shared { reader } => reader.claim(),
        }
    }

    /// Whether all of it is in memory.
    pub(super) fn is_complete(&self) -> bool {
        match &self.form {
            Form::Empty => true,
            Form::Own { .. } => false,
            Form::Shared { reader } => reader.is_complete(),
        }
    }

    /// Makes a body of its own one that can be shared, if it may be kept.
    fn share(&mut self, max_body: usize) {
        let Form::Own { body, was_polled: false } = &self.form else { return };
        if body.size_hint().lower() > max_body as u64 {
            return;
        }
        if let Form::Own { body, .. } = mem::replace(&mut self.form, Form::Empty) {
            self.form = Form::Shared { reader: Reader::new(body, max_body) };
        }
    }
}

impl<B: Body> Body for ReplayBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    #[inline]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().form.project() {
            FormNow::Empty => Poll::Ready(None),
            FormNow::Own { body, was_polled } => {
                *was_polled = true;
                body.poll_frame(cx).map(|frame| frame.map(|frame| frame.map(in_bytes)))
            }
            FormNow::Shared { reader } => reader.poll_frame(cx),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.form {
            Form::Empty => true,
            Form::Own { body, .. } => body.is_end_stream(),
            Form::Shared { reader } => reader.is_end_stream(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.form {
            Form::Empty => SizeHint::with_exact(0),
            Form::Own { body, .. } => body.size_hint(),
            Form::Shared { reader } => reader.size_hint(),
        }
    }
}

impl<B> Default for ReplayBody<B> {
    fn default() -> Self {
        ReplayBody { form: Form::Empty }
    }
}

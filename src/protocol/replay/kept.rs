//! What was read of a body and is still needed.
//!
//! Each part knows how many readers have yet to read it. Readers begin at the first part and go on in order, so a later part
//! is needed by all that need an earlier one: what nobody needs any more is always at the front.

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use std::collections::VecDeque;

/// At most so many parts are kept, however small. A body that comes byte by byte would otherwise take 48 times its limit.
pub(super) const MOST_PARTS: usize = 1024;

/// So all parts take at most 48 KiB beside what is in them.
const _: () = assert!(size_of::<Part>() <= 48);

/// Parts in a row. The first has its place in here: most bodies that are sent again have one.
#[derive(Debug, Default)]
pub(super) struct Kept {
    first: Option<Part>,
    others: VecDeque<Part>,
    /// The number of the first part, or of the next if there is none. It wraps: there are never so many parts at once.
    number: u32,
    /// Whether something is missing at the front.
    is_cut: bool,
    /// How many bytes there were, in the parts here and in all before.
    bytes: u64,
}

#[derive(Debug)]
struct Part {
    content: Content,
    /// By how many readers.
    needed: usize,
    /// How many bytes there were before it.
    before: u64,
}

#[derive(Clone, Debug)]
enum Content {
    Data(Bytes),
    // Rare, and three times as large.
    Trailers(Box<HeaderMap>),
}

impl Content {
    fn into_frame(self) -> Frame<Bytes> {
        match self {
            Content::Data(data) => Frame::data(data),
            Content::Trailers(trailers) => Frame::trailers(*trailers),
        }
    }
}

impl Kept {
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    /// Whether something that was read is not kept, or no more.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Something was read that is not kept.
    pub(super) fn skip(&mut self) {
        self.is_cut = true;
    }

    /// How many bytes are kept.
    pub(super) fn bytes(&self) -> u64 {
        self.first.as_ref().map_or(0, |first| self.bytes - first.before)
    }

    /// How many bytes are kept from a number on.
    pub(super) fn bytes_from(&self, number: u32) -> u64 {
        self.part(number).map_or(0, |part| self.bytes - part.before)
    }

    /// Whether nothing is kept from a number on.
    pub(super) fn is_end(&self, number: u32) -> bool {
        self.part(number).is_none()
    }

    /// The number that the next part will have.
    pub(super) fn end(&self) -> u32 {
        self.number.wrapping_add(self.len() as u32)
    }

    fn part(&self, number: u32) -> Option<&Part> {
        match number.wrapping_sub(self.number) {
            0 => self.first.as_ref(),
            at => self.others.get(at as usize - 1),
        }
    }

    fn parts_from(&mut self, number: u32) -> impl Iterator<Item = &mut Part> {
        let at = number.wrapping_sub(self.number) as usize;
        self.first.iter_mut().chain(&mut self.others).skip(at)
    }

    /// Keeps a frame for so many readers.
    pub(super) fn push(&mut self, frame: &Frame<Bytes>, needed: usize) {
        let before = self.bytes;
        let content = if let Some(data) = frame.data_ref() {
            self.bytes += data.len() as u64;
            Content::Data(data.clone())
        } else if let Some(trailers) = frame.trailers_ref() {
            Content::Trailers(Box::new(trailers.clone()))
        } else {
            return;
        };
        let part = Part { content, needed, before };
        if self.first.is_none() {
            self.first = Some(part);
        } else {
            self.others.push_back(part);
        }
    }

    /// What is at a number, for one of those that need it; the last of them gets the part itself.
    pub(super) fn read(&mut self, number: u32) -> Option<Frame<Bytes>> {
        let part = self.parts_from(number).next()?;
        part.needed -= 1;
        if part.needed > 0 {
            return Some(part.content.clone().into_frame());
        }
        // Nobody needs it, so nobody needs what is before it: it is the first.
        self.pop().map(|part| part.content.into_frame())
    }

    /// One more needs all from a number on.
    pub(super) fn need_from(&mut self, number: u32) {
        self.parts_from(number).for_each(|part| part.needed += 1);
    }

    /// One less needs what is there from a number on; what nobody needs is dropped.
    pub(super) fn forget_from(&mut self, number: u32) {
        self.parts_from(number).for_each(|part| part.needed -= 1);
        while self.first.as_ref().is_some_and(|first| first.needed == 0) {
            self.pop();
        }
    }

    /// Only one is left that needs anything, and that from a number on.
    pub(super) fn leave_to_one(&mut self, number: u32) {
        while self.number != number && self.first.is_some() {
            self.pop();
        }
        self.parts_from(number).for_each(|part| part.needed = 1);
    }

    fn pop(&mut self) -> Option<Part> {
        let part = self.first.take()?;
        self.first = self.others.pop_front();
        if self.first.is_none() {
            // It may have held many.
            self.others = VecDeque::new();
        }
        self.number = self.number.wrapping_add(1);
        self.is_cut = true;
        Some(part)
    }
}

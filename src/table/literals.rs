//! A map from short texts to places, for looking up the segment or host that begins a slice.
//!
//! Segments are found and looked up in one go: the first eight bytes are loaded as one word, in which the next slash is
//! found without a loop, and up to seven bytes the masked word *is* the key, compared in one instruction. Longer texts are
//! keyed by a hash and compared. Slots are probed one after the other at a load of at most one half.
//!
//! Keys are the table author's; requests only look up, so nobody can aim collisions at the hash.

use crate::entropy::mix64;

/// Texts and the place of each.
#[derive(Debug, Default)]
pub(crate) enum Literals {
    #[default]
    None,
    /// The usual case on the way to where a tree branches: no memory of its own to fetch.
    One(Slot),
    Many(Box<Slots>),
}

/// A hash table of open addressing.
#[derive(Debug)]
pub(crate) struct Slots {
    slots: Box<[Slot]>,
    /// What brings a mixed key down to a slot.
    shift: u32,
}

/// A text that is there.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    key: u64,
    len: u32,
    place: u32,
    /// The text, when it is too long to be its own key.
    text: Option<Box<[u8]>>,
}

/// The place of an empty slot.
const EMPTY: u32 = u32::MAX;

/// Texts up to this length are their own key.
const SHORT: usize = 7;

/// A text to be looked up: the first `len` bytes of `text`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    bits: u64,
    len: usize,
    text: &'a [u8],
}

impl Literals {
    pub(crate) fn new<'t>(texts: impl ExactSizeIterator<Item = (&'t [u8], u32)>) -> Self {
        let mut slots = texts.map(|(text, place)| Slot::new(text, place));
        match slots.len() {
            0 => Literals::None,
            1 => slots.next().map_or(Literals::None, Literals::One),
            _ => Literals::Many(Box::new(Slots::new(slots))),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Literals::None)
    }

    /// The place of a text.
    #[inline]
    pub(crate) fn get(&self, key: Key<'_>) -> Option<u32> {
        match self {
            Literals::None => None,
            Literals::One(slot) => slot.holds(key).then_some(slot.place),
            Literals::Many(slots) => slots.get(key),
        }
    }
}

impl Slots {
    fn new(texts: impl ExactSizeIterator<Item = Slot>) -> Self {
        let size = (2 * texts.len()).next_power_of_two();
        let empty = Slot { key: 0, len: 0, place: EMPTY, text: None };
        let mut slots = Slots { slots: vec![empty; size].into(), shift: 64 - size.trailing_zeros() };
        for slot in texts {
            let mut at = slots.first(slot.key);
            while slots.slots[at].place != EMPTY {
                at = (at + 1) & (size - 1);
            }
            slots.slots[at] = slot;
        }
        slots
    }

    #[inline]
    fn get(&self, key: Key<'_>) -> Option<u32> {
        let mut at = self.first(key.bits);
        // At least half of the slots are empty, so this ends.
        while let Some(slot) = self.slots.get(at).filter(|slot| slot.place != EMPTY) {
            if slot.holds(key) {
                return Some(slot.place);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        None
    }

    #[inline]
    fn first(&self, key: u64) -> usize {
        // Fibonacci hashing: the product's upper bits depend on all of the key's.
        (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }
}

impl Slot {
    fn new(text: &[u8], place: u32) -> Self {
        let long = (text.len() > SHORT).then(|| text.into());
        Slot { key: Key::whole(text).bits, len: text.len() as u32, place, text: long }
    }

    #[inline]
    fn holds(&self, key: Key<'_>) -> bool {
        self.key == key.bits
            && self.len as usize == key.len
            && self.text.as_ref().is_none_or(|text| **text == key.text[..key.len])
    }
}

impl<'a> Key<'a> {
    /// A whole text as a key.
    #[inline]
    pub(crate) fn whole(text: &'a [u8]) -> Self {
        let bits = if text.len() <= SHORT { load(text) } else { long_key(text) };
        Key { bits, len: text.len(), text }
    }

    /// The first segment of a path as a key, and what follows its slash if it has one.
    #[inline]
    pub(crate) fn segment(path: &'a [u8]) -> (Self, Option<&'a [u8]>) {
        let word = load(path);
        let slash = first_slash(word);
        if slash > SHORT {
            // No slash among the first eight bytes: the path ends among them, or the segment is long.
            return if path.len() > SHORT {
                long_segment(path)
            } else {
                (Key { bits: word, len: path.len(), text: path }, None)
            };
        }
        // Zeros after the end are no slashes, so the slash is inside the path.
        (Key { bits: word & !(u64::MAX << (8 * slash)), len: slash, text: path }, path.get(slash + 1..))
    }

    /// Whether the text is empty.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[inline(never)]
fn long_segment(path: &[u8]) -> (Key<'_>, Option<&[u8]>) {
    match path.iter().position(|&byte| byte == b'/') {
        Some(slash) => (Key::whole(&path[..slash]), Some(&path[slash + 1..])),
        None => (Key::whole(path), None),
    }
}

/// The first eight bytes as a little-endian word, padded with zeros.
#[inline]
fn load(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => load_short(text),
    }
}

/// [`load`] for less than eight bytes.
#[inline]
fn load_short(text: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        // Two halves that overlap, the same bytes falling on the same places.
        u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (text.len() - 4))
    } else {
        text.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
    }
}

/// The place of the first slash in a word; 8 when there is none.
///
/// A byte is zero after the exclusive or exactly where a slash was; subtracting one borrows from its top bit there first
/// (Mycroft 1987). Only bytes after the first can be mistaken.
#[inline]
fn first_slash(word: u64) -> usize {
    const ONES: u64 = u64::MAX / 0xff;
    const SLASH: u64 = 0x2f;
    let differs = word ^ (ONES * SLASH);
    let hits = differs.wrapping_sub(ONES) & !differs & (ONES << 7);
    hits.trailing_zeros() as usize / 8
}

fn long_key(text: &[u8]) -> u64 {
    text.chunks(8).fold(text.len() as u64, |key, chunk| mix64(key ^ load(chunk)))
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #![proptest_config(crate::property_config())]

        #[test]
        fn a_segment_ends_at_the_first_slash(path in "[ab/\u{0}\u{2e}\u{30}]{0,20}") {
            let path = path.as_bytes();
            let slash = path.iter().position(|&byte| byte == b'/');
            let (segment, rest) = Key::segment(path);
            prop_assert_eq!(&segment.text[..segment.len], &path[..slash.unwrap_or(path.len())]);
            prop_assert_eq!(rest, slash.map(|slash| &path[slash + 1..]));
            prop_assert_eq!(segment.bits, Key::whole(&segment.text[..segment.len]).bits);
        }

        #[test]
        fn it_is_a_map(texts in prop::collection::btree_map("[ab\u{0}]{0,12}", 0u32..100, 0..40), other in "[ab\u{0}]{0,12}") {
            let texts: BTreeMap<String, u32> = texts;
            let literals = Literals::new(texts.iter().map(|(text, &place)| (text.as_bytes(), place)));
            for (text, place) in &texts {
                prop_assert_eq!(literals.get(Key::whole(text.as_bytes())), Some(*place));
            }
            prop_assert_eq!(literals.get(Key::whole(other.as_bytes())), texts.get(&other).copied());
        }
    }
}

//! Maps from short texts to places, for looking up the segment of a path or the host that stands at a place of a text.
//!
//! A segment is found and looked up in one go: eight bytes are loaded as one word, in which the next slash is found without
//! a loop, and up to seven bytes the word, with the length in its upper byte, *is* the key, compared in one instruction.
//! Longer texts are keyed by a hash and compared. The slots of all maps stand in one array and are probed one after the
//! other, at a load of at most one half: a lookup is a multiplication and, as a rule, one load. Where there is one text
//! only, as in most nodes of a tree of paths, it takes neither: the word is compared with the text and its slash.
//!
//! Keys are the table author's; requests only look up, so nobody can aim collisions at the hash.

use crate::entropy::mix64;

/// All maps.
#[derive(Debug)]
pub(crate) struct Literals {
    slots: Box<[Slot]>,
    /// The texts that are too long to be their own key.
    texts: Box<[Box<[u8]>]>,
}

/// Maps while they are made.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    slots: Vec<Slot>,
    texts: Vec<Box<[u8]>>,
}

/// One of the maps.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Map {
    None,
    /// One short text: the word that it and a slash make, how far a word is shifted up until nothing else is left of it,
    /// the text's length and its place.
    Only {
        word: u64,
        shift: u8,
        len: u8,
        place: u32,
    },
    /// Two slots or more: the first, and what brings a mixed key down to one of them.
    Slots {
        first: u32,
        shift: u8,
    },
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    key: u64,
    place: u32,
    /// The text's place, when it is too long to be its own key, or [`NONE`].
    text: u32,
}

const NONE: u32 = u32::MAX;

/// Texts up to this length are their own key.
const SHORT: usize = 7;

const SLASH: u64 = b'/' as u64;

/// What stands in the upper byte of a key in place of the length.
const LONG: u64 = 0xff << 56;

/// No text has this key.
const EMPTY: Slot = Slot { key: 0xfe << 56, place: NONE, text: NONE };

impl Growing {
    /// Adds a map of these texts, none of which has a slash, to their places.
    pub(crate) fn add(&mut self, texts: &[(&[u8], u32)]) -> Map {
        match *texts {
            [] => Map::None,
            [(text, place)] if text.len() <= SHORT => {
                let word = load(text, 0) | SLASH << (8 * text.len());
                Map::Only { word, shift: 8 * (SHORT - text.len()) as u8, len: text.len() as u8, place }
            }
            _ => self.add_slots(texts),
        }
    }

    fn add_slots(&mut self, texts: &[(&[u8], u32)]) -> Map {
        let (first, count) = (self.slots.len(), (2 * texts.len()).next_power_of_two());
        self.slots.resize(first + count, EMPTY);
        let shift = 64 - count.trailing_zeros() as u8;
        for (text, place) in texts {
            let mut text_place = NONE;
            if text.len() > SHORT {
                text_place = self.texts.len() as u32;
                self.texts.push((*text).into());
            }
            let key = key(text);
            let mut at = mixed(key, shift);
            while self.slots[first + at].key != EMPTY.key {
                at = next(at, shift);
            }
            self.slots[first + at] = Slot { key, place: *place, text: text_place };
        }
        Map::Slots { first: first as u32, shift }
    }

    pub(crate) fn grown(self) -> Literals {
        Literals { slots: self.slots.into(), texts: self.texts.into() }
    }
}

impl Literals {
    /// What a map has for the segment that begins at a place of a text, and where the next one begins: after the slash, or
    /// one place beyond the text's length when it has ended. `a/` has an empty segment at its end, `a` has not.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call would cost more than the step")]
    pub(crate) fn step(&self, map: &Map, text: &[u8], at: usize) -> (Option<u32>, usize) {
        let word = load(text, at);
        if let Map::Only { word: only, shift, len, place } = *map
            && (word ^ only) << shift == 0
        {
            return (Some(place), at + usize::from(len) + 1);
        }
        let len = first_slash(word).min(text.len() - at);
        if len > SHORT {
            return self.long_step(map, text, at);
        }
        let found = match *map {
            Map::None => None,
            // Where the text ends there is no slash to compare.
            Map::Only { word: only, len: whole, place, .. } => {
                (len == usize::from(whole) && before(word ^ only, len) == 0).then_some(place)
            }
            Map::Slots { first, shift } => self.get(first, shift, short_key(word, len), &[]),
        };
        (found, at + len + 1)
    }

    #[inline(never)]
    fn long_step(&self, map: &Map, text: &[u8], at: usize) -> (Option<u32>, usize) {
        let mut end = at;
        loop {
            let len = first_slash(load(text, end)).min(text.len() - end);
            end += len;
            if len < 8 {
                break;
            }
        }
        let found = match *map {
            Map::Slots { first, shift } => self.get(first, shift, long_key(&text[at..end]), &text[at..end]),
            Map::None | Map::Only { .. } => None,
        };
        (found, end + 1)
    }

    /// What the slots have for a key; a long one comes with its text.
    #[inline]
    fn get(&self, first: u32, shift: u8, key: u64, text: &[u8]) -> Option<u32> {
        let mut at = mixed(key, shift);
        // At least half of the slots are empty, so this ends.
        loop {
            let slot = &self.slots[first as usize + at];
            if slot.key == key && (slot.text == NONE || *self.texts[slot.text as usize] == *text) {
                return Some(slot.place);
            }
            if slot.key == EMPTY.key {
                return None;
            }
            at = next(at, shift);
        }
    }
}

impl Map {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Map::None)
    }
}

/// Where among a map's slots the search for a key begins.
#[inline]
fn mixed(key: u64, shift: u8) -> usize {
    // Fibonacci hashing: the product's upper bits depend on all of the key's.
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> shift) as usize
}

/// The place after another, the first after the last.
#[inline]
fn next(at: usize, shift: u8) -> usize {
    (at + 1) & ((1 << (64 - shift)) - 1)
}

/// The key of a whole text.
fn key(text: &[u8]) -> u64 {
    if text.len() > SHORT { long_key(text) } else { short_key(load(text, 0), text.len()) }
}

#[inline]
fn short_key(word: u64, len: usize) -> u64 {
    before(word, len) | (len as u64) << 56
}

fn long_key(text: &[u8]) -> u64 {
    // Each step is a bijection of what came before; what it leaves in the upper bits, the last one spreads.
    let step = |hash: u64, chunk| (hash ^ load(chunk, 0)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mix64(text.chunks(8).fold(text.len() as u64, step)) | LONG
}

/// The first bytes of a little-endian word, up to seven.
#[inline]
fn before(word: u64, len: usize) -> u64 {
    word & !(u64::MAX << (8 * len))
}

/// Eight bytes as a little-endian word; what is beyond the text's end is zero.
#[inline]
fn load(text: &[u8], at: usize) -> u64 {
    let rest = &text[at..];
    if let Some(bytes) = rest.first_chunk() {
        u64::from_le_bytes(*bytes)
    } else if let Some(last) = text.last_chunk() {
        // The text's last eight bytes without those before `at`: a shift by 1 to 8 bytes, in two steps, since 64 is no shift.
        u64::from_le_bytes(*last) >> 8 >> (8 * (7 - rest.len()))
    } else if let (Some(first), Some(last)) = (rest.first_chunk(), rest.last_chunk()) {
        // Two halves that overlap, the same bytes falling on the same places.
        u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (rest.len() - 4))
    } else {
        rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
    }
}

/// The place of the first slash in a word; 8 when there is none.
///
/// A byte is zero after the exclusive or exactly where a slash was; subtracting one borrows from its top bit there first
/// (Mycroft 1987). Only bytes after the first can be mistaken.
#[inline]
fn first_slash(word: u64) -> usize {
    const ONES: u64 = u64::MAX / 0xff;
    let differs = word ^ (ONES * SLASH);
    let hits = differs.wrapping_sub(ONES) & !differs & (ONES << 7);
    hits.trailing_zeros() as usize / 8
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #![proptest_config(crate::property_config())]

        #[test]
        fn they_are_maps_of_the_segment_up_to_the_next_slash(
            texts in prop::collection::vec(prop::collection::btree_map("[ab\u{0}\u{2e}\u{30}]{0,12}", 0u32..100, 0..40), 1..4),
            before in "[ab/]{0,9}",
            other in "[ab\u{0}]{0,20}",
            after in "(/[ab/\u{0}\u{2e}\u{30}]{0,9})?",
        ) {
            let mut growing = Growing::default();
            let maps: Vec<Map> = texts
                .iter()
                .map(|texts| growing.add(&texts.iter().map(|(text, &place)| (text.as_bytes(), place)).collect::<Vec<_>>()))
                .collect();
            let literals = growing.grown();
            for (map, texts) in maps.into_iter().zip(&texts) {
                let texts: &BTreeMap<String, u32> = texts;
                prop_assert_eq!(map.is_empty(), texts.is_empty());
                for text in texts.keys().chain([&other]) {
                    let whole = format!("{before}{text}{after}");
                    let found = literals.step(&map, whole.as_bytes(), before.len());
                    prop_assert_eq!(found, (texts.get(text).copied(), before.len() + text.len() + 1), "in {:?}", whole);
                }
            }
        }
    }
}

//! Comparing and looking up the segment of a path, or the host, that begins at a place of a text.
//!
//! Eight bytes are loaded as one word. Where one text only can follow, as at most nodes of a tree of paths, the word is
//! compared with the text and its slash, and that is all. Where several can, the next slash is found in the word without a
//! loop, and up to seven bytes the word, with the length in its upper byte, *is* the key of a map; longer texts are keyed by
//! a hash and compared. The slots of all maps stand in one array and are probed one after the other, at a load of at most
//! one half: a lookup is a multiplication and, as a rule, one load.
//!
//! Keys are the table author's; requests only look up, so nobody can aim collisions at the hash.

use crate::entropy::{GAMMA, mix64};

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
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Map {
    /// The first slot.
    first: u32,
    /// What brings a mixed key down to one of the slots; zero for a map that has nothing.
    shift: u32,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    key: u64,
    place: u32,
    /// The text's place, when it is too long to be its own key, or [`NONE`].
    text: u32,
}

const NONE: u32 = u32::MAX;

const SLASH: u64 = b'/' as u64;

/// What stands in the upper byte of a key in place of the length.
const LONG: u64 = 0xff << 56;

/// No text has this key.
const EMPTY: Slot = Slot { key: 0xfe << 56, place: NONE, text: NONE };

impl Growing {
    /// Adds a map of these texts, none of which has a slash, to their places.
    pub(crate) fn add<'t>(&mut self, texts: impl ExactSizeIterator<Item = (&'t [u8], u32)>) -> Map {
        if texts.len() == 0 {
            return Map::default();
        }
        let (first, count) = (self.slots.len(), (2 * texts.len()).next_power_of_two());
        self.slots.resize(first + count, EMPTY);
        let map = Map { first: first as u32, shift: 64 - count.trailing_zeros() };
        for (text, place) in texts {
            let mut text_place = NONE;
            if text.len() > SHORT {
                text_place = self.texts.len() as u32;
                self.texts.push(text.into());
            }
            let key = key(text);
            let mut at = map.start(key);
            while self.slots[at].key != EMPTY.key {
                at = map.next(at);
            }
            self.slots[at] = Slot { key, place, text: text_place };
        }
        map
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
    pub(crate) fn step(&self, map: Map, text: &[u8], at: usize) -> (Option<u32>, usize) {
        let word = load(text, at);
        let len = first_slash(word).min(text.len() - at);
        if len > SHORT {
            return self.long_step(map, text, at);
        }
        (self.get(map, short_key(word, len), &[]), at + len + 1)
    }

    #[inline(never)]
    fn long_step(&self, map: Map, text: &[u8], at: usize) -> (Option<u32>, usize) {
        let next = skip_segment(text, at);
        let segment = &text[at..next - 1];
        (if map.is_empty() { None } else { self.get(map, long_key(segment), segment) }, next)
    }

    /// What a map has for a key; a long one comes with its text.
    #[inline]
    fn get(&self, map: Map, key: u64, text: &[u8]) -> Option<u32> {
        if map.is_empty() {
            return None;
        }
        let mut at = map.start(key);
        // At least half of the slots are empty, so this ends.
        loop {
            let slot = &self.slots[at];
            if slot.key == key && (slot.text == NONE || *self.texts[slot.text as usize] == *text) {
                return Some(slot.place);
            }
            if slot.key == EMPTY.key {
                return None;
            }
            at = map.next(at);
        }
    }
}

impl Map {
    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.shift == 0
    }

    /// The slot where the search for a key begins.
    #[inline]
    fn start(self, key: u64) -> usize {
        // Fibonacci hashing: the product's upper bits depend on all of the key's.
        self.first as usize + (key.wrapping_mul(GAMMA) >> self.shift) as usize
    }

    /// The slot after another, the first after the last.
    #[inline]
    fn next(self, at: usize) -> usize {
        let (first, last) = (self.first as usize, (1 << (64 - self.shift)) - 1);
        first + ((at + 1 - first) & last)
    }
}

/// The longest text that [`literal`] takes.
pub(crate) const SHORT: usize = 7;

/// A text of up to seven bytes without a slash, for [`follows`]: the word that it and a slash make.
pub(crate) fn literal(text: &[u8]) -> u64 {
    load(text, 0) | SLASH << (8 * text.len())
}

/// Where the next segment begins when the one at a place is this [`literal`], as in [`Literals::step`].
#[inline]
pub(crate) fn follows(literal: u64, len: u8, text: &[u8], at: usize) -> Option<usize> {
    let differs = load(text, at) ^ literal;
    let len = usize::from(len);
    // Where the text ends there is no slash to compare.
    let is_it = differs << (8 * (SHORT - len)) == 0 || (text.len() - at == len && before(differs, len) == 0);
    is_it.then_some(at + len + 1)
}

/// Where the segment after the one at a place begins, as in [`Literals::step`].
#[inline]
pub(crate) fn skip_segment(text: &[u8], at: usize) -> usize {
    let mut end = at;
    loop {
        let len = first_slash(load(text, end)).min(text.len() - end);
        end += len;
        if len < 8 {
            return end + 1;
        }
    }
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
    let step = |hash: u64, chunk| (hash ^ load(chunk, 0)).wrapping_mul(GAMMA);
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
                .map(|texts| growing.add(texts.iter().map(|(text, &place)| (text.as_bytes(), place))))
                .collect();
            let literals = growing.grown();
            for (map, texts) in maps.into_iter().zip(&texts) {
                let texts: &BTreeMap<String, u32> = texts;
                prop_assert_eq!(map.is_empty(), texts.is_empty());
                for text in texts.keys().chain([&other]) {
                    let whole = format!("{before}{text}{after}");
                    let found = literals.step(map, whole.as_bytes(), before.len());
                    let next = before.len() + text.len() + 1;
                    prop_assert_eq!(found, (texts.get(text).copied(), next), "in {:?}", whole);
                    prop_assert_eq!(skip_segment(whole.as_bytes(), before.len()), next);
                    for one in texts.keys().filter(|one| one.len() <= SHORT) {
                        let followed = follows(literal(one.as_bytes()), one.len() as u8, whole.as_bytes(), before.len());
                        prop_assert_eq!(followed, (one == text).then_some(next), "{:?} in {:?}", one, whole);
                    }
                }
            }
        }
    }
}

//! The hash of sticky keys and of names: XXH3, 64 bits, with a seed.
//!
//! Its algorithm is published and frozen (`xxHash` specification, XXH3), so the same key gives the same hash in every
//! process, on every platform, in every release of this crate. Names are hashed under another seed for each kind, so a
//! region that happens to be called like a cluster is not drawn together with it.

use twox_hash::XxHash3_64;

/// What is hashed; part of the seed.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub(crate) enum Kind {
    Key = 0,
    Cluster = 1,
    Region = 2,
    Endpoint = 3,
}

/// The hash of a key or name under the table's seed.
#[inline]
pub(crate) fn stable_hash(seed: u64, kind: Kind, bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(seed.wrapping_add(kind as u64), bytes)
}

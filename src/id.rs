//! Names by which state survives a swap, and the numbers that say which table and which view decided.
//!
//! A name is identity: rank, weight and address are *not* part of it, so moving a region between ranks or giving an
//! endpoint another weight keeps everything that traffic taught us about it.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The name of a cluster, region, endpoint or route: 1 to 128 bytes, without whitespace or control characters.
///
/// Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The longest name, in bytes. Names go into logs and metrics: longer ones are mistakes.
    pub const MAX_BYTES: usize = 128;

    /// A name, or what is wrong with it.
    pub(crate) fn new(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            Err("is empty; give it a name")
        } else if text.len() > Self::MAX_BYTES {
            Err("is longer than 128 bytes; shorten it")
        } else if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            Err("holds whitespace or control characters; use letters, digits and `-_./:`")
        } else {
            Ok(Name(text.into()))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

/// Which publication of a table: 1 for the first, one more for each publish, edit and rollback, never going back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u64);

impl Generation {
    pub(crate) const FIRST: Generation = Generation(1);

    #[cfg(all(test, not(contraflow_loom)))]
    pub(crate) const fn from_u64(number: u64) -> Self {
        Generation(number)
    }

    pub(crate) const fn next(self) -> Self {
        Generation(self.0 + 1)
    }

    /// The number, for logs and headers.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which view of a cluster's health decided: grows by one whenever that cluster's view is rebuilt, in any snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

impl Epoch {
    pub(crate) const fn from_u64(number: u64) -> Self {
        Epoch(number)
    }

    /// The number, for logs and headers.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

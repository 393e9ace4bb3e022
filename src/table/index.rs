//! Finding the match that takes a request, without looking at the others.
//!
//! Hosts are looked up by hash: the exact name, then each suffix from the longest, then the matches for any host. Under
//! each host, paths form a tree of segments. The walk tries, at each node, the literal child, then the placeholder, then
//! what ends there, then prefixes, which is the order of precedence ([`super::matching`]); a branch whose conditions fail
//! is left for the next one. So the first hit is the answer, and the work is bounded by the request's labels and
//! segments and by the matches that share host and path with it, not by the table.
//!
//! A router crate would give one best path; ours has to go on from there when that path's headers do not match.

use super::pattern::{HostPattern, Step};
use super::predicate::{Conditions, Predicate};
use crate::entropy::mix64;
use crate::protocol::Facts;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// All matches of a table.
#[derive(Debug, Default)]
pub(crate) struct Index {
    exact: Map<Tree>,
    suffix: Map<Tree>,
    any: Tree,
}

/// A match and the route that has it.
#[derive(Debug)]
pub(crate) struct Entry {
    conditions: Conditions,
    unconditional: bool,
    pub(crate) route: u32,
    /// Which of the route's matches, as they stand in the normal form.
    pub(crate) which: u32,
}

type Map<T> = HashMap<Box<[u8]>, T, BuildHasherDefault<ShortHasher>>;

#[derive(Debug, Default)]
struct Tree {
    /// The root is the first; empty when nothing was added.
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    literal: Literal,
    placeholder: Option<u32>,
    /// Matches that end here, and matches that go on to anything; by precedence.
    closed: Vec<Entry>,
    open: Vec<Entry>,
}

#[derive(Debug, Default)]
enum Literal {
    #[default]
    None,
    /// The usual case on the way to where a tree branches: compared in place, no need to find the segment's end first.
    One(Box<[u8]>, u32),
    Many(Map<u32>),
}

impl Index {
    /// Adds a match. Matches must be added in order of precedence.
    pub(crate) fn add(&mut self, predicate: &Predicate, route: u32, which: u32) {
        let tree = match &predicate.host {
            HostPattern::Exact(host) => self.exact.entry(host.as_bytes().into()).or_default(),
            HostPattern::Suffix(_, host) => self.suffix.entry(host.as_bytes().into()).or_default(),
            HostPattern::Any => &mut self.any,
        };
        let conditions = predicate.conditions.clone();
        let entry = Entry { unconditional: conditions.is_empty(), conditions, route, which };
        tree.add(predicate.path.steps(), entry);
    }

    /// The match that takes a request.
    #[inline]
    pub(crate) fn find(&self, facts: &Facts<'_>) -> Option<&Entry> {
        let path = facts.matched_path().as_bytes();
        let path = path.strip_prefix(b"/").unwrap_or(path);
        if let Some(host) = facts.host()
            && let Some(entry) = self.find_by_host(host.as_bytes(), path, facts)
        {
            return Some(entry);
        }
        self.any.find(path, facts)
    }

    #[inline]
    fn find_by_host(&self, host: &[u8], path: &[u8], facts: &Facts<'_>) -> Option<&Entry> {
        if !self.exact.is_empty()
            && let Some(entry) = self.exact.get(host).and_then(|tree| tree.find(path, facts))
        {
            return Some(entry);
        }
        if self.suffix.is_empty() {
            return None;
        }
        let mut labels = host;
        while let Some(dot) = labels.iter().position(|&byte| byte == b'.') {
            labels = &labels[dot + 1..];
            if let Some(entry) = self.suffix.get(labels).and_then(|tree| tree.find(path, facts)) {
                return Some(entry);
            }
        }
        None
    }
}

impl Tree {
    fn add(&mut self, steps: &[Step], entry: Entry) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        for step in steps {
            let next = self.nodes.len() as u32;
            let node = &mut self.nodes[at];
            let child = match step {
                Step::Literal(text) => node.literal.get_or_insert(text.as_bytes(), next),
                Step::Placeholder => *node.placeholder.get_or_insert(next),
                Step::Closed => return node.closed.push(entry),
                Step::Open => return node.open.push(entry),
            };
            if child == next {
                self.nodes.push(Node::default());
            }
            at = child as usize;
        }
    }

    #[inline]
    fn find(&self, path: &[u8], facts: &Facts<'_>) -> Option<&Entry> {
        if self.nodes.is_empty() { None } else { self.walk(0, Some(path), facts) }
    }

    /// `rest` is what follows the last slash that was walked; none when the path has ended.
    ///
    /// Recursion is as deep as the tree, which the table's author wrote, not as the path, which anybody can send.
    fn walk(&self, at: u32, rest: Option<&[u8]>, facts: &Facts<'_>) -> Option<&Entry> {
        let node = &self.nodes[at as usize];
        let Some(rest) = rest else {
            return first(&node.closed, facts).or_else(|| first(&node.open, facts));
        };
        let literal = match &node.literal {
            Literal::None => None,
            Literal::One(text, child) => match rest.strip_prefix(&**text) {
                Some([]) => Some((*child, None)),
                Some([b'/', after @ ..]) => Some((*child, Some(after))),
                _ => None,
            },
            Literal::Many(children) => {
                let (segment, after) = split_segment(rest);
                children.get(segment).map(|&child| (child, after))
            }
        };
        if let Some((child, after)) = literal
            && let Some(entry) = self.walk(child, after, facts)
        {
            return Some(entry);
        }
        if let Some(child) = node.placeholder
            && let (segment, after) = split_segment(rest)
            && !segment.is_empty()
            && let Some(entry) = self.walk(child, after, facts)
        {
            return Some(entry);
        }
        first(&node.open, facts)
    }
}

#[inline]
fn first<'e>(entries: &'e [Entry], facts: &Facts<'_>) -> Option<&'e Entry> {
    entries.iter().find(|entry| entry.unconditional || entry.conditions.hold(facts))
}

/// The first segment, and what follows its slash if it has one.
#[inline]
fn split_segment(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match path.iter().position(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], Some(&path[slash + 1..])),
        None => (path, None),
    }
}

impl Literal {
    fn get_or_insert(&mut self, text: &[u8], next: u32) -> u32 {
        match self {
            Literal::None => {
                *self = Literal::One(text.into(), next);
                next
            }
            Literal::One(known, child) if **known == *text => *child,
            Literal::One(known, child) => {
                *self = Literal::Many(Map::from_iter([(std::mem::take(known), *child), (text.into(), next)]));
                next
            }
            Literal::Many(children) => *children.entry(text.into()).or_insert(next),
        }
    }
}

/// A hasher for short keys that the table's author chose: requests only look up, so nobody can aim collisions at it.
#[derive(Debug, Default)]
struct ShortHasher(u64);

impl Hasher for ShortHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.0 = mix64(self.0 ^ u64::from_le_bytes(chunk.try_into().expect("chunks of eight")));
        }
        let rest = chunks.remainder().iter().fold(bytes.len() as u64, |all, &byte| all << 8 | u64::from(byte));
        self.0 = mix64(self.0 ^ rest);
    }

    /// The length that slices write before their bytes: `write` has it already.
    #[inline]
    fn write_usize(&mut self, _: usize) {}

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

//! Finding the match that takes a request, without looking at the others.
//!
//! Hosts are looked up by hash: the exact name, then each suffix from the longest, then the matches for any host. Under
//! each host, paths form a tree of segments. The walk tries, at each node, the literal child, then the placeholder, then
//! what ends there, then prefixes, which is the order of precedence ([`super::matching`]); a branch whose conditions fail
//! is left for the next one. So the first hit is the answer, and the work is bounded by the request's labels and
//! segments and by the matches that share host and path with it, not by the table.
//!
//! A router crate would give one best path; ours has to go on from there when that path's headers do not match.

use super::literals::{Key, Literals};
use super::pattern::{HostPattern, Step};
use super::predicate::{Conditions, Predicate};
use crate::protocol::Facts;
use std::collections::BTreeMap;

/// All matches of a table.
#[derive(Debug)]
pub(crate) struct Index {
    exact: Hosts,
    suffix: Hosts,
    any: Tree,
}

/// A match and the route that has it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) route: u32,
    /// Which of the route's matches, as they stand in the normal form.
    pub(crate) which: u32,
    /// None when host and path are all it asks for.
    conditions: Option<Box<Conditions>>,
}

/// A tree for each host.
#[derive(Debug, Default)]
struct Hosts {
    names: Literals,
    trees: Box<[Tree]>,
}

/// Nodes and entries by place, packed: a walk is a chain of loads, each from where the one before points, and is as fast
/// as the lines they touch are few. The root is the first node; there is none when no match is in the tree.
#[derive(Debug, Default)]
struct Tree {
    nodes: Box<[Node]>,
    entries: Box<[Entry]>,
}

#[derive(Debug)]
struct Node {
    literals: Literals,
    /// A node's place, or [`NONE`].
    placeholder: u32,
    /// The first of the node's entries: first those that end here, then those that go on to anything, each kind by
    /// precedence.
    entries: u32,
    closed: u32,
    open: u32,
}

const NONE: u32 = u32::MAX;

impl Index {
    /// The index of matches that come in order of precedence, each with its route and its place in the route.
    pub(crate) fn new<'p>(matches: impl Iterator<Item = (&'p Predicate, u32, u32)>) -> Self {
        let (mut exact, mut suffix, mut any) = (BTreeMap::new(), BTreeMap::new(), Growing::default());
        for (predicate, route, which) in matches {
            let tree = match &predicate.host {
                HostPattern::Exact(host) => exact.entry(host.as_bytes()).or_default(),
                HostPattern::Suffix(_, host) => suffix.entry(host.as_bytes()).or_default(),
                HostPattern::Any => &mut any,
            };
            let conditions = (!predicate.conditions.is_empty()).then(|| Box::new(predicate.conditions.clone()));
            tree.add(predicate.path.steps(), Entry { route, which, conditions });
        }
        Index { exact: Hosts::new(exact), suffix: Hosts::new(suffix), any: any.grown() }
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
        if let Some(entry) = self.exact.get(host).and_then(|tree| tree.find(path, facts)) {
            return Some(entry);
        }
        if self.suffix.names.is_empty() {
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

impl Hosts {
    fn new(trees: BTreeMap<&[u8], Growing>) -> Self {
        let names = Literals::new(trees.keys().enumerate().map(|(place, name)| (*name, place as u32)));
        Hosts { names, trees: trees.into_values().map(Growing::grown).collect() }
    }

    #[inline]
    fn get(&self, host: &[u8]) -> Option<&Tree> {
        if self.names.is_empty() {
            return None;
        }
        self.names.get(Key::whole(host)).map(|place| &self.trees[place as usize])
    }
}

impl Tree {
    #[inline]
    fn find(&self, path: &[u8], facts: &Facts<'_>) -> Option<&Entry> {
        if self.nodes.is_empty() { None } else { self.walk(0, Some(path), facts) }
    }

    /// The match that takes a path from a node on. `rest` is what follows the last slash; none when the path has ended.
    ///
    /// Where a node offers one way only, the walk goes on; where it offers several, it comes back to try the next. It goes
    /// as deep as the tree, which the table's author wrote, not as the path, which anybody can send.
    fn walk(&self, mut at: u32, mut rest: Option<&[u8]>, facts: &Facts<'_>) -> Option<&Entry> {
        loop {
            let node = &self.nodes[at as usize];
            let Some(path) = rest else {
                return self.first(node.entries, node.closed + node.open, facts);
            };
            let (segment, after) = Key::segment(path);
            if let Some(child) = node.literals.get(segment) {
                if node.placeholder == NONE && node.open == 0 {
                    (at, rest) = (child, after);
                    continue;
                }
                if let Some(entry) = self.walk(child, after, facts) {
                    return Some(entry);
                }
            }
            if node.placeholder != NONE && !segment.is_empty() {
                if node.open == 0 {
                    (at, rest) = (node.placeholder, after);
                    continue;
                }
                if let Some(entry) = self.walk(node.placeholder, after, facts) {
                    return Some(entry);
                }
            }
            return self.first(node.entries + node.closed, node.open, facts);
        }
    }

    /// The first of these entries whose conditions hold.
    #[inline]
    fn first(&self, from: u32, count: u32, facts: &Facts<'_>) -> Option<&Entry> {
        let entries = &self.entries[from as usize..][..count as usize];
        entries.iter().find(|entry| entry.conditions.as_ref().is_none_or(|conditions| conditions.hold(facts)))
    }
}

/// A tree while matches are added.
#[derive(Default)]
struct Growing<'p>(Vec<GrowingNode<'p>>);

#[derive(Default)]
struct GrowingNode<'p> {
    literals: BTreeMap<&'p [u8], u32>,
    placeholder: Option<u32>,
    closed: Vec<Entry>,
    open: Vec<Entry>,
}

impl<'p> Growing<'p> {
    /// Adds a match; they come in order of precedence.
    fn add(&mut self, steps: &'p [Step], entry: Entry) {
        if self.0.is_empty() {
            self.0.push(GrowingNode::default());
        }
        let mut at = 0;
        for step in steps {
            let next = self.0.len() as u32;
            let node = &mut self.0[at];
            let child = match step {
                Step::Literal(text) => *node.literals.entry(text.as_bytes()).or_insert(next),
                Step::Placeholder => *node.placeholder.get_or_insert(next),
                Step::Closed => return node.closed.push(entry),
                Step::Open => return node.open.push(entry),
            };
            if child == next {
                self.0.push(GrowingNode::default());
            }
            at = child as usize;
        }
    }

    fn grown(self) -> Tree {
        let mut entries = Vec::new();
        let nodes = self.0.into_iter().map(|node| {
            let (from, closed, open) = (entries.len() as u32, node.closed.len() as u32, node.open.len() as u32);
            entries.extend(node.closed);
            entries.extend(node.open);
            let literals = Literals::new(node.literals.into_iter());
            Node { literals, placeholder: node.placeholder.unwrap_or(NONE), entries: from, closed, open }
        });
        Tree { nodes: nodes.collect(), entries: entries.into() }
    }
}

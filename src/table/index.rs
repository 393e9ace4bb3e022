//! Finding the match that takes a request, without looking at the others.
//!
//! Hosts are looked up by hash: the exact name, then each suffix from the longest, then the matches for any host. Under
//! each host, paths form a tree of segments. The walk tries, at each node, the literal child, then the placeholder, then
//! what ends there, then prefixes, which is the order of precedence ([`super::matching`]); a branch whose conditions fail
//! is left for the next one. So the first hit is the answer, and the work is bounded by the request's labels and
//! segments and by the matches that share host and path with it, not by the table.
//!
//! A router crate would give one best path; ours has to go on from there when that path's headers do not match.

use super::literals::{self, Literals, Map, SHORT, follows, literal, skip_segment};
use super::pattern::{HostPattern, Step};
use super::predicate::{Conditions, Predicate};
use crate::protocol::Facts;
use std::collections::BTreeMap;

/// All matches of a table.
///
/// Everything stands in arrays and is named by its place: a walk is a chain of loads, each from where the one before points,
/// and is as fast as the lines they touch are few.
#[derive(Debug)]
pub(crate) struct Index {
    nodes: Box<[Node]>,
    forks: Box<[Fork]>,
    entries: Box<[Entry]>,
    literals: Literals,
    /// From hosts to the roots of their trees.
    exact: Map,
    suffix: Map,
    /// The root for any host, or [`NONE`].
    any: u32,
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

/// A place in a tree of paths; most offer one way only. In 16 bytes: a route has a few, and a cache line takes four.
#[derive(Debug)]
enum Node {
    /// This segment follows, as [`follows`] has it.
    Literal {
        literal: u64,
        len: u8,
        child: u32,
    },
    /// Any segment follows that is not empty.
    Placeholder {
        child: u32,
    },
    /// The path ends here; these matches come into question.
    End {
        entries: u32,
        count: u32,
    },
    Fork(u32),
}

const _: () = assert!(size_of::<Node>() == 16);

/// A place that offers several ways.
#[derive(Debug)]
struct Fork {
    literals: Map,
    /// A node's place, or [`NONE`].
    placeholder: u32,
    /// The first of the entries: first those that end here, then those that go on to anything, each kind by precedence.
    entries: u32,
    closed: u32,
    open: u32,
}

const NONE: u32 = u32::MAX;

impl Index {
    /// The index of matches that come in order of precedence, each with its route and its place in the route.
    pub(crate) fn new<'p>(matches: impl Iterator<Item = (&'p Predicate, u32, u32)>) -> Self {
        let mut growing = Growing::default();
        let (mut exact, mut suffix, mut any) = (BTreeMap::new(), BTreeMap::new(), None);
        for (predicate, route, which) in matches {
            let root = match &predicate.host {
                HostPattern::Exact(host) => exact.entry(host.as_bytes()).or_insert_with(|| growing.node()),
                HostPattern::Suffix(_, host) => suffix.entry(host.as_bytes()).or_insert_with(|| growing.node()),
                HostPattern::Any => any.get_or_insert_with(|| growing.node()),
            };
            let conditions = (!predicate.conditions.is_empty()).then(|| Box::new(predicate.conditions.clone()));
            growing.add(*root, predicate.path.steps(), Entry { route, which, conditions });
        }
        growing.grown(exact, suffix, any.unwrap_or(NONE))
    }

    /// The match that takes a request.
    #[inline]
    pub(crate) fn find(&self, facts: &Facts<'_>) -> Option<&Entry> {
        if let Some(host) = facts.host()
            && let Some(entry) = self.find_by_host(host.as_bytes(), facts)
        {
            return Some(entry);
        }
        if self.any == NONE { None } else { self.find_by_path(self.any, facts) }
    }

    #[inline]
    fn find_by_host(&self, host: &[u8], facts: &Facts<'_>) -> Option<&Entry> {
        let find = |hosts: Map, at: usize| {
            let root = self.literals.step(hosts, host, at).0?;
            self.find_by_path(root, facts)
        };
        if !self.exact.is_empty()
            && let Some(entry) = find(self.exact, 0)
        {
            return Some(entry);
        }
        if self.suffix.is_empty() {
            return None;
        }
        let dots = host.iter().enumerate().filter(|(_, byte)| **byte == b'.');
        dots.map(|(at, _)| at + 1).find_map(|label| find(self.suffix, label))
    }

    #[inline]
    fn find_by_path(&self, root: u32, facts: &Facts<'_>) -> Option<&Entry> {
        let path = facts.matched_path().as_bytes();
        self.walk(root, path, usize::from(path.first() == Some(&b'/')), facts)
    }

    /// The match that takes the path from this place on, which is beyond its length when it has ended.
    ///
    /// Where a node offers one way only, the walk goes on; where it offers several, it comes back to try the next. It goes
    /// as deep as the tree, which the table's author wrote, not as the path, which anybody can send.
    fn walk(&self, mut node: u32, path: &[u8], mut at: usize, facts: &Facts<'_>) -> Option<&Entry> {
        loop {
            let has_ended = at > path.len();
            (node, at) = match self.nodes[node as usize] {
                Node::End { entries, count } if has_ended => return self.first(entries, count, facts),
                Node::Literal { literal, len, child } if !has_ended => (child, follows(literal, len, path, at)?),
                Node::Placeholder { child } if !has_ended => {
                    let next = skip_segment(path, at);
                    if next == at + 1 {
                        return None;
                    }
                    (child, next)
                }
                Node::Fork(fork) => {
                    let fork = &self.forks[fork as usize];
                    if has_ended {
                        return self.first(fork.entries, fork.closed + fork.open, facts);
                    }
                    let (literal, next) = self.literals.step(fork.literals, path, at);
                    let placeholder = (fork.placeholder != NONE && next > at + 1).then_some(fork.placeholder);
                    match (literal, placeholder) {
                        (Some(child), None) | (None, Some(child)) if fork.open == 0 => (child, next),
                        (literal, placeholder) => {
                            return literal
                                .and_then(|child| self.walk(child, path, next, facts))
                                .or_else(|| self.walk(placeholder?, path, next, facts))
                                .or_else(|| self.first(fork.entries + fork.closed, fork.open, facts));
                        }
                    }
                }
                _ => return None,
            };
        }
    }

    /// The first of these entries whose conditions hold.
    #[inline]
    fn first(&self, from: u32, count: u32, facts: &Facts<'_>) -> Option<&Entry> {
        let entries = &self.entries[from as usize..][..count as usize];
        entries.iter().find(|entry| entry.conditions.as_ref().is_none_or(|conditions| conditions.hold(facts)))
    }
}

/// All trees while matches are added.
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
    /// A new node's place.
    fn node(&mut self) -> u32 {
        self.0.push(GrowingNode::default());
        self.0.len() as u32 - 1
    }

    /// Adds a match to a tree; they come in order of precedence.
    fn add(&mut self, root: u32, steps: &'p [Step], entry: Entry) {
        let mut at = root as usize;
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
                self.node();
            }
            at = child as usize;
        }
    }

    fn grown(self, exact: BTreeMap<&[u8], u32>, suffix: BTreeMap<&[u8], u32>, any: u32) -> Index {
        let mut literals = literals::Growing::default();
        let (exact, suffix) = (literals.add(exact.into_iter()), literals.add(suffix.into_iter()));
        let (mut forks, mut entries) = (Vec::new(), Vec::new());
        let nodes = self.0.into_iter().map(|mut node| {
            let (from, closed, open) = (entries.len() as u32, node.closed.len() as u32, node.open.len() as u32);
            entries.append(&mut node.closed);
            entries.append(&mut node.open);
            let first = node.literals.first_key_value().map(|(text, child)| (*text, *child));
            match (node.literals.len(), first, node.placeholder, closed + open) {
                (1, Some((text, child)), None, 0) if text.len() <= SHORT => {
                    Node::Literal { literal: literal(text), len: text.len() as u8, child }
                }
                (0, _, Some(child), 0) => Node::Placeholder { child },
                (0, _, None, count) if open == 0 => Node::End { entries: from, count },
                _ => {
                    let literals = literals.add(node.literals.into_iter());
                    let placeholder = node.placeholder.unwrap_or(NONE);
                    forks.push(Fork { literals, placeholder, entries: from, closed, open });
                    Node::Fork(forks.len() as u32 - 1)
                }
            }
        });
        let nodes = nodes.collect();
        let (forks, entries) = (forks.into(), entries.into());
        Index { nodes, forks, entries, literals: literals.grown(), exact, suffix, any }
    }
}

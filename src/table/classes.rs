//! What a request is beside its route: how much it matters, which partitions it belongs to, and what of it is believed.
//!
//! Found once for a request, with its route, by the same index that finds routes, so that precedence and spelling are the
//! same; a route without rules and partitions, as nearly all are, asks nothing, nor does a table that trusts nobody.

use super::index::Index;
use super::limit::Partition;
use super::matching::Match;
use super::pattern::PathPattern;
use super::predicate::Predicate;
use super::residency::ResidencyRule;
use super::spec::{ClusterSpec, PriorityRule, RouteSpec};
use super::trust::{Claims, TrustRule};
use crate::error::{Problems, TableError};
use crate::protocol::{Facts, Oddities, Priority};

/// What a request is to the limits on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) priority: Priority,
    /// Its partition of the route's limit, and of the region's.
    pub(crate) of_route: PartitionPlace,
    pub(crate) of_region: PartitionPlace,
}

/// The place of a partition among those of its limit, if a request belongs to one.
pub(crate) type PartitionPlace = Option<u8>;

/// Matches that stand for numbers: the first that holds says which.
#[derive(Debug, Default)]
pub(crate) struct Kinds(Option<Index>);

impl Kinds {
    fn new(predicates: &[(Predicate, u32)]) -> Self {
        let entries = || predicates.iter().map(|(predicate, kind)| (predicate, *kind, 0));
        Kinds((!predicates.is_empty()).then(|| Index::new(entries())))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What one match takes.
    pub(crate) fn of_one(when: &Match) -> Result<Self, TableError> {
        let mut problems = Problems::default();
        let predicate = Predicate::compile(when, |part, message| problems.add(format!("match.{part}"), message));
        problems.into_result()?;
        Ok(Kinds::new(&Vec::from_iter(predicate.map(|predicate| (predicate, 0)))))
    }

    /// Whether a request is taken, or there is nothing that could take any.
    pub(crate) fn is_empty_or_takes(&self, facts: &Facts<'_>) -> bool {
        self.is_empty() || self.find(facts).is_some()
    }

    fn find(&self, facts: &Facts<'_>) -> Option<u32> {
        Some(self.0.as_ref()?.find(facts)?.route)
    }

    /// The partition that a request belongs to.
    pub(crate) fn partition(&self, facts: &Facts<'_>) -> PartitionPlace {
        // There are at most sixteen.
        self.find(facts).map(|place| place as u8)
    }

    /// The place of the rule that takes a request, of at most 2^16.
    #[inline(never)]
    pub(crate) fn place(&self, facts: &Facts<'_>) -> Option<u16> {
        self.find(facts).map(|place| place as u16)
    }

    /// What is believed of a request, by the rules of a table.
    pub(super) fn claims(&self, facts: &Facts<'_>) -> Claims {
        self.find(facts).map_or(Claims::none(), |bits| Claims::ALL[bits as usize])
    }
}

/// A route's rules.
#[derive(Debug, Default)]
pub(crate) struct RouteClasses {
    priorities: Kinds,
    partitions: Kinds,
}

impl RouteClasses {
    pub(crate) fn is_empty(&self) -> bool {
        self.priorities.is_empty() && self.partitions.is_empty()
    }

    /// What a rule says of the request's importance.
    pub(crate) fn priority(&self, facts: &Facts<'_>) -> Option<Priority> {
        self.priorities.find(facts).map(|level| Priority::ALL[level as usize])
    }

    pub(crate) fn partition(&self, facts: &Facts<'_>) -> PartitionPlace {
        self.partitions.partition(facts)
    }
}

/// The rules of a route, whose matches are brought into their normal order.
pub(super) fn of_route(route: &mut RouteSpec, allowed: Oddities, problems: &mut Problems) -> RouteClasses {
    let path = format!("routes.{}", route.name);
    let rules = route.priorities.drain(..).map(|rule| (rule.when, rule.priority as u32)).collect();
    let (sorted, priorities) = of_rules(rules, &format!("{path}.priorities"), allowed, problems);
    let rule = |(when, level)| PriorityRule { when, priority: Priority::ALL[level as usize] };
    route.priorities.extend(sorted.into_iter().map(rule));
    let partitions = route.limit.as_mut().map(|limit| &mut limit.partitions);
    let partitions = of_partitions(partitions, &format!("{path}.limit"), allowed, problems);
    RouteClasses { priorities, partitions }
}

/// The rules of a table that say what is believed, whose matches are brought into their normal order.
pub(super) fn of_trusts(trusts: &mut Vec<TrustRule>, allowed: Oddities, problems: &mut Problems) -> Kinds {
    let rules = trusts.drain(..).map(|rule| (rule.when, rule.claims.bits())).collect();
    let (sorted, kinds) = of_rules(rules, "trusts", allowed, problems);
    trusts.extend(sorted.into_iter().map(|(when, bits)| TrustRule { when, claims: Claims::ALL[bits as usize] }));
    kinds
}

/// The rules of a table that keep requests in regions, whose matches are brought into their normal order.
pub(super) fn of_residency(rules: &mut Vec<ResidencyRule>, allowed: Oddities, problems: &mut Problems) -> Kinds {
    let mut regions: Vec<_> = rules.iter_mut().map(|rule| std::mem::take(&mut rule.regions)).collect();
    let whens = (0..).zip(rules.drain(..)).map(|(place, rule)| (rule.when, place)).collect();
    let mut predicates = Vec::new();
    for (place, (predicate, when, old)) in (0..).zip(compile(whens, "residency", allowed, problems)) {
        rules.push(ResidencyRule { when, regions: std::mem::take(&mut regions[old as usize]) });
        predicates.extend(predicate.map(|predicate| (predicate, place)));
    }
    Kinds::new(&predicates)
}

/// The partitions of a cluster's limit.
pub(super) fn of_cluster(cluster: &mut ClusterSpec, allowed: Oddities, problems: &mut Problems) -> Kinds {
    let path = format!("clusters.{}.limit", cluster.name);
    of_partitions(cluster.limit.as_mut().map(|limit| &mut limit.partitions), &path, allowed, problems)
}

fn of_partitions(
    partitions: Option<&mut Vec<Partition>>,
    path: &str,
    allowed: Oddities,
    problems: &mut Problems,
) -> Kinds {
    let Some(partitions) = partitions else { return Kinds::default() };
    partitions.sort_by(|a, b| a.name.cmp(&b.name));
    let whens = partitions.iter_mut().map(|partition| std::mem::take(&mut partition.when));
    let whens = (0..).zip(whens).flat_map(|(place, when)| when.into_iter().map(move |one| (one, place))).collect();
    let compiled = compile(whens, &format!("{path}.partitions"), allowed, problems);
    let mut predicates = Vec::with_capacity(compiled.len());
    for (predicate, when, place) in compiled {
        partitions[place as usize].when.push(when);
        predicates.extend(predicate.map(|predicate| (predicate, place)));
    }
    Kinds::new(&predicates)
}

/// Rules that are a match and a number each: in their normal order, and as they are asked.
fn of_rules(
    rules: Vec<(Match, u32)>,
    path: &str,
    allowed: Oddities,
    problems: &mut Problems,
) -> (Vec<(Match, u32)>, Kinds) {
    let (mut sorted, mut predicates) = (Vec::with_capacity(rules.len()), Vec::with_capacity(rules.len()));
    for (predicate, when, kind) in compile(rules, path, allowed, problems) {
        sorted.push((when, kind));
        predicates.extend(predicate.map(|predicate| (predicate, kind)));
    }
    (sorted, Kinds::new(&predicates))
}

/// Matches in order of precedence, each with what it stands for; those that are unsound first, without a predicate.
fn compile(
    matches: Vec<(Match, u32)>,
    path: &str,
    allowed: Oddities,
    problems: &mut Problems,
) -> Vec<(Option<Predicate>, Match, u32)> {
    let mut compiled = Vec::with_capacity(matches.len());
    for (place, (matching, kind)) in matches.into_iter().enumerate() {
        let at = |part: &str| format!("{path}.{place}.{part}");
        if !PathPattern::oddities(matching.path.as_ref()).are_within(allowed) {
            problems.add(at("path"), "has more than one reading, or a broken escape, and can never match; rewrite it");
        }
        let predicate = Predicate::compile(&matching, |part, message| problems.add(at(part), message));
        compiled.push((predicate, matching, kind));
    }
    compiled.sort_by(|a, b| (&a.0, a.2).cmp(&(&b.0, b.2)));
    let pairs = compiled.windows(2).filter(|pair| pair[0].0.is_some() && pair[0].0 == pair[1].0);
    if pairs.count() > 0 {
        problems.add(path, "have the same match twice; nothing could tell them apart");
    }
    compiled
}

//! Routes as compiled.

use super::classes::RouteClasses;
use super::hash::{Kind, stable_hash};
use super::limit::Limit;
use super::policy::{Pick, Picking, Policy, ReleaseOn};
use super::retry::{Hedge, Retry};
use super::spec::Scope;
use super::split::Weighted;
use crate::id::Name;
use crate::protocol::Facts;
use crate::sync::Arc;
use crate::unit::Share;
use http::header::HeaderName;
use std::borrow::Cow;
use std::time::Duration;

/// Requests that match, and the clusters they are split over.
///
/// One cache line: with a hundred routes, what a request touches of each decides whether it is found in the nearest cache.
#[derive(Debug)]
#[repr(align(64))]
pub struct Route {
    pub(crate) name: Name,
    /// By cluster name.
    pub(crate) split: Weighted<Target>,
    pub(crate) sticky: Option<Box<StickyRule>>,
    /// Of each target, what no decision reads: it is read once the request goes there.
    pub(crate) details: Box<[TargetDetails]>,
}

const _: () = assert!(size_of::<Route>() == 64);

/// One cluster of a split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) cluster: u32,
    pub(crate) picking: Picking,
}

#[derive(Debug)]
pub(crate) struct TargetDetails {
    pub(crate) cluster: Name,
    pub(crate) policy: Policy,
    pub(crate) rules: Arc<RouteRules>,
}

/// What a route's limit and priorities are, the same for all its targets.
#[derive(Debug, Default)]
pub(crate) struct RouteRules {
    pub(crate) limit: Option<Limit>,
    pub(crate) classes: RouteClasses,
}

/// What keeps one user in one cohort.
#[derive(Debug)]
pub(crate) struct StickyRule {
    pub(crate) sources: Box<[Source]>,
    pub(crate) scope: Scope,
    pub(crate) seed: u64,
}

#[derive(Debug)]
pub(crate) enum Source {
    Caller,
    Header(HeaderName),
    Cookie(Box<str>),
    Query(Box<str>),
}

impl Route {
    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The clusters it is split over, by name, each with its exact share.
    pub fn split(&self) -> impl ExactSizeIterator<Item = (&Name, Share)> {
        let shares = self.split.iter().map(|target| Share::of(target.weight, self.split.total()));
        self.details.iter().map(|target| &target.cluster).zip(shares)
    }

    /// How long a request may take to the head of its answer when it goes to this cluster; [`Duration::MAX`] for no
    /// deadline, `None` when the route does not split over the cluster.
    pub fn deadline(&self, cluster: &str) -> Option<Duration> {
        Some(self.policy(cluster)?.deadline)
    }

    /// How endpoints of this cluster are picked; `None` when the route does not split over it.
    pub fn pick(&self, cluster: &str) -> Option<Pick> {
        Some(self.policy(cluster)?.pick)
    }

    /// Until when a request to this cluster counts as in flight; `None` when the route does not split over it.
    pub fn release(&self, cluster: &str) -> Option<ReleaseOn> {
        Some(self.policy(cluster)?.release)
    }

    /// How long a body may stand still and count as in flight; `None` when the route does not split over the cluster.
    pub fn hold_at_most(&self, cluster: &str) -> Option<Duration> {
        Some(self.policy(cluster)?.hold_at_most)
    }

    /// How requests to this cluster are sent again, [`Retry::none`] where nobody asked for it; `None` when the route does not
    /// split over it.
    pub fn retry(&self, cluster: &str) -> Option<&Retry> {
        Some(&self.policy(cluster)?.retry)
    }

    /// How requests to this cluster are hedged; `None` when they are not, or the route does not split over it.
    pub fn hedge(&self, cluster: &str) -> Option<&Hedge> {
        self.policy(cluster)?.hedge.as_ref()
    }

    /// How many of its requests may be in flight, if that is bounded.
    pub fn limit(&self) -> Option<&Limit> {
        self.rules().limit.as_ref()
    }

    /// Whether requests to any of its targets may be hedged.
    pub(crate) fn is_hedged(&self) -> bool {
        self.details.iter().any(|target| target.policy.hedge.is_some())
    }

    pub(crate) fn rules(&self) -> &RouteRules {
        &self.details.first().expect("a route has a target").rules
    }

    /// What holds for requests to one of its targets.
    #[inline]
    pub(crate) fn policy_at(&self, target: u32) -> &Policy {
        &self.details[target as usize].policy
    }

    fn policy(&self, cluster: &str) -> Option<&Policy> {
        let place = self.details.binary_search_by(|target| target.cluster.as_str().cmp(cluster)).ok()?;
        Some(&self.details[place].policy)
    }
}

impl StickyRule {
    /// The hash of the request's key, from the first source that the request has.
    #[inline]
    pub(crate) fn key(&self, facts: &Facts<'_>) -> Option<u64> {
        self.sources.iter().find_map(|source| {
            let key = match source {
                Source::Caller => facts.key().map(Cow::Borrowed),
                Source::Header(name) => facts.header(name).next().map(Cow::Borrowed),
                Source::Cookie(name) => facts.cookie(name).map(Cow::Borrowed),
                Source::Query(name) => facts.parameter(name).next().map(|text| match text {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                }),
            };
            let key = key.filter(|key| !key.is_empty())?;
            Some(stable_hash(self.seed, Kind::Key, &key))
        })
    }
}

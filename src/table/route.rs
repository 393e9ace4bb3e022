//! Routes as compiled.

use super::hash::{Kind, stable_hash};
use super::policy::{Pick, Policy};
use super::spec::Scope;
use super::split::Weighted;
use crate::id::Name;
use crate::protocol::Facts;
use crate::unit::Share;
use http::header::HeaderName;
use std::borrow::Cow;
use std::time::Duration;

/// Requests that match, and the clusters they are split over.
#[derive(Debug)]
pub struct Route {
    pub(crate) name: Name,
    /// Over the places in `targets`.
    pub(crate) split: Weighted,
    /// By cluster name; targets of weight zero are here, but not in `split`.
    pub(crate) targets: Box<[Target]>,
    pub(crate) sticky: Option<StickyRule>,
}

/// One cluster of a split.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) cluster: u32,
    pub(crate) weight: u32,
    /// The cluster's, for rendezvous.
    pub(crate) hash: u64,
    pub(crate) policy: Policy,
    /// Among the tables of the cluster's regions, when the policy picks by Maglev.
    pub(crate) maglev: u32,
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

    /// The part of the route's requests that each target gets, by place in the table's clusters.
    pub(crate) fn share(&self, weight: u32) -> Share {
        Share::of(u64::from(weight), self.split.total())
    }

    /// How long a request may take to the head of its answer; `None` for no deadline.
    ///
    /// The targets of a split may inherit different deadlines from their clusters: this is that of `cluster`, by its
    /// name, if the route splits over it.
    pub fn deadline(&self, cluster: &str, table: &super::Table) -> Option<Duration> {
        let target = self.targets.iter().find(|target| table.cluster_at(target.cluster).name == *cluster)?;
        (target.policy.deadline != Duration::MAX).then_some(target.policy.deadline)
    }

    /// How endpoints of `cluster` are picked for this route, if it splits over it.
    pub fn pick(&self, cluster: &str, table: &super::Table) -> Option<Pick> {
        let target = self.targets.iter().find(|target| table.cluster_at(target.cluster).name == *cluster)?;
        Some(target.policy.pick)
    }

    /// The clusters and the exact share of each, by name.
    pub fn split<'t>(&'t self, table: &'t super::Table) -> impl Iterator<Item = (&'t Name, Share)> {
        self.targets.iter().map(|target| (&table.cluster_at(target.cluster).name, self.share(target.weight)))
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

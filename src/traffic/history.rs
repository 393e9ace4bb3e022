//! The tables that were in force, so that one call takes a change back.

use super::PublishError;
use crate::id::Generation;
use crate::table::Table;
use crate::time::Instant;
use std::collections::VecDeque;

/// How many tables are remembered: an afternoon of careful steps, and memory for 32 tables.
const REMEMBERED: usize = 32;

/// A table that was in force.
#[derive(Clone, Debug)]
pub struct Revision {
    generation: Generation,
    table: Table,
    cause: Cause,
    at: Instant,
}

/// How a table came into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Somebody published it.
    Publish,
    /// Somebody changed the one before.
    Edit,
    /// Somebody went back to the table of this generation.
    Rollback(Generation),
    /// A [`Follow`](crate::layer::Follow) put newer endpoints into the table of this generation.
    Discovery(Generation),
}

impl Revision {
    pub(super) fn new(generation: Generation, table: Table, cause: Cause, at: Instant) -> Self {
        Revision { generation, table, cause, at }
    }

    /// Its generation.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// How it came into force.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// When it came into force, on the traffic's clock.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// The generation whose table this is: its own, the one that was gone back to, or the one that got newer endpoints.
    fn origin(&self) -> Generation {
        match self.cause {
            Cause::Rollback(origin) | Cause::Discovery(origin) => origin,
            Cause::Publish | Cause::Edit => self.generation,
        }
    }
}

/// The last tables; never empty.
#[derive(Debug)]
pub(super) struct History(VecDeque<Revision>);

impl History {
    pub(super) fn new(first: Revision) -> Self {
        History(VecDeque::from([first]))
    }

    /// Of the answers of a discovery that followed one another only the last is remembered: a night of them would leave
    /// nothing else to go back to.
    pub(super) fn push(&mut self, revision: Revision) {
        if matches!(revision.cause, Cause::Discovery(_))
            && self.0.back().is_some_and(|last| last.cause == revision.cause)
        {
            self.0.pop_back();
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(revision);
    }

    pub(super) fn list(&self) -> Vec<Revision> {
        self.0.iter().cloned().collect()
    }

    /// The generation whose table is in force.
    pub(super) fn origin(&self) -> Generation {
        self.0.back().map_or(Generation::FIRST, Revision::origin)
    }

    /// The table before the one in force. Going back from a table that was gone back to starts at that table's own place,
    /// and lands on a table that was itself put in force, not gone back to.
    pub(super) fn before(&self) -> Result<(Generation, Table), PublishError> {
        let origin = self.origin();
        let before = self.0.iter().rev().find(|revision| revision.generation < origin);
        let before = before.ok_or_else(|| PublishError::NothingBefore { oldest: self.oldest() })?;
        Ok((before.origin(), before.table.clone()))
    }

    /// The table of a generation, and the generation whose table it first was.
    pub(super) fn get(&self, generation: Generation) -> Result<(Generation, Table), PublishError> {
        let found = self.0.iter().find(|revision| revision.generation == generation);
        let forgotten = || PublishError::Forgotten { wanted: generation, oldest: self.oldest() };
        found.map(|revision| (revision.origin(), revision.table.clone())).ok_or_else(forgotten)
    }

    fn oldest(&self) -> Generation {
        self.0.front().map_or(Generation::FIRST, Revision::generation)
    }
}

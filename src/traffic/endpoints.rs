//! The one change that nobody made by hand: newer endpoints in the table that somebody did.

use super::{Cause, PublishError, Published, Traffic};
use crate::id::Generation;
use crate::table::Table;

impl Traffic {
    /// Puts a table in force that differs from this generation's in its endpoints only, if that generation still is in force.
    ///
    /// In the history it counts as that generation's table: who rolls back means a change of their own, not the last answer
    /// of a discovery that came after it.
    pub(crate) fn put_endpoints(&self, expected: Generation, table: Table) -> Result<Published, PublishError> {
        self.write(|writer| {
            let current = writer.current.generation();
            if current != expected {
                return Err(PublishError::Conflict { expected, current });
            }
            let cause = Cause::Discovery(writer.history.origin());
            Ok(writer.put(&self.core, table, cause))
        })
    }
}

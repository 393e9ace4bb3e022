use crate::table::EndpointSpec;
use std::fmt;

/// What a stream of [`Traffic::follow`](crate::Traffic::follow) gives: all endpoints of the region, in any order, or why it does
/// not know them.
pub trait Answer {
    /// The endpoints, or the reason as a text.
    ///
    /// # Errors
    /// When the source does not know; what it said last stays in force.
    fn endpoints(self) -> Result<Vec<EndpointSpec>, String>;
}

impl Answer for Vec<EndpointSpec> {
    fn endpoints(self) -> Result<Vec<EndpointSpec>, String> {
        Ok(self)
    }
}

impl<E: fmt::Display> Answer for Result<Vec<EndpointSpec>, E> {
    fn endpoints(self) -> Result<Vec<EndpointSpec>, String> {
        self.map_err(|error| error.to_string())
    }
}

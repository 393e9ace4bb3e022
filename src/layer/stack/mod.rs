//! The whole stack as one service and one future.
//!
//! It is what the single layers are, by the same code, with nothing moved between them: moving requests from service to
//! service costs more than all deciding.

mod answering;
mod boxed;
mod build;
mod map_attempt;
mod service;

pub use answering::{AnswerFuture, Answering, Infallibly, InfalliblyFuture};
pub use boxed::{Boxed, BoxedFuture};
pub use build::{HttpStack, Layers};
pub use map_attempt::MapAttempt;
pub use service::Stack;

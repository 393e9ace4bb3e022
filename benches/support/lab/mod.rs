//! What the labs have in common: servers, calls through the layers, and tables of figures.
//!
//! | part | what is in it |
//! |---|---|
//! | `server` | a backend in virtual time |
//! | `calls` | futures under way in a world, and who polls them |
//! | `figures` | what an experiment is, and what is asked of its figures |
//! | `runs` | all experiments, on all processors |
//! | `report` | the tables |
//! | `program` | what is asked on the command line, and the run |
#![allow(dead_code, reason = "each lab takes a part of it")]

pub(crate) mod calls;
pub(crate) mod figures;
pub(crate) mod program;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod server;

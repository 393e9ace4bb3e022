//! The parts of the proxy.

mod admin;
mod answer;
mod complaints;
mod counts;
mod events;
mod expect;
pub(crate) mod forwarded;
pub(crate) mod hop_by_hop;
pub(crate) mod life;
pub(crate) mod options;
pub(crate) mod proxy;
mod regions;
pub(crate) mod request;
pub(crate) mod run;
pub(crate) mod serve;
mod status;
pub(crate) mod table;
pub(crate) mod target;
mod tunnel;
mod unsent;
pub(crate) mod upstreams;

//! The command line.

use clap::Parser;
use clap::value_parser;
use contraflow::table::{Failover, Outlier};
use contraflow::{Hedge, Limit, Retry};
use http::uri::{Authority, Scheme, Uri};
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// A reverse proxy over regional upstreams, with an admin port to shift traffic between them.
///
/// Without --upstream it starts three upstreams of its own on free loopback ports, to play with.
#[derive(Clone, Debug, Parser)]
#[command(name = "edge_proxy")]
#[expect(clippy::struct_excessive_bools, reason = "a command line has flags")]
pub(crate) struct Options {
    /// Where clients connect: HTTP/1.1, and HTTP/2 with prior knowledge.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// Where the operator connects. Loopback only, unless --allow-remote-admin.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081")]
    pub(crate) admin: SocketAddr,

    /// An upstream and its region, such as eu-west=http://10.1.0.1:8080; repeat it for more of either.
    #[arg(long = "upstream", value_name = "REGION=URL")]
    pub(crate) upstreams: Vec<Upstream>,

    /// How many requests each region may have in flight: none (unlimited), adaptive (found by itself), or a number.
    ///
    /// What does not fit goes to the other regions, each with a limit of its own; what nobody takes is answered with 503 and
    /// Retry-After. A request is in flight to the end of its answer's body. Each cluster counts for itself, so an upstream may
    /// get as many from each.
    #[arg(long, value_name = "none|adaptive|NUMBER", default_value = "none")]
    pub(crate) limit: InFlight,

    /// How many attempts a request may have in all: 1 for no retries.
    ///
    /// What is idempotent is sent again when it failed, and any other request only when it provably never left; both only while
    /// the body can be repeated, which is so up to 64 KiB. What each cluster may spend on that grows with its successes, by one
    /// for ten.
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = value_parser!(u32).range(1..=i64::from(Retry::MAX_ATTEMPTS)))]
    pub(crate) retries: u32,

    /// Send no request again: as --retries 1.
    #[arg(long, conflicts_with = "retries")]
    pub(crate) no_retries: bool,

    /// How many milliseconds an attempt may take until the head of its answer, the last one excepted.
    ///
    /// Without it an upstream that never answers takes all the time that there is for the request, and nothing is left for
    /// another.
    #[arg(long, value_name = "MS", value_parser = value_parser!(u64).range(1..))]
    pub(crate) try_timeout: Option<u64>,

    /// Send a second copy of an idempotent request that is not answered within so many milliseconds, for at most 5 in 100.
    ///
    /// To another upstream of the region, if there is one: not where each region has one alone.
    #[arg(long, value_name = "MS", value_parser = value_parser!(u64).range(1..))]
    pub(crate) hedge: Option<u64>,

    /// Take upstreams out that fail, and leave regions whose upstreams do.
    ///
    /// By the answers alone: five failures in a row, or far too many. After 30 s, which double each time, one request finds out
    /// whether it is well again. A region of which less than half is well is left to the others; it has to be well for a minute
    /// before it comes back.
    #[arg(long)]
    pub(crate) outlier: bool,

    /// How many seconds a region takes to its full part when it comes back, from trouble or from an evacuation: 0 for at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = value_parser!(u64).range(..=86_400))]
    pub(crate) ramp: u64,

    /// Speak HTTP/2 with prior knowledge to all upstreams: for gRPC. They see their own address as the host.
    #[arg(long)]
    pub(crate) http2_upstreams: bool,

    /// Let the admin port be reached from other machines. Whoever reaches it can move all traffic.
    #[arg(long)]
    pub(crate) allow_remote_admin: bool,

    /// Believe what clients say in Forwarded and X-Forwarded-*: only behind a proxy that sets them itself.
    #[arg(long)]
    pub(crate) trust_forwarded: bool,
}

impl Options {
    /// How requests are sent again. `retry_unsent`, since a connection that was refused is the plainest failure there is, and the
    /// copy that it costs is small beside a proxy's work.
    pub(crate) fn retry(&self) -> Retry {
        if self.no_retries || self.retries == 1 {
            return Retry::none();
        }
        let retry = Retry::default().attempts(self.retries).retry_unsent();
        match self.try_timeout {
            Some(milliseconds) => retry.per_try(Duration::from_millis(milliseconds)),
            None => retry,
        }
    }

    /// When upstreams are taken out. Never unless it is asked for: whose failures are its caller's fault only its owner knows.
    pub(crate) fn outlier(&self) -> Option<Outlier> {
        self.outlier.then(Outlier::default)
    }

    /// How regions stand in for each other.
    pub(crate) fn failover(&self) -> Failover {
        Failover::default().ramp(Duration::from_secs(self.ramp))
    }

    /// When a second copy is sent. Never unless it is asked for: how long is too long only the upstreams' owner knows.
    pub(crate) fn hedge(&self) -> Hedge {
        self.hedge.map_or(Hedge::none(), |milliseconds| Hedge::after(Duration::from_millis(milliseconds)))
    }
}

/// How many requests a region may have in flight.
///
/// Unlimited unless it is asked for: downloads are in flight for as long as they take, and `Adaptive` begins with a number
/// that was not found yet. A proxy that has just started would send what is above it to another region than the split says,
/// and whoever never heard of limits would look for the reason in the split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InFlight {
    Unlimited,
    Adaptive,
    AtMost(u32),
}

impl InFlight {
    pub(crate) fn limit(self) -> Option<Limit> {
        match self {
            InFlight::Unlimited => None,
            InFlight::Adaptive => Some(Limit::adaptive()),
            InFlight::AtMost(number) => Some(Limit::fixed(number)),
        }
    }
}

impl FromStr for InFlight {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("none", _) => Ok(InFlight::Unlimited),
            ("adaptive", _) => Ok(InFlight::Adaptive),
            (_, Ok(number @ 1..=Limit::MAX)) => Ok(InFlight::AtMost(number)),
            _ => Err(format!("say `none`, `adaptive` or a whole number from 1 to {}", Limit::MAX)),
        }
    }
}

/// Where a region is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upstream {
    pub(crate) region: String,
    pub(crate) authority: Authority,
}

impl FromStr for Upstream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (region, url) = text.split_once('=').ok_or("write it as REGION=URL, such as eu=http://10.1.0.1:8080")?;
        if region.is_empty() {
            return Err("the region before the `=` has no name".into());
        }
        let url: Uri = url.parse().map_err(|error| format!("`{url}` is no URL: {error}"))?;
        match url.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => {}
            Some(scheme) => return Err(format!("this proxy speaks `http` to upstreams, not `{scheme}`")),
            None => return Err(format!("`{url}` has no scheme; begin it with `http://`")),
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(format!("`{url}` has a path; an upstream is a host with a port"));
        }
        let authority = url.into_parts().authority.ok_or("the URL has no host")?;
        if authority.as_str().contains('@') {
            return Err("an upstream has no user name".into());
        }
        if authority.host().is_empty() {
            return Err("the URL has no host".into());
        }
        if authority.as_str() != authority.host() && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(format!("the port of `{authority}` is no number from 1 to 65535"));
        }
        Ok(Upstream { region: region.into(), authority })
    }
}

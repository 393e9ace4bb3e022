//! The operator's port: what is going on, and who gets how much.
//!
//! It has no passwords, so it is careful whom it answers: it listens on loopback, and a web page that the operator happens
//! to visit can neither change nor read anything. A page can send requests here from the operator's own browser, but not
//! without an `Origin`, nor as JSON without asking first; and by a name of its own that leads here (DNS rebinding) it gets
//! its own name into `Host`.

use super::counts::Counts;
use super::events::Events;
use super::regions;
use super::status::status;
use super::upstreams::{Paces, REGIONS, WORKERS};
use bytes::Bytes;
use contraflow::Traffic;
use contraflow::table::TargetSpec;
use contraflow::traffic::PublishError;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName, HeaderValue, ORIGIN};
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::json;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A body may be this long, in bytes: some thousand clusters.
const LONGEST_BODY: usize = 64 * 1024;

/// A body has this long to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// An upstream may be slowed so far, in milliseconds for a request.
const SLOWEST: u64 = 60_000;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

const HELP: &str = "\
GET /status
    the table in force, its generation, how each region and endpoint stands, the limits, the decisions so far by route,
    cluster and region, and the attempts: how many were sent as first, second and so on; why others were made; why not,
    where they might have been; the last events
PUT /split/ROUTE
    {\"CLUSTER\": WEIGHT, ...} as the route's split, with content-type: application/json
POST /evacuate/REGION?for=600&over=60&reason=TEXT
    take the region out of all clusters for so many seconds, by degrees over so many of them; without `over` at once
POST /readmit/REGION
    let it back before its time, by degrees (--ramp)
PUT /slow/REGION?ms=100
    slow the region's upstream, if it is the program's own: so long for a request, 4 at once; 0 for not at all
";

pub(super) type Answer = Response<Full<Bytes>>;

#[derive(Clone, Debug)]
pub(crate) struct Admin {
    traffic: Traffic,
    counts: Arc<Counts>,
    events: Arc<Events>,
    paces: Paces,
    is_remote_allowed: bool,
}

/// A refusal: its status, and a sentence.
pub(super) struct Refused(pub(super) StatusCode, pub(super) String);

impl Admin {
    /// Counts and keeps events of the traffic from now on.
    pub(crate) fn new(traffic: &Traffic, paces: &Paces, is_remote_allowed: bool) -> Self {
        let (counts, events) = (Arc::new(Counts::default()), Arc::new(Events::new()));
        traffic.observe(counts.clone());
        traffic.observe(events.clone());
        Admin { traffic: traffic.clone(), counts, events, paces: paces.clone(), is_remote_allowed }
    }

    /// The answer to a request, whatever happens.
    pub(crate) async fn answer(self, request: Request<Incoming>) -> Answer {
        let mut answer = match self.carry_out(request).await {
            Ok(answer) => answer,
            Err(Refused(status, why)) => text(status, why + "\n"),
        };
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }

    async fn carry_out(&self, request: Request<Incoming>) -> Result<Answer, Refused> {
        self.refuse_strangers(&request)?;
        let path = request.uri().path().to_owned();
        let query = request.uri().query();
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let (puts, posts) = (request.method() == Method::PUT, request.method() == Method::POST);
        let inside = path.strip_prefix('/').unwrap_or(&path);
        let (what, name) = inside.split_once('/').map_or((inside, None), |(what, name)| (what, Some(name)));
        match (what, name) {
            ("status", None) if reads => Ok(json(&status(&self.traffic, &self.counts, &self.events))),
            ("", None) if reads => Ok(text(StatusCode::OK, HELP)),
            ("split", Some(route)) if puts => self.split(&decoded(route)?, request).await,
            ("slow", Some(region)) if puts => self.slow(&decoded(region)?, query),
            ("evacuate", Some(region)) if posts => regions::evacuate(&self.traffic, &decoded(region)?, query),
            ("readmit", Some(region)) if posts => regions::readmit(&self.traffic, &decoded(region)?),
            ("status" | "", None) => Ok(only("GET, HEAD")),
            ("split" | "slow", Some(_)) => Ok(only("PUT")),
            ("evacuate" | "readmit", Some(_)) => Ok(only("POST")),
            _ => Err(Refused(
                StatusCode::NOT_FOUND,
                format!("there is nothing at {path}; there is:\n{}", HELP.trim_end()),
            )),
        }
    }

    /// Refuses what a web page may have sent.
    fn refuse_strangers(&self, request: &Request<Incoming>) -> Result<(), Refused> {
        let forbidden = |why: String| Err(Refused(StatusCode::FORBIDDEN, why));
        let Some(host) = host(request) else {
            return Err(Refused(StatusCode::BAD_REQUEST, "the request has to have one Host".into()));
        };
        let address = host.host().trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_ours = match address {
            Ok(address) => address.is_loopback() || self.is_remote_allowed,
            Err(_) => host.host().eq_ignore_ascii_case("localhost"),
        };
        if !is_ours {
            let ours = if self.is_remote_allowed { "an address" } else { "a loopback address" };
            return forbidden(format!("`{host}` is not a name of this port; call it by {ours} or as localhost"));
        }
        let own = format!("http://{host}");
        if let Some(origin) = request
            .headers()
            .get_all(ORIGIN)
            .iter()
            .find(|origin| !origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()))
        {
            return forbidden(format!("a page of {origin:?} may not use this port"));
        }
        let site = request.headers().get(SEC_FETCH_SITE);
        if site.is_some_and(|site| site != "same-origin" && site != "none") {
            return forbidden("a page of another site may not use this port".into());
        }
        Ok(())
    }

    /// Gives a route another split.
    async fn split(&self, route: &str, request: Request<Incoming>) -> Result<Answer, Refused> {
        let Weights(split) = weights(request).await?;
        let mut is_known = true;
        let published = self.traffic.edit(|spec| {
            let route = spec.route_mut(route).inspect_err(|_| is_known = false)?;
            route.split.clone_from(&split);
            Ok(())
        });
        match published {
            Ok(published) => Ok(json(&json!({
                "generation": published.generation().as_u64(),
                "changes": published.diff().changes().iter().map(ToString::to_string).collect::<Vec<_>>(),
            }))),
            Err(PublishError::Invalid(error)) if !is_known => Err(Refused(StatusCode::NOT_FOUND, error.to_string())),
            Err(PublishError::Invalid(error)) => Err(Refused(StatusCode::BAD_REQUEST, error.to_string())),
            Err(error) => Err(Refused(StatusCode::CONFLICT, error.to_string())),
        }
    }

    /// Slows an upstream of our own.
    fn slow(&self, region: &str, query: Option<&str>) -> Result<Answer, Refused> {
        if self.paces.is_empty() {
            let why = "only upstreams of this program's own can be slowed: start it without --upstream";
            return Err(Refused(StatusCode::NOT_FOUND, why.into()));
        }
        let Some(pace) = self.paces.of(region) else {
            let regions = REGIONS.map(|(name, _)| name).join(", ");
            let why = format!("there is no region `{region}`; there are {regions}");
            return Err(Refused(StatusCode::NOT_FOUND, why));
        };
        let asked = query.and_then(|query| query.strip_prefix("ms=")?.parse().ok());
        let Some(milliseconds) = asked.filter(|asked| *asked <= SLOWEST) else {
            let why = format!("say how long a request takes, from 0 to {SLOWEST} ms: /slow/{region}?ms=100");
            return Err(Refused(StatusCode::BAD_REQUEST, why));
        };
        pace.set(milliseconds);
        let most = (milliseconds > 0).then(|| WORKERS as f64 * 1e3 / milliseconds as f64);
        Ok(json(&json!({ "region": region, "ms": milliseconds, "at_once": WORKERS, "at_most_a_second": most })))
    }
}

/// The host that the request is for, if it says just one.
fn host(request: &Request<Incoming>) -> Option<Authority> {
    let mut hosts = request.headers().get_all(HOST).into_iter();
    let header = hosts.next().map(|host| Authority::try_from(host.as_bytes()));
    let host = match (header, hosts.next(), request.uri().authority()) {
        (Some(Ok(host)), None, None) => Some(host),
        (Some(Ok(host)), None, Some(other)) => (host == *other).then_some(host),
        (None, None, Some(host)) => Some(host.clone()),
        _ => None,
    };
    // A user's name is no part of a host, and may look like one.
    host.filter(|host| !host.as_str().contains('@'))
}

fn decoded(name: &str) -> Result<String, Refused> {
    let decoded = percent_decode_str(name).decode_utf8();
    Ok(decoded.map_err(|_| Refused(StatusCode::BAD_REQUEST, "the name in the path is not UTF-8".into()))?.into_owned())
}

/// Weights by cluster, in the order and as often as they stand there: the table has a word to say on doubles.
struct Weights(Vec<TargetSpec>);

async fn weights(request: Request<Incoming>) -> Result<Weights, Refused> {
    let content = request.headers().get(CONTENT_TYPE).and_then(|content| content.to_str().ok()).unwrap_or_default();
    if !content.split(';').next().is_some_and(|content| content.trim().eq_ignore_ascii_case("application/json")) {
        let why = "the body has to be JSON, and say so: content-type: application/json";
        return Err(Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, why.into()));
    }
    let body = Limited::new(request.into_body(), LONGEST_BODY).collect();
    let body = match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let why = format!("the body is longer than {LONGEST_BODY} bytes");
            return Err(Refused(StatusCode::PAYLOAD_TOO_LARGE, why));
        }
        Ok(Err(error)) => return Err(Refused(StatusCode::BAD_REQUEST, format!("the body broke off: {error}"))),
        Err(_) => return Err(Refused(StatusCode::REQUEST_TIMEOUT, "the body took too long".into())),
    };
    serde_json::from_slice(&body).map_err(|error| {
        let why = format!("the body is no object of clusters and whole weights, such as {{\"us-east\": 90}}: {error}");
        Refused(StatusCode::BAD_REQUEST, why)
    })
}

impl<'de> Deserialize<'de> for Weights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Weights;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Weights, A::Error> {
                let mut targets = Vec::new();
                while let Some((cluster, weight)) = map.next_entry()? {
                    targets.push(TargetSpec { cluster, weight });
                }
                Ok(Weights(targets))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

fn only(methods: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, format!("only {methods} here\n"));
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

pub(super) fn json(value: &serde_json::Value) -> Answer {
    answer(StatusCode::OK, "application/json", format!("{value:#}\n"))
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    answer(status, "text/plain; charset=utf-8", text)
}

fn answer(status: StatusCode, content: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content));
    answer
}

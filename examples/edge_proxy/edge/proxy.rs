//! A request's way: in, through the stack, and back.

use super::answer::{self, AnswerBody, Refused};
use super::complaints::Complaints;
use super::expect::{Broke, RequestBody, hold_back};
use super::forwarded::{Own, Peer};
use super::hop_by_hop;
use super::life::Life;
use super::options::Options;
use super::request::prepare;
use super::tunnel;
use super::unsent::{OverClient, over_client};
use contraflow::Traffic;
use contraflow::layer::{self, Answering, Held, HostPolicy, Origin, OriginLeaf};
use contraflow::protocol::{Refusal, ReplayBody, ResponseBody};
use http::header::{HeaderValue, UPGRADE};
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use pin_project_lite::pin_project;
use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tower::Service;

/// An endpoint that takes no connection within this time is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// An endpoint that says nothing for so long is asked whether it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

type Leaf = OriginLeaf<Client<HttpConnector, ReplayBody<RequestBody>>>;

type Stack = Answering<layer::Stack<OverClient, Leaf>, OverClient>;

/// The proxy.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    stack: Stack,
    common: Arc<Common>,
}

#[derive(Debug)]
struct Common {
    own: Own,
    over_http2: bool,
    complaints: Complaints,
    life: Life,
}

/// The proxy, as one connection has it.
#[derive(Debug)]
pub(crate) struct Connection {
    proxy: Proxy,
    peer: Peer,
}

impl Proxy {
    pub(crate) fn new(traffic: &Traffic, options: &Options, life: &Life) -> Self {
        // A server of HTTP/2 has only one host to go by, the authority, which is how the client finds its connection.
        let host = if options.http2_upstreams { HostPolicy::Endpoint } else { HostPolicy::Preserve };
        let common = Common {
            own: Own::new(options.trust_forwarded),
            over_http2: options.http2_upstreams,
            complaints: Complaints::new(),
            life: life.clone(),
        };
        Proxy {
            // What routes and retries is this line, and the one in `answer` that uses it.
            stack: traffic
                .layers(over_client())
                .origin(Origin::new().host(host), client(options.http2_upstreams))
                .answering(),
            common: Arc::new(common),
        }
    }

    /// For a connection with this client.
    pub(crate) fn with(&self, client: SocketAddr) -> Connection {
        Connection { proxy: self.clone(), peer: Peer::new(client) }
    }
}

impl Connection {
    /// The answer to a request, whatever happens.
    pub(crate) fn answer(&self, mut request: Request<Incoming>) -> Exchange {
        let Proxy { stack, common } = &self.proxy;
        let taken = match prepare(&mut request, &common.own, &self.peer, common.over_http2) {
            Ok(taken) => taken,
            Err(why) => return Exchange::Refused { why },
        };
        let upgrade = taken.upgrade.map(|protocols| Upgrade { protocols, client: hyper::upgrade::on(&mut request) });
        let (request, broke) = hold_back(request, taken.expects_continue);
        // A stack is always ready.
        Exchange::Sent { answer: stack.clone().call(request), broke, upgrade, common: common.clone() }
    }
}

pin_project! {
    /// A request on its way, then its answer. By hand: an async fn would have the request as it came and as it goes.
    #[project = ExchangeProjection]
    pub(crate) enum Exchange {
        Refused { why: Refused },
        Sent {
            #[pin]
            answer: <Stack as Service<Request<RequestBody>>>::Future,
            // None when the body cannot break off.
            broke: Option<Broke>,
            upgrade: Option<Upgrade>,
            common: Arc<Common>,
        },
    }
}

impl Future for Exchange {
    type Output = Result<Response<AnswerBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match self.project() {
            ExchangeProjection::Refused { why } => Err(*why),
            ExchangeProjection::Sent { answer, broke, upgrade, common } => {
                if is_broken(broke, cx) {
                    // The stack sees a caller who left, which says little. An error of the body would be the endpoint's failure.
                    Err((StatusCode::BAD_REQUEST, "the request's body broke off, or is malformed"))
                } else {
                    common.pass_back(ready!(answer.poll(cx)), upgrade.take())
                }
            }
        };
        Poll::Ready(Ok(answer.unwrap_or_else(answer::sentence)))
    }
}

/// Whether the request's body is known to have broken off.
fn is_broken(broke: &mut Option<Broke>, cx: &mut Context<'_>) -> bool {
    let Some(Poll::Ready(told)) = broke.as_mut().map(|broke| Pin::new(broke).poll(cx)) else { return false };
    *broke = None;
    told.is_ok()
}

impl Common {
    /// What the client gets for what came from the endpoint.
    fn pass_back(
        &self,
        answer: Result<Response<ResponseBody<Incoming, Held>>, legacy::Error>,
        upgrade: Option<Upgrade>,
    ) -> Result<Response<AnswerBody>, Refused> {
        let mut response = answer.map_err(|error| {
            self.complaints.say(format_args!("an endpoint failed: {}", in_full(&error)));
            (StatusCode::BAD_GATEWAY, "the endpoint could not be reached, or broke off")
        })?;
        if let Some(refusal) = response.extensions().get::<Refusal>() {
            return Ok(answer::explain(&response, refusal));
        }
        answer::clean(&mut response)?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let protocols = response.headers().get(UPGRADE);
            let upgrade = upgrade.filter(|upgrade| hop_by_hop::was_asked_for(protocols, &upgrade.protocols));
            let Upgrade { client, .. } =
                upgrade.ok_or((StatusCode::BAD_GATEWAY, "the endpoint changed its protocol unasked"))?;
            tunnel::join(client, hyper::upgrade::on(&mut response), &self.life);
        }
        Ok(response.map(Either::Left))
    }
}

/// A client that asks for another protocol.
struct Upgrade {
    protocols: HeaderValue,
    /// Its connection.
    client: OnUpgrade,
}

/// One client for all endpoints, with a pool of connections to each.
pub(crate) fn client<B>(speaks_http2: bool) -> Client<HttpConnector, B>
where
    B: Body<Data: Send> + Send,
{
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_keepalive(Some(KEEP_ALIVE));
    connector.set_connect_timeout(Some(CONNECT_WITHIN));
    let mut client = Client::builder(TokioExecutor::new());
    client.pool_timer(TokioTimer::new()).http2_only(speaks_http2).build(connector)
}

/// An error with all that caused it.
fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

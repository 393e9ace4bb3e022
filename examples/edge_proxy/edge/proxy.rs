//! A request's way: in, through the stack, and back.

use super::complaints::Complaints;
use super::expect::{RequestBody, hold_back};
use super::forwarded::{Own, Peer};
use super::hop_by_hop::{self, HopByHop};
use super::life::Life;
use super::serve::MOST_FIELDS;
use super::{target, tunnel};
use bytes::Bytes;
use contraflow::Traffic;
use contraflow::layer::{Held, HttpStack};
use contraflow::protocol::{Refusal, ReplayBody, ResponseBody};
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// An endpoint that takes no connection within this time is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// The body of an answer: the endpoint's, or a sentence of ours.
pub(crate) type AnswerBody = Either<ResponseBody<Incoming, Held>, Full<Bytes>>;

/// Why a request, or its answer, goes no further.
pub(crate) type Refused = (StatusCode, &'static str);

/// The proxy, as one connection has it.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    stack: HttpStack<Client<HttpConnector, ReplayBody<RequestBody>>>,
    peer: Arc<Peer>,
    own: Arc<Own>,
    complaints: Arc<Complaints>,
    life: Life,
}

impl Proxy {
    /// For connections to come: see [`of`](Self::of).
    pub(crate) fn new(traffic: &Traffic, trusts_claims: bool, life: &Life) -> Self {
        Proxy {
            // This line, and the one in `answer` that uses it, are all that the proxy has to do with routing.
            stack: traffic.http(client()),
            peer: Arc::new(Peer::new(SocketAddr::from(([0, 0, 0, 0], 0)))),
            own: Arc::new(Own::new(trusts_claims)),
            complaints: Arc::new(Complaints::new()),
            life: life.clone(),
        }
    }

    /// The same for a connection with this client.
    pub(crate) fn of(&self, client: SocketAddr) -> Self {
        Proxy { peer: Arc::new(Peer::new(client)), ..self.clone() }
    }

    /// The answer to a request, whatever happens.
    pub(crate) async fn answer(self, mut request: Request<Incoming>) -> Response<AnswerBody> {
        let taken = match self.prepare(&mut request) {
            Ok(taken) => taken,
            Err(refused) => return sentence(refused),
        };
        let client = taken.upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
        let (request, broke) = hold_back(request, taken.expects_continue);
        let answered = tokio::select! {
            biased;
            // The stack sees a caller who left early, which blames nobody. An error from the client would blame the endpoint.
            Ok(()) = broke => return sentence((StatusCode::BAD_REQUEST, "the request's body broke off, or is malformed")),
            answered = self.stack.oneshot(request) => answered,
        };
        let mut response = match answered {
            Ok(response) => response,
            Err(error) => {
                self.complaints.say(format_args!("an endpoint failed: {}", in_full(&error)));
                return sentence((StatusCode::BAD_GATEWAY, "the endpoint could not be reached, or broke off"));
            }
        };
        if let Some(refusal) = response.extensions().get::<Refusal>() {
            return explain(response.status(), refusal);
        }
        if let Err(refused) = clean(&mut response) {
            return sentence(refused);
        }
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            match client {
                Some(client) => tunnel::join(client, hyper::upgrade::on(&mut response), &self.life),
                None => return sentence((StatusCode::BAD_GATEWAY, "the endpoint changed its protocol unasked")),
            }
        }
        response.map(Either::Left)
    }

    /// Makes a request that came to us one that we send.
    fn prepare(&self, request: &mut Request<Incoming>) -> Result<HopByHop, Refused> {
        target::settle(request)?;
        if request.headers().len() > MOST_FIELDS {
            // hyper counts those of HTTP/1.1 only.
            return Err((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "the request has too many header fields"));
        }
        if request.version() == Version::HTTP_2 {
            join_cookies(request.headers_mut());
        }
        let mut taken = hop_by_hop::take(request.headers_mut())
            .map_err(|_| (StatusCode::NOT_IMPLEMENTED, "the body's transfer coding is not `chunked` alone"))?;
        self.own
            .sign(request, &self.peer)
            .map_err(|_| (StatusCode::LOOP_DETECTED, "the request came back to this proxy: an endpoint leads here"))?;
        taken.upgrade = taken.upgrade.filter(|_| request.version() == Version::HTTP_11);
        if !request.body().is_end_stream() {
            // hyper writes the length that it knows, once. A body of unknown length it leaves out where the method seldom has
            // one, unless it is told.
            request.headers_mut().remove(CONTENT_LENGTH);
            if request.body().size_hint().exact().is_none() {
                request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
        }
        // What the next hop is asked anew.
        if let Some(protocols) = &taken.upgrade {
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
            request.headers_mut().insert(UPGRADE, protocols.clone());
        } else if taken.takes_trailers {
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("te"));
        }
        if taken.takes_trailers {
            request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
        }
        Ok(taken)
    }
}

/// One client for all endpoints, with a pool of connections to each.
pub(crate) fn client<B>() -> Client<HttpConnector, B>
where
    B: Body<Data: Send> + Send,
{
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_WITHIN));
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)
}

/// Makes an answer that came to us one that we send.
fn clean(response: &mut Response<ResponseBody<Incoming, Held>>) -> Result<(), Refused> {
    let taken = hop_by_hop::take(response.headers_mut()).map_err(|_| {
        (StatusCode::BAD_GATEWAY, "the endpoint's answer has a transfer coding that is not `chunked` alone")
    })?;
    let says_upgrade = matches!(response.status(), StatusCode::SWITCHING_PROTOCOLS | StatusCode::UPGRADE_REQUIRED);
    if let Some(protocols) = taken.upgrade.filter(|_| says_upgrade) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(UPGRADE, protocols);
    }
    // hyper writes the length that it read by: one of two that are alike, or none beside chunks (RFC 9112, 6.3).
    if !response.body().is_end_stream() {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    // The version is each connection's own (RFC 9110, 2.5).
    *response.version_mut() = Version::HTTP_11;
    Ok(())
}

/// Makes one field of the cookies, each of which may have come in its own: in HTTP/1.1 there is one (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<_> = headers.get_all(COOKIE).into_iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1 {
        let cookies = HeaderValue::from_bytes(&cookies.join(&b"; "[..])).expect("values, with semicolons between them");
        headers.insert(COOKIE, cookies);
    }
}

fn explain(status: StatusCode, refusal: &Refusal) -> Response<AnswerBody> {
    match refusal {
        Refusal::Rejected(rejected) => text(status, format!("{rejected}\n")),
        Refusal::TimedOut(timed_out) => text(status, format!("the endpoint gave {timed_out}\n")),
        _ => text(status, "the endpoint failed\n"),
    }
}

fn sentence((status, why): Refused) -> Response<AnswerBody> {
    text(status, format!("{why}\n"))
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<AnswerBody> {
    let mut response = Response::new(Either::Right(Full::new(text.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
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

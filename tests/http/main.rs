//! The stack between real programs: servers and clients of other makes, over sockets of this machine.
//!
//! The other tests hold the parts to their rules with services that are functions. These ask whether what a user would
//! put together works: an axum application as a reverse proxy, an API client, a gRPC service, a protocol of one's own. Nothing
//! sleeps: what takes a while is waited for by letting everything else run until it is so.
#![allow(clippy::unnecessary_wraps, reason = "items of streams are results")]
#![allow(clippy::wildcard_imports, reason = "the parts share what they are written in terms of")]

mod again;
mod beside;
mod client;
mod dial;
mod grpc;
mod lines;
mod origin;
mod proxy;
mod refusals;
mod spelling;
mod streams;

use bytes::Bytes;
use contraflow::error::{BoxError, Error, Reason, Rejected, TimedOut};
use contraflow::layer::{HostPolicy, Origin};
use contraflow::protocol::{Refusal, ReplayBody};
use contraflow::table::{Endpoint, EndpointSpec, PathRules, ReleaseOn};
use contraflow::time::{Clock, ManualClock};
use contraflow::traffic::EndpointStatus;
use contraflow::{Decision, Entropy, Facts, Grpc, Http, Match, Pick, Plain, TableSpec, Traffic};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http_body::{Body as _, Frame};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::{Future, pending, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet, yield_now};
use tower::{Service, ServiceExt, service_fn};

/// Any body.
type Body = BoxBody<Bytes, BoxError>;

/// hyper-util's client over plain sockets, for requests with this body.
type HttpClient<B> = Client<HttpConnector, B>;

fn client<B>() -> HttpClient<B>
where
    B: http_body::Body + Send,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new()).build_http()
}

fn empty() -> Body {
    full("")
}

fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed()
}

/// A body whose frames a test sends while it is read, and where it sends them.
fn fed() -> (Feed, Body) {
    let (feed, frames) = unbounded_channel();
    (feed, Fed(frames).boxed())
}

type Feed = UnboundedSender<Result<Frame<Bytes>, BoxError>>;

struct Fed(UnboundedReceiver<Result<Frame<Bytes>, BoxError>>);

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_recv(cx)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what a feed takes may be an error, too")]
fn data(text: &'static str) -> Result<Frame<Bytes>, BoxError> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

#[expect(clippy::unnecessary_wraps, reason = "what a feed takes may be an error, too")]
fn trailers(name: &'static str, value: &'static str) -> Result<Frame<Bytes>, BoxError> {
    let mut trailers = HeaderMap::new();
    trailers.insert(name, HeaderValue::from_static(value));
    Ok(Frame::trailers(trailers))
}

/// All of a body as text.
async fn text<B: http_body::Body>(body: B) -> String
where
    B::Error: std::fmt::Debug,
{
    let bytes = body.collect().await.expect("a whole body").to_bytes();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The next frame's data; none at the end.
async fn next_data<B>(body: &mut B) -> Option<String>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Debug,
{
    let frame = body.frame().await?.expect("a frame");
    Some(String::from_utf8_lossy(&frame.into_data().expect("data")).into_owned())
}

/// A server on a socket of this machine, until it is dropped with all its connections.
struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// An address where nobody listens.
async fn nowhere() -> SocketAddr {
    listener().await.1
}

/// A server that does this with each connection.
async fn accept<C, F>(connected: C) -> Server
where
    C: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, address) = listener().await;
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(connected(stream));
        }
    });
    Server { address, task }
}

/// A server of this version of HTTP.
async fn serve<H, F>(version: Version, handle: H) -> Server
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    accept(move |stream| {
        let handle = handle.clone();
        let service = hyper::service::service_fn(move |request| {
            let answer = handle(request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        async move {
            // A connection that breaks is the other side's to notice.
            let io = TokioIo::new(stream);
            if version == Version::HTTP_2 {
                _ = http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
            } else {
                _ = http1::Builder::new().serve_connection(io, service).await;
            }
        }
    })
    .await
}

/// A server that answers every request with its name, and keeps what it has seen.
struct Backend {
    server: Server,
    seen: UnboundedReceiver<Request<Bytes>>,
}

impl Backend {
    async fn named(name: &'static str) -> Self {
        Backend::of(Version::HTTP_11, name).await
    }

    async fn of(version: Version, name: &'static str) -> Self {
        let (sender, seen) = unbounded_channel();
        let server = serve(version, move |request| {
            let sender = sender.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.expect("a whole request").to_bytes();
                // Nobody may want to know.
                _ = sender.send(Request::from_parts(head, body));
                Response::new(full(name))
            }
        })
        .await;
        Backend { server, seen }
    }

    fn address(&self) -> String {
        self.server.address.to_string()
    }

    /// The next request that came.
    async fn seen(&mut self) -> Request<Bytes> {
        next(&mut self.seen).await
    }
}

/// A server whose answers are fed by the test: where the frames of each go comes with its request.
async fn fed_server(version: Version) -> (Server, UnboundedReceiver<Feed>) {
    let (sender, feeds) = unbounded_channel();
    let server = serve(version, move |_| {
        let sender = sender.clone();
        async move {
            let (feed, body) = fed();
            sender.send(feed).expect("the test waits for it");
            Response::new(body)
        }
    })
    .await;
    (server, feeds)
}

/// One cluster `shop` of these regions, each with its endpoints by name and address, behind one route for everything.
fn shop(regions: &[(&str, &[(&str, &str)])]) -> TableSpec {
    let cluster = TableSpec::new().cluster("shop", |cluster| {
        regions.iter().fold(cluster, |cluster, (region, endpoints)| {
            cluster.region(*region, |region| {
                endpoints.iter().fold(region, |region, (name, address)| region.endpoint(*name, *address))
            })
        })
    });
    cluster.route("all", |route| route.any().to("shop").pick(Pick::RoundRobin))
}

/// Traffic whose time is moved by hand.
fn by_hand(spec: TableSpec) -> (Traffic, ManualClock) {
    let (clock, hand) = Clock::manual();
    (Traffic::with_sources(spec.build().expect("a sound table"), clock, Entropy::seeded(1)), hand)
}

fn traffic(spec: TableSpec) -> Traffic {
    Traffic::new(spec.build().expect("a sound table"))
}

/// Traffic to one endpoint, `a`.
fn to_one(address: &str) -> Traffic {
    traffic(shop(&[("us", &[("a", address)])]))
}

/// Traffic that has no route for what the tests send.
fn closed() -> Traffic {
    let mut spec = shop(&[("us", &[("a", "a.invalid:80")])]);
    spec.routes[0].matches = vec![Match::new().host("closed.example")];
    traffic(spec)
}

/// What is known of an endpoint.
fn endpoint(traffic: &Traffic, name: &str) -> EndpointStatus {
    let clusters = traffic.status().clusters;
    let mut endpoints = clusters.into_iter().flat_map(|cluster| cluster.regions).flat_map(|region| region.endpoints);
    endpoints.find(|endpoint| endpoint.name == *name).expect("an endpoint of this name")
}

/// What an endpoint did: requests in flight, those it answered well, those it failed.
fn counts(traffic: &Traffic, name: &str) -> [u64; 3] {
    let EndpointStatus { in_flight, successes, failures, .. } = endpoint(traffic, name);
    [in_flight.into(), successes, failures]
}

/// So many turns of everything else that nothing can be left to run: one takes about a microsecond, and a socket of this
/// machine has delivered when its writer goes on.
const TURNS: usize = 200_000;

/// Lets everything else run until this holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..TURNS {
        if holds() {
            return;
        }
        yield_now().await;
    }
    panic!("it never came to this: {what}");
}

/// Lets everything else run until an endpoint's counts are these.
async fn until_counts(traffic: &Traffic, name: &str, wanted: [u64; 3]) {
    for _ in 0..TURNS {
        if counts(traffic, name) == wanted {
            return;
        }
        yield_now().await;
    }
    assert_eq!(counts(traffic, name), wanted, "in flight, successes and failures of {name} never come to this");
}

/// What comes when everything else has run.
async fn next<T>(from: &mut UnboundedReceiver<T>) -> T {
    let mut next = None;
    until("something comes", || {
        next = from.try_recv().ok();
        next.is_some()
    })
    .await;
    next.expect("it came")
}

const HOUR: Duration = Duration::from_secs(3600);

//! The edge proxy of the examples beside a bare one: the same hyper server, with the same limits, and the same client, with a
//! service that only writes the endpoint into the request's URI. One line a goal, as in `track.rs`.
//!
//! What is measured is CPU time, the kernel's work for it included, and not the time that passes: how long a request takes
//! on shared cores says more of the neighbours than of the proxy. So each proxy has a thread of its own, which one can ask
//! how much it has used; the load and the upstreams share another, and do as little as they can. The proxies take turns
//! with the same load over kept connections, in many rounds, each round in the other order; a ratio is the median of the
//! rounds' ratios.
//!
//! The edge proxy is the whole program with its observer attached, over three upstreams. A third proxy does with the
//! headers what it does, and no more, so that it can be seen what the routing costs.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "they are for the library; the proxies are programs, on threads of their own"
)]

#[path = "../examples/edge_proxy/edge/mod.rs"]
#[allow(dead_code, reason = "the bench has no operator")]
mod edge;
mod support;

use edge::forwarded::{Own, Peer};
use edge::hop_by_hop;
use edge::life::Life;
use edge::options::{InFlight, Options, Upstream};
use edge::proxy::client;
use edge::run::Edge;
use edge::serve::serve;
use http::uri::{Authority, Scheme};
use http::{Request, Uri};
use hyper::body::Incoming;
use hyper::service::service_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;
use support::is_measuring;
use support::pace::{bar, median, note};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// A request as an API's client sends it: 8 headers.
const REQUEST: &[u8] = b"GET /api/v2/carts/5d41402abc4b2a76b9719d91?expand=items,prices HTTP/1.1\r\n\
    host: api.shop.example\r\n\
    user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    accept: application/json, text/plain;q=0.8, */*;q=0.5\r\n\
    accept-language: en-GB,en;q=0.7,de;q=0.3\r\n\
    accept-encoding: gzip, deflate, br, zstd\r\n\
    x-request-id: 4bf92f3577b34da6a3ce929d0e0e4736\r\n\
    authorization: Bearer mF_9.B5f-4.1JqM2YotnFZFEjr1zCsicMWpAA\r\n\
    cookie: session=31d4d96e407aad42; theme=dark; currency=EUR\r\n\
    \r\n";

const CONNECTIONS: usize = 8;
const REGIONS: [&str; 3] = ["us-east", "eu-west", "ap-south"];

/// How much one case measures.
#[derive(Clone, Copy)]
struct Amount {
    rounds: usize,
    /// Of one connection, in one proxy's turn.
    requests: usize,
}

fn main() {
    if cpu_time().is_none() {
        println!("only on Linux is it known how to read a thread's CPU time");
        return;
    }
    if !is_measuring() {
        println!("one short round: the figures below mean nothing");
    }
    let amount =
        |rounds, requests| if is_measuring() { Amount { rounds, requests } } else { Amount { rounds: 1, requests: 2 } };
    case("300 B", 300, amount(601, 50), 1.05);
    case("64 kB", 64 * 1024, amount(201, 50), 1.05);
}

/// The CPU time of this thread so far, the kernel's work for it included.
fn cpu_time() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    return rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into().ok();
    #[cfg(not(target_os = "linux"))]
    None
}

/// Measures the proxies with answers of so many bytes.
fn case(name: &str, length: usize, amount: Amount, at_most: f64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let [bare, headers, edge] = runtime.block_on(async {
        // A thread that sleeps is woken by whoever writes to it, at the writer's cost, and more often the slower that is: so
        // this one never does.
        let awake = tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
        let mut endpoints = Vec::new();
        for _ in REGIONS {
            endpoints.push(upstream(length).await);
        }
        let forwards = |with_headers| {
            let endpoints = endpoints.clone();
            let name = if with_headers { "headers" } else { "bare" };
            Proxy::start(name, async move || forward(endpoints, with_headers).await)
        };
        let upstreams = endpoints.iter().zip(REGIONS);
        let upstreams =
            upstreams.map(|(at, region)| Upstream { region: region.into(), authority: at.clone() }).collect();
        let mut turns = [
            Turns::of(forwards(false).await).await,
            Turns::of(forwards(true).await).await,
            Turns::of(Proxy::start("edge", async move || whole(upstreams).await).await).await,
        ];
        // So that pools are full and code is warm.
        for turns in &mut turns {
            turns.take(length, amount.requests).await;
            turns.costs.clear();
        }
        for round in 0..amount.rounds {
            // One goes after the other as often as before it.
            for at in 0..turns.len() {
                let at = if round % 2 == 0 { at } else { turns.len() - 1 - at };
                turns[at].take(length, amount.requests).await;
            }
        }
        awake.abort();
        turns.map(|turns| turns.costs)
    });
    let ratios = |of: &[f64]| of.iter().zip(&bare).map(|(cost, bare)| cost / bare).collect::<Vec<_>>();
    let mut to_bare = ratios(&edge);
    to_bare.sort_by(f64::total_cmp);
    note(&format!("{name}, bare"), median(&bare), " us");
    note(&format!("{name}, edge proxy"), median(&edge), " us");
    bar(&format!("{name}, edge proxy / bare"), median(&to_bare), "", at_most);
    note(&format!("{name}, lower quartile"), to_bare[to_bare.len() / 4], "");
    note(&format!("{name}, upper quartile"), to_bare[to_bare.len() * 3 / 4], "");
    note(&format!("{name}, bare with the headers / bare"), median(&ratios(&headers)), "");
}

/// Answers whatever comes with a head and so many bytes.
async fn upstream(length: usize) -> Authority {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let head = format!(
        "HTTP/1.1 200 OK\r\n\
         date: Tue, 24 Nov 2026 01:41:26 GMT\r\n\
         content-type: application/json; charset=utf-8\r\n\
         content-length: {length}\r\n\
         cache-control: private, max-age=0, must-revalidate\r\n\
         etag: \"33a64df551425fcc55e4d42a148795d9f25f89d4\"\r\n\
         \r\n"
    );
    let answer: Arc<[u8]> = [head.as_bytes(), &vec![b'x'; length]].concat().into();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            stream.set_nodelay(true).expect("a socket");
            tokio::spawn(async move {
                let mut request = Vec::with_capacity(4096);
                while stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {
                    // Nobody sends a body, nor a request before the answer to the last.
                    if request.ends_with(b"\r\n\r\n") {
                        request.clear();
                        stream.write_all(&answer).await.expect("the proxy reads");
                    }
                }
            });
        }
    });
    address.to_string().parse().expect("an address is an authority")
}

/// A proxy on a thread of its own.
struct Proxy {
    address: SocketAddr,
    /// Asks the thread for its CPU time.
    asks: mpsc::UnboundedSender<oneshot::Sender<Duration>>,
}

impl Proxy {
    /// Starts one that goes on as long as somebody may ask for its time.
    async fn start<T>(name: &str, start: impl AsyncFnOnce() -> (SocketAddr, T) + Send + 'static) -> Self {
        let (asks, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<Duration>>();
        let (starts, started) = oneshot::channel();
        // Named, so that a profiler can tell them apart.
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let (address, _kept) = start().await;
                starts.send(address).expect("somebody waits for it");
                while let Some(answers) = asked.recv().await {
                    answers.send(cpu_time().expect("it was known before")).expect("somebody waits for it");
                }
            });
        };
        thread::Builder::new().name(name.into()).spawn(run).expect("a thread");
        Proxy { address: started.await.expect("a proxy that starts"), asks }
    }

    async fn cpu_time(&self) -> Duration {
        let (answers, answer) = oneshot::channel();
        self.asks.send(answers).expect("the thread waits for it");
        answer.await.expect("the thread answers")
    }
}

/// The program.
async fn whole(upstreams: Vec<Upstream>) -> (SocketAddr, Edge) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let options = Options {
        listen: any,
        admin: any,
        upstreams,
        limit: InFlight::Unlimited,
        // The bare one sends each request once.
        retries: 1,
        no_retries: true,
        try_timeout: None,
        hedge: None,
        outlier: false,
        ramp: 120,
        http2_upstreams: false,
        allow_remote_admin: false,
        trust_forwarded: false,
    };
    let edge = Edge::start(&options).await.expect("a proxy that runs");
    (edge.proxy, edge)
}

/// The bare proxy, with or without the edge proxy's care for headers.
async fn forward(endpoints: Vec<Authority>, with_headers: bool) -> (SocketAddr, Life) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let life = Life::new();
    let (client, own) = (client(false), Arc::new(Own::new(false)));
    let next = Arc::new((endpoints, AtomicUsize::new(0)));
    tokio::spawn(serve(listener, life.clone(), move |peer| {
        let (client, next, own, peer) = (client.clone(), next.clone(), own.clone(), Arc::new(Peer::new(peer)));
        service_fn(move |mut request: Request<Incoming>| {
            if with_headers {
                hop_by_hop::take(request.headers_mut()).expect("nothing of the hop");
                own.sign(&mut request, &peer).expect("no loop");
            }
            let (endpoints, next) = &*next;
            let mut parts = std::mem::take(request.uri_mut()).into_parts();
            parts.scheme = Some(Scheme::HTTP);
            parts.authority = Some(endpoints[next.fetch_add(1, Relaxed) % endpoints.len()].clone());
            *request.uri_mut() = Uri::from_parts(parts).expect("scheme, authority and path");
            let answer = client.request(request);
            async move {
                let mut answer = answer.await?;
                if with_headers {
                    hop_by_hop::take(answer.headers_mut()).expect("nothing of the hop");
                }
                Ok::<_, hyper_util::client::legacy::Error>(answer)
            }
        })
    }));
    (address, life)
}

/// A proxy's turns, over the same connections.
struct Turns {
    proxy: Proxy,
    connections: Vec<TcpStream>,
    /// Microseconds of CPU for a request, by turn.
    costs: Vec<f64>,
}

impl Turns {
    async fn of(proxy: Proxy) -> Self {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(proxy.address).await.expect("a proxy that accepts");
            stream.set_nodelay(true).expect("a socket");
            connections.push(stream);
        }
        Turns { proxy, connections, costs: Vec::new() }
    }

    /// So many requests on each connection, all connections at once.
    async fn take(&mut self, length: usize, requests: usize) {
        let before = self.proxy.cpu_time().await;
        let mut running: JoinSet<_> =
            self.connections.drain(..).map(|connection| ask(connection, length, requests)).collect();
        while let Some(connection) = running.join_next().await {
            self.connections.push(connection.expect("the load does not panic"));
        }
        let took = self.proxy.cpu_time().await.saturating_sub(before);
        self.costs.push(took.as_secs_f64() * 1e6 / (requests * CONNECTIONS) as f64);
    }
}

/// Sends so many requests, each after the answer to the last.
async fn ask(mut stream: TcpStream, length: usize, requests: usize) -> TcpStream {
    let mut answer = Vec::with_capacity(length + 4096);
    for _ in 0..requests {
        stream.write_all(REQUEST).await.expect("the proxy reads");
        answer.clear();
        let mut whole = None;
        while whole.is_none_or(|whole| answer.len() < whole) {
            let read = stream.read_buf(&mut answer).await.expect("the proxy answers");
            assert!(read > 0, "the proxy closed the connection");
            let head = || answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            whole = whole.or_else(|| Some(head()? + 4 + length));
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
    }
    stream
}

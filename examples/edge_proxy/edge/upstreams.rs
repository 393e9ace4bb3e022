//! Upstreams of our own, for when nobody brought any: one for each region, on free ports of this machine.
//!
//! Each can be slowed on purpose, to be seen overloaded. A server that only answers later takes whatever comes; one that is
//! slowed here works on a few requests at once, and all others stand in a queue without an end.

use super::life::Life;
use super::options::Upstream;
use super::serve::serve;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use std::convert::Infallible;
use std::fmt::Write;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// The regions, and the weight that each has in the beginning.
pub(crate) const REGIONS: [(&str, u32); 3] = [("us-east", 60), ("eu-west", 30), ("ap-south", 10)];

/// How many requests an upstream works on at once when it is slowed.
pub(crate) const WORKERS: usize = 4;

type Answer = Response<Either<Full<Bytes>, Incoming>>;

/// How fast an upstream works.
#[derive(Debug)]
pub(crate) struct Pace {
    workers: Semaphore,
    /// How long a worker is at a request, in milliseconds; at zero nobody needs a worker.
    each: AtomicU64,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Pace { workers: Semaphore::new(WORKERS), each: AtomicU64::new(0) }
    }

    /// From now on a request takes so many milliseconds; those that a worker is at already take what they took.
    pub(crate) fn set(&self, milliseconds: u64) {
        self.each.store(milliseconds, Relaxed);
    }

    /// Waits for a worker, then for the work.
    pub(crate) async fn work(&self) {
        if self.each.load(Relaxed) > 0 {
            let _worker = self.workers.acquire().await.expect("nobody closes it");
            // Read anew: who has waited long is done at once when all is well again.
            tokio::time::sleep(Duration::from_millis(self.each.load(Relaxed))).await;
        }
    }
}

/// The pace of each upstream of our own, by region.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paces(Vec<(&'static str, Arc<Pace>)>);

impl Paces {
    pub(crate) fn of(&self, region: &str) -> Option<&Pace> {
        self.0.iter().find(|(name, _)| *name == region).map(|(_, pace)| &**pace)
    }

    /// Whether no upstream is ours.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Starts one for each region.
pub(crate) async fn start(life: &Life) -> io::Result<(Vec<Upstream>, Paces)> {
    let (mut upstreams, mut paces) = (Vec::new(), Paces::default());
    for (region, _) in REGIONS {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let authority = listener.local_addr()?.to_string().parse().expect("an address is an authority");
        upstreams.push(Upstream { region: region.into(), authority });
        let pace = Arc::new(Pace::new());
        paces.0.push((region, pace.clone()));
        tokio::spawn(serve(listener, life.clone(), move |_| {
            let pace = pace.clone();
            service_fn(move |request| {
                let pace = pace.clone();
                async move {
                    pace.work().await;
                    Ok::<_, Infallible>(answer(region, request))
                }
            })
        }));
    }
    Ok((upstreams, paces))
}

/// `/headers` shows what came, `/echo` sends the body back, all else says hello.
fn answer(region: &'static str, request: Request<Incoming>) -> Answer {
    let body = match request.uri().path() {
        "/echo" => Either::Right(request.into_body()),
        "/headers" => Either::Left(Full::from(head(&request))),
        _ => Either::Left(Full::from(format!("hello from {region}\n"))),
    };
    let mut answer = Response::new(body);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

fn head(request: &Request<Incoming>) -> String {
    let mut text = format!("{} {} {:?}\n", request.method(), request.uri(), request.version());
    for (name, value) in request.headers() {
        // Writing to a string cannot fail.
        _ = writeln!(text, "{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    text
}

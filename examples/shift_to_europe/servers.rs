//! Servers of a region: a few milliseconds of work for each request, until somebody breaks them.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::net::TcpListener;

const WORK: Duration = Duration::from_millis(3);

/// A broken server takes long to find out that it cannot answer, as they do.
const BROKEN_WORK: Duration = Duration::from_millis(40);

/// And it can for one in five.
const FAILS: u32 = 80;

/// The servers of a region.
#[derive(Clone)]
pub(crate) struct Region {
    pub(crate) name: &'static str,
    /// Names and addresses.
    pub(crate) servers: Vec<(String, String)>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    is_broken: AtomicBool,
    asked: AtomicU64,
}

impl Region {
    /// Starts so many servers, each on a port of its own.
    pub(crate) async fn start(name: &'static str, count: usize) -> io::Result<Self> {
        let mut region = Region { name, servers: Vec::new(), state: Arc::default() };
        for number in 1..=count {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let server = format!("{name}-{number}");
            region.servers.push((server.clone(), listener.local_addr()?.to_string()));
            tokio::spawn(serve(listener, server, region.state.clone()));
        }
        Ok(region)
    }

    /// Makes its servers fail most requests, or work again.
    pub(crate) fn set_broken(&self, is_broken: bool) {
        self.state.is_broken.store(is_broken, Relaxed);
    }

    /// How many requests have come to its servers.
    pub(crate) fn asked(&self) -> u64 {
        self.state.asked.load(Relaxed)
    }
}

async fn serve(listener: TcpListener, name: String, state: Arc<State>) {
    let name = Bytes::from(name);
    while let Ok((stream, _)) = listener.accept().await {
        let (name, state) = (name.clone(), state.clone());
        let service = service_fn(move |_: Request<Incoming>| answer(name.clone(), state.clone()));
        tokio::spawn(async move {
            stream.set_nodelay(true)?;
            // How a connection ends is the client's to know.
            _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            io::Result::Ok(())
        });
    }
}

/// Who answers.
async fn answer(name: Bytes, state: Arc<State>) -> Result<Response<Full<Bytes>>, Infallible> {
    state.asked.fetch_add(1, Relaxed);
    let is_broken = state.is_broken.load(Relaxed);
    tokio::time::sleep(if is_broken { BROKEN_WORK } else { WORK }).await;
    let mut answer = Response::new(Full::from(name));
    if is_broken && fastrand::u32(..100) < FAILS {
        *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    Ok(answer)
}

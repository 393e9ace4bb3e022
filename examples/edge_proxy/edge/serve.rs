//! Connections: HTTP/1.1, and HTTP/2 with prior knowledge, on one port.

use super::life::Life;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// A head may be this long, in bytes; a longer one is answered with 431. Browsers send a few kilobytes.
pub(crate) const LONGEST_HEAD: usize = 64 * 1024;

/// A client has this long for a head, and for the pause before it: slower ones hold connections for nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait when no more connections can be had, for want of file descriptors, say.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves all who connect, each connection by a service of its own, until the life is over; then accepts nobody, and lets
/// each connection finish what it is at.
pub(crate) async fn serve<M, S, B>(listener: TcpListener, life: Life, service_of: M)
where
    M: Fn(SocketAddr) -> S,
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let server = server();
    let mut ended = pin!(life.ended());
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut ended => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                tokio::spawn(connection(server.clone(), stream, service_of(peer), life.clone()));
            }
            Err(error) => {
                eprintln!("cannot accept a connection: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn server() -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(LONGEST_HEAD);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PATIENCE)
        .max_header_list_size(LONGEST_HEAD as u32)
        .max_concurrent_streams(250);
    server
}

async fn connection<S, B>(server: auto::Builder<TokioExecutor>, stream: TcpStream, service: S, life: Life)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let _open = life.open();
    // Small answers leave at once; a socket that refuses this serves all the same.
    _ = stream.set_nodelay(true);
    let mut connection = pin!(server.serve_connection_with_upgrades(TokioIo::new(stream), service));
    // How a connection breaks is the client's affair, and hyper has told it what was wrong.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = life.ended() => {
            connection.as_mut().graceful_shutdown();
            _ = connection.await;
        }
    }
}

//! Connections: HTTP/1.1, and HTTP/2 with prior knowledge, on one port.

use super::complaints::Complaints;
use super::life::{Life, Open};
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::error::Error;
use std::future::pending;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// A head may be this long, in bytes; a longer one is answered with 431. Browsers send a few kilobytes.
pub(crate) const LONGEST_HEAD: usize = 64 * 1024;

/// A client has this long for a head, and for the pause before it, the first included: slower ones hold connections for
/// nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// So much of a stream's body may wait here for an endpoint that does not read it, in bytes: with 100 ms to a client and
/// back, it can still upload 2.5 MB a second.
const STREAM_WINDOW: u32 = 256 * 1024;

/// So much of all bodies of a connection: 64 streams may stand still before the others do. hyper's defaults have both
/// windows of one size, and then a single stream that stands still stops all.
const CONNECTION_WINDOW: u32 = 64 * STREAM_WINDOW;

/// How long a connection that was not used yet is listened to at the end.
const LOOK: Duration = Duration::from_millis(50);

/// How long to wait when no more connections can be had, for want of file descriptors, say.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves all who connect, each connection by a service of its own, until the life is over; then accepts nobody, and lets
/// each connection finish what it is at.
pub(crate) fn serve<M, S, B>(listener: TcpListener, life: Life, service_of: M) -> impl Future<Output = ()>
where
    M: Fn(SocketAddr) -> S,
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // The port is open from now on, though nobody may have looked at it when the life is over.
    let open_port = life.open();
    async move {
        let _open_port = open_port;
        let (server, complaints) = (server(), Complaints::new());
        let start = |(stream, peer)| {
            // Counted before anybody can find that nothing is open.
            let open = life.open();
            tokio::spawn(connection(server.clone(), stream, service_of(peer), life.clone(), open));
        };
        let mut ended = pin!(life.ended());
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut ended => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok(accepted) => start(accepted),
                // It went away before it was accepted: its own affair.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    complaints.say(format_args!("cannot accept a connection: {error}"));
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        // Who connected before the end is served, too. The runtime may not have heard of them; the socket has.
        let Ok(listener) = listener.into_std() else { return };
        while let Ok((stream, peer)) = listener.accept() {
            if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
                start((stream, peer));
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
        .max_send_buf_size(LONGEST_HEAD)
        .max_header_list_size(LONGEST_HEAD as u32)
        .max_concurrent_streams(250)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    server
}

async fn connection<S, B>(server: auto::Builder<TokioExecutor>, stream: TcpStream, service: S, life: Life, _open: Open)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // Small answers leave at once; a socket that refuses this serves all the same.
    _ = stream.set_nodelay(true);
    let is_used = Arc::new(AtomicBool::new(false));
    let (uses, waits) = (is_used.clone(), is_used.clone());
    let service = service_fn(move |request| {
        uses.store(true, Relaxed);
        service.call(request)
    });
    // hyper has no patience of its own while it does not know which version it will be.
    let unused = async move {
        tokio::time::sleep(PATIENCE).await;
        if waits.load(Relaxed) {
            pending::<()>().await;
        }
    };
    let mut connection = pin!(server.serve_connection_with_upgrades(TokioIo::new(stream), service));
    // How a connection breaks is the client's affair, and hyper has told it what was wrong.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = unused => {}
        () = life.ended() => {
            // Who has only just connected may have asked already, and nobody has looked.
            if !is_used.load(Relaxed) && tokio::time::timeout(LOOK, connection.as_mut()).await.is_ok() {
                return;
            }
            connection.as_mut().graceful_shutdown();
            _ = connection.await;
        }
    }
}

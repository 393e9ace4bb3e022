//! Waits for the first frame of a gRPC answer, in case it is the last.
//!
//! A gRPC answer tells how the call went at its end, in trailers. One that fails before any message has two forms: the status
//! in the head and nothing else (*trailers-only*), or a head of 200, and then trailers. To whoever sees heads only the second
//! is an answer that has begun, and is past retrying; and which of them a server sends is up to its library. The obvious
//! remedy is to read the whole answer before it is judged, which would end streaming. The first frame is enough: if it is a
//! message, the call has begun to be answered and nobody may repeat it; if it is the trailers, there never was a message, and
//! the answer is made trailers-only, which it might as well have been.
//!
//! It is opt-in, since it holds back heads: a stream whose first message comes late has its head late, and the deadline to
//! the head, which a route sets, covers the first message too.

use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tower_layer::Layer;
use tower_service::Service;

const GRPC: &[u8] = b"application/grpc";
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// What says how a message is framed, and so means nothing at its end (RFC 9110, 6.5.1).
const FRAMING: [HeaderName; 8] =
    [CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// A gRPC service whose answers that fail without a message are trailers-only, so that they can be retried.
///
/// Of an answer with a head of 200 and a content type of gRPC, without `grpc-status` in the head and not at its end, the first
/// frame is waited for. Trailers are moved into the head (all but headers that frame a message) and the body ends; any other
/// frame, and an error, comes first out of the body. All other answers pass as they are.
///
/// It goes around the service of an endpoint, inside of what makes attempts:
///
/// ```
/// use contraflow::layer::PeekTrailers;
/// use contraflow::table::Endpoint;
/// use contraflow::{Grpc, Traffic};
/// # use contraflow::protocol::ReplayBody;
/// # use http::{Request, Response};
/// # use http_body_util::Full;
/// # use bytes::Bytes;
/// # use tower::util::BoxCloneSyncService;
/// # type Channel = BoxCloneSyncService<Request<ReplayBody<Full<Bytes>>>, Response<Full<Bytes>>, std::io::Error>;
/// # fn channel_to(_: &Endpoint) -> Channel { unimplemented!("never called") }
///
/// let traffic = Traffic::single("greeter", |route| route)?;
/// let greeter = traffic.layers(Grpc).per_endpoint(|endpoint: &Endpoint| PeekTrailers::new(channel_to(endpoint)));
/// # let _ = greeter.check::<Request<Full<Bytes>>>();
/// # Ok::<(), contraflow::TableError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PeekTrailers<S> {
    service: S,
}

/// Wraps services in [`PeekTrailers`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PeekTrailersLayer {
    _private: (),
}

impl<S> PeekTrailers<S> {
    /// The service, whose first frames are looked at.
    pub const fn new(service: S) -> Self {
        PeekTrailers { service }
    }
}

impl PeekTrailersLayer {
    /// A layer, for stacks that are arranged by hand.
    pub const fn new() -> Self {
        PeekTrailersLayer { _private: () }
    }
}

impl<S> Layer<S> for PeekTrailersLayer {
    type Service = PeekTrailers<S>;

    fn layer(&self, service: S) -> Self::Service {
        PeekTrailers::new(service)
    }
}

impl<R, S, B> Service<R> for PeekTrailers<S>
where
    S: Service<R, Response = Response<B>>,
    B: Body + Unpin,
{
    type Response = Response<PeekedBody<B>>;
    type Error = S::Error;
    type Future = PeekTrailersFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        PeekTrailersFuture { state: State::Calling { future: self.service.call(request) } }
    }
}

pin_project! {
    /// The future of [`PeekTrailers`].
    pub struct PeekTrailersFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B> {
        Calling { #[pin] future: F },
        // None once it was handed on.
        Peeking { response: Option<Response<B>> },
    }
}

impl<F, B, E> Future for PeekTrailersFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body + Unpin,
{
    type Output = Result<Response<PeekedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Calling { future } => {
                    let answer = ready!(future.poll(cx));
                    let peeked = match answer {
                        Ok(response) if is_open(&response) => {
                            state.set(State::Peeking { response: Some(response) });
                            continue;
                        }
                        Ok(response) => Ok(response.map(PeekedBody::unseen)),
                        Err(error) => Err(error),
                    };
                    state.set(State::Peeking { response: None });
                    return Poll::Ready(peeked);
                }
                StateProj::Peeking { response } => {
                    let Some(peeked) = response else { panic!("polled after it was over") };
                    let hint = peeked.body().size_hint();
                    let frame = ready!(Pin::new(peeked.body_mut()).poll_frame(cx));
                    let Some(response) = response.take() else { panic!("polled after it was over") };
                    return Poll::Ready(Ok(seen(response, frame, hint)));
                }
            }
        }
    }
}

/// Whether how it went may still come without a message.
fn is_open<B: Body>(response: &Response<B>) -> bool {
    let headers = response.headers();
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.as_bytes().get(..GRPC.len()));
    response.status() == StatusCode::OK
        && kind.is_some_and(|kind| kind.eq_ignore_ascii_case(GRPC))
        && !headers.contains_key(GRPC_STATUS)
        && !response.body().is_end_stream()
}

type FrameOf<B> = Result<Frame<<B as Body>::Data>, <B as Body>::Error>;

/// The answer, by its first frame, and what its body said of its size before that.
fn seen<B: Body>(response: Response<B>, frame: Option<FrameOf<B>>, hint: SizeHint) -> Response<PeekedBody<B>> {
    let frame = match frame.map(|frame| frame.map(Frame::into_trailers)) {
        None => return response.map(|_| PeekedBody::ended()),
        Some(Ok(Ok(trailers))) => {
            let mut response = response.map(|_| PeekedBody::ended());
            add(response.headers_mut(), trailers);
            return response;
        }
        Some(Ok(Err(frame))) => Ok(frame),
        Some(Err(error)) => Err(error),
    };
    response.map(|body| PeekedBody { body: Some(body), first: Some(First { frame, hint }) })
}

/// Adds trailers to a head. What both have stays twice: none of the two is wrong.
fn add(head: &mut HeaderMap, trailers: HeaderMap) {
    let mut name = None;
    for (next, value) in trailers {
        // A value without a name is another of the same.
        name = next.or(name);
        if let Some(name) = name.as_ref().filter(|name| !FRAMING.contains(name)) {
            head.append(name, value);
        }
    }
}

pin_project! {
    /// The body of an answer whose first frame may have been looked at: it comes first, and then the others.
    ///
    /// Of an answer that was made trailers-only, nothing comes.
    pub struct PeekedBody<B: Body> {
        // None when it has ended.
        #[pin]
        body: Option<B>,
        first: Option<First<B::Data, B::Error>>,
    }
}

/// A frame that was looked at, and what the body said of its size before it.
struct First<D, E> {
    frame: Result<Frame<D>, E>,
    hint: SizeHint,
}

impl<B: Body> PeekedBody<B> {
    fn unseen(body: B) -> Self {
        PeekedBody { body: Some(body), first: None }
    }

    fn ended() -> Self {
        PeekedBody { body: None, first: None }
    }
}

impl<B: Body> Body for PeekedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    #[inline]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let me = self.project();
        if let Some(first) = me.first.take() {
            return Poll::Ready(Some(first.frame));
        }
        me.body.as_pin_mut().map_or(Poll::Ready(None), |body| body.poll_frame(cx))
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.first {
            Some(first) => first.hint,
            None => self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint),
        }
    }
}

impl<B: Body + fmt::Debug> fmt::Debug for PeekedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeekedBody")
            .field("body", &self.body)
            .field("has_first", &self.first.is_some())
            .finish_non_exhaustive()
    }
}

impl<F, B> fmt::Debug for PeekTrailersFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeekTrailersFuture").finish_non_exhaustive()
    }
}

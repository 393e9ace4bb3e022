//! `Expect: 100-continue`: the body is sent when the endpoint has asked for it, not before.
//!
//! hyper tells the client to go on when the body is first polled for, and its client polls at once. So the body is held
//! back until the endpoint says 100, or until somebody who waits for a word that never comes would have gone on (RFC 9110,
//! 10.1.1, has no number; a second is curl's). An endpoint that refuses at once has answered by then, and the client hears it.

use super::forwarded::drop_claims;
use super::hop_by_hop;
use bytes::Bytes;
use http::header::{HeaderName, TRANSFER_ENCODING};
use http::{Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// How many attempts came before; of headers the stack takes care.
const PREVIOUS_ATTEMPTS: HeaderName = HeaderName::from_static("contraflow-previous-attempts");

const AT_MOST: Duration = Duration::from_secs(1);

pin_project! {
    /// The body of a request, as it goes to an endpoint.
    pub(crate) struct RequestBody {
        #[pin]
        body: Incoming,
        // Boxed, since few wait for anything.
        held_until: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
        breaks: Option<oneshot::Sender<()>>,
    }
}

/// Told when the client's body breaks off, or cannot be read. An error when it will not.
pub(crate) type Broke = oneshot::Receiver<()>;

/// The request with a body that waits, if the client does; and if there is one, who hears when it breaks.
pub(crate) fn hold_back(request: Request<Incoming>, expects_continue: bool) -> (Request<RequestBody>, Option<Broke>) {
    let mut request = request.map(|body| RequestBody { body, held_until: None, breaks: None });
    if request.body().is_end_stream() {
        return (request, None);
    }
    let (breaks, broke) = oneshot::channel();
    request.body_mut().breaks = Some(breaks);
    if expects_continue {
        let asked = Arc::new(Notify::new());
        let asks = asked.clone();
        hyper::ext::on_informational(&mut request, move |response| {
            if response.status() == StatusCode::CONTINUE {
                asks.notify_one();
            }
        });
        request.body_mut().held_until = Some(Box::pin(async move {
            // Either way the body goes.
            _ = tokio::time::timeout(AT_MOST, asked.notified()).await;
        }));
    }
    (request, Some(broke))
}

/// Trailers say nothing of the hop, and claim nothing: there are servers that take them for headers.
fn of_this_request(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            trailers.remove(TRANSFER_ENCODING);
            trailers.remove(PREVIOUS_ATTEMPTS);
            _ = hop_by_hop::take(&mut trailers);
            drop_claims(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let me = self.project();
        if let Some(held_until) = me.held_until {
            ready!(held_until.as_mut().poll(cx));
            *me.held_until = None;
        }
        let frame = ready!(me.body.poll_frame(cx));
        if let Some(Err(_)) = frame
            && let Some(breaks) = me.breaks.take()
        {
            // Nobody listens any more when the answer has begun.
            _ = breaks.send(());
        }
        Poll::Ready(frame.map(|frame| frame.map(of_this_request)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

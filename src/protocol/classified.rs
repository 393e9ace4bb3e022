//! A protocol whose answers may be retried or not as your code says.

use super::facts::Facts;
use super::forward::forward_the_rest;
use super::marker::{Classify, Describe};
use super::outcome::Verdict;
use super::retryable::Retryable;
use crate::error::Rejected;
use std::error::Error;
use std::fmt;
use std::io;

/// A protocol and a function that says which answers may be retried; where it says nothing, and in all else, the protocol
/// decides.
///
/// What only you can know: that an error of your client comes before anything was sent, so that a payment may be sent
/// again; that your servers' 500 is worth another try; that an answer with a header of yours asks for no more. What an answer
/// says of the endpoint's health it does not change.
///
/// ```
/// use contraflow::layer::Origin;
/// use contraflow::protocol::{Classified, ReplayBody, Retryable};
/// use contraflow::{Http, Traffic};
/// use hyper_util::client::legacy;
/// # use axum::body::Body;
/// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// # let client: Client<_, ReplayBody<Body>> = Client::builder(TokioExecutor::new()).build_http();
///
/// let protocol = Classified::new(Http, |answer: Result<&http::Response<hyper::body::Incoming>, &legacy::Error>| match answer {
///     // Without a connection nothing was sent, and a POST may be sent again.
///     Err(error) if error.is_connect() => Some(Retryable::NotProcessed { after: None }),
///     _ => None,
/// });
/// let traffic = Traffic::single("shop", |route| route)?;
/// let shop = traffic.layers(protocol).origin(Origin::new(), client).check::<http::Request<Body>>();
/// # let _ = shop;
/// # Ok::<(), contraflow::TableError>(())
/// ```
///
/// For clients whose errors cannot be asked, [`never_sent`] looks for what the system said.
#[derive(Clone, Copy)]
pub struct Classified<K, F> {
    protocol: K,
    retryable: F,
}

impl<K, F> Classified<K, F> {
    /// The protocol, with answers of type `T` and errors of type `E` judged by this first.
    pub fn new<T, E>(protocol: K, retryable: F) -> Self
    where
        F: Fn(Result<&T, &E>) -> Option<Retryable>,
    {
        Classified { protocol, retryable }
    }
}

/// Whether an error says that no connection came about, and so nothing was sent: somewhere in its chain is an error of the
/// system that only connecting gives.
///
/// | kind | why nothing was sent |
/// |---|---|
/// | `ConnectionRefused` | nobody listens; once a stream is connected the other side *resets* it |
/// | `AddrNotAvailable`, `AddrInUse` | no local port is left to connect from; asked only before a stream is connected |
///
/// All others may come later as well. Of an unreachable host or network Linux tells a stream that was connected, too, when what
/// it sent was never confirmed; a firewall's `PermissionDenied` may begin at any time; a reset, a broken pipe and a timeout say
/// nothing of what was read before.
///
/// # Limits
/// - A `false` says nothing: names that cannot be resolved, and failed handshakes of TLS, have no kind of their own. A client
///   that can be asked, as hyper-util's by `is_connect()`, knows more.
/// - The error must be of this request's connection. A client that sends again by itself may have sent the request over one
///   connection and be refused another; a request's body that is read from elsewhere may bring an error from there; and
///   a proxy on the way tells in an answer, and not here, that it was refused.
/// - It is for streams, TCP's and Unix's. A datagram's sender is told of a refusal *after* it has sent.
///
/// ```
/// use contraflow::protocol::never_sent;
/// use std::io;
///
/// let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
/// assert!(never_sent(&io::Error::other(refused)));
/// assert!(!never_sent(&io::Error::from(io::ErrorKind::ConnectionReset)));
/// ```
pub fn never_sent(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let of_system = error.downcast_ref::<io::Error>();
        if of_system.is_some_and(|error| only_connecting_gives(error.kind())) {
            return true;
        }
        // An error of the system that holds another gives that one's source for its own, and so leaves it out.
        let held = of_system.and_then(io::Error::get_ref);
        next = held.map(|held| held as &(dyn Error + 'static)).or_else(|| error.source());
    }
    false
}

fn only_connecting_gives(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, ConnectionRefused};
    matches!(kind, ConnectionRefused | AddrNotAvailable | AddrInUse)
}

forward_the_rest!(Classified);

impl<K: fmt::Debug, F> fmt::Debug for Classified<K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Classified").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

impl<R, K: Describe<R>, F> Describe<R> for Classified<K, F> {
    #[inline]
    fn facts<'r>(&self, request: &'r R) -> Result<Facts<'r>, Rejected> {
        self.protocol.facts(request)
    }

    #[inline]
    fn is_idempotent(&self, request: &R) -> bool {
        self.protocol.is_idempotent(request)
    }
}

impl<T, E, K, F> Classify<T, E> for Classified<K, F>
where
    K: Classify<T, E>,
    F: Fn(Result<&T, &E>) -> Option<Retryable>,
{
    #[inline]
    fn classify(&self, answer: Result<&T, &E>) -> Verdict {
        self.protocol.classify(answer)
    }

    fn retryable(&self, answer: Result<&T, &E>) -> Retryable {
        (self.retryable)(answer).unwrap_or_else(|| self.protocol.retryable(answer))
    }
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use crate::protocol::{Http, Outcome, Prioritized, Priority, Replay};
    use http::{Request, Response};
    use http_body_util::Empty;
    use std::io::ErrorKind;

    type Asked = Request<Empty<&'static [u8]>>;

    /// What both wrappers say, however they are put around each other.
    fn says_both<K>(protocol: &K)
    where
        K: Describe<Asked> + Replay<Asked, Sent = <Http as Replay<Asked>>::Sent> + Classify<Response<()>, io::Error>,
    {
        let answer = |status: u16| Response::builder().status(status).body(()).unwrap();
        let retryable = |status| protocol.retryable(Ok(&answer(status)));
        assert_eq!(retryable(500), Retryable::MaybeProcessed { after: None });
        assert_eq!(retryable(502), Retryable::MaybeProcessed { after: None });
        assert_eq!(retryable(501), Retryable::No);
        let refused = io::Error::from(ErrorKind::ConnectionRefused);
        assert_eq!(protocol.retryable(Err(&refused)), Retryable::NotProcessed { after: None });
        assert_eq!(protocol.classify(Err(&refused)), Verdict::Known(Outcome::Failure));
        let reset = io::Error::from(ErrorKind::ConnectionReset);
        assert_eq!(protocol.retryable(Err(&reset)), Retryable::MaybeProcessed { after: None });

        let request = Request::get("/").body(Empty::new()).unwrap();
        assert!(protocol.is_idempotent(&request));
        assert_eq!(protocol.facts(&request).unwrap().priority(), Some(Priority::High));
        let mut sent = protocol.seal(request);
        assert!(protocol.copy(&mut sent, 0).is_some());
        protocol.mark(&mut sent, 1, None);
        assert_eq!(sent.headers().len(), 1);
        protocol.unmark(&mut sent);
        assert!(sent.headers().is_empty());
    }

    #[test]
    fn wrappers_go_around_each_other() {
        let judge = |answer: Result<&Response<()>, &io::Error>| match answer {
            Ok(response) if response.status() == 500 => Some(Retryable::MaybeProcessed { after: None }),
            Err(error) if never_sent(error) => Some(Retryable::NotProcessed { after: None }),
            _ => None,
        };
        let rank = |_: &Asked| Priority::High;
        says_both(&Classified::new(Prioritized::new(Http, rank), judge));
        says_both(&Prioritized::new(Classified::new(Http, judge), rank));
    }

    /// An error with another under it.
    #[derive(Debug)]
    struct Wraps(Box<dyn Error + Send + Sync>);

    impl fmt::Display for Wraps {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("it failed")
        }
    }

    impl Error for Wraps {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&*self.0)
        }
    }

    #[test]
    fn what_only_connecting_gives_is_found_however_deep() {
        let deep = |kind: ErrorKind| {
            let system = io::Error::from(kind);
            Wraps(io::Error::other(Wraps(io::Error::other(system).into())).into())
        };
        for kind in [ErrorKind::ConnectionRefused, ErrorKind::AddrNotAvailable, ErrorKind::AddrInUse] {
            assert!(never_sent(&deep(kind)), "{kind:?}");
        }
        let others = [
            ErrorKind::ConnectionReset,
            ErrorKind::ConnectionAborted,
            ErrorKind::HostUnreachable,
            ErrorKind::NetworkUnreachable,
            ErrorKind::BrokenPipe,
            ErrorKind::TimedOut,
            ErrorKind::PermissionDenied,
            ErrorKind::UnexpectedEof,
            ErrorKind::NotFound,
            ErrorKind::Other,
        ];
        for kind in others {
            assert!(!never_sent(&deep(kind)), "{kind:?}");
        }
        assert!(!never_sent(&Wraps("connection refused".into())), "words are nobody's promise");
    }
}

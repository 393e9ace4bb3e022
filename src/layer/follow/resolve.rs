//! Names that are asked for again and again: DNS, and whatever else answers when it is asked.
//!
//! The question is the caller's: tokio's `lookup_host`, a resolver that knows SRV records, a registry over HTTP. So this needs no
//! resolver, and no feature for one. What is the same for all is when to ask: at once, then at a jittered interval, so that a
//! fleet that starts together does not ask together; and when to stop waiting for an answer, since a resolver that is cut off
//! may never give one.

use super::future::Follow;
use crate::entropy::below;
use crate::table::EndpointSpec;
use crate::time::{Clock, Sleep, nanos};
use crate::traffic::Traffic;
use futures_core::Stream;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// The least time between two questions: more often is a mistake, and a resolver's trouble.
const LEAST: Duration = Duration::from_secs(1);

/// How long an answer may take, if the next question is not even later: glibc's resolver asks twice, 5 s each.
const PATIENCE: Duration = Duration::from_secs(10);

impl Traffic {
    /// Follows the addresses of a name: asks at once and then every so often, and puts what is answered into the table as
    /// [`follow`](Self::follow) does. Spawn the future.
    ///
    /// `ask` makes one question. What it gives may be [`SocketAddr`](std::net::SocketAddr)s, which become endpoints that have
    /// their address as a name, so that what was learned of one stays with the address; or [`EndpointSpec`]s, with weights.
    /// While it fails, takes longer than 10 s (or `every`, if that is longer) or finds nothing, the last answer stays.
    ///
    /// `every` is at least a second, and jittered by a quarter either way. An answer must hold all addresses: a server that
    /// gives a few of many in turn looks like one that loses the rest.
    ///
    /// ```
    /// # use contraflow::Traffic;
    /// use std::time::Duration;
    ///
    /// # async fn follow(traffic: &Traffic) {
    /// let half_a_minute = Duration::from_secs(30);
    /// let ask = || tokio::net::lookup_host("api.internal:8080");
    /// tokio::spawn(traffic.resolve("api", "eu", half_a_minute, ask));
    /// # }
    /// ```
    pub fn resolve<F, Fut, I, E>(&self, cluster: &str, region: &str, every: Duration, ask: F) -> Follow<Resolve<F, Fut>>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<I, E>>,
        I: IntoIterator<Item: Into<EndpointSpec>>,
        E: fmt::Display,
    {
        let clock = self.snapshot().shared().clock().clone();
        let every = every.max(LEAST);
        self.follow(cluster, region, Resolve { ask, asking: None, every, traffic: self.clone(), clock, timer: None })
    }
}

pin_project! {
    /// The answers to a question that is asked every so often: see [`Traffic::resolve`].
    pub struct Resolve<F, Fut> {
        ask: F,
        #[pin]
        asking: Option<Fut>,
        every: Duration,
        traffic: Traffic,
        clock: Clock,
        // For the answer while one is awaited, else for the next question; None before the first.
        timer: Option<Sleep>,
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unresolved<E> {
    /// The resolver failed.
    #[error("{0}")]
    Failed(E),
    /// It did not answer.
    #[error("no answer in {0:?}")]
    TimedOut(Duration),
}

impl<F, Fut> fmt::Debug for Resolve<F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolve").field("every", &self.every).finish_non_exhaustive()
    }
}

impl<F, Fut, I, E> Stream for Resolve<F, Fut>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<I, E>>,
    I: IntoIterator<Item: Into<EndpointSpec>>,
{
    type Item = Result<Vec<EndpointSpec>, Unresolved<E>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            if let Some(asking) = this.asking.as_mut().as_pin_mut() {
                let patience = (*this.every).max(PATIENCE);
                let answer = match asking.poll(cx) {
                    Poll::Ready(Ok(found)) => Ok(endpoints(found)),
                    Poll::Ready(Err(error)) => Err(Unresolved::Failed(error)),
                    Poll::Pending => {
                        let timer =
                            this.timer.get_or_insert_with(|| this.clock.sleep_until(this.clock.now().after(patience)));
                        ready!(Pin::new(timer).poll(cx));
                        Err(Unresolved::TimedOut(patience))
                    }
                };
                this.asking.set(None);
                let wait = jittered(*this.every, this.traffic.draws().word());
                *this.timer = Some(this.clock.sleep_until(this.clock.now().after(wait)));
                return Poll::Ready(Some(answer));
            }
            if let Some(timer) = this.timer {
                ready!(Pin::new(timer).poll(cx));
            }
            *this.timer = None;
            this.asking.set(Some((this.ask)()));
        }
    }
}

/// An address that is given twice, as resolvers do, is one endpoint.
fn endpoints<I: IntoIterator<Item: Into<EndpointSpec>>>(found: I) -> Vec<EndpointSpec> {
    let mut endpoints: Vec<EndpointSpec> = found.into_iter().map(Into::into).collect();
    endpoints.sort_by(|a, b| a.name.cmp(&b.name));
    endpoints.dedup();
    endpoints
}

/// From three quarters of the time to five.
fn jittered(every: Duration, word: u64) -> Duration {
    let quarter = nanos(every) / 4;
    Duration::from_nanos((3 * quarter).saturating_add(below(word, 2 * quarter)))
}

use super::answer::Answer;
use super::follower::{Follower, NoSuchRegion};
use crate::traffic::Traffic;
use crate::unit::Ratio;
use futures_core::Stream;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// So many answers are heard before other tasks have their turn.
const IN_ONE_GO: u32 = 16;

impl Traffic {
    /// Follows who knows the endpoints of a region: each list that the stream gives becomes the region's, and nothing else of
    /// the table changes. Spawn the future; dropped, it leaves the last list in force.
    ///
    /// Names are identity: an endpoint that is in both lists keeps all that was learned of it. Addresses, weights and
    /// authorities are taken as they are. A list that is equal to what is in force, in whatever order, publishes nothing.
    ///
    /// A list that removes more than [half](Follow::remove_at_most) of the endpoints at once is [believed
    /// later](Follow::confirm_after), an empty one never. One that makes no sound table is refused as a whole. All of that is
    /// told to an [`Observer`](crate::Observer), as [`Event`](crate::Event)s.
    ///
    /// The region must be in the table when it begins. If somebody publishes a table without it, the future waits until it is
    /// back; into a table that brings other endpoints, it puts the newest list within a second. So endpoints that are changed
    /// by hand do not stay. [`rollback`](Self::rollback) goes over lists, to the table before the last that a person put in force.
    ///
    /// ```
    /// use contraflow::table::EndpointSpec;
    /// use contraflow::{TableSpec, Traffic};
    /// # use futures_util::stream;
    ///
    /// let table = TableSpec::new()
    ///     .cluster("api", |c| c.region("eu", |r| r.endpoint("a", "10.0.0.1:80")))
    ///     .route("all", |r| r.any().to("api"))
    ///     .build()?;
    /// let traffic = Traffic::new(table);
    ///
    /// let list = |addresses: &[(&str, &str)]| addresses.iter().map(|(name, at)| EndpointSpec::new(*name, *at)).collect();
    /// let lists: Vec<Vec<EndpointSpec>> = vec![list(&[("a", "10.0.0.1:80"), ("b", "10.0.0.2:80")]), list(&[])];
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    /// # runtime.block_on(async {
    /// traffic.follow("api", "eu", stream::iter(lists)).await?;
    /// # Ok::<(), contraflow::layer::NoSuchRegion>(())
    /// # })?;
    /// assert_eq!(traffic.status().clusters[0].regions[0].endpoints.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn follow<S>(&self, cluster: &str, region: &str, updates: S) -> Follow<S>
    where
        S: Stream,
        S::Item: Answer,
    {
        Follow { updates, follower: Follower::new(self, cluster, region) }
    }
}

pin_project! {
    /// Carries lists of endpoints into the table: see [`Traffic::follow`].
    ///
    /// It ends when the stream does, or at once when the table has no such region.
    ///
    /// # Panics
    /// When polled outside a tokio runtime with time, unless the traffic's clock is moved by hand.
    #[must_use = "a future does nothing until it is spawned or awaited"]
    pub struct Follow<S> {
        #[pin]
        updates: S,
        follower: Follower,
    }
}

impl<S> Follow<S> {
    /// Sets which part of the endpoints may go at once; more is held back until it is [confirmed](Self::confirm_after).
    ///
    /// Counted over `confirm_after`, so that steps count together; one endpoint may always go, if others stay. Default: half.
    /// Of 20 endpoints 10 may go at once, of 3 one. [`Ratio::ONE`] holds nothing back, [`Ratio::ZERO`] all but one.
    pub fn remove_at_most(mut self, part: Ratio) -> Self {
        self.follower.rule().remove_at_most = part;
        self
    }

    /// Sets for how long all lists must lack an endpoint until it goes, where many would go at once.
    ///
    /// Default: 60 s, two rounds of a resolver that asks twice a minute. It must be longer than the time between two lists of a
    /// source that is asked, or one bad list is enough. Zero holds nothing back; an empty list is not believed whatever this is.
    pub fn confirm_after(mut self, time: Duration) -> Self {
        self.follower.rule().confirm_after = time;
        self
    }
}

impl<S> fmt::Debug for Follow<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").finish_non_exhaustive()
    }
}

impl<S> Future for Follow<S>
where
    S: Stream,
    S::Item: Answer,
{
    type Output = Result<(), NoSuchRegion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        this.follower.begin()?;
        for _ in 0..IN_ONE_GO {
            match this.updates.as_mut().poll_next(cx) {
                Poll::Ready(Some(answer)) => match answer.endpoints() {
                    Ok(endpoints) => this.follower.hear(endpoints),
                    Err(why) => this.follower.hear_failure(why),
                },
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => return this.follower.poll_wait(cx).map(|()| Ok(())),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

//! A request that stands in a limit's queue, and the timer that ends that.

use super::pass::{Pass, Turned};
use crate::error::Rejected;
use crate::state::{Entered, WaitEnd, Waiting};
use crate::time::Sleep;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A request that a limit turned away, and that may wait there.
pub(super) struct Queued {
    turned: Turned,
    waiting: Option<(Waiting, Sleep)>,
}

impl Queued {
    pub(super) fn new(turned: Turned) -> Self {
        Queued { turned, waiting: None }
    }

    /// Waits until the limit lets the request in, or it has to choose anew: then it has no place. It stands in the queue
    /// from the first time this is asked.
    pub(super) fn poll(&mut self, pass: &mut Pass, cx: &mut Context<'_>) -> Poll<Result<(), Rejected>> {
        let (waiting, timer) = match &mut self.waiting {
            Some(waits) => waits,
            None => match pass.enter(&self.turned, cx.waker()) {
                Ok(Entered::Admitted(admission)) => {
                    pass.let_in(self.turned.take(), admission);
                    return Poll::Ready(Ok(()));
                }
                Ok(Entered::Waits(waiting)) => {
                    let timer = pass.sleep_until(waiting.until());
                    self.waiting.insert((waiting, timer))
                }
                Err(rejected) => return Poll::Ready(Err(rejected)),
            },
        };
        let end = match waiting.poll(cx.waker()) {
            Poll::Ready(end) => end,
            Poll::Pending if pass.is_vetoed_at(&self.turned) => {
                // Taken out between the choice and the queue.
                self.waiting = None;
                return Poll::Ready(Ok(()));
            }
            Poll::Pending => {
                ready!(Pin::new(timer).poll(cx));
                waiting.give_up()
            }
        };
        self.waiting = None;
        Poll::Ready(match end {
            WaitEnd::Served(admission) => {
                pass.let_in(self.turned.take(), admission);
                Ok(())
            }
            WaitEnd::Expelled => Ok(()),
            WaitEnd::Refused => Err(pass.refuse_waiting(&self.turned)),
        })
    }
}

//! Calls through the layers in a world: futures, and who polls them.
//!
//! Whoever waits is a future, so that the whole stack runs, from the route to the service. What drives the futures is a loop at
//! the end of each event: it polls those that were woken. Timers ring when the world's clock moves; that there is an event when
//! one may ring is the lab's to see to.

use contraflow::testing::World;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};

/// A call that is under way.
pub(crate) type Future<A> = Pin<Box<dyn std::future::Future<Output = A>>>;

/// A world with calls in it.
pub(crate) trait Calling: Sized + 'static {
    /// What a call comes to.
    type Answer: 'static;
    /// What is known of one that is under way.
    type Note: 'static;

    fn calls(&mut self) -> &mut Calls<Self>;

    /// A future was polled: it may have sent something.
    fn polled(world: &mut World<Self>);

    /// A call is over.
    fn settle(world: &mut World<Self>, note: Self::Note, answer: Self::Answer);
}

/// All calls that are under way.
pub(crate) struct Calls<L: Calling> {
    open: BTreeMap<u64, (L::Note, Future<L::Answer>)>,
    made: u64,
    wake: Sender<u64>,
    woken: Receiver<u64>,
}

/// Wakes a call by its number.
struct Bell {
    call: u64,
    wake: Sender<u64>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // Nobody listens any more at the end of a run.
        _ = self.wake.send(self.call);
    }
}

impl<L: Calling> Calls<L> {
    pub(crate) fn new() -> Self {
        let (wake, woken) = channel();
        Calls { open: BTreeMap::new(), made: 0, wake, woken }
    }

    /// How many are under way.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }
}

/// A call begins.
pub(crate) fn call<L: Calling>(world: &mut World<L>, note: L::Note, future: Future<L::Answer>) {
    let calls = world.state.calls();
    calls.made += 1;
    calls.open.insert(calls.made, (note, future));
    calls.wake.send(calls.made).expect("the receiver stands beside");
    poll_woken(world);
}

/// Polls until nobody is awake.
pub(crate) fn poll_woken<L: Calling>(world: &mut World<L>) {
    while let Ok(number) = world.state.calls().woken.try_recv() {
        let calls = world.state.calls();
        // One that was woken twice may be over.
        let Some((note, mut future)) = calls.open.remove(&number) else { continue };
        let bell = Waker::from(Arc::new(Bell { call: number, wake: calls.wake.clone() }));
        match future.as_mut().poll(&mut Context::from_waker(&bell)) {
            Poll::Pending => _ = calls.open.insert(number, (note, future)),
            Poll::Ready(answer) => L::settle(world, note, answer),
        }
        L::polled(world);
    }
}

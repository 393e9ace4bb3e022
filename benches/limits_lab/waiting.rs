//! Clients whose requests may wait: the same backend, asked through the layers.
//!
//! Whoever waits is a future, so that here the whole stack runs, from the route to the queue, and not only the limiter. What
//! drives the futures is a loop at the end of each event: it polls those that were woken, and hands to the backend what they
//! send. Timers ring when the world's clock moves; an event is planned for each moment at which one may.

use crate::lab::{Lab, Request, Sent};
use crate::server::enter;
use contraflow::testing::World;
use contraflow::time::Instant;
use contraflow::{Error, Reason};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use tokio::sync::oneshot;

/// What a call comes to.
pub(crate) type Answer = Result<(), Error<oneshot::error::RecvError>>;

/// A client's stack: makes calls.
pub(crate) type Stack = Box<dyn FnMut() -> Pin<Box<dyn Future<Output = Answer>>>>;

/// Where the stacks leave what they send: for each request whom to answer.
pub(crate) type Door = Rc<RefCell<Vec<oneshot::Sender<()>>>>;

/// All calls that are under way.
pub(crate) struct Calls {
    door: Door,
    open: BTreeMap<u64, Call>,
    made: u64,
    wake: Sender<u64>,
    woken: Receiver<u64>,
}

struct Call {
    client: usize,
    began: Instant,
    future: Pin<Box<dyn Future<Output = Answer>>>,
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

impl Calls {
    pub(crate) fn new(door: Door) -> Self {
        let (wake, woken) = channel();
        Calls { door, open: BTreeMap::new(), made: 0, wake, woken }
    }
}

/// Somebody calls a client, which may let it wait for so long.
pub(crate) fn call(world: &mut World<Lab>, client: usize) {
    let began = world.now();
    let future = world.state.clients[client].call();
    let calls = &mut world.state.calls;
    calls.made += 1;
    calls.open.insert(calls.made, Call { client, began, future });
    calls.wake.send(calls.made).expect("the receiver stands beside");
    poll_woken(world);
    let setting = &world.state.setting;
    for timer in [setting.max_wait, Some(setting.deadline)].into_iter().flatten() {
        world.after(timer, poll_woken);
    }
}

/// The backend answers a call, if it is still under way.
pub(crate) fn answer(world: &mut World<Lab>, caller: oneshot::Sender<()>) {
    _ = caller.send(());
    poll_woken(world);
}

/// Polls until nobody is awake.
fn poll_woken(world: &mut World<Lab>) {
    while let Ok(number) = world.state.calls.woken.try_recv() {
        let calls = &mut world.state.calls;
        // One that was woken twice may be over.
        let Some(mut call) = calls.open.remove(&number) else { continue };
        let bell = Waker::from(Arc::new(Bell { call: number, wake: calls.wake.clone() }));
        match call.future.as_mut().poll(&mut Context::from_waker(&bell)) {
            Poll::Pending => _ = calls.open.insert(number, call),
            Poll::Ready(answer) => settle(world, &call, answer),
        }
        for caller in world.state.calls.door.take() {
            enter(world, 0, Request::new(RefCell::new(Some(Sent::Called(caller)))));
        }
    }
}

/// Counts what a call came to.
fn settle(world: &mut World<Lab>, call: &Call, answer: Answer) {
    let now = world.now();
    let took = now.since(call.began);
    let measured = &mut world.state.measured;
    match answer {
        Ok(()) => measured.answered(now, call.client, took),
        Err(Error::Rejected(rejected)) if rejected.reason() != Reason::Deadline => {
            measured.at(now).for_each(|window| window.refused.add(false));
        }
        Err(_) => measured.late(now, took),
    }
}

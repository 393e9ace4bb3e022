//! Clients whose requests may wait: the same backend, asked through the layers.
//!
//! What the futures send is handed to the backend at once. An event is planned for each moment at which one of their timers may
//! ring.

use crate::lab::{Lab, Request, Sent};
use crate::shared::calls::{Calling, Calls, Future, call as make_call, poll_woken};
use crate::shared::server::enter;
use contraflow::testing::World;
use contraflow::time::Instant;
use contraflow::{Error, Reason};
use std::cell::RefCell;
use std::rc::Rc;
use tokio::sync::oneshot;

/// What a call comes to.
pub(crate) type Answer = Result<(), Error<oneshot::error::RecvError>>;

/// A client's stack: makes calls.
pub(crate) type Stack = Box<dyn FnMut() -> Future<Answer>>;

/// Where the stacks leave what they send: for each request whom to answer.
pub(crate) type Door = Rc<RefCell<Vec<oneshot::Sender<()>>>>;

/// Whose call it is, and since when.
#[derive(Debug)]
pub(crate) struct Call {
    client: usize,
    began: Instant,
}

/// Somebody calls a client, which may let it wait for so long.
pub(crate) fn call(world: &mut World<Lab>, client: usize) {
    let note = Call { client, began: world.now() };
    let future = world.state.clients[client].call();
    make_call(world, note, future);
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

impl Calling for Lab {
    type Answer = Answer;
    type Note = Call;

    fn calls(&mut self) -> &mut Calls<Self> {
        &mut self.calls
    }

    fn polled(world: &mut World<Self>) {
        for caller in world.state.door.take() {
            enter(world, 0, Request::new(RefCell::new(Some(Sent::Called(caller)))));
        }
    }

    /// Counts what a call came to.
    fn settle(world: &mut World<Self>, call: Call, answer: Answer) {
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
}

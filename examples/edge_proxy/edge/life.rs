//! How long the program goes on: until it is told to stop, and then until everything that is open has closed.

use tokio::sync::watch;

/// Told to everything that is open, and counted by it. Clones are the same life.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    is_over: watch::Sender<bool>,
    open: watch::Sender<usize>,
}

/// A connection or a tunnel, which is open as long as this lives.
#[derive(Debug)]
pub(crate) struct Open(watch::Sender<usize>);

impl Life {
    pub(crate) fn new() -> Self {
        Life { is_over: watch::Sender::new(false), open: watch::Sender::new(0) }
    }

    /// Counts one more as open.
    pub(crate) fn open(&self) -> Open {
        self.open.send_modify(|open| *open += 1);
        Open(self.open.clone())
    }

    /// How much is open.
    pub(crate) fn still_open(&self) -> usize {
        *self.open.borrow()
    }

    /// Tells everything to come to its end.
    pub(crate) fn end(&self) {
        self.is_over.send_replace(true);
    }

    /// Until it is told to.
    pub(crate) async fn ended(&self) {
        // It cannot fail: this is a sender, too.
        _ = self.is_over.subscribe().wait_for(|is_over| *is_over).await;
    }

    /// Until nothing is open.
    pub(crate) async fn closed(&self) {
        _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

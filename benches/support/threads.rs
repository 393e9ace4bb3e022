//! Pinning in loops, on one thread or several, while the table stands or while it is being swapped.

use contraflow::time::Clock;
use contraflow::{Table, Traffic};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// How a table is pinned.
pub(crate) type Pins = fn(&Traffic, u64);

/// A fresh pin each time.
pub(crate) fn snapshots(traffic: &Traffic, times: u64) {
    for _ in 0..times {
        black_box(traffic.snapshot());
    }
}

/// A reader's pin, which is kept while the generation stands.
pub(crate) fn kept(traffic: &Traffic, times: u64) {
    let mut reader = traffic.reader();
    for _ in 0..times {
        black_box(reader.pin());
    }
}

/// The time of `times` pins on each of so many threads, by the mean of the threads.
pub(crate) fn on_threads(traffic: &Traffic, threads: u32, times: u64, pins: Pins) -> Duration {
    let (clock, ready) = (Clock::std(), AtomicU32::new(0));
    let run = || {
        // The thread's own entry in arc-swap's list is made here, not in the measured loop.
        pins(traffic, 1);
        // Spinning, so that all begin at once: a barrier wakes one after the other, and the first could be done by then.
        ready.fetch_add(1, Ordering::AcqRel);
        while ready.load(Ordering::Acquire) < threads {
            std::hint::spin_loop();
        }
        let began = clock.now();
        pins(traffic, times);
        clock.now().since(began)
    };
    let all: Duration = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        running.into_iter().map(|thread| thread.join().expect("a loop that does not panic")).sum()
    });
    all / threads
}

/// Runs `work` while a thread publishes two tables in turn, a thousand times a second.
pub(crate) fn while_publishing<R>(traffic: &Traffic, tables: &[Table; 2], work: impl FnOnce() -> R) -> R {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for table in tables.iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                traffic.publish(table.clone()).expect("nothing refuses");
                thread::sleep(Duration::from_millis(1));
            }
        });
        let done = work();
        stop.store(true, Ordering::Relaxed);
        done
    })
}

//! The instruments: a probe that sees nothing, or a backend that does something else, would let every other test pass.

use super::*;

/// What a use of a probe panics with.
fn seen(wrong: impl FnOnce(&mut Probe<Letters>, &Letters)) -> String {
    let backend = Letters::new(Step::Answer(1));
    words_of(|| wrong(&mut Probe::new(backend.clone()), &backend))
}

fn words_of(wrong: impl FnOnce()) -> String {
    let unwound = panic::catch_unwind(AssertUnwindSafe(wrong));
    let unwound = unwound.expect_err("the probe saw nothing");
    let text = unwound.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| unwound.downcast_ref::<String>().cloned()).expect("a panic with words")
}

/// I-64: every way to break tower's contract is seen.
#[test]
fn a_probe_sees_every_breach_of_the_contract() {
    let unready = "was not ready";
    let called_unasked = seen(|probe, _| drop(probe.call(Letter(0))));
    assert!(called_unasked.contains(unready), "{called_unasked}");
    let called_twice = seen(|probe, _| {
        assert!(is_ready(probe) && is_ready(probe), "it may be asked again before it is called");
        drop(probe.call(Letter(0)));
        drop(probe.call(Letter(1)));
    });
    assert!(called_twice.contains(unready), "{called_twice}");
    let clone_called = seen(|probe, _| {
        assert!(is_ready(probe));
        drop(probe.clone().call(Letter(0)));
    });
    assert!(clone_called.contains(unready), "{clone_called}");
    let called_pending = seen(|probe, backend| {
        backend.set_readiness(Readiness::Busy);
        assert!(!is_ready(probe));
        drop(probe.call(Letter(0)));
    });
    assert!(called_pending.contains(unready), "{called_pending}");
    let called_broken = seen(|probe, backend| {
        backend.set_readiness(Readiness::Broken("cut off"));
        assert!(!is_ready(probe));
        drop(probe.call(Letter(0)));
    });
    assert!(called_broken.contains(unready), "{called_broken}");
    let asked_again = seen(|probe, backend| {
        backend.set_readiness(Readiness::Broken("cut off"));
        assert!(!is_ready(probe));
        backend.set_readiness(Readiness::Ready);
        assert!(is_ready(&mut probe.clone()), "a clone has not failed");
        is_ready(probe);
    });
    assert!(asked_again.contains("asked again"), "{asked_again}");
    // Of a service that would not mind.
    let patient = tower::service_fn(|_: Letter| std::future::poll_fn(|_| Poll::Ready(Ok::<u64, &str>(1))));
    let polled_again = words_of(|| {
        let mut called = call(&mut Probe::new(patient), Letter(0));
        assert!(called.poll().is_ready());
        let _ = called.poll();
    });
    assert!(polled_again.contains("after it was done"), "{polled_again}");
}

/// A probe and its clones count together, and each call once.
#[test]
fn a_probe_counts_each_call_once() {
    let backend = Letters::new(Step::Answer(1));
    let mut probe = Probe::new(backend.clone());
    let readings = probe.readings();
    backend.once(Step::Fail("failed"));
    backend.once(Step::Hold(7));
    backend.once(Step::Hang);
    let failed = call(&mut probe, Letter(0));
    let mut held = call(&mut probe.clone(), Letter(1));
    let mut hangs = call(&mut probe, Letter(2));
    assert_eq!((readings.calls(), readings.in_flight(), readings.peak()), (3, 3, 3));
    assert_eq!(failed.now(), Err("failed"));
    assert!(held.poll().is_pending() && hangs.poll().is_pending());
    backend.release();
    assert_eq!(held.now(), Ok(7));
    drop(hangs);
    assert_eq!(call(&mut probe, Letter(3)).now(), Ok(1));
    assert_eq!((readings.completed(), readings.failed(), readings.cancelled()), (2, 1, 1));
    assert_eq!((readings.calls(), readings.in_flight(), readings.peak()), (4, 0, 3));
    assert_eq!(backend.take_requests(), [0, 1, 2, 3].map(Letter));
}

/// Held calls are let go one by one, the oldest first, or all at once; who has left is not counted.
#[test]
fn a_backend_releases_the_oldest_call_first() {
    let mut backend = Letters::new(Step::Hold(7));
    let mut calls: Vec<_> = (0..5).map(|letter| call(&mut backend, Letter(letter))).collect();
    drop(calls.remove(0));
    assert!(backend.release_one());
    let over: Vec<_> = calls.iter_mut().map(|called| called.poll().is_ready()).collect();
    assert_eq!(over, [true, false, false, false]);
    backend.release();
    assert!(!backend.release_one(), "none is held");
    assert!(calls[1..].iter_mut().all(|called| called.poll() == Poll::Ready(Ok(7))));
    assert!(call(&mut backend, Letter(5)).poll().is_pending(), "a release is for those that are held");
}

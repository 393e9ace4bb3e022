//! What a publish changes for a prober in the middle of its work.

use super::*;
use Checked::{Down, Never, Unknown, Up};

#[test]
fn a_publish_wakes_and_who_comes_is_asked_soon() {
    let lab = Lab::new(shop("ab"));
    let mut probe = lab.probe();
    lab.settle(&mut probe);
    let woken = Arc::new(Woken::default());
    let waker = woken.clone().into();
    assert!(Pin::new(&mut probe).poll(&mut Context::from_waker(&waker)).is_pending());
    lab.publish(shop("abc"));
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);

    let published = lab.clock.now().since(Instant::START);
    poll(&mut probe);
    assert_eq!(lab.verdict("c"), Unknown);
    lab.run(&mut probe, secs(1));
    assert_eq!(lab.verdict("c"), Up);
    assert!(lab.ward.asked("c")[0] < published + secs(1));
}

#[test]
fn every_way_to_publish_wakes() {
    let lab = Lab::new(shop("ab"));
    let mut probe = lab.probe();
    let woken = Arc::new(Woken::default());
    let mut wakes = |change: &dyn Fn(&Traffic)| {
        let waker = woken.clone().into();
        assert!(Pin::new(&mut probe).poll(&mut Context::from_waker(&waker)).is_pending());
        woken.0.store(0, Ordering::Relaxed);
        change(&lab.traffic);
        woken.0.load(Ordering::Relaxed)
    };
    assert_eq!(wakes(&|traffic| drop(traffic.edit(|_| Ok(())))), 1);
    assert_eq!(wakes(&|traffic| drop(traffic.rollback())), 1);
    assert_eq!(wakes(&|traffic| drop(traffic.evacuate("eu", secs(1)))), 0);
}

#[test]
fn who_goes_is_forgotten_and_who_comes_back_is_new() {
    let lab = Lab::new(shop("abc"));
    lab.ward.set("c", FAILS);
    let mut probe = lab.probe();
    lab.run(&mut probe, secs(5));
    assert_eq!(lab.verdict("c"), Down);
    lab.publish(shop("ab"));
    lab.run(&mut probe, secs(20));
    let until = lab.ward.asked("c");
    assert!(until.iter().all(|at| *at <= secs(5)), "{until:?}");
    lab.ward.set("c", PASSES);
    lab.publish(shop("abc"));
    lab.run(&mut probe, secs(1));
    // One that is down would need two.
    assert_eq!((lab.verdict("c"), lab.ward.asked("c").len()), (Up, 1));
}

#[test]
fn a_check_of_one_that_goes_is_given_up() {
    let lab = Lab::new(shop("abc"));
    lab.ward.set("c", Answer::Hangs);
    let mut probe = lab.probe().timeout(secs(3600));
    lab.run(&mut probe, secs(2));
    assert_eq!(lab.ward.under_way(), 1);
    lab.publish(shop("ab"));
    poll(&mut probe);
    assert_eq!(lab.ward.under_way(), 0);
}

/// I-24: another weight, rank or address is the same endpoint.
#[test]
fn a_streak_is_kept_over_publishes() {
    let lab = Lab::new(shop("ab"));
    let mut probe = lab.probe();
    lab.settle(&mut probe);
    lab.ward.set("a", FAILS);
    for rank in 1..4 {
        // A failure a table: the third makes it down.
        assert_eq!(lab.verdict("a"), Up);
        lab.traffic
            .edit(|spec| {
                let region = spec.cluster_mut("shop")?.region_mut("eu")?;
                region.rank = rank;
                region.endpoints[0].weight = rank + 1;
                region.endpoints[0].address = format!("a:{rank}");
                Ok(())
            })
            .expect("a sound table");
        lab.ward.asked("a");
        while lab.ward.asked("a").is_empty() {
            lab.run(&mut probe, ms(100));
        }
    }
    assert_eq!(lab.verdict("a"), Down);
    assert_eq!(lab.served(), "b");
}

/// I-20, in the small: nobody's part more than doubles because others wait for their first check.
#[test]
fn new_ones_wait_for_their_first_pass_only_where_half_of_the_others_stay() {
    for (before, after, first) in [
        ("ab", "abc", Unknown),
        ("ab", "bcdefg", Unknown),
        ("abc", "cdef", Never),
        ("ab", "cd", Never),
        ("abcd", "cdef", Unknown),
    ] {
        let lab = Lab::new(shop(before));
        let mut probe = lab.probe();
        lab.settle(&mut probe);
        lab.publish(shop(after));
        poll(&mut probe);
        let stay: String = after.chars().filter(|name| before.contains(*name)).collect();
        for name in after.chars().filter(|name| !before.contains(*name)) {
            assert_eq!(lab.verdict(&name.to_string()), first, "{before} {after}");
        }
        assert_eq!(lab.served(), if first == Unknown { &*stay } else { after }, "{before} {after}");
        lab.settle(&mut probe);
        assert_eq!(lab.served(), after);
    }
}

#[test]
fn those_that_wait_are_let_in_when_those_that_served_go() {
    let lab = Lab::new(shop("ab"));
    let mut probe = lab.probe();
    lab.settle(&mut probe);
    lab.publish(shop("abcd"));
    poll(&mut probe);
    assert_eq!(lab.served(), "ab");
    lab.publish(shop("cd"));
    poll(&mut probe);
    assert_eq!((lab.verdict("c"), lab.served().as_str()), (Never, "cd"));
}

#[test]
fn a_new_one_that_fails_never_gets_a_request() {
    let lab = Lab::new(shop("ab"));
    let mut probe = lab.probe();
    lab.settle(&mut probe);
    lab.ward.set("c", FAILS);
    lab.publish(shop("abc"));
    for _ in 0..40 {
        lab.run(&mut probe, ms(100));
        assert_eq!(lab.served(), "ab");
    }
    assert_eq!(lab.verdict("c"), Down);
}

#[test]
fn a_prober_of_one_cluster_leaves_the_others_alone() {
    let spec = |names| {
        let next = |c: contraflow::table::ClusterSpec| c.region("eu", |r| r.endpoint("n", "n:80"));
        shop(names).cluster("next", next)
    };
    let lab = Lab::new(spec("ab"));
    let mut probe = lab.traffic.probe_cluster("shop", lab.ward.clone());
    lab.run(&mut probe, secs(10));
    assert_eq!(lab.verdicts(), BTreeMap::from([("a".into(), Up), ("b".into(), Up), ("n".into(), Never)]));
    assert_eq!(lab.ward.asked("n"), []);

    // A cluster that no table has yet.
    drop(probe);
    let mut later = lab.traffic.probe_cluster("later", lab.ward.clone());
    lab.run(&mut later, secs(10));
    assert_eq!(lab.hand.next_alarm(), None);
    let with_it = shop("ab").cluster("later", |c| c.region("eu", |r| r.endpoint("l", "l:80")));
    lab.publish(with_it);
    lab.run(&mut later, secs(1));
    assert_eq!((lab.verdict("l"), lab.verdict("a")), (Up, Never));
}

//! The moment between an operator's veto and the views that know of it: requests that still have the view from before.

use super::snapshots::publish;
use crate::decide::{Decision, RegionReason};
use crate::entropy::{Draws, Entropy};
use crate::error::Reason;
use crate::protocol::Facts;
use crate::state::{Registry, Snapshot};
use crate::table::{Sticky, TableSpec};
use crate::time::{Clock, Instant};
use std::time::Duration;

const NOW: Instant = Instant::from_nanos(1);

/// `eu` and `us` serve 3 to 1, `ap` is the reserve.
fn spec() -> TableSpec {
    TableSpec::new()
        .cluster("c", |c| {
            c.region("ap", |r| r.rank(1).endpoint("a", "a:1"))
                .region("eu", |r| r.weight(3).endpoint("e", "e:1").endpoint("f", "f:1"))
                .region("us", |r| r.endpoint("u", "u:1").endpoint("v", "v:1"))
        })
        .route("all", |r| r.any().to("c"))
}

fn registry() -> Registry {
    Registry::new(Entropy::seeded(0), Clock::manual().0)
}

fn snapshot(registry: &mut Registry, spec: TableSpec) -> Snapshot {
    publish(registry, &spec.build().unwrap(), 1, Instant::START)
}

fn decide(snapshot: &Snapshot, word: u64) -> Result<Decision, Reason> {
    let key = word.to_le_bytes();
    let facts = Facts::path("/").with_key(&key);
    let decided = snapshot.decide(&facts, Draws::from_word(word), NOW).map_err(|rejected| rejected.reason())?;
    // I-58: also here, the record is enough to decide the same again, and nobody explains it otherwise.
    assert_eq!(snapshot.replay(&facts, &decided), Some(Ok(decided)));
    let why = snapshot.explain(&facts, Draws::from_word(word), NOW).unwrap();
    assert_eq!(*why.decision(), decided);
    Ok(decided)
}

fn region(snapshot: &Snapshot, decision: &Decision) -> String {
    snapshot.describe(decision).unwrap().region().to_string()
}

// I-23: whoever was drawn to the region is drawn again among the others, by their weights; nobody else notices.
#[test]
fn a_veto_binds_a_decision_by_an_older_view_and_moves_nobody_else() {
    let mut registry = registry();
    let snapshot = snapshot(&mut registry, spec());
    let before: Vec<_> = (0..1000).map(|word| decide(&snapshot, word).unwrap()).collect();
    assert!(registry.set_veto("eu", Instant::START, Duration::ZERO, Instant::NEVER).is_some());
    let mut moved = 0;
    for (word, before) in (0..).zip(&before) {
        let after = decide(&snapshot, word).unwrap();
        assert_eq!(after.epoch(), before.epoch(), "the view is the same");
        if region(&snapshot, before) == "eu" {
            moved += 1;
            assert_eq!(region(&snapshot, &after), "us");
            assert_eq!(after.region_reason(), RegionReason::Vetoed);
            assert_eq!((after.region_share().part(), after.region_share().whole()), (1, 1));
        } else {
            assert_eq!(after, *before);
        }
    }
    // 750 expected, standard deviation 14.
    assert!((680..820).contains(&moved), "{moved}");
}

// I-21, I-23: out of rank 0 comes rank 1, and out of everything a typed answer.
#[test]
fn when_a_rank_is_out_the_next_serves_and_when_all_are_the_answer_is_typed() {
    let mut registry = registry();
    let snapshot = snapshot(&mut registry, spec());
    for out in ["eu", "us"] {
        assert!(registry.set_veto(out, Instant::START, Duration::ZERO, Instant::NEVER).is_some());
    }
    for word in 0..100 {
        let decision = decide(&snapshot, word).unwrap();
        assert_eq!(region(&snapshot, &decision), "ap");
    }
    assert!(registry.set_veto("ap", Instant::START, Duration::ZERO, Instant::NEVER).is_some());
    assert_eq!(decide(&snapshot, 1), Err(Reason::NoEndpoint));
    assert!(registry.lift_veto("us", Instant::START).is_some());
    assert_eq!(decide(&snapshot, 1).map(|decision| region(&snapshot, &decision)), Ok("us".into()));
    assert!(registry.set_veto("mars", Instant::START, Duration::ZERO, Instant::NEVER).is_none());
}

// I-10, I-23: a sticky key goes where the next view will send it, so it moves once, not twice.
#[test]
fn a_key_goes_at_once_where_the_next_view_sends_it() {
    let spec = || {
        let spec = spec().cluster("c2", |c| c.region("x", |r| r.endpoint("x", "x:1")));
        let route =
            |r: crate::table::RouteSpec| r.when(crate::table::Match::new().path("/")).to("c").sticky(Sticky::caller());
        spec.route("sticky", route)
    };
    let mut registry = registry();
    let snapshot = snapshot(&mut registry, spec());
    let homes = |snapshot: &Snapshot| -> Vec<(String, u32)> {
        let decisions = (0..500).map(|word| decide(snapshot, word).unwrap());
        decisions.map(|decision| (region(snapshot, &decision), decision.endpoint)).collect()
    };
    let before = homes(&snapshot);
    assert!(registry.set_veto("us", Instant::START, Duration::ZERO, Instant::NEVER).is_some());
    let during = homes(&snapshot);
    snapshot.rebuild_views(NOW);
    assert_eq!(homes(&snapshot), during);
    for (before, during) in before.iter().zip(&during) {
        assert!(before == during || (before.0 == "us" && during.0 == "eu"), "{before:?} {during:?}");
    }
}

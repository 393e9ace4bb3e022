//! Who shares the table with a discovery: operators, other discoveries, rollbacks.

use super::*;
use contraflow::traffic::{Cause, Revision};
use std::thread;

/// I-68: two discoveries and an operator, in three threads, lose none of each other's changes.
#[test]
fn discoveries_and_edits_at_once_lose_none_of_each_other() {
    for _ in 0..20 {
        let (traffic, _hand) = traffic(spec("a"));
        let follow = |cluster: &'static str| {
            let traffic = traffic.clone();
            move || {
                let lists = (1..=8).map(|count| list(&"abcdefgh"[..count])).collect::<Vec<_>>();
                let mut follow = Box::pin(traffic.follow(cluster, "eu", futures_util::stream::iter(lists)));
                let polled = follow.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert_eq!(polled, Poll::Ready(Ok(())));
            }
        };
        let edit = || {
            for _ in 0..8 {
                let change = |spec: &mut TableSpec| {
                    spec.cluster_mut("api")?.region_mut("us")?.weight += 1;
                    Ok(())
                };
                traffic.edit(change).expect("a sound table");
            }
        };
        thread::scope(|scope| {
            scope.spawn(follow("api"));
            scope.spawn(follow("web"));
            scope.spawn(edit);
        });
        let mut spec = traffic.snapshot().table().spec().clone();
        assert_eq!(spec.cluster_mut("api").unwrap().region_mut("eu").unwrap().endpoints, list("abcdefgh"));
        let web = spec.cluster_mut("web").unwrap().region_mut("eu").unwrap();
        // Its `w` goes with the first list.
        assert_eq!(web.endpoints, list("abcdefgh"));
        assert_eq!(spec.cluster_mut("api").unwrap().region_mut("us").unwrap().weight, 9);
    }
}

#[test]
fn a_region_that_somebody_removed_is_not_put_back_and_taken_up_when_it_is() {
    let mut followed = followed("a");
    followed.answers("ab");
    let whole = followed.traffic.snapshot().table().clone();
    let without = |spec: &mut TableSpec| {
        spec.cluster_mut("api")?.regions.retain(|region| region.name != "eu");
        Ok(())
    };
    followed.traffic.edit(without).expect("a sound table");
    followed.after(seconds(5)).answers("abc").answers("").hear(Err("gone")).answers("abcd").after(seconds(5));
    assert_eq!(followed.generation(), 3, "it waits");

    followed.traffic.publish(whole).expect("a sound table");
    followed.after(seconds(1));
    assert_eq!(followed.names(), "abcd");
    assert_eq!(followed.generation(), 5);
}

#[test]
fn a_table_with_placeholders_gets_the_newest_answer_within_a_second() {
    let mut followed = followed("a");
    followed.answers("abcd").after(seconds(100)).answers("dcba");
    followed.told();
    followed
        .traffic
        .publish(
            spec("xyz")
                .route("more", |r| r.when(contraflow::Match::new().host("more.example")).to("web"))
                .build()
                .unwrap(),
        )
        .unwrap();
    followed.after(seconds(1));
    assert_eq!(followed.names(), "abcd", "that `xyz` are not there was said for long enough");
    assert_eq!(followed.told(), ["+4 -3 ~0"]);
    assert!(followed.traffic.snapshot().table().route("more").is_some());
}

#[test]
fn two_who_follow_one_region_by_mistake_change_it_no_oftener_than_they_look() {
    let mut followed = followed_by("ab", |follow| follow.confirm_after(Duration::ZERO));
    let other = Source::default();
    let mut also = Box::pin(followed.traffic.follow("api", "eu", other.clone()).confirm_after(Duration::ZERO));
    followed.answers("ax");
    other.put(Ok(list("ay")));
    for second in 1..=100 {
        assert!(also.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        followed.after(seconds(1));
        assert!(followed.generation() <= 3 + 2 * second);
    }
}

#[test]
fn a_rollback_takes_back_the_last_change_of_a_person_and_keeps_the_endpoints() {
    let mut followed = followed("ab");
    followed.answers("abc").after(seconds(100));
    let reweigh = |spec: &mut TableSpec| {
        spec.cluster_mut("api")?.region_mut("us")?.weight = 50;
        Ok(())
    };
    followed.traffic.edit(reweigh).expect("a sound table");
    // More answers than are remembered.
    for _ in 0..40 {
        followed.answers("abd").answers("abe").after(seconds(100));
    }
    let causes = followed.traffic.history().iter().map(Revision::cause).collect::<Vec<_>>();
    let [first, edit] = [1, 3]
        .map(|it| followed.traffic.history().iter().map(Revision::generation).find(|g| g.as_u64() == it).unwrap());
    assert_eq!(causes, [Cause::Publish, Cause::Discovery(first), Cause::Edit, Cause::Discovery(edit)]);

    followed.traffic.rollback().expect("there is one before");
    followed.after(seconds(1));
    let mut now = followed.traffic.snapshot().table().spec().clone();
    assert_eq!(now.cluster_mut("api").unwrap().region_mut("us").unwrap().weight, 1);
    assert_eq!(followed.names(), "abe");
    assert!(followed.traffic.rollback().is_err(), "there was one table of a person before");
}

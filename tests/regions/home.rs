//! Where a process runs decides where it goes first.

use super::*;

#[test]
fn a_process_goes_home_first_and_then_by_rank() {
    let mut spec = three_regions();
    spec.clusters[0].home_first = true;
    let (traffic, _) = traffic(spec);
    assert_eq!(place(&traffic, "/").as_deref(), Ok("eu"));
    traffic.set_home(Some("ap")).expect("a region");
    assert_eq!((place(&traffic, "/").as_deref(), traffic.home().as_deref()), (Ok("ap"), Some("ap")));
    traffic.evacuate("ap", HOUR).expect("a region");
    assert_eq!(place(&traffic, "/").as_deref(), Ok("eu"));
    traffic.set_home(None).expect("nowhere is always there");
    assert_eq!(place(&traffic, "/").as_deref(), Ok("eu"));
}

#[test]
fn an_order_of_its_own_holds_from_its_home_only() {
    let mut spec = three_regions();
    let cluster = spec.clusters.remove(0).from_home("ap", [("ap", 0), ("us", 1), ("eu", 2)]);
    spec.clusters.push(cluster);
    let (traffic, _) = traffic(spec);
    traffic.set_home(Some("ap")).expect("a region");
    assert_eq!(place(&traffic, "/").as_deref(), Ok("ap"));
    traffic.evacuate("ap", HOUR).expect("a region");
    assert_eq!(place(&traffic, "/").as_deref(), Ok("us"));
    traffic.set_home(Some("us")).expect("a region");
    assert_eq!(place(&traffic, "/").as_deref(), Ok("eu"));
}

#[test]
fn a_home_that_nobody_knows_is_refused() {
    let (traffic, _) = traffic(three_regions());
    let unknown = traffic.set_home(Some("apx")).unwrap_err();
    assert_eq!(unknown.to_string(), "no cluster has a region `apx`; did you mean `ap`?");
}

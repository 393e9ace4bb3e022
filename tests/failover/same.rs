//! One seed is one history, and each of its decisions can be made again.

use super::*;
use contraflow::{Decision, Facts, Observer, Snapshot};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Hears of each decision, and whether it is made again from its record.
struct Clerk(Sender<(Decision, bool)>);

impl Observer for Clerk {
    fn decision(&self, snapshot: &Snapshot, decision: &Decision) {
        let again = snapshot.replay(&Facts::path("/"), decision);
        // Nobody listens any more at the end of a run.
        _ = self.0.send((*decision, again == Some(Ok(*decision))));
    }
}

/// A region dies, returns and is taken out, with limits that refuse and callers that leave.
fn history(seed: u64) -> (Vec<Decision>, RegionWorld) {
    let mut spec = regions(&[("ap", 1), ("eu", 0), ("us", 0)]);
    spec = spec.outlier(Outlier::default().times(seconds(2), seconds(4)));
    spec.cluster_mut("shop").and_then(|shop| shop.region_mut("us")).expect("there is one").capacity =
        Some(contraflow::table::Capacity::Rps(150));
    let mut world = RegionWorld::new(seed, spec);
    let (told, decided): (_, Receiver<(Decision, bool)>) = channel();
    world.traffic().observe(Arc::new(Clerk(told)));
    world.patience(Some(millis(600)));
    world.demand(300.0);
    run(&mut world, seconds(2));
    world.fault("eu", None, Fault::Hole);
    run(&mut world, seconds(5));
    world.fault("eu", None, Fault::None);
    world.fault("us", Some("us-1"), Fault::FAILS);
    Swap(true).here(&world);
    run(&mut world, seconds(20));
    world.traffic().evacuate("us", seconds(3)).expect("a region of that name");
    run(&mut world, seconds(10));
    let (decisions, is_made_again): (Vec<_>, Vec<_>) = decided.try_iter().unzip();
    let unlike = is_made_again.iter().position(|is_same| !is_same);
    assert_eq!(unlike.map(|place| decisions[place]), None, "I-58: it is not made again");
    (decisions, world)
}

/// I-58, I-59: to the last field of every decision, and to the last count.
#[test]
fn one_seed_is_one_history() {
    let [(one, first), (other, second)] = [history(15), history(15)];
    assert!(one.len() > 5000, "{}", one.len());
    assert!(one == other, "two runs of one seed decide alike");
    assert_eq!(first.measured(), second.measured());
    assert_eq!(first.events(), second.events());
    assert!(one != history(16).0);
    ends_balanced(first);
}

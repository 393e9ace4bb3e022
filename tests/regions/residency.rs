//! Requests that may not leave their regions.

use super::*;
use contraflow::Retry;
use contraflow::table::{Endpoint, Idempotency, LeaveRegion};

fn resident() -> TableSpec {
    three_regions()
        .resident(Match::new().path_prefix("/patients"), ["us", "eu"])
        .resident(Match::new().path("/vault"), ["us"])
}

#[test]
fn a_request_goes_to_the_first_of_its_regions() {
    let (traffic, _) = traffic(resident());
    assert_eq!(place(&traffic, "/else").as_deref(), Ok("eu"));
    assert_eq!(place(&traffic, "/patients/7").as_deref(), Ok("eu"));
    assert_eq!(place(&traffic, "/vault").as_deref(), Ok("us"));
}

#[test]
fn it_is_refused_rather_than_sent_elsewhere() {
    let (traffic, _) = traffic(resident());
    traffic.evacuate("us", HOUR).expect("a region");
    assert_eq!(place(&traffic, "/vault"), Err(Reason::Residency));
    assert_eq!(place(&traffic, "/patients/7").as_deref(), Ok("eu"));
    traffic.evacuate("eu", HOUR).expect("a region");
    assert_eq!(place(&traffic, "/patients/7"), Err(Reason::Residency));
    assert_eq!(place(&traffic, "/else").as_deref(), Ok("ap"));
    traffic.readmit("us").expect("a region");
    assert_eq!(place(&traffic, "/vault").as_deref(), Ok("us"), "it is in no other's way, so it waits for no ramp");
}

#[test]
fn the_refusal_says_which_region_and_why() {
    let (traffic, _) = traffic(resident());
    traffic.evacuate("us", HOUR).expect("a region");
    let backend: Backend<&'static str, (), &'static str> = Backend::new(Step::Answer(()));
    let protocol = Plain::new(|path: &&'static str| Facts::path(path));
    let mut stack = traffic.layers(protocol).per_endpoint(move |_| backend.clone());
    let answer = pin!(stack.call("/vault")).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Err(Error::Rejected(rejected))) = answer else { panic!("it is refused at once") };
    assert_eq!(rejected.reason(), Reason::Residency);
    assert_eq!(
        rejected.to_string(),
        "the request may not leave its regions, and none of them may be used, in region us"
    );
}

/// A retry does not leave them either.
#[test]
fn another_attempt_stays_in_them_too() {
    let retry = Retry { leave_region: LeaveRegion::Always, idempotency: Idempotency::All, ..Retry::default() };
    let spec = resident().retry(retry);
    let (traffic, hand) = traffic(spec);
    let backends: BTreeMap<String, Backend<&'static str, (), &'static str>> =
        ["eu", "us", "ap"].map(|name| (name.to_string(), Backend::new(Step::Fail("broken")))).into();
    let made = backends.clone();
    let protocol = Plain::new(|path: &&'static str| Facts::path(path)).idempotent(|_| true);
    let mut stack =
        traffic.layers(protocol).per_endpoint(move |endpoint: &Endpoint| made[endpoint.name().as_str()].clone());
    let mut call = pin!(stack.call("/patients/7"));
    let answer = loop {
        match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => break answer,
            Poll::Pending => hand.advance(Duration::from_millis(1)),
        }
    };
    let asked = ["eu", "us", "ap"].map(|name| backends[name].take_requests().len());
    assert!(asked[0] >= 1 && asked[1] >= 1 && asked[2] == 0, "{asked:?}, {answer:?}");
}

#[test]
fn an_unsound_rule_is_told_at_its_place() {
    let spec = three_regions().resident(Match::new().path("/a"), ["uss"]).resident::<&str>(Match::new().path("/b"), []);
    let error = spec.build().unwrap_err();
    let problems: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "residency.0.regions.uss: names a region that no cluster has; did you mean `us`?",
            "residency.1.regions: is empty; name a region, or remove the rule",
        ]
    );
}

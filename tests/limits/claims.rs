//! Where a request's priority comes from: rules and callers, and nothing that came with it.

use super::*;
use bytes::Bytes;
use contraflow::Http;
use contraflow::Verdict;
use contraflow::protocol::{Classify, Describe, Guard, Release, Replay};
use http::{Request, Response};
use http_body_util::Empty;

/// HTTP requests with what their caller says of them, in an extension.
#[derive(Clone)]
struct Claiming;

impl Describe<Request<()>> for Claiming {
    fn facts<'r>(&self, request: &'r Request<()>) -> Result<Facts<'r>, Rejected> {
        let facts = Facts::http(request)?;
        Ok(request.extensions().get::<Priority>().copied().into_iter().fold(facts, Facts::with_priority))
    }
}

impl Replay<Request<()>> for Claiming {
    type Sent = Request<()>;
    fn seal(&self, request: Request<()>) -> Request<()> {
        request
    }
}

impl<T, E> Classify<T, E> for Claiming {
    fn classify(&self, answer: Result<&T, &E>) -> Verdict {
        Verdict::Known(if answer.is_ok() { Outcome::Success } else { Outcome::Failure })
    }
}

impl<T> Release<T> for Claiming {
    type Held<G: Guard> = T;
    fn hold<G: Guard>(&self, answer: T, _: G) -> T {
        answer
    }
    fn bare<G: Guard>(&self, answer: T) -> T {
        answer
    }
}

/// Headers by which somebody might claim to matter.
const CLAIMS: [(&str, &str); 5] = [
    ("priority", "u=0"),
    ("x-priority", "critical"),
    ("x-contraflow-priority", "critical"),
    ("x-envoy-priority", "high"),
    ("grpc-priority", "0"),
];

fn claiming() -> Request<()> {
    let mut request = Request::new(());
    for (name, value) in CLAIMS {
        request.headers_mut().insert(name, value.parse().expect("a value"));
    }
    request
}

/// As which priority a request counts: the highest that, when it was refused, keeps it out and not itself.
fn counts_as(spec: TableSpec, request: impl Fn() -> Request<()>) -> Priority {
    let kept_out = |refused: Priority| {
        // The refused one is described by hand: by a permit of the region.
        let (traffic, _) = traffic(spec.clone());
        let snapshot = traffic.snapshot();
        let facts = request();
        let decision = snapshot.decide(&Facts::http(&facts).expect("facts"), traffic.draws(), traffic.now());
        let decision = decision.expect("a route");
        let admit = |priority| snapshot.admit(&decision, priority, traffic.now()).expect("this snapshot's");
        let first = admit(Priority::Normal).expect("there is room");
        admit(refused).expect_err("there is none");
        drop(first);
        let service = Backend::<Request<()>, (), &str>::new(Step::Hang);
        let mut stack = traffic.layers(Claiming).passthrough(service);
        match call(&mut stack, request()).poll() {
            Poll::Pending => false,
            Poll::Ready(Err(Error::Rejected(rejected))) => {
                assert_eq!(rejected.reason(), Reason::Priority);
                true
            }
            Poll::Ready(other) => panic!("{other:?}"),
        }
    };
    Priority::ALL.into_iter().rfind(|refused| !kept_out(*refused)).expect("the lowest keeps nobody out")
}

fn limited(route: impl FnOnce(RouteSpec) -> RouteSpec) -> TableSpec {
    one_region(|c| c.limit(Limit::fixed(1)), route)
}

/// I-67: no header makes a request matter more or less, unless a rule of the table reads it.
#[test]
fn headers_that_claim_a_priority_change_nothing() {
    assert_eq!(counts_as(limited(same), || Request::new(())), Priority::Normal);
    assert_eq!(counts_as(limited(same), claiming), Priority::Normal);
    assert_eq!(counts_as(limited(|r| r.priority(Priority::Low)), claiming), Priority::Low);
}

/// I-67: a rule of the table goes before the route's priority, that before what the caller gave, and that before the usual.
#[test]
fn a_rule_goes_before_the_route_and_the_route_before_the_caller() {
    let given = |priority: Priority| {
        move || {
            let mut request = claiming();
            request.extensions_mut().insert(priority);
            request
        }
    };
    let rule = || Match::new().header("x-priority", "critical");
    for priority in Priority::ALL {
        assert_eq!(counts_as(limited(same), given(priority)), priority);
        assert_eq!(counts_as(limited(|r| r.priority(priority)), given(Priority::Critical)), priority);
        let spec = limited(|r| r.priority(Priority::High).priority_when(rule(), priority));
        assert_eq!(counts_as(spec, given(Priority::Low)), priority);
        let other = Match::new().header("x-priority", "no");
        let spec = limited(|r| r.priority_when(other, Priority::Critical));
        assert_eq!(counts_as(spec, given(priority)), priority, "a rule that does not hold says nothing");
    }
}

/// I-67: of two rules that hold the one goes first that comes first in the order of precedence, however they were written.
#[test]
fn of_two_rules_the_more_special_holds() {
    let special = || Match::new().path_prefix("/a/b");
    let general = || Match::new().path_prefix("/a");
    let request = || Request::get("/a/b/c").body(()).expect("a request");
    let one = limited(|r| r.priority_when(special(), Priority::High).priority_when(general(), Priority::Low));
    let other = limited(|r| r.priority_when(general(), Priority::Low).priority_when(special(), Priority::High));
    assert_eq!((counts_as(one, request), counts_as(other, request)), (Priority::High, Priority::High));
}

/// I-67: the stack for HTTP decides alike with and without claims, also while lower priorities are kept out.
#[test]
fn claims_change_no_decision_of_an_http_stack() {
    let run = |has_claims: bool| {
        let rule = Match::new().path("/checkout");
        let (traffic, _) = traffic(one_region(
            |c| c.limit(Limit::fixed(2)),
            |r| r.limit(Limit::fixed(2)).priority_when(rule, Priority::High),
        ));
        let held = Backend::<_, Response<Empty<Bytes>>, &str>::new(Step::Hang);
        let mut stack = traffic.layers(Http).passthrough(held);
        let mut said = |path: &str| {
            let mut request = if has_claims { claiming() } else { Request::new(()) };
            *request.uri_mut() = path.parse().expect("a path");
            let mut called = call(&mut stack, request.map(|()| Empty::<Bytes>::new()));
            let said = called.poll().map(|answer| answer.expect_err("a refusal"));
            (called, format!("{said:?}"))
        };
        let mut first: Vec<_> = (0..2).map(|_| said("/").0).collect();
        let checkout = said("/checkout").1;
        first.truncate(1);
        let kept_out: Vec<_> = (0..3).map(|_| said("/").1).collect();
        assert!(kept_out[0].contains("Priority"), "{kept_out:?}");
        drop(first);
        (checkout, kept_out, format!("{:?}", traffic.status()))
    };
    assert_eq!(run(true), run(false));
}

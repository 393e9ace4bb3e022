//! What stands beside an answer: the decision, if it is asked for, and the reason of a refusal.

use super::*;

fn get() -> Request<Body> {
    Request::get("http://api.example/").body(empty()).expect("a request")
}

#[tokio::test]
async fn the_decision_beside_an_answer_names_the_endpoint_that_gave_it() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let traffic = traffic(shop(&[("us", &[("a", &a.address())]), ("eu", &[("b", &b.address())])]));
    let mut api = traffic.layers(Http).with_decision().origin(Origin::new(), client());
    let mut answered = BTreeSet::new();
    for _ in 0..60 {
        let answer = api.ready().await.unwrap().call(get()).await.unwrap();
        let decision = *answer.extensions().get::<Decision>().expect("a decision");
        let name = text(answer.into_body()).await;
        let snapshot = traffic.snapshot();
        assert_eq!(snapshot.endpoint(&decision).map(|endpoint| endpoint.name().to_string()), Some(name.clone()));
        assert!((decision.probability() - 0.5).abs() < 1e-12, "one of two regions of equal weight");
        answered.insert(name);
    }
    assert_eq!(answered.len(), 2);
}

/// I-65: the single layers show what the whole stack shows.
#[tokio::test]
async fn layers_arranged_by_hand_show_their_decision_too() {
    let a = Backend::named("a").await;
    let traffic = to_one(&a.address());
    let api = tower::ServiceBuilder::new()
        .layer(traffic.route(Http))
        .layer(traffic.failover().with_decision())
        .layer(Origin::new())
        .service(client());
    let answer = api.oneshot(get()).await.unwrap();
    let decision = answer.extensions().get::<Decision>().expect("a decision");
    assert_eq!(traffic.snapshot().endpoint(decision).map(Endpoint::address), Some(&*a.address()));
}

#[tokio::test]
async fn the_decision_names_the_endpoint_that_took_the_request_after_others_could_not() {
    let b = Backend::named("b").await;
    let mut spec = shop(&[("us", &[("a", "no host at all"), ("b", &b.address())])]);
    spec.route_mut("all").unwrap().knobs.pick = Some(Pick::Random);
    let traffic = traffic(spec);
    let mut api = traffic.layers(Http).with_decision().origin(Origin::new(), client());
    let mut passed_over = BTreeSet::new();
    for _ in 0..60 {
        let answer = api.ready().await.unwrap().call(get()).await.unwrap();
        let decision = answer.extensions().get::<Decision>().expect("a decision");
        assert_eq!(traffic.snapshot().endpoint(decision).map(|endpoint| endpoint.name().to_string()), Some("b".into()));
        passed_over.insert(decision.passed_over());
    }
    assert_eq!(passed_over, BTreeSet::from([0, 1]), "half of the requests ask `a` first");
}

#[tokio::test]
async fn no_decision_stands_beside_an_answer_unless_it_is_asked_for() {
    let a = Backend::named("a").await;
    let traffic = to_one(&a.address());
    let answer = traffic.http(client()).oneshot(get()).await.unwrap();
    assert!(answer.extensions().get::<Decision>().is_none());
    assert!(answer.extensions().get::<Refusal>().is_none(), "nor a refusal where there was none");
}

#[tokio::test]
async fn a_refusal_stands_beside_the_answer_that_it_became() {
    let refusal = |answer: &Response<_>| answer.extensions().get::<Refusal>().expect("a refusal").clone();

    let answer = closed().http(client()).oneshot(get()).await.unwrap();
    assert!(matches!(refusal(&answer), Refusal::Rejected(rejected) if rejected.reason() == Reason::NoRoute));
    assert!(answer.extensions().get::<Decision>().is_none());

    let broken = to_one(&nowhere().await.to_string());
    let answer = broken.http(client()).infallible().oneshot(get()).await.unwrap();
    assert_eq!((answer.status(), refusal(&answer)), (StatusCode::BAD_GATEWAY, Refusal::Failed));

    let (_listener, address) = listener().await;
    let late = traffic(shop(&[("us", &[("a", &address.to_string())])]).deadline(Duration::from_millis(2)));
    let answer = late.http(client()).infallible().oneshot(get()).await.unwrap();
    assert!(matches!(refusal(&answer), Refusal::TimedOut(late) if late.after() == Duration::from_millis(2)));
}

/// An answer of ours has an empty body of the client's own type, and says so before it is read.
#[tokio::test]
async fn a_refusal_has_an_empty_body() {
    let answer = closed().http(client()).oneshot(get()).await.unwrap();
    assert!(answer.headers().is_empty());
    let body = answer.into_body();
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
    assert!(body.into_inner().is_none());
}

//! Requests that are sent again, between real programs.

use super::*;
use contraflow::Retry;
use contraflow::protocol::{Classified, Retryable, never_sent};
use contraflow::table::Backoff;
use hyper_util::client::legacy;

/// Retries that wait for nothing.
fn at_once() -> Retry {
    Retry::default().backoff(Backoff::from(Duration::ZERO))
}

fn post() -> Request<Body> {
    Request::post("http://shop.example/pay").body(empty()).expect("a request")
}

/// I-51: without a connection nothing was sent, so that a payment may go elsewhere.
#[tokio::test]
async fn a_post_that_was_never_sent_goes_to_another_endpoint() {
    let mut good = Backend::named("good").await;
    let dead = nowhere().await.to_string();
    let address = good.address();
    let spec = || shop(&[("us", &[("dead", &dead), ("good", &address)])]).retry(at_once().retry_unsent());
    let judge = |answer: Result<&Response<Incoming>, &legacy::Error>| match answer {
        Err(error) if never_sent(error) => Some(Retryable::NotProcessed { after: None }),
        _ => None,
    };
    let stack = traffic(spec()).layers(Classified::new(Http, judge)).origin(Origin::new(), client());
    for _ in 0..4 {
        let answer = stack.clone().oneshot(post()).await.expect("the other endpoint answers");
        assert_eq!(text(answer.into_body()).await, "good");
    }
    let previous = |request: &Request<Bytes>| request.headers().get("contraflow-previous-attempts").cloned();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(previous(&good.seen().await));
    }
    assert!(seen.contains(&None), "whoever gets the first attempt hears of no other: {seen:?}");
    assert!(seen.contains(&Some(HeaderValue::from_static("1"))), "{seen:?}");

    // HTTP by itself does not know how far the client came.
    let stack = traffic(spec()).layers(Http).origin(Origin::new(), client());
    let mut failed = 0;
    for _ in 0..4 {
        failed += usize::from(stack.clone().oneshot(post()).await.is_err());
    }
    assert!(failed > 0, "half of them go to the dead endpoint first");
}

/// I-67: a request that says it is a retry already is retried all the same, unless the table believes it, and says it no more.
#[tokio::test]
async fn what_a_stranger_says_of_earlier_attempts_reaches_nobody() {
    let mut good = Backend::named("good").await;
    let traffic = traffic(shop(&[("us", &[("good", &good.address())])]).retry(at_once()));
    let stack = traffic.layers(Http).origin(Origin::new(), client());
    for value in ["1", "nonsense"] {
        let mut request = Request::get("http://shop.example/").body(empty()).expect("a request");
        request.headers_mut().append("contraflow-previous-attempts", HeaderValue::from_static(value));
        request.headers_mut().append("contraflow-previous-attempts", HeaderValue::from_static("0"));
        stack.clone().oneshot(request).await.expect("an answer");
        assert!(!good.seen().await.headers().contains_key("contraflow-previous-attempts"), "{value}");
    }
}

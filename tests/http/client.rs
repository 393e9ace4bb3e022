//! An API client: the stack without a router around it.

use super::*;

fn get() -> Request<Body> {
    Request::get("http://api.example/users/7").body(empty()).expect("a request")
}

fn late() -> TableSpec {
    shop(&[("us", &[("a", "a.invalid:80")])]).deadline(Duration::from_millis(1))
}

/// A client that never answers.
fn silent() -> impl Service<Request<ReplayBody<Body>>, Response = Response<Body>, Error = BoxError, Future: Send> + Clone
{
    service_fn(|_| pending())
}

#[tokio::test]
async fn a_client_asks_by_the_name_of_the_service_and_reaches_an_endpoint() {
    let mut a = Backend::named("a").await;
    let traffic = to_one(&a.address());
    let answer = traffic.http(client()).oneshot(get()).await.unwrap();

    assert_eq!((answer.status(), text(answer.into_body()).await), (StatusCode::OK, "a".into()));
    let came = a.seen().await;
    assert_eq!((came.uri().path(), &came.headers()["host"]), ("/users/7", &HeaderValue::from_static("api.example")));
}

#[tokio::test]
async fn one_service_serves_many_requests_and_its_clones_as_well() {
    let a = Backend::named("a").await;
    let traffic = to_one(&a.address());
    let mut api = traffic.http(client());
    let mut asked = JoinSet::new();
    for _ in 0..20 {
        asked.spawn(api.clone().oneshot(get()));
    }
    for _ in 0..20 {
        assert_eq!(api.ready().await.unwrap().call(get()).await.unwrap().status(), StatusCode::OK);
    }
    assert!(asked.join_all().await.iter().all(|answer| answer.as_ref().unwrap().status() == StatusCode::OK));
    until_counts(&traffic, "a", [0, 40, 0]).await;
}

#[tokio::test]
async fn the_clients_errors_stay_errors_of_the_clients_own_type() {
    let traffic = to_one(&nowhere().await.to_string());
    let error = traffic.http(client()).oneshot(get()).await.unwrap_err();

    assert!(error.is_connect(), "hyper-util's: {error:?}");
    assert_eq!(counts(&traffic, "a"), [0, 0, 1]);
}

#[tokio::test]
async fn refusals_are_answers_for_a_client_too() {
    let answer = closed().http(client()).oneshot(get()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let answer = traffic(late()).http(silent()).oneshot(get()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
}

#[tokio::test]
async fn without_answering_refusals_are_errors_of_their_own() {
    let stack = |traffic: Traffic| traffic.layers(Http).origin(Origin::new(), silent());

    let Err(Error::Rejected(rejected)) = stack(closed()).oneshot(get()).await else { panic!("no route") };
    assert_eq!((rejected.reason(), rejected.to_string()), (Reason::NoRoute, "no route matches the request".into()));
    let Err(Error::TimedOut(timed_out)) = stack(traffic(late())).oneshot(get()).await else { panic!("no answer") };
    assert_eq!(timed_out.after(), Duration::from_millis(1));
    let broken = to_one(&nowhere().await.to_string());
    let Err(Error::Inner(error)) = broken.layers(Http).origin(Origin::new(), client()).oneshot(get()).await else {
        panic!("nobody listens")
    };
    assert!(error.is_connect());
}

#[tokio::test]
async fn what_is_in_a_box_can_be_told_apart() {
    let stack = |traffic: &Traffic| traffic.layers(Http).origin(Origin::new(), silent()).boxed();

    let error: BoxError = stack(&closed()).oneshot(get()).await.unwrap_err();
    assert_eq!(error.downcast_ref::<Rejected>().map(Rejected::reason), Some(Reason::NoRoute));
    let error = stack(&traffic(late())).oneshot(get()).await.unwrap_err();
    assert_eq!(error.downcast_ref::<TimedOut>().map(TimedOut::after), Some(Duration::from_millis(1)));
    let broken = to_one(&nowhere().await.to_string());
    let error = broken.layers(Http).origin(Origin::new(), client()).boxed().oneshot(get()).await.unwrap_err();
    assert!(error.downcast_ref().is_some_and(hyper_util::client::legacy::Error::is_connect));
}

/// Behind tower's own layers, which want boxed errors.
#[tokio::test]
async fn a_boxed_stack_stands_inside_a_buffer() {
    let a = Backend::named("a").await;
    let stack = to_one(&a.address()).layers(Http).origin(Origin::new(), client()).boxed();
    let buffered = tower::buffer::Buffer::new(stack, 4);
    assert_eq!(buffered.oneshot(get()).await.unwrap().status(), StatusCode::OK);

    let stack = closed().layers(Http).origin(Origin::new(), client()).boxed();
    let error = tower::buffer::Buffer::new(stack, 4).oneshot(get()).await.unwrap_err();
    assert_eq!(error.downcast_ref::<Rejected>().map(Rejected::reason), Some(Reason::NoRoute));
}

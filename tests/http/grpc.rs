//! A gRPC service, spoken without a framework: frames with a length before each message, and the status in the trailers.

use super::origin::http2_client;
use super::*;
use contraflow::Retry;
use contraflow::layer::{PeekTrailers, Stack};
use contraflow::table::{Backoff, Idempotency};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A message as gRPC frames it: not compressed, its length, itself.
fn framed(message: &str) -> Bytes {
    let length = u32::try_from(message.len()).expect("a short message").to_be_bytes();
    [&[0], &length[..], message.as_bytes()].concat().into()
}

fn call(method: &str) -> Request<Body> {
    Request::post(format!("http://greeter.example/{method}"))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .body(full(framed("hello")))
        .expect("a request")
}

/// An answer whose status comes in its trailers, after so many messages.
fn with_trailers(messages: usize, status: &'static str) -> Response<Body> {
    let (feed, body) = fed();
    for _ in 0..messages {
        feed.send(Ok(Frame::data(framed("good day")))).expect("the body is there");
    }
    feed.send(trailers("grpc-status", status)).expect("the body is there");
    answer(body)
}

fn answer(body: Body) -> Response<Body> {
    Response::builder().header(header::CONTENT_TYPE, "application/grpc").body(body).expect("an answer")
}

/// The service: each method answers as its name says.
async fn greeter() -> Server {
    serve(Version::HTTP_2, |request| async move {
        assert_eq!(request.headers()[header::CONTENT_TYPE], "application/grpc");
        let method = request.uri().path().rsplit('/').next().expect("a path").to_owned();
        let message = request.into_body().collect().await.expect("a whole request").to_bytes();
        assert_eq!(message, framed("hello"));
        match &*method {
            "Ok" => with_trailers(1, "0"),
            "Stream" => with_trailers(3, "0"),
            "NotFound" => with_trailers(0, "5"),
            "Unavailable" => with_trailers(1, "14"),
            "Exhausted" => with_trailers(0, "8"),
            "Cancelled" => with_trailers(0, "1"),
            "NoStatus" => answer(full(framed("good day"))),
            "TrailersOnly" => {
                let mut answer = answer(empty());
                answer.headers_mut().insert("grpc-status", HeaderValue::from_static("14"));
                answer
            }
            "TrailersOnlyOk" => {
                let mut answer = answer(empty());
                answer.headers_mut().insert("grpc-status", HeaderValue::from_static("0"));
                answer
            }
            "BadGateway" => Response::builder().status(502).body(empty()).expect("an answer"),
            "Silent" => pending().await,
            unknown => panic!("there is no {unknown}"),
        }
    })
    .await
}

/// A client of HTTP/2 that knows one address, as a channel does.
#[derive(Clone)]
struct Channel {
    client: HttpClient<ReplayBody<Body>>,
    address: Arc<str>,
}

fn channel_to(endpoint: &Endpoint) -> Channel {
    Channel { client: http2_client(), address: endpoint.address().into() }
}

impl Service<Request<ReplayBody<Body>>> for Channel {
    type Response = Response<Incoming>;
    type Error = hyper_util::client::legacy::Error;
    type Future = hyper_util::client::legacy::ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<ReplayBody<Body>>) -> Self::Future {
        let path = request.uri().path().to_owned();
        *request.uri_mut() = format!("http://{}{path}", self.address).parse().expect("a URI");
        self.client.request(request)
    }
}

/// What the service did: answered well, failed.
async fn counted<L>(traffic: &Traffic, stack: &Stack<Grpc, L>, method: &str) -> [u64; 2]
where
    L: Clone,
    Stack<Grpc, L>: Service<Request<Body>, Response: Answered, Error: std::fmt::Debug>,
{
    let [in_flight, successes, failures] = counts(traffic, "a");
    assert_eq!(in_flight, 0);
    let answer = stack.clone().oneshot(call(&format!("greet.Greeter/{method}"))).await.expect("an answer");
    answer.read().await;
    let [in_flight, successes_then, failures_then] = counts(traffic, "a");
    assert_eq!(in_flight, 0, "{method}: nothing is held when the answer has ended");
    [successes_then - successes, failures_then - failures]
}

/// An answer that can be read to its end, good or bad.
trait Answered {
    async fn read(self);
}

impl<B: http_body::Body> Answered for Response<B> {
    async fn read(self) {
        _ = self.into_body().collect().await;
    }
}

const SUCCESS: [u64; 2] = [1, 0];
const FAILURE: [u64; 2] = [0, 1];
const NEITHER: [u64; 2] = [0, 0];

const METHODS: [(&str, [u64; 2]); 10] = [
    ("Ok", SUCCESS),
    ("Stream", SUCCESS),
    ("NotFound", SUCCESS),
    ("Unavailable", FAILURE),
    ("Exhausted", NEITHER),
    ("Cancelled", NEITHER),
    ("NoStatus", FAILURE),
    ("TrailersOnly", FAILURE),
    ("TrailersOnlyOk", SUCCESS),
    ("BadGateway", FAILURE),
];

#[tokio::test]
async fn a_channel_for_each_endpoint_is_judged_by_the_status_at_the_end() {
    let server = greeter().await;
    let traffic = to_one(&server.address.to_string());
    let stack = traffic.layers(Grpc).per_endpoint(channel_to);
    for (method, outcome) in METHODS {
        assert_eq!(counted(&traffic, &stack, method).await, outcome, "{method}");
    }
}

#[tokio::test]
async fn one_client_for_all_endpoints_is_judged_by_the_status_at_the_end() {
    let server = greeter().await;
    let traffic = to_one(&server.address.to_string());
    let stack = traffic.layers(Grpc).origin(Origin::new(), http2_client());
    for (method, outcome) in METHODS {
        assert_eq!(counted(&traffic, &stack, method).await, outcome, "{method}");
    }
}

/// I-62.
#[tokio::test]
async fn messages_and_trailers_come_through_as_they_were_sent() {
    let server = greeter().await;
    let stack = to_one(&server.address.to_string()).layers(Grpc).per_endpoint(channel_to);
    let answer = stack.oneshot(call("greet.Greeter/Stream")).await.unwrap();

    assert_eq!(
        (answer.status(), &answer.headers()[header::CONTENT_TYPE]),
        (StatusCode::OK, &"application/grpc".parse().unwrap())
    );
    let whole = answer.into_body().collect().await.unwrap();
    assert_eq!(whole.trailers().map(|trailers| &trailers["grpc-status"]), Some(&HeaderValue::from_static("0")));
    assert_eq!(whole.to_bytes(), [framed("good day"), framed("good day"), framed("good day")].concat());
}

#[tokio::test]
async fn a_head_of_200_says_nothing_until_the_end() {
    let (server, mut feeds) = fed_server(Version::HTTP_2).await;
    let traffic = to_one(&server.address.to_string());
    let stack = traffic.layers(Grpc).per_endpoint(channel_to);
    let mut body = stack.oneshot(call("greet.Greeter/Watch")).await.unwrap().into_body();
    let feed = next(&mut feeds).await;

    assert_eq!(counts(&traffic, "a"), [1, 0, 0]);
    feed.send(data("a part of a message")).unwrap();
    assert!(body.frame().await.unwrap().is_ok());
    assert_eq!(counts(&traffic, "a"), [1, 0, 0]);
    feed.send(trailers("grpc-status", "14")).unwrap();
    assert!(body.frame().await.unwrap().unwrap().is_trailers());
    assert_eq!(counts(&traffic, "a"), [0, 0, 1]);
}

/// I-62: an error in the middle counts once.
#[tokio::test]
async fn a_stream_that_is_cut_off_before_its_trailers_is_one_failure() {
    let (server, mut feeds) = fed_server(Version::HTTP_2).await;
    let traffic = to_one(&server.address.to_string());
    let stack = traffic.layers(Grpc).per_endpoint(channel_to);
    let mut body = stack.oneshot(call("greet.Greeter/Watch")).await.unwrap().into_body();
    let feed = next(&mut feeds).await;
    feed.send(data("a part of a message")).unwrap();
    assert!(body.frame().await.unwrap().is_ok());

    feed.send(Err("the process died".into())).unwrap();
    assert!(body.frame().await.unwrap().is_err());
    assert_eq!(counts(&traffic, "a"), [0, 0, 1]);
    drop(body);
    assert_eq!(counts(&traffic, "a"), [0, 0, 1]);
}

/// I-57: whoever leaves before the status came has not heard how it went.
#[tokio::test]
async fn a_stream_that_its_reader_leaves_is_neither_success_nor_failure() {
    let server = greeter().await;
    let traffic = to_one(&server.address.to_string());
    let stack = traffic.layers(Grpc).per_endpoint(channel_to);
    let mut body = stack.oneshot(call("greet.Greeter/Stream")).await.unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok());
    drop(body);
    assert_eq!(counts(&traffic, "a"), [0, 0, 0]);
}

#[tokio::test]
async fn each_endpoint_has_a_channel_of_its_own_which_is_made_once() {
    let (a, b) = (greeter().await, greeter().await);
    let traffic = traffic(shop(&[("us", &[("a", &a.address.to_string()), ("b", &b.address.to_string())])]));
    let (sender, mut made) = unbounded_channel();
    let stack = traffic.layers(Grpc).per_endpoint(move |endpoint| {
        sender.send(endpoint.name().to_string()).expect("the test counts them");
        channel_to(endpoint)
    });
    for _ in 0..6 {
        stack.clone().oneshot(call("greet.Greeter/Ok")).await.unwrap().read().await;
    }
    assert_eq!([counts(&traffic, "a"), counts(&traffic, "b")], [[0, 3, 0], [0, 3, 0]]);
    drop(stack);
    let mut names = Vec::new();
    while let Some(name) = made.recv().await {
        names.push(name);
    }
    names.sort();
    assert_eq!(names, ["a", "b"]);
}

/// What a client of gRPC reads in an answer of ours: status and type, and nothing after the head.
async fn refusal(
    stack: impl Service<Request<Body>, Response = Response<impl http_body::Body>, Error: std::fmt::Debug>,
) -> String {
    let answer = stack.oneshot(call("greet.Greeter/Silent")).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK, "gRPC's statuses are not HTTP's");
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/grpc");
    assert!(answer.body().is_end_stream());
    let [status, message] = ["grpc-status", "grpc-message"].map(|name| answer.headers()[name].to_str().unwrap());
    format!("{status}: {message}")
}

#[tokio::test]
async fn refusals_are_answers_of_trailers_only() {
    let stack = |traffic: &Traffic| traffic.layers(Grpc).per_endpoint(channel_to).answering();
    assert_eq!(refusal(stack(&closed())).await, "12: no route matches the request");

    let gone = to_one("127.0.0.1:9");
    gone.evacuate("us", HOUR).unwrap();
    assert_eq!(refusal(stack(&gone)).await, "14: no endpoint of the cluster may be used");

    let server = greeter().await;
    let late = shop(&[("us", &[("a", &server.address.to_string())])]).deadline(Duration::from_millis(20));
    let late = traffic(late);
    assert_eq!(refusal(stack(&late)).await, "4: no answer within 20ms");
    assert_eq!(counts(&late, "a"), [0, 0, 1]);

    // Printable ASCII, also where a time is not.
    let short = traffic(shop(&[("us", &[("a", "a:1")])]).deadline(Duration::from_micros(500)));
    let never = service_fn(|_: Request<ReplayBody<Body>>| pending::<Result<Response<Body>, BoxError>>());
    assert_eq!(refusal(short.layers(Grpc).passthrough(never).answering()).await, "4: no answer within 500us");

    let broken = to_one(&nowhere().await.to_string());
    assert_eq!(refusal(stack(&broken).infallible()).await, "14: the service failed");
    assert_eq!(counts(&broken, "a"), [0, 0, 1]);
}

#[tokio::test]
async fn a_channel_that_cannot_connect_is_an_error_and_a_failure_unless_it_is_to_be_answered() {
    let broken = to_one(&nowhere().await.to_string());
    let stack = broken.layers(Grpc).per_endpoint(channel_to).answering();
    let error = stack.oneshot(call("greet.Greeter/Ok")).await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    assert_eq!(counts(&broken, "a"), [0, 0, 1]);
}

/// A server that is unavailable so many times, which it says in trailers, and then answers; and what each request said.
async fn warming_up(failures: usize) -> (Server, UnboundedReceiver<HeaderMap>) {
    let (sender, seen) = unbounded_channel();
    let left = Arc::new(AtomicUsize::new(failures));
    let server = serve(Version::HTTP_2, move |request| {
        sender.send(request.headers().clone()).expect("the test waits for it");
        let fails = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        ready(if fails { with_trailers(0, "14") } else { with_trailers(1, "0") })
    })
    .await;
    (server, seen)
}

fn idempotent() -> Retry {
    Retry::default().idempotency(Idempotency::All).backoff(Backoff::from(Duration::ZERO))
}

fn empty_call(timeout: &'static str) -> Request<Body> {
    let mut request = call("greet.Greeter/Warm").map(|_| empty());
    request.headers_mut().insert("grpc-timeout", HeaderValue::from_static(timeout));
    request
}

/// I-51, and what a head alone does not tell.
#[tokio::test]
async fn a_call_that_fails_without_a_message_is_made_again_if_its_first_frame_is_looked_at() {
    let (server, mut seen) = warming_up(1).await;
    let spec = || shop(&[("us", &[("a", &server.address.to_string())])]).retry(idempotent());
    let looking = traffic(spec()).layers(Grpc).per_endpoint(|endpoint| PeekTrailers::new(channel_to(endpoint)));
    let answer = looking.oneshot(empty_call("2S")).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(!answer.headers().contains_key("grpc-status"));
    let all = answer.into_body().collect().await.expect("a whole answer");
    assert_eq!(all.trailers().expect("trailers")["grpc-status"], "0");
    assert_eq!(all.to_bytes(), framed("good day"));

    let [first, second] = [next(&mut seen).await, next(&mut seen).await];
    assert!(!first.contains_key("grpc-previous-rpc-attempts"));
    assert_eq!(first["grpc-timeout"], "2S");
    assert_eq!(second["grpc-previous-rpc-attempts"], "1");
    let left = second["grpc-timeout"].to_str().expect("text");
    let micros: u64 = left.strip_suffix('u').expect("microseconds are the finest that fit").parse().expect("digits");
    assert!(micros < 2_000_000, "{micros}");

    // Without looking the answer has begun with its head.
    let (server, mut seen) = warming_up(1).await;
    let blind = traffic(shop(&[("us", &[("a", &server.address.to_string())])]).retry(idempotent()));
    let blind = blind.layers(Grpc).per_endpoint(channel_to);
    let answer = blind.oneshot(empty_call("2S")).await.expect("an answer");
    let all = answer.into_body().collect().await.expect("a whole answer");
    assert_eq!(all.trailers().expect("trailers")["grpc-status"], "14");
    next(&mut seen).await;
    assert!(seen.try_recv().is_err(), "nobody asked again");
}

/// Whoever gave the call 50 ms has left after that, whatever the route allows.
#[tokio::test]
async fn the_callers_deadline_shortens_the_routes() {
    let server = greeter().await;
    let stack = to_one(&server.address.to_string()).layers(Grpc).per_endpoint(channel_to);
    let mut request = call("greet.Greeter/Silent");
    request.headers_mut().insert("grpc-timeout", HeaderValue::from_static("50m"));
    let error = stack.oneshot(request).await.expect_err("nobody answers");
    assert!(error.to_string().contains("50ms"), "{error}");
}

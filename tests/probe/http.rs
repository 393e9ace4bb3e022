//! The check by HTTP.

use super::*;
use ::http::header::{HOST, RETRY_AFTER};
use ::http::{HeaderName, HeaderValue, Method, Request, Response};
use contraflow::layer::HttpCheck;
use std::convert::Infallible;
use tower::service_fn;

/// What a check says of an endpoint that answers so, and the request that it got.
fn ask(spec: TableSpec, describe: impl FnOnce(Http) -> Http, answer: Option<Response<()>>) -> (Report, Option<Sent>) {
    let lab = Lab::new(spec);
    let got = Arc::new(Mutex::new((None, answer)));
    let client = Client(got.clone());
    let check = describe(HttpCheck::new(client));
    let snapshot = lab.traffic.snapshot();
    let cluster = snapshot.table().clusters().next().expect("it has one");
    let mut asking = Box::pin(check.check(&cluster.regions()[0].endpoints()[0]));
    let Poll::Ready(report) = asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it answers at once")
    };
    let sent = got.lock().unwrap().0.take();
    (report, sent)
}

type Http = HttpCheck<Client, ()>;
type Sent = Request<()>;

/// An HTTP client that answers once, or fails.
#[derive(Clone)]
struct Client(Arc<Mutex<Exchange>>);

/// What it got, and what it answers.
type Exchange = (Option<Sent>, Option<Response<()>>);

impl tower::Service<Sent> for Client {
    type Response = Response<()>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Response<()>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Sent) -> Self::Future {
        let mut got = self.0.lock().unwrap();
        got.0 = Some(request);
        std::future::ready(got.1.take().ok_or("no answer"))
    }
}

fn answer(status: u16) -> Response<()> {
    Response::builder().status(status).body(()).unwrap()
}

fn one(address: &str) -> TableSpec {
    TableSpec::new()
        .cluster("shop", |c| c.region("eu", |r| r.endpoint("a", address)))
        .route("all", |r| r.any().to("shop"))
}

#[test]
fn the_endpoint_is_asked_at_its_own_origin() {
    let uri = |address: &str, describe: fn(Http) -> Http| {
        let (_, sent) = ask(one(address), describe, Some(answer(200)));
        let sent = sent.expect("it was sent");
        assert_eq!(sent.method(), Method::GET);
        (sent.uri().to_string(), sent.headers()[HOST].to_str().unwrap().to_owned())
    };
    let pair = |uri: &str, host: &str| (uri.to_owned(), host.to_owned());
    assert_eq!(uri("a:80", |check| check), pair("http://a:80/", "a:80"));
    assert_eq!(uri("a", |check| check.https().path("/up?deep=1").unwrap()), pair("https://a/up?deep=1", "a"));
    assert_eq!(uri("http://a:8080", Http::https), pair("http://a:8080/", "a:8080"));
    let hosted = |check: Http| check.host(HeaderValue::from_static("shop.example"));
    assert_eq!(uri("a:80", hosted), pair("http://a:80/", "shop.example"));
}

#[test]
fn an_authority_stands_before_the_address() {
    let spec = TableSpec::new()
        .cluster("shop", |c| c.region("eu", |r| r.endpoint_with("a", "10.0.0.1:80", |e| e.authority("a.example"))))
        .route("all", |r| r.any().to("shop"));
    let (_, sent) = ask(spec, |check| check, Some(answer(200)));
    assert_eq!(sent.expect("it was sent").uri().to_string(), "http://a.example/");
}

#[test]
fn what_an_answer_says() {
    let report = |answer: Response<()>, describe: fn(Http) -> Http| ask(one("a:80"), describe, Some(answer)).0;
    for (status, wanted) in [
        (200, Report::Passed),
        (204, Report::Passed),
        (302, Report::Failed),
        (404, Report::Failed),
        (500, Report::Failed),
        (503, Report::Failed),
        (429, Report::Degraded),
    ] {
        assert_eq!(report(answer(status), |check| check), wanted, "{status}");
    }
    assert_eq!(report(answer(302), |check| check.expect(200..=399)), Report::Passed);
    assert_eq!(report(answer(200), |check| check.expect(204..=204)), Report::Failed);

    // Busy is not dead.
    let mut busy = answer(503);
    busy.headers_mut().insert(RETRY_AFTER, 3.into());
    assert_eq!(report(busy, |check| check), Report::Degraded);

    let degraded = || Response::builder().header("x-degraded", "1").body(()).unwrap();
    assert_eq!(report(degraded(), |check| check), Report::Passed);
    let by_header = |check: Http| check.degraded_header(HeaderName::from_static("x-degraded"));
    assert_eq!(report(degraded(), by_header), Report::Degraded);
    assert_eq!(report(answer(200), by_header), Report::Passed);
}

#[test]
fn no_answer_and_no_host_are_failures() {
    assert_eq!(ask(one("a:80"), |check| check, None).0, Report::Failed);
    let (report, sent) = ask(one("unix:/run/shop.sock"), |check| check, Some(answer(200)));
    assert_eq!((report, sent.is_none()), (Report::Failed, true));
}

#[test]
fn a_path_is_a_path() {
    let check = || HttpCheck::<_, ()>::new(());
    assert!(check().path("/healthz?deep=1").is_ok());
    for text in ["", "healthz", "/health#z", "/health z", "http://a/healthz"] {
        assert!(check().path(text).is_err(), "{text}");
    }
    assert_eq!(
        check().path("healthz").unwrap_err().to_string(),
        r#""healthz" is no path: it has to begin with a slash, and have no fragment"#
    );
}

/// I-61: a prober can be sent where its check and its futures can.
fn can_be_spawned<F: Future + Send + 'static>(future: F) -> F {
    future
}

#[test]
fn a_prober_asks_by_http() {
    let lab = Lab::new(shop("ab"));
    let client = service_fn(|request: Request<()>| async move {
        let status = if request.uri().host() == Some("a") { 200 } else { 500 };
        Ok::<_, Infallible>(answer(status))
    });
    let mut probe = can_be_spawned(lab.traffic.probe(HttpCheck::new(client)).jitter(Ratio::ZERO));
    lab.run(&mut probe, secs(4));
    assert_eq!((lab.verdict("a"), lab.verdict("b")), (Checked::Up, Checked::Down));
    assert_eq!(lab.served(), "a");
}

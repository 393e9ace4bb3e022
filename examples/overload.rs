//! More than a backend can take: without a limit, with a number, and with the limit that finds its number by itself.
//!
//! Three times the same load, half as much again as the backend can serve, on a schedule that waits for no answer, as users
//! do. Real HTTP/2 over loopback, with a proxy between: `cargo run --example overload`, which takes 40 seconds.
#![allow(clippy::disallowed_methods, reason = "they are for the library: a program has time")]

use bytes::Bytes;
use contraflow::layer::{HostPolicy, Origin};
use contraflow::{Http, Limit, TableSpec, Traffic};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::{server::conn::auto, service::TowerToHyperService};
use std::{convert::Infallible, error::Error, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet, time::Instant};
use tower::{Service, service_fn};

/// The backend works on so many requests at once, and so long on each; all others wait. That is 200 a second at most.
const WORKERS: usize = 10;
const WORK: Duration = Duration::from_millis(50);

const REQUESTS_A_SECOND: u32 = 300;
const SECONDS: u32 = 10;
/// The answers are looked at by the part of the run in which they were asked for.
const PARTS: usize = 5;

/// A later answer is of no use to whoever asked.
const IN_TIME: Duration = Duration::from_millis(250);

type Failure = Box<dyn Error + Send + Sync>;
/// What became of a request: its status, and how long after it was due.
type Answer = (StatusCode, Duration);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    println!("A backend that can serve 200 requests a second gets {REQUESTS_A_SECOND} a second for {SECONDS} s.\n");
    println!("{:26}requests a second{:14}99th percentile of the answers, by when they were asked for", "", "");
    print!("limit        at the end   in time    late   refused");
    (1..=PARTS).for_each(|part| print!("{:>8} s", part * SECONDS as usize / PARTS));
    println!();
    let mut found = Vec::new();
    for (name, limit) in [("none", None), ("15", Some(Limit::fixed(15))), ("adaptive", Some(Limit::adaptive()))] {
        let (at_the_end, answers) = run(limit).await?;
        let a_second = |of: &dyn Fn(&Answer) -> bool| answers.iter().filter(|one| of(one)).count() as u32 / SECONDS;
        let in_time = a_second(&|(status, took)| status.is_success() && *took <= IN_TIME);
        let late = a_second(&|(status, took)| status.is_success() && *took > IN_TIME);
        let refused = a_second(&|(status, _)| *status == StatusCode::SERVICE_UNAVAILABLE);
        print!("{name:<10}{at_the_end:>13}{in_time:>10}{late:>8}{refused:>10}");
        let mut last = Duration::ZERO;
        for part in answers.chunks(answers.len() / PARTS) {
            last = percentile_99(part);
            print!("{:>7} ms", last.as_millis());
        }
        println!();
        found.push((last, in_time));
    }
    if found[1..].iter().any(|(last, in_time)| *last * 5 > found[0].0 || *in_time < 100) {
        return Err("with a limit the answers took nearly as long as without, or there were few".into());
    }
    println!("\nWithout a limit each answer takes longer than the one before, until nobody waits for it any more.");
    println!("With one the backend serves as many as it can, in time, and the rest is told at once: 503, Retry-After.");
    Ok(())
}

/// The whole load against a new backend behind a new proxy: the limit at the end, and what became of each request.
async fn run(limit: Option<Limit>) -> Result<(String, Vec<Answer>), Failure> {
    let workers = Arc::new(Semaphore::new(WORKERS));
    let backend = serve(service_fn(move |_: Request<Incoming>| {
        let workers = workers.clone();
        async move {
            let _worker = workers.acquire().await.expect("nobody closes it");
            tokio::time::sleep(WORK).await;
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("done")))
        }
    }));
    let backend = backend.await?;
    let table = TableSpec::new()
        .cluster("shop", |cluster| {
            let cluster = cluster.region("here", |region| region.endpoint("backend", backend));
            match limit {
                Some(limit) => cluster.limit(limit),
                None => cluster,
            }
        })
        .route("all", |route| route.any().to("shop"))
        .build()?;
    let traffic = Traffic::new(table);
    let origin = Origin::new().host(HostPolicy::Endpoint);
    let stack = traffic.layers(Http).origin(origin, client()).answering().infallible();
    let answers = ask(format!("http://{}/", serve(stack).await?).parse()?).await?;
    let limit = &traffic.status().clusters[0].regions[0].limit;
    Ok((limit.as_ref().map_or("none".into(), |limit| limit.limit.to_string()), answers))
}

/// Asks on schedule, whatever became of those before.
async fn ask(uri: Uri) -> Result<Vec<Answer>, Failure> {
    let (client, begin, mut asked) = (client(), Instant::now(), JoinSet::new());
    for number in 0..REQUESTS_A_SECOND * SECONDS {
        let due = begin + Duration::from_secs(1) * number / REQUESTS_A_SECOND;
        tokio::time::sleep_until(due).await;
        let request = Request::get(uri.clone()).body(Empty::<Bytes>::new())?;
        let answer = client.request(request);
        asked.spawn(async move {
            let answer = answer.await?;
            let status = answer.status();
            answer.into_body().collect().await?;
            Ok::<_, Failure>((number, (status, due.elapsed())))
        });
    }
    let mut answers: Vec<_> = asked.join_all().await.into_iter().collect::<Result<_, _>>()?;
    answers.sort_unstable_by_key(|(number, _)| *number);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

/// Of the answers that were none of refusals.
fn percentile_99(answers: &[Answer]) -> Duration {
    let mut took: Vec<_> = answers.iter().filter(|(status, _)| status.is_success()).map(|(_, took)| *took).collect();
    took.sort_unstable();
    took.get(took.len() * 99 / 100).copied().unwrap_or_default()
}

/// All requests over one connection: a thousand that wait need no thousand sockets.
fn client<B: Body<Data: Send> + Send>() -> Client<HttpConnector, B> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).http2_only(true).build(connector)
}

async fn serve<S, B>(service: S) -> Result<String, Failure>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + 'static,
    B: Body<Data: Send, Error: Into<Failure>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                stream.set_nodelay(true)?;
                let mut server = auto::Builder::new(TokioExecutor::new());
                server.http2().max_concurrent_streams(None);
                server.serve_connection(TokioIo::new(stream), service).await
            });
        }
    });
    Ok(address)
}

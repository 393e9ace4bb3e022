//! Upstreams of our own, for when nobody brought any: one for each region, on free ports of this machine.

use super::life::Life;
use super::options::Upstream;
use super::serve::serve;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use std::convert::Infallible;
use std::fmt::Write;
use std::io;
use tokio::net::TcpListener;

/// The regions, and the weight that each has in the beginning.
pub(crate) const REGIONS: [(&str, u32); 3] = [("us-east", 60), ("eu-west", 30), ("ap-south", 10)];

type Answer = Response<Either<Full<Bytes>, Incoming>>;

/// Starts one for each region.
pub(crate) async fn start(life: &Life) -> io::Result<Vec<Upstream>> {
    let mut upstreams = Vec::new();
    for (region, _) in REGIONS {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let authority = listener.local_addr()?.to_string().parse().expect("an address is an authority");
        upstreams.push(Upstream { region: region.into(), authority });
        let service = service_fn(move |request| async move { Ok::<_, Infallible>(answer(region, request)) });
        tokio::spawn(serve(listener, life.clone(), move |_| service));
    }
    Ok(upstreams)
}

/// `/headers` shows what came, `/echo` sends the body back, all else says hello.
fn answer(region: &'static str, request: Request<Incoming>) -> Answer {
    let body = match request.uri().path() {
        "/echo" => Either::Right(request.into_body()),
        "/headers" => Either::Left(Full::from(head(&request))),
        _ => Either::Left(Full::from(format!("hello from {region}\n"))),
    };
    let mut answer = Response::new(body);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

fn head(request: &Request<Incoming>) -> String {
    let mut text = format!("{} {} {:?}\n", request.method(), request.uri(), request.version());
    for (name, value) in request.headers() {
        // Writing to a string cannot fail.
        _ = writeln!(text, "{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    text
}

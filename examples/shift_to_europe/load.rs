//! Users who ask on a schedule, whatever became of their last request.

use crate::record::{Answer, Record};
use bytes::Bytes;
use contraflow::Traffic;
use contraflow::protocol::ReplayBody;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tower::{Service, ServiceExt};

pub(crate) const USERS: usize = 300;
pub(crate) const REQUESTS_A_SECOND: u32 = 400;

/// A phase takes longer than planned until it has come to what it is for, but not by more: machines are slow at times.
const LONGER: Duration = Duration::from_secs(5);

type Body = ReplayBody<Empty<Bytes>>;

pub(crate) struct Load {
    traffic: Traffic,
    client: Client<HttpConnector, Body>,
    record: Arc<Record>,
    due: Instant,
    next: usize,
    asked: JoinSet<()>,
}

impl Load {
    pub(crate) fn new(traffic: &Traffic, record: &Arc<Record>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let (traffic, record) = (traffic.clone(), record.clone());
        Load { traffic, client, record, due: Instant::now(), next: 0, asked: JoinSet::new() }
    }

    /// Asks for so long, until everybody has, and until it has come so far.
    pub(crate) async fn go_on(&mut self, lasts: Duration, is_far: impl Fn() -> bool) {
        let stack = self.traffic.http(self.client.clone());
        let until = self.due + lasts;
        let is_done = |record: &Record| record.has_everybody() && is_far();
        while self.due < until || (self.due < until + LONGER && !is_done(&self.record)) {
            sleep_until(self.due).await;
            let (user, due) = (self.next % USERS, self.due);
            let (stack, record) = (stack.clone(), self.record.clone());
            let began = record.moment();
            self.asked.spawn(async move {
                let (is_good, server) = match ask(stack, user).await {
                    Ok((is_good, server)) => (is_good, Some(server)),
                    Err(_) => (false, None),
                };
                record.answered(began, &Answer { user, is_good, server, took: due.elapsed() });
            });
            self.next += 1;
            self.due += Duration::from_secs(1) / REQUESTS_A_SECOND;
            while self.asked.try_join_next().is_some() {}
        }
    }

    /// Waits for the last answers.
    pub(crate) async fn end(self) {
        self.asked.join_all().await;
    }
}

/// Whether the answer was good, and whose it was.
async fn ask<S, B>(stack: S, user: usize) -> Result<(bool, String), Box<dyn Error + Send + Sync>>
where
    S: Service<Request<Empty<Bytes>>, Response = http::Response<B>, Error: Into<Box<dyn Error + Send + Sync>>>,
    B: http_body::Body<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let request = Request::get("http://shop.example/cart").header("x-user", format!("user-{user}"));
    let answer = stack.oneshot(request.body(Empty::new())?).await.map_err(Into::into)?;
    let is_good = answer.status().is_success();
    let body = answer.into_body().collect().await.map_err(Into::into)?.to_bytes();
    Ok((is_good, String::from_utf8(body.into())?))
}

//! An axum application as a reverse proxy.

use super::*;

/// The proxy that the README shows: every request goes where the table says, and every failure is an answer.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    _server: Server,
    client: HttpClient<Body>,
}

impl Proxy {
    pub(crate) async fn over(traffic: &Traffic) -> Self {
        let app = axum::Router::new().fallback_service(traffic.http(client()).infallible());
        let (listener, address) = listener().await;
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("axum serves for ever") });
        Proxy { address, _server: Server { address, task }, client: client() }
    }

    /// A request to this path of the proxy, for the host that its users know.
    pub(crate) fn request(&self, path: &str) -> http::request::Builder {
        Request::builder().uri(format!("http://{}{path}", self.address)).header("host", "shop.example")
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Incoming> {
        self.client.request(request).await.expect("an answer of the proxy")
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = self.send(self.request(path).body(empty()).expect("a request")).await;
        (answer.status(), text(answer.into_body()).await)
    }

    /// The bodies of so many answers.
    async fn answers(&self, count: usize) -> Vec<String> {
        let mut answers = Vec::new();
        for _ in 0..count {
            let (status, body) = self.get("/").await;
            assert_eq!(status, StatusCode::OK);
            answers.push(body);
        }
        answers
    }
}

fn count(answers: &[String], name: &str) -> usize {
    answers.iter().filter(|answer| *answer == name).count()
}

#[tokio::test]
async fn requests_reach_the_endpoints_that_the_table_says() {
    let (a, b, c) = (Backend::named("a").await, Backend::named("b").await, Backend::named("c").await);
    let spec = shop(&[("us", &[("a", &a.address()), ("b", &b.address())])])
        .cluster("cart", |cluster| cluster.region("eu", |region| region.endpoint("c", c.address())))
        .route("cart", |route| route.when(Match::new().path_prefix("/cart")).to("cart"));
    let traffic = traffic(spec);
    let proxy = Proxy::over(&traffic).await;

    for _ in 0..3 {
        assert_eq!(proxy.get("/cart/7?pay=now").await, (StatusCode::OK, "c".into()));
    }
    let answers = proxy.answers(10).await;
    assert_eq!((count(&answers, "a"), count(&answers, "b")), (5, 5), "round robin over two of equal weight");
    assert_eq!(
        [counts(&traffic, "a"), counts(&traffic, "b"), counts(&traffic, "c")],
        [[0, 5, 0], [0, 5, 0], [0, 3, 0]]
    );
}

#[tokio::test]
async fn method_path_query_headers_and_body_arrive_as_they_were_sent() {
    let mut a = Backend::named("a").await;
    let proxy = Proxy::over(&to_one(&a.address())).await;
    let sent = proxy
        .request("/users/j%C3%BCrgen%20x;v=1/~,'()*!@:$&+=?q=%2Fa+b&q=2&&flag&x=%zz")
        .method("PROPPATCH")
        .header("x-twice", "one")
        .header("x-twice", "two")
        .header("x-bytes", HeaderValue::from_bytes(b"caf\xe9").expect("a value"))
        .header("x-empty", "")
        .header("cookie", "user=4; session=x")
        .header("authorization", "Bearer t")
        .header("forwarded", "for=192.0.2.1")
        .body(full("a body, of some length"))
        .expect("a request");
    let (method, uri, mut headers) = (sent.method().clone(), sent.uri().clone(), sent.headers().clone());
    proxy.send(sent).await;

    let came = a.seen().await;
    assert_eq!(came.method(), method);
    assert_eq!(came.uri().path_and_query(), uri.path_and_query());
    // What the client that sent it to the proxy says of the body.
    headers.insert("content-length", HeaderValue::from_static("22"));
    assert_eq!(came.headers(), &headers, "the host among them");
    assert_eq!(came.headers()["host"], "shop.example");
    assert_eq!(came.body(), "a body, of some length");
}

#[tokio::test]
async fn status_headers_and_body_come_back_as_they_were_answered() {
    let server = serve(Version::HTTP_11, |_| async {
        let answer = Response::builder().status(418).header("set-cookie", "a=1").header("set-cookie", "b=2");
        answer.header("x-bytes", HeaderValue::from_bytes(b"\xff").unwrap()).body(full("short and stout")).unwrap()
    })
    .await;
    let traffic = to_one(&server.address.to_string());
    let proxy = Proxy::over(&traffic).await;
    let answer = proxy.send(proxy.request("/tea").body(empty()).unwrap()).await;

    assert_eq!(answer.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(answer.headers().get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
    assert_eq!(answer.headers()["x-bytes"].as_bytes(), b"\xff");
    assert_eq!(answer.headers()["content-length"], "15");
    assert_eq!(text(answer.into_body()).await, "short and stout");
    assert_eq!(counts(&traffic, "a"), [0, 1, 0], "a client's mistake is no failure of the server");
}

#[tokio::test]
async fn answers_without_a_body_stay_without_one() {
    let server = serve(Version::HTTP_11, |request| async move {
        let status = if request.method() == Method::HEAD { StatusCode::OK } else { StatusCode::NO_CONTENT };
        let answer = Response::builder().status(status);
        let answer = if status == StatusCode::OK { answer.header("content-length", "1000") } else { answer };
        answer.body(empty()).unwrap()
    })
    .await;
    let traffic = to_one(&server.address.to_string());
    let proxy = Proxy::over(&traffic).await;

    let head = proxy.send(proxy.request("/").method("HEAD").body(empty()).unwrap()).await;
    assert_eq!((head.status(), &head.headers()["content-length"]), (StatusCode::OK, &HeaderValue::from_static("1000")));
    assert_eq!(text(head.into_body()).await, "");
    assert_eq!(proxy.get("/").await, (StatusCode::NO_CONTENT, String::new()));
    assert_eq!(counts(&traffic, "a"), [0, 2, 0]);
}

/// A server that sends each frame back as it comes.
async fn mirror() -> Server {
    serve(Version::HTTP_11, |request| async {
        Response::builder().header("trailer", "x-sum").body(request.into_body().map_err(Into::into).boxed()).unwrap()
    })
    .await
}

#[tokio::test]
async fn a_body_passes_both_ways_while_it_is_being_sent() {
    let server = mirror().await;
    let traffic = to_one(&server.address.to_string());
    let proxy = Proxy::over(&traffic).await;
    let (feed, body) = fed();
    feed.send(data("first ")).unwrap();
    let mut answer = proxy.send(proxy.request("/").method("POST").body(body).unwrap()).await.into_body();

    // Each part is back before the next is sent, so nobody on the way waits for the whole.
    assert_eq!(next_data(&mut answer).await.as_deref(), Some("first "));
    for part in ["second ", "third"] {
        feed.send(data(part)).unwrap();
        assert_eq!(next_data(&mut answer).await.as_deref(), Some(part));
        assert_eq!(counts(&traffic, "a"), [1, 1, 0], "in flight while it goes on");
    }
    drop(feed);
    assert_eq!(next_data(&mut answer).await, None);
    until_counts(&traffic, "a", [0, 1, 0]).await;
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let server = mirror().await;
    let traffic = to_one(&server.address.to_string());
    let proxy = Proxy::over(&traffic).await;
    let (feed, body) = fed();
    for frame in [data("counted"), trailers("x-sum", "7")] {
        feed.send(frame).unwrap();
    }
    drop(feed);
    let request = proxy.request("/").method("POST").header("te", "trailers").header("trailer", "x-sum").body(body);
    let answer = proxy.send(request.unwrap()).await.into_body().collect().await.unwrap();

    assert_eq!(answer.trailers().map(|trailers| &trailers["x-sum"]), Some(&HeaderValue::from_static("7")));
    assert_eq!(answer.to_bytes(), "counted");
    until_counts(&traffic, "a", [0, 1, 0]).await;
}

/// I-23.
#[tokio::test]
async fn an_evacuated_region_gets_no_new_request_until_it_is_readmitted() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let traffic = traffic(shop(&[("us", &[("a", &a.address())]), ("eu", &[("b", &b.address())])]));
    let proxy = Proxy::over(&traffic).await;

    let before = proxy.answers(60).await;
    assert!(count(&before, "a") > 0 && count(&before, "b") > 0, "{before:?}");
    traffic.evacuate("us", HOUR).unwrap();
    assert_eq!(count(&proxy.answers(30).await, "b"), 30);
    traffic.readmit("us").unwrap();
    traffic.evacuate("eu", HOUR).unwrap();
    assert_eq!(count(&proxy.answers(30).await, "a"), 30);
}

/// I-02.
#[tokio::test]
async fn a_publish_moves_every_new_request_and_a_rollback_moves_them_back() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let traffic = to_one(&a.address());
    let proxy = Proxy::over(&traffic).await;

    assert_eq!(proxy.answers(2).await, ["a", "a"]);
    traffic.publish(shop(&[("us", &[("b", &b.address())])]).build().unwrap()).unwrap();
    assert_eq!(proxy.answers(2).await, ["b", "b"]);
    traffic
        .edit(|spec| {
            let endpoint = spec.cluster_mut("shop")?.region_mut("us")?.endpoint_mut("b")?;
            endpoint.address = a.address();
            Ok(())
        })
        .unwrap();
    assert_eq!(proxy.answers(2).await, ["a", "a"], "the same name at another address");
    traffic.rollback().unwrap();
    assert_eq!(proxy.answers(2).await, ["b", "b"]);
}

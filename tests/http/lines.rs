//! A service that is not HTTP: a protocol of lines, with requests, replies and errors of its own.

use super::*;
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

/// A request: one word, and what it is about.
#[derive(Clone, Debug)]
enum Command {
    Get(String),
    Put(String, u64),
    Hang,
}

/// A reply: who gave it, and the value.
#[derive(Debug, PartialEq, Eq)]
struct Reply {
    from: String,
    value: u64,
}

fn get(key: &str) -> Command {
    Command::Get(key.into())
}

/// How a request is described: the word is its path, the key is its key.
fn facts(command: &Command) -> Facts<'_> {
    match command {
        Command::Get(key) => Facts::path("cache/get").with_key(key.as_bytes()),
        Command::Put(key, _) => Facts::path("cache/put").with_key(key.as_bytes()),
        Command::Hang => Facts::path("hang"),
    }
}

/// A server that knows the length of every word, and the value of every `put`.
async fn store(name: &'static str) -> Server {
    accept(move |stream| async move {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            let reply = match line.trim_end().split(' ').collect::<Vec<_>>()[..] {
                ["get", key] => format!("{name} {}\n", key.len()),
                ["put", _, value] => format!("{name} {value}\n"),
                ["hang"] => pending().await,
                _ => return,
            };
            if stream.write_all(reply.as_bytes()).await.is_err() {
                return;
            }
            line.clear();
        }
    })
    .await
}

/// A client of one server, with a connection for each request.
#[derive(Clone)]
struct Connection {
    address: String,
}

impl Connection {
    async fn ask(self, command: Command) -> io::Result<Reply> {
        let mut stream = BufReader::new(TcpStream::connect(self.address).await?);
        let line = match command {
            Command::Get(key) => format!("get {key}\n"),
            Command::Put(key, value) => format!("put {key} {value}\n"),
            Command::Hang => "hang\n".into(),
        };
        stream.write_all(line.as_bytes()).await?;
        let mut reply = String::new();
        stream.read_line(&mut reply).await?;
        let (from, value) = reply.trim_end().split_once(' ').ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Reply { from: from.into(), value: value.parse().map_err(io::Error::other)? })
    }
}

impl Service<Command> for Connection {
    type Response = Reply;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Reply>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: Command) -> Self::Future {
        Box::pin(self.clone().ask(command))
    }
}

fn connect(endpoint: &Endpoint) -> Connection {
    Connection { address: endpoint.address().into() }
}

/// Two servers in one region, and a third that takes what is written.
fn table(a: &Server, b: &Server, writer: &Server) -> TableSpec {
    shop(&[("us", &[("a", &a.address.to_string()), ("b", &b.address.to_string())])])
        .cluster("writer", |cluster| cluster.region("us", |region| region.endpoint("w", writer.address.to_string())))
        .route("puts", |route| route.when(Match::new().path("/cache/put")).to("writer"))
}

#[tokio::test]
async fn requests_of_a_type_of_ones_own_go_where_the_table_says() {
    let (a, b, w) = (store("a").await, store("b").await, store("w").await);
    let traffic = traffic(table(&a, &b, &w));
    let mut cache = traffic.layers(Plain::new(facts)).per_endpoint(connect).check::<Command>();
    let mut answered = BTreeSet::new();
    for _ in 0..4 {
        let Reply { from, value } = cache.ready().await.unwrap().call(get("seven")).await.unwrap();
        assert_eq!(value, 5);
        answered.insert(from);
    }
    assert_eq!(answered, BTreeSet::from(["a".into(), "b".into()]));
    let put = cache.call(Command::Put("seven".into(), 7)).await.unwrap();
    assert_eq!(put, Reply { from: "w".into(), value: 7 });
    assert_eq!(
        [counts(&traffic, "a"), counts(&traffic, "b"), counts(&traffic, "w")],
        [[0, 2, 0], [0, 2, 0], [0, 1, 0]]
    );
}

/// A service belongs to an endpoint's identity, and the address is a part of it.
#[tokio::test]
async fn an_endpoint_that_moved_gets_a_new_service_and_one_that_stayed_keeps_its_own() {
    let (a, b, elsewhere) = (store("a").await, store("b").await, store("elsewhere").await);
    let traffic = traffic(shop(&[("us", &[("a", &a.address.to_string())]), ("eu", &[("b", &b.address.to_string())])]));
    let (sender, mut made) = unbounded_channel();
    let stack = traffic.layers(Plain::new(facts)).per_endpoint(move |endpoint| {
        sender.send(endpoint.address().to_owned()).expect("the test counts them");
        connect(endpoint)
    });
    let mut answered = BTreeSet::new();
    for moved in [false, true] {
        if moved {
            let address = elsewhere.address.to_string();
            let change = |spec: &mut TableSpec| {
                let region = spec.cluster_mut("shop")?.region_mut("us")?;
                region.weight = 2;
                region.endpoint_mut("a")?.address = address.clone();
                Ok(())
            };
            traffic.edit(change).unwrap();
        }
        for _ in 0..60 {
            answered.insert((moved, stack.clone().oneshot(get("x")).await.unwrap().from));
        }
    }
    let by = |moved, name: &str| (moved, name.to_owned());
    assert_eq!(answered, BTreeSet::from([by(false, "a"), by(false, "b"), by(true, "b"), by(true, "elsewhere")]));
    drop(stack);
    let mut addresses = BTreeSet::new();
    let mut count = 0;
    while let Some(address) = made.recv().await {
        addresses.insert(address);
        count += 1;
    }
    assert_eq!((addresses.len(), count), (3, 3), "each address once");
}

/// I-10, over services: one key stays with one server, and two tables agree on it.
#[tokio::test]
async fn a_key_stays_with_one_server() {
    let (a, b, w) = (store("a").await, store("b").await, store("w").await);
    let mut spec = table(&a, &b, &w);
    spec.route_mut("all").unwrap().sticky = Some(contraflow::Sticky::caller());
    let stacks = [spec.clone(), spec].map(|spec| traffic(spec).layers(Plain::new(facts)).per_endpoint(connect));
    let mut homes = BTreeSet::new();
    for key in (0..20).map(|user| format!("user-{user}")) {
        let mut found = BTreeSet::new();
        for stack in stacks.iter().cycle().take(4) {
            found.insert(stack.clone().oneshot(get(&key)).await.unwrap().from);
        }
        assert_eq!(found.len(), 1, "{key}");
        homes.append(&mut found);
    }
    assert_eq!(homes.len(), 2, "of twenty keys some live on each");
}

#[tokio::test]
async fn what_the_service_fails_with_is_an_error_of_its_own_type_and_a_failure() {
    let traffic = to_one(&nowhere().await.to_string());
    let cache = traffic.layers(Plain::new(facts)).per_endpoint(connect);
    let Err(Error::Inner(error)) = cache.oneshot(get("x")).await else { panic!("nobody listens") };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(counts(&traffic, "a"), [0, 0, 1]);
}

#[tokio::test]
async fn a_request_that_is_refused_never_connects() {
    let (_listener, address) = listener().await;
    let mut spec = shop(&[("us", &[("a", &address.to_string())])]);
    spec.routes[0].matches = vec![Match::new().path("/cache/get")];
    let traffic = traffic(spec);
    let cache = traffic.layers(Plain::new(facts)).per_endpoint(connect);

    let error = cache.clone().oneshot(Command::Hang).await.unwrap_err();
    assert!(matches!(&error, Error::Rejected(rejected) if rejected.reason() == Reason::NoRoute), "{error}");
    traffic.evacuate("us", HOUR).unwrap();
    let error = cache.clone().boxed().oneshot(get("x")).await.unwrap_err();
    assert_eq!(error.downcast_ref::<Rejected>().map(Rejected::reason), Some(Reason::NoEndpoint));
    assert_eq!(counts(&traffic, "a"), [0, 0, 0]);
}

#[tokio::test]
async fn a_deadline_that_passes_is_an_error_that_says_how_long_the_request_had() {
    let a = store("a").await;
    let traffic = traffic(shop(&[("us", &[("a", &a.address.to_string())])]).deadline(Duration::from_millis(3)));
    let cache = traffic.layers(Plain::new(facts)).per_endpoint(connect);
    let error = cache.oneshot(Command::Hang).await.unwrap_err();

    assert!(matches!(error, Error::TimedOut(late) if late.after() == Duration::from_millis(3)), "{error}");
    assert_eq!(error.to_string(), "no answer within 3ms");
    assert_eq!(counts(&traffic, "a"), [0, 0, 1]);
}

#[tokio::test]
async fn one_service_needs_no_regions_and_no_addresses() {
    let db = store("db").await;
    let connection = Connection { address: db.address.to_string() };
    let traffic = Traffic::single("db", |route| route.deadline(HOUR)).unwrap();
    let stack = traffic.layers(Plain::new(facts)).passthrough(connection);

    assert_eq!(stack.clone().oneshot(get("four")).await.unwrap(), Reply { from: "db".into(), value: 4 });
    assert_eq!(counts(&traffic, "db"), [0, 1, 0]);

    // A request that waits is in flight, and is given back when nobody waits any more.
    let waiting = tokio::spawn(stack.oneshot(Command::Hang));
    until("in flight", || endpoint(&traffic, "db").in_flight == 1).await;
    waiting.abort();
    until("given back", || endpoint(&traffic, "db").in_flight == 0).await;
}

/// A request that is a type of somebody else's is changed into it before it is sent.
#[tokio::test]
async fn each_attempt_may_be_told_where_it_goes() {
    let (a, b) = (store("a").await, store("b").await);
    let traffic = traffic(shop(&[("us", &[("a", &a.address.to_string())]), ("eu", &[("b", &b.address.to_string())])]));
    let stack = traffic
        .layers(Plain::new(facts))
        .per_endpoint(connect)
        .map_attempt(|_: Command, target| get(&format!("{}-{}", target.region(), target.endpoint().name())))
        .check::<Command>();
    for _ in 0..8 {
        assert_eq!(stack.clone().oneshot(Command::Hang).await.unwrap().value, 4, "`us-a` or `eu-b`, and no hang");
    }
}

//! The operator's port: what it tells, what it changes, and whom it does not answer.

use crate::edge::run::Edge;
use crate::edge_with;
use crate::wire::{Head, Wire};
use serde_json::{Value, json};

/// One request to the admin port: the answer's head and body.
async fn ask(edge: &Edge, request: &str) -> (Head, String) {
    let mut client = Wire::to(edge.admin).await;
    client.send(request).await;
    let head = client.head().await;
    let length = head.values("content-length").first().map_or(0, |length| length.parse().expect("a length"));
    let body = if request.starts_with("HEAD") { String::new() } else { client.exactly(length).await };
    (head, body)
}

async fn status(edge: &Edge) -> Value {
    let (head, body) = ask(edge, &get("/status", "host: localhost\r\n")).await;
    assert_eq!((head.status(), head.values("content-type")), ("200", vec!["application/json"]));
    serde_json::from_str(&body).expect("JSON")
}

fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\n{fields}\r\n")
}

fn put(path: &str, fields: &str, body: &str) -> String {
    format!("PUT {path} HTTP/1.1\r\n{fields}content-length: {}\r\n\r\n{body}", body.len())
}

const OWN: &str = "host: localhost\r\ncontent-type: application/json\r\n";

/// What a request to change the split is answered with, when it has to change nothing.
async fn refusal(request: &str) -> (String, String) {
    let edge = demo().await;
    let before = status(&edge).await;
    let (head, body) = ask(&edge, request).await;
    assert_eq!(status(&edge).await, before, "{request:?} changed something");
    (head.status().to_owned(), body)
}

/// The program as it is without upstreams.
async fn demo() -> Edge {
    edge_with(&[], |_| {}).await
}

#[tokio::test]
async fn the_status_has_the_table_its_generation_and_the_decisions() {
    let edge = demo().await;
    let mut client = Wire::to(edge.proxy).await;
    for _ in 0..20 {
        client.send("GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n").await;
        let length = client.head().await.values("content-length")[0].parse().expect("a length");
        client.exactly(length).await;
    }
    client.send("GET /a//b HTTP/1.1\r\nhost: shop.example\r\n\r\n").await;
    assert_eq!(client.head().await.status(), "400");

    let status = status(&edge).await;
    assert_eq!(status["generation"], 1);
    let all = &status["table"]["routes"]["all"];
    assert_eq!(*all, json!({ "matches": ["any request"], "split": { "us-east": 60, "eu-west": 30, "ap-south": 10 } }));
    let region = &status["table"]["clusters"]["eu-west"]["regions"]["eu-west"];
    assert_eq!((&region["rank"], &region["share"], &region["in_flight"]), (&json!(0), &json!(1.0), &json!(0)));
    let spare = &status["table"]["clusters"]["eu-west"]["regions"]["us-east"];
    assert_eq!((&spare["rank"], &spare["share"]), (&json!(1), &json!(0.0)));
    for region in [region, spare] {
        assert_eq!((&region["phase"], &region["usable"], &region["ceiling"]), (&json!("up"), &json!(1.0), &json!(1.0)));
        assert_eq!(region["evacuated_for_seconds"], Value::Null);
        assert!(region["endpoints"].as_object().is_some_and(|of| of.values().all(|one| one["health"] == "well")));
    }
    assert_eq!(status["events"], json!([]));
    let decisions = status["decisions"]["all"].as_object().expect("clusters");
    let counts = decisions.values().flat_map(|regions| regions.as_object().expect("regions").values());
    assert_eq!(counts.map(|count| count.as_u64().expect("a count")).sum::<u64>(), 20);
    assert!(decisions.iter().all(|(cluster, regions)| regions.as_object().is_some_and(|of| of.keys().eq([cluster]))));
    assert_eq!(status["rejections"].as_object().expect("reasons").values().collect::<Vec<_>>(), [&json!(1)]);
}

#[tokio::test]
async fn a_split_that_is_put_is_the_split_of_the_next_request() {
    let edge = demo().await;
    for (generation, region) in (2..).zip(["ap-south", "us-east", "eu-west"]) {
        let (head, body) = ask(&edge, &put("/split/all", OWN, &json!({ region: 7 }).to_string())).await;
        assert_eq!(head.status(), "200", "{body}");
        let told: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(told["generation"], generation);
        assert_eq!(told["changes"].as_array().expect("changes").len(), 1);
        assert_eq!(status(&edge).await["table"]["routes"]["all"]["split"], json!({ region: 7 }));
        let mut client = Wire::to(edge.proxy).await;
        client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        client.head().await;
        assert_eq!(client.rest().await, format!("hello from {region}\n"));
    }
}

#[tokio::test]
async fn a_split_that_is_no_table_is_refused_in_the_tables_own_words() {
    for (body, says) in [
        (
            r#"{"us-esat": 1, "eu-west": 1}"#,
            "the table has a problem: routes.all.split.us-esat: names a cluster that does not exist; did you mean `us-east`?\n",
        ),
        ("{}", "the table has a problem: routes.all.split: is empty; name a cluster with `.to(..)` or `.split(..)`\n"),
        (
            r#"{"us-east": 1, "us-east": 2}"#,
            "the table has a problem: routes.all.split.us-east: is in the split twice; add the weights up\n",
        ),
    ] {
        assert_eq!(refusal(&put("/split/all", OWN, body)).await, ("400".into(), says.into()));
    }
    let (status, says) = refusal(&put("/split/all", OWN, r#"{"us-east": 0, "eu-west": 0}"#)).await;
    assert!(status == "400" && says.contains("routes.all.split: "), "{says}");
}

#[tokio::test]
async fn a_body_that_is_no_split_is_refused_and_changes_nothing() {
    let bodies = [
        "",
        "x",
        "[]",
        "7",
        "null",
        "{\"us-east\": 1",
        "{\"us-east\": 1} x",
        "{\"us-east\": -1}",
        "{\"us-east\": 0.5}",
        "{\"us-east\": \"1\"}",
        "{\"us-east\": 4294967296}",
        "{\"us-east\": null}",
        "{\"us-east\": {\"a\": 1}}",
        "{1: 1}",
    ];
    for body in bodies {
        let (status, says) = refusal(&put("/split/all", OWN, body)).await;
        assert_eq!(status, "400", "{body}");
        assert!(says.starts_with("the body is no object of clusters and whole weights"), "{body}: {says}");
    }
    let long = format!("{{\"{}\": 1}}", "x".repeat(64 * 1024));
    assert_eq!(refusal(&put("/split/all", OWN, &long)).await.0, "413");
}

#[tokio::test]
async fn a_route_that_does_not_exist_is_not_found_and_the_nearest_is_named() {
    let (status, says) = refusal(&put("/split/al", OWN, r#"{"us-east": 1}"#)).await;
    assert_eq!(
        (&*status, &*says),
        ("404", "the table has a problem: routes.al: does not exist; did you mean `all`?\n")
    );
    assert_eq!(refusal(&put("/split/%ff", OWN, r#"{"us-east": 1}"#)).await.0, "400");
    let (status, _) = ask(&demo().await, &put("/split/%61ll", OWN, r#"{"us-east": 1}"#)).await;
    assert_eq!(status.status(), "200", "a name in another spelling is the same name");
}

#[tokio::test]
async fn what_is_not_json_is_refused_whatever_it_holds() {
    for content in ["", "content-type: text/plain\r\n", "content-type: application/x-www-form-urlencoded\r\n"] {
        let fields = format!("host: localhost\r\n{content}");
        assert_eq!(refusal(&put("/split/all", &fields, r#"{"us-east": 1}"#)).await.0, "415", "{content}");
    }
    let fields = "host: localhost\r\ncontent-type: Application/JSON; charset=utf-8\r\n";
    assert_eq!(ask(&demo().await, &put("/split/all", fields, r#"{"us-east": 1}"#)).await.0.status(), "200");
}

/// DNS rebinding: the page's own name leads here, and the browser takes the answer for the page's.
#[tokio::test]
async fn a_host_of_another_name_is_not_answered() {
    let foreign = [
        "evil.example",
        "evil.example:8081",
        "localhost.evil.example",
        "10.0.0.1",
        "192.168.1.5:8081",
        "[2001:db8::1]",
        "0x7f000001",
        "2130706433",
        "127.0.0.1.nip.io",
        "user@localhost",
        "",
    ];
    for host in foreign {
        let fields = format!("host: {host}\r\ncontent-type: application/json\r\n");
        let (status, _) = refusal(&put("/split/all", &fields, r#"{"us-east": 1}"#)).await;
        assert!(["400", "403"].contains(&&*status), "{host}: {status}");
        let (head, body) = ask(&demo().await, &get("/status", &format!("host: {host}\r\n"))).await;
        assert!(["400", "403"].contains(&head.status()) && !body.contains("generation"), "{host}: {body}");
    }
    for hosts in ["", "host: localhost\r\nhost: evil.example\r\n", "host: localhost\r\nhost: localhost\r\n"] {
        assert_eq!(ask(&demo().await, &get("/status", hosts)).await.0.status(), "400", "{hosts:?}");
    }
}

#[tokio::test]
async fn every_name_of_this_machine_is_answered() {
    let edge = demo().await;
    for host in ["localhost", "LocalHost:9000", "127.0.0.1", "127.0.0.1:8081", "127.1.2.3", "[::1]", "[::1]:8081"] {
        assert_eq!(ask(&edge, &get("/status", &format!("host: {host}\r\n"))).await.0.status(), "200", "{host}");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_can_neither_change_nor_read() {
    let foreign = [
        "origin: http://evil.example\r\n",
        "origin: null\r\n",
        "origin: http://localhost:3000\r\n",
        "origin: https://localhost\r\n",
        "origin: http://localhost\r\norigin: http://evil.example\r\n",
        "sec-fetch-site: cross-site\r\n",
        "sec-fetch-site: same-site\r\n",
    ];
    for page in foreign {
        let (status, _) = refusal(&put("/split/all", &format!("{OWN}{page}"), r#"{"us-east": 1}"#)).await;
        assert_eq!(status, "403", "{page}");
        // A page may post without asking its browser's leave first.
        let post = format!("POST /evacuate/us-east?for=60 HTTP/1.1\r\n{OWN}{page}content-length: 0\r\n\r\n");
        assert_eq!(refusal(&post).await.0, "403", "{page}");
        let (head, _) = ask(&demo().await, &get("/status", &format!("host: localhost\r\n{page}"))).await;
        assert_eq!(head.status(), "403", "{page}");
    }
    for page in ["origin: http://localhost\r\n", "sec-fetch-site: same-origin\r\n", "sec-fetch-site: none\r\n"] {
        let (head, _) = ask(&demo().await, &get("/status", &format!("host: localhost\r\n{page}"))).await;
        assert_eq!(head.status(), "200", "{page}");
    }
    // Before a page may send JSON, its browser asks; no answer is a yes.
    let asks = "host: localhost\r\norigin: http://evil.example\r\naccess-control-request-method: PUT\r\n";
    let (head, _) = ask(&demo().await, &format!("OPTIONS /split/all HTTP/1.1\r\n{asks}\r\n")).await;
    assert!(head.status() == "403" && !head.has("access-control-allow-origin"), "{head:?}");
}

#[tokio::test]
async fn methods_and_paths_that_are_not_there_are_said_to_be_so() {
    let edge = demo().await;
    for (request, status, allow) in [
        ("POST /status HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n", "405", vec!["GET, HEAD"]),
        ("GET /split/all HTTP/1.1\r\nhost: localhost\r\n\r\n", "405", vec!["PUT"]),
        ("PUT /evacuate/us-east?for=60 HTTP/1.1\r\nhost: localhost\r\n\r\n", "405", vec!["POST"]),
        ("GET /readmit/us-east HTTP/1.1\r\nhost: localhost\r\n\r\n", "405", vec!["POST"]),
        ("POST /evacuate HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n", "404", vec![]),
        ("DELETE /split/all HTTP/1.1\r\nhost: localhost\r\n\r\n", "405", vec!["PUT"]),
        ("GET /stat HTTP/1.1\r\nhost: localhost\r\n\r\n", "404", vec![]),
        ("HEAD /status HTTP/1.1\r\nhost: localhost\r\n\r\n", "200", vec![]),
        ("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", "200", vec![]),
    ] {
        let (head, _) = ask(&edge, request).await;
        assert_eq!((head.status(), head.values("allow")), (status, allow), "{request:?}");
        assert_eq!(head.values("cache-control"), ["no-store"]);
    }
}

#[tokio::test]
async fn with_leave_any_address_is_answered_and_names_still_are_not() {
    let edge = edge_with(&[], |options| options.allow_remote_admin = true).await;
    for (host, status) in
        [("10.0.0.1:8081", "200"), ("[2001:db8::1]", "200"), ("localhost", "200"), ("evil.example", "403")]
    {
        assert_eq!(ask(&edge, &get("/status", &format!("host: {host}\r\n"))).await.0.status(), status, "{host}");
    }
}

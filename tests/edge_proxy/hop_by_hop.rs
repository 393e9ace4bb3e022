//! What is meant for the next hop stays there, and everything else goes on as it came.

use crate::wire::Wire;
use crate::{edge_over_one, passed_on, sent_back};

/// What the proxy adds to every request.
const OURS: [&str; 5] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "via"];

/// What the endpoint gets of these lines beside `Host`, without what the proxy adds.
async fn passed_on_fields(lines: &str) -> Vec<(String, String)> {
    let head = passed_on(&format!("GET / HTTP/1.1\r\nHost: shop.example\r\n{lines}\r\n\r\n")).await;
    assert_eq!(head.values("host"), ["shop.example"], "{lines}");
    head.fields.into_iter().filter(|(name, _)| name != "host" && !OURS.contains(&name.as_str())).collect()
}

fn fields(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn a_field_that_connection_names_is_not_passed_on() {
    for lines in [
        "Connection: x-one, x-two\r\nX-One: 1\r\nX-Two: 2",
        "X-One: 1\r\nX-Two: 2\r\nX-One: 3\r\nconnection: X-ONE,\tx-two ,",
        "Connection: x-one\r\nX-One: 1\r\nX-Two: 2\r\nConnection: ,,x-two\r\nConnection:",
        "Connection: not a name, x-one, \u{e9}, x-two\r\nX-One: 1\r\nX-Two: 2",
        "Connection: close, connection, x-one, x-two\r\nX-One: 1\r\nX-Two: 2",
    ] {
        assert_eq!(passed_on_fields(&format!("{lines}\r\nX-Three: 3")).await, fields(&[("x-three", "3")]), "{lines}");
    }
}

#[tokio::test]
async fn connection_does_not_take_out_the_host_or_what_the_proxy_adds() {
    let names = OURS.join(", ");
    let head = passed_on(&format!("GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: host, {names}\r\n\r\n")).await;
    assert_eq!(head.values("host"), ["shop.example"]);
    assert_eq!(head.values("x-forwarded-for"), ["127.0.0.1"]);
    for name in OURS {
        assert_eq!(head.values(name).len(), 1, "{name}");
    }
}

#[tokio::test]
async fn connection_does_not_take_the_length_from_a_body() {
    let (edge, mut server) = edge_over_one().await;
    for method in ["POST", "GET"] {
        let mut client = Wire::to(edge.proxy).await;
        client.send(format!("{method} / HTTP/1.1\r\nhost: a\r\nconnection: content-length\r\n")).await;
        client.send("content-length: 5\r\n\r\nhello").await;
        let mut endpoint = server.accept().await;
        let request = endpoint.head().await;
        assert_eq!(request.values("content-length"), ["5"], "{method}");
        assert_eq!(endpoint.exactly(5).await, "hello", "{method}");
    }
}

#[tokio::test]
async fn what_is_for_the_proxy_stays_with_it() {
    let lines = "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\n\
                 Proxy-Authenticate: Basic\r\nTE: gzip\r\nUpgrade: websocket\r\nAuthorization: Basic eQ==";
    assert_eq!(passed_on_fields(lines).await, fields(&[("authorization", "Basic eQ==")]));
}

#[tokio::test]
async fn te_goes_on_only_as_far_as_trailers_do() {
    let asked = fields(&[("connection", "te"), ("te", "trailers")]);
    for te in ["trailers", "Trailers", "gzip, trailers", "deflate;q=0.5,\ttrailers", "gzip\r\nTE: trailers"] {
        let mut came = passed_on_fields(&format!("Connection: TE\r\nTE: {te}")).await;
        came.sort();
        assert_eq!(came, asked, "{te}");
    }
    for te in ["gzip", "", "trailersx", "gzip;q=1"] {
        assert_eq!(passed_on_fields(&format!("Connection: TE\r\nTE: {te}")).await, [], "{te}");
    }
}

#[tokio::test]
async fn what_is_for_the_endpoint_goes_on_as_it_came() {
    let lines = "Cookie: a=1\r\nCookie: b=2\r\nAccept: */*\r\nX-Odd: \u{e9}\t \"q, \\\" \r\nX-Empty:\r\nTrailer: x-sum\r\n\
                 Authorization: Bearer x\r\nCookie: c=3\r\nContent_Length: 5\r\nMax-Forwards: 0";
    let came = passed_on_fields(lines).await;
    let values =
        |name: &str| came.iter().filter(|field| field.0 == name).map(|field| field.1.as_str()).collect::<Vec<_>>();
    assert_eq!(values("cookie"), ["a=1", "b=2", "c=3"]);
    // Two bytes of UTF-8, as they are.
    assert_eq!(values("x-odd"), ["\u{c3}\u{a9}\t \"q, \\\""]);
    assert_eq!(values("x-empty"), [""]);
    assert_eq!(values("content_length"), ["5"]);
    // It is for TRACE and OPTIONS, and says nothing of a GET.
    assert_eq!(values("max-forwards"), ["0"]);
    assert_eq!(came.len(), 10);
}

#[tokio::test]
async fn chunks_go_on_as_chunks_whatever_the_method() {
    let (edge, mut server) = edge_over_one().await;
    for method in ["POST", "GET", "HEAD", "DELETE", "OPTIONS", "SEARCH"] {
        let mut client = Wire::to(edge.proxy).await;
        client.send(format!("{method} / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")).await;
        client.send("5\r\nhello\r\n0\r\n\r\n").await;
        let mut endpoint = server.accept().await;
        let request = endpoint.head().await;
        assert_eq!(request.values("transfer-encoding"), ["chunked"], "{method}");
        assert_eq!(endpoint.exactly(15).await, "5\r\nhello\r\n0\r\n\r\n", "{method}");
    }
}

#[tokio::test]
async fn trailers_that_were_announced_go_on_with_the_body() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\nconnection: te\r\nte: trailers\r\ntrailer: x-sum\r\n").await;
    client.send("transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\nX-Other: 8\r\n\r\n").await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    let body = "2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n";
    assert_eq!(endpoint.exactly(body.len()).await, body);
    endpoint.send("HTTP/1.1 200 OK\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n0\r\nX-Sum: 9\r\n\r\n").await;
    client.head().await;
    let body = "0\r\nx-sum: 9\r\n\r\n";
    assert_eq!(client.exactly(body.len()).await, body);
}

#[tokio::test]
async fn an_answers_fields_for_this_hop_stay_here() {
    let (head, body) = sent_back(
        "HTTP/1.1 200 OK\r\nConnection: x-one ,keep-alive\r\nX-One: 1\r\nConnection: X-TWO\r\nX-Two: 2\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nTE: x\r\n\
         X-Three: 3\r\nContent-Length: 5\r\n\r\nhello",
    )
    .await;
    let mut names: Vec<_> = head.fields.iter().map(|field| field.0.as_str()).filter(|name| *name != "date").collect();
    names.sort_unstable();
    assert_eq!(names, ["connection", "content-length", "x-three"]);
    // Said by hyper, to a client that said so first.
    assert_eq!(head.values("connection"), ["close"]);
    assert_eq!(body, "hello");
}

#[tokio::test]
async fn an_answers_other_fields_go_on_in_their_order() {
    let (head, _) = sent_back(
        b"HTTP/1.1 404 Nobody Home\r\nSet-Cookie: a=1; Path=/\r\nVary: x\r\nSet-Cookie: b=2\r\nX-Odd: \xe9\xff\x80\r\n\
          set-cookie: a=3\r\nVia: 1.1 other\r\nServer: x\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    assert_eq!(head.line, "HTTP/1.1 404 Nobody Home");
    assert_eq!(head.values("set-cookie"), ["a=1; Path=/", "b=2", "a=3"]);
    assert_eq!(head.values("x-odd"), ["\u{e9}\u{ff}\u{80}"]);
    for (name, value) in [("vary", "x"), ("via", "1.1 other"), ("server", "x"), ("www-authenticate", "Basic")] {
        assert_eq!(head.values(name), [value]);
    }
}

#[tokio::test]
async fn an_answer_has_one_length_or_chunks() {
    for (lines, body, passed_on) in [
        // Chunks overrule a length (RFC 9112, 6.3).
        ("Content-Length: 3\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n", Err("chunked")),
        ("Transfer-Encoding: chunked\r\nContent-Length: 30", "5\r\nhello\r\n0\r\n\r\n", Err("chunked")),
        ("Connection: content-length\r\nContent-Length: 5", "hello", Ok("5")),
        ("Content-Length: 5\r\nContent-Length: 5", "hello", Ok("5")),
        ("Content-Length: 5, 5", "hello", Ok("5")),
        ("X: until the end", "hello", Err("chunked")),
    ] {
        let (head, came) = sent_back(format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n{body}")).await;
        match passed_on {
            Ok(length) => {
                assert_eq!(
                    (head.values("content-length"), head.has("transfer-encoding")),
                    (vec![length], false),
                    "{lines}"
                );
                assert_eq!(came, "hello", "{lines}");
            }
            Err(coding) => {
                assert_eq!(
                    (head.values("transfer-encoding"), head.has("content-length")),
                    (vec![coding], false),
                    "{lines}"
                );
                assert_eq!(came, "5\r\nhello\r\n0\r\n\r\n", "{lines}");
            }
        }
    }
}

#[tokio::test]
async fn an_answer_that_has_two_readings_is_502() {
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Content-Length: +5",
        "Content-Length:",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "X: a\r\n b",
        "X : a",
        "X: a\0b",
    ] {
        let (head, _) = sent_back(format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\nhello")).await;
        assert_eq!(head.status(), "502", "{lines:?}");
    }
    let (head, _) = sent_back("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").await;
    assert_eq!(head.status(), "502");
}

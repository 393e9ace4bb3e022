//! Bodies that break off, or cannot be read: the head has been passed on by then.

use crate::edge_over_one;
use crate::wire::Wire;

/// What an attacker hopes to have read as a request of its own.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nhost: shop.example\r\n\r\n";

#[tokio::test]
async fn a_body_with_bad_chunks_ends_both_connections() {
    let bodies = [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhelloo\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "10000000000000000\r\nhello\r\n0\r\n\r\n",
        "0\r\nX\n\r\n\r\n",
        "0\n\n",
    ];
    for body in bodies {
        let (edge, mut server) = edge_over_one().await;
        let mut client = Wire::to(edge.proxy).await;
        client.send(format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{body}{HIDDEN}")).await;
        // What was good until then may have been sent, the head or a chunk; but no end.
        let came = server.accept().await.rest().await;
        assert!(!came.ends_with("0\r\n\r\n") && !came.contains("/hidden"), "{body:?}: {came}");
        let answers = client.rest().await;
        assert!(answers.starts_with("HTTP/1.1 400 "), "{body:?}: {answers}");
        assert_eq!(answers.matches("HTTP/1.").count(), 1, "{body:?}: {answers}");
        assert!(server.is_alone(), "{body:?}");
    }
}

#[tokio::test]
async fn extensions_of_chunks_have_an_end() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    let extension = "x".repeat(32 * 1024);
    client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
    client.send(format!("5;{extension}\r\nhello\r\n0\r\n\r\n")).await;
    assert!(!server.accept().await.rest().await.contains("hello"));
    assert!(client.rest().await.starts_with("HTTP/1.1 400 "));
}

/// One client could have all endpoints taken out if they were blamed for what it sends.
#[tokio::test]
async fn an_endpoint_is_not_blamed_for_a_body_that_the_client_broke() {
    let (edge, mut server) = edge_over_one().await;
    for body in ["no size", "5\r\nhel"].repeat(10) {
        let mut client = Wire::to(edge.proxy).await;
        client.send(format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{body}")).await;
        client.end().await;
        assert!(!server.accept().await.rest().await.ends_with("0\r\n\r\n"));
        assert!(client.rest().await.starts_with("HTTP/1.1 400 "), "{body:?}");
    }
    let status = edge.traffic.status();
    let endpoints = status.clusters.iter().flat_map(|cluster| &cluster.regions).flat_map(|region| &region.endpoints);
    assert_eq!(endpoints.map(|endpoint| endpoint.failures).sum::<u64>(), 0);
}

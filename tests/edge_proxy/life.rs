//! The end: nobody new, nobody cut off who is nearly done, nobody waited for for ever.

use crate::edge_over_one;
use crate::wire::Wire;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn nobody_connects_any_more_and_idle_connections_are_closed() {
    let (edge, _server) = edge_over_one().await;
    let mut idle = [Wire::to(edge.proxy).await, Wire::to(edge.admin).await];
    let mut used = Wire::to(edge.admin).await;
    used.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let head = used.head().await;
    used.exactly(head.values("content-length")[0].parse().expect("a length")).await;

    assert_eq!(edge.stop(LONG, |_| {}).await, 0);
    for client in idle.iter_mut().chain([&mut used]) {
        assert_eq!(client.rest().await, "");
    }
    assert!(TcpStream::connect(edge.proxy).await.is_err());
    assert!(TcpStream::connect(edge.admin).await.is_err());
}

#[tokio::test]
async fn a_request_in_flight_is_answered_to_its_end() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    endpoint.send("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello").await;
    client.head().await;
    client.exactly(5).await;

    let stopped = async { edge.stop(LONG, |_| {}).await };
    let finished = async {
        until_nobody_connects(edge.proxy).await;
        endpoint.send(" world").await;
        client.rest().await
    };
    assert_eq!(tokio::join!(stopped, finished), (0, " world".to_owned()));
}

#[tokio::test]
async fn a_tunnel_holds_nobody_up() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n").await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    endpoint.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhi").await;
    client.head().await;
    client.exactly(2).await;

    assert_eq!(edge.stop(LONG, |_| {}).await, 0);
    assert_eq!(client.rest().await, "");
    assert_eq!(endpoint.rest().await, "");
}

#[tokio::test]
async fn whoever_does_not_end_is_not_waited_for_longer_than_was_said() {
    let (edge, mut server) = edge_over_one().await;
    let mut client = Wire::to(edge.proxy).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut endpoint = server.accept().await;
    endpoint.head().await;
    assert_eq!(edge.stop(Duration::from_millis(10), |_| {}).await, 1);
}

/// Lets everything else run until the port is closed: then it has been told to end.
pub(crate) async fn until_nobody_connects(address: SocketAddr) {
    for _ in 0..10_000 {
        if TcpStream::connect(address).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{address} is open for ever");
}

#[tokio::test]
async fn who_connected_before_the_end_is_answered_though_nobody_has_accepted_them_yet() {
    let edge = crate::edge(&[]).await;
    // Nothing else runs meanwhile: only the system knows of them.
    let mut clients: Vec<_> = (0..50).map(|_| std::net::TcpStream::connect(edge.proxy).expect("a backlog")).collect();
    for client in &mut clients {
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").expect("a socket");
    }
    assert_eq!(edge.stop(LONG, |_| {}).await, 0);
    for mut client in clients {
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer, then the end");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("hello from"), "{answer:?}");
    }
}

//! The program, as the README has it run.

use crate::wire::Wire;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::{Command as Blocking, Stdio};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Builds it, which is nothing to do when the tests were built with it, and says where it is.
fn program() -> String {
    let mut cargo = Blocking::new(env!("CARGO"));
    cargo.args(["build", "--example", "edge_proxy", "--message-format", "json"]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    if cfg!(feature = "testing") {
        cargo.arg("--all-features");
    }
    let built = cargo.output().expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8(built.stdout).expect("JSON");
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter_map(|message| message["executable"].as_str().map(str::to_owned));
    programs.next().expect("a program")
}

/// The program on free ports, and what it says until it is ready.
async fn start() -> (Child, Lines<BufReader<ChildStdout>>, Vec<String>) {
    let mut program = Command::new(program())
        .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(program.stdout.take().expect("it is piped")).lines();
    let mut said = Vec::new();
    while said.last().is_none_or(|line| line != "end with Ctrl-C") {
        said.push(lines.next_line().await.expect("text").expect("it goes on"));
    }
    (program, lines, said)
}

#[cfg(unix)]
fn ask_to_end(program: &Child) {
    let id = program.id().expect("it runs").to_string();
    assert!(Blocking::new("kill").args(["-TERM", &id]).status().expect("a command").success());
}

#[cfg(unix)]
#[tokio::test]
async fn it_ends_well_when_nobody_reads_what_it_says() {
    let (mut program, lines, _) = start().await;
    drop(lines);
    ask_to_end(&program);
    assert!(program.wait().await.expect("it ends").success());
}

#[cfg(unix)]
#[tokio::test]
async fn it_serves_three_regions_changes_their_shares_and_ends_when_it_is_asked() {
    let (mut program, mut lines, said) = start().await;
    let address = |what: &str| {
        let line = said.iter().find_map(|line| line.strip_prefix(what)).expect("an address");
        let url = line.split_whitespace().next().expect("a URL");
        url.trim_start_matches("http://").parse().expect("an address")
    };
    let (proxy, admin) = (address("proxy"), address("admin"));
    assert!(said.iter().any(|line| line.starts_with("  60%  us-east  http://127.0.0.1:")), "{said:?}");

    let mut client = Wire::to(proxy).await;
    let mut seen = BTreeSet::new();
    // That one of a tenth is not among 400 happens once in 10^18 runs.
    for _ in 0..400 {
        seen.insert(hello(&mut client).await);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["ap-south", "eu-west", "us-east"]);

    // As the program says to.
    let split = said.iter().find_map(|line| line.split("-d '").nth(1)?.split('\'').next()).expect("a split");
    let mut operator = Wire::to(admin).await;
    let length = split.len();
    operator.send(format!("PUT /split/all HTTP/1.1\r\nhost: {admin}\r\ncontent-type: application/json\r\n")).await;
    operator.send(format!("content-length: {length}\r\nconnection: close\r\n\r\n{split}")).await;
    assert_eq!(operator.head().await.status(), "200");
    for _ in 0..400 {
        assert_ne!(hello(&mut client).await, "ap-south");
    }

    ask_to_end(&program);
    assert!(program.wait().await.expect("it ends").success());
    let last = lines.next_line().await.expect("text").expect("last words");
    assert!(last.starts_with("no new connections"), "{last}");
}

/// Who answers.
async fn hello(client: &mut Wire) -> String {
    client.send("GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!(head.status(), "200");
    let body = client.exactly(head.values("content-length")[0].parse().expect("a length")).await;
    body.trim_end().trim_start_matches("hello from ").to_owned()
}

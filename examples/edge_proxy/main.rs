//! A reverse proxy over regional upstreams, with an admin port to shift traffic between them while it flows.
//!
//! `cargo run --example edge_proxy` needs nothing else: it starts three upstreams of its own, and says what to try.
//! `-- --help` lists the flags.
//!
//! What it has to do with contraflow is two lines in `edge/proxy.rs`, and `edge/table.rs`; the rest is what a proxy has to get
//! right whoever routes. A request meets the parts in this order:
//!
//! | file | does |
//! |---|---|
//! | `serve` | connections: HTTP/1.1 and HTTP/2 on one port, limits on heads, the graceful end |
//! | `proxy` | a request's way, in, through the stack, and back |
//! | `request`, `target` | what comes in, and what it is for |
//! | `answer` | what goes back, and sentences in its place |
//! | `hop_by_hop`, `forwarded` | what is not passed on, and what is added |
//! | `expect` | bodies that wait for `100 Continue` |
//! | `tunnel` | connections that change their protocol |
//! | `admin`, `status`, `counts` | the operator's port |
//! | `options`, `table`, `upstreams`, `run`, `life` | from the command line to open ports, and to the end |
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "they are for the library: a program has time, and locks"
)]

mod edge;

use clap::Parser;
use contraflow::table::Route;
use edge::options::Options;
use edge::run::Edge;
use edge::table::{ROUTE, regions};
use std::process::ExitCode;
use std::time::Duration;

/// How long connections may go on after the program was told to end.
const GRACE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    let edge = match Edge::start(&Options::parse()).await {
        Ok(edge) => edge,
        Err(why) => {
            eprintln!("edge_proxy: {why}");
            return ExitCode::FAILURE;
        }
    };
    greet(&edge);
    asked_to_end().await;
    println!(
        "no new connections; waiting for those there are, at most {} s; once more to end at once",
        GRACE.as_secs()
    );
    let left = tokio::select! {
        left = edge.stop(GRACE, |open| println!("waiting for {open}")) => left,
        () = asked_to_end() => edge.still_open(),
    };
    if left > 0 {
        println!("cut off {left}");
    }
    ExitCode::SUCCESS
}

/// Until somebody presses Ctrl-C, or the system asks.
async fn asked_to_end() {
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => _ = signals.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending();
    tokio::select! {
        // Where there is no such signal, nobody can send it.
        Ok(()) = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

fn greet(edge: &Edge) {
    let (proxy, admin) = (edge.proxy, edge.admin);
    println!("proxy  http://{proxy}  HTTP/1.1, and HTTP/2 with prior knowledge");
    println!("admin  http://{admin}");
    let snapshot = edge.traffic.snapshot();
    let shares: Vec<_> = snapshot.table().routes().flat_map(Route::split).collect();
    let regions = regions(&edge.upstreams);
    for region in &regions {
        let here = edge.upstreams.iter().filter(|upstream| upstream.region == *region);
        let urls: Vec<_> = here.map(|upstream| format!("http://{}", upstream.authority)).collect();
        let share = shares.iter().find(|(cluster, _)| *cluster == *region).map_or(0.0, |(_, share)| share.get());
        println!("{:>4.0}%  {region}  {}", share * 100.0, urls.join(" "));
    }
    let split = match regions[..] {
        [first, second, ..] => format!("{{\"{first}\": 20, \"{second}\": 80}}"),
        _ => format!("{{\"{}\": 1}}", regions[0]),
    };
    println!("try:");
    println!("  curl http://{proxy}/");
    println!("  for i in $(seq 100); do curl -s http://{proxy}/; done | sort | uniq -c");
    println!("  curl http://{proxy}/headers");
    println!("  curl http://{admin}/status");
    println!("  curl -X PUT -H 'content-type: application/json' -d '{split}' http://{admin}/split/{ROUTE}");
    println!("end with Ctrl-C");
}

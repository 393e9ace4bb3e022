//! A reverse proxy over regional upstreams, with an admin port to shift traffic between them while it flows.
//!
//! `cargo run --example edge_proxy` needs nothing else: it starts three upstreams of its own, and says what to try.
//! `-- --help` lists the flags.
//!
//! What routes is two lines in `edge/proxy.rs`, by the table of `edge/table.rs`; most of the rest is what a proxy has to get
//! right whoever routes. Nothing bounds how long a body may stand still, a tunnel stay open, or how many may connect: put
//! that in front, or write it. A request meets the parts in this order:
//!
//! | file | does |
//! |---|---|
//! | `serve` | connections: HTTP/1.1 and HTTP/2 on one port, limits on heads, the graceful end |
//! | `proxy` | a request's way, in, through the stack, and back |
//! | `request`, `target` | what comes in, and what it is for |
//! | `answer` | what goes back, and sentences in its place |
//! | `hop_by_hop`, `forwarded` | what is not passed on, and what is added |
//! | `expect` | bodies that wait for `100 Continue` |
//! | `unsent` | which failures prove that nothing was sent |
//! | `tunnel` | connections that change their protocol |
//! | `admin`, `regions`, `status`, `counts`, `events` | the operator's port |
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
use std::io::{self, Write};
use std::process::{ExitCode, exit};
use std::time::Duration;

/// How long connections may go on after the program was told to end.
const GRACE: Duration = Duration::from_secs(10);

/// Says it to whoever reads; that nobody does is no reason to stop.
macro_rules! say {
    ($($said:tt)*) => {
        _ = writeln!(io::stdout(), $($said)*)
    };
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let started = async {
        let ending = Ending::new().map_err(|error| format!("cannot listen for signals: {error}"))?;
        Ok::<_, String>((ending, Edge::start(&options).await?))
    };
    let (mut ending, edge) = match started.await {
        Ok(started) => started,
        Err(why) => {
            _ = writeln!(io::stderr(), "edge_proxy: {why}");
            return ExitCode::FAILURE;
        }
    };
    greet(&edge);
    ending.asked().await;
    say!("no new connections; waiting for those there are, at most {} s; once more to end at once", GRACE.as_secs());
    let left = tokio::select! {
        left = edge.stop(GRACE, |open| say!("waiting for {open}")) => left,
        () = ending.asked() => edge.still_open(),
    };
    if left > 0 {
        say!("cut off {left}");
    }
    // Not by returning: the runtime would wait for names that are being looked up.
    exit(0)
}

/// Hears, from when it is made, when somebody presses Ctrl-C or the system asks to end.
struct Ending {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

impl Ending {
    fn new() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Ending { signals: [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?] })
        }
        #[cfg(not(unix))]
        Ok(Ending {})
    }

    async fn asked(&mut self) {
        #[cfg(unix)]
        {
            let [interrupt, terminate] = &mut self.signals;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn greet(edge: &Edge) {
    let (proxy, admin) = (edge.proxy, edge.admin);
    say!("proxy  http://{proxy}  HTTP/1.1, and HTTP/2 with prior knowledge");
    say!("admin  http://{admin}");
    let snapshot = edge.traffic.snapshot();
    let shares: Vec<_> = snapshot.table().routes().flat_map(Route::split).collect();
    let regions = regions(&edge.upstreams);
    for region in &regions {
        let here = edge.upstreams.iter().filter(|upstream| upstream.region == *region);
        let urls: Vec<_> = here.map(|upstream| format!("http://{}", upstream.authority)).collect();
        let share = shares.iter().find(|(cluster, _)| *cluster == *region).map_or(0.0, |(_, share)| share.get());
        say!("{:>4.0}%  {region}  {}", share * 100.0, urls.join(" "));
    }
    let split = match regions[..] {
        [first, second, ..] => format!("{{\"{first}\": 20, \"{second}\": 80}}"),
        _ => format!("{{\"{}\": 1}}", regions[0]),
    };
    say!("try:");
    say!("  curl http://{proxy}/");
    say!("  for i in $(seq 100); do curl -s http://{proxy}/; done | sort | uniq -c");
    say!("  curl http://{proxy}/headers");
    say!("  curl http://{admin}/status");
    say!("  curl -X PUT -H 'content-type: application/json' -d '{split}' http://{admin}/split/{ROUTE}");
    if let [_, second, ..] = regions[..] {
        say!("  curl -X POST 'http://{admin}/evacuate/{second}?for=60&reason=practice'");
    }
    if !edge.paces.is_empty() {
        say!("  curl -X PUT 'http://{admin}/slow/{}?ms=100'", regions[0]);
    }
    say!("end with Ctrl-C");
}

//! The whole of it: from options to two open ports, and to the end.

use super::admin::Admin;
use super::life::Life;
use super::options::{Options, Upstream};
use super::proxy::Proxy;
use super::serve::serve;
use super::table::table;
use super::upstreams::{self, Paces, REGIONS};
use contraflow::Traffic;
use hyper::service::service_fn;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;

/// A proxy that runs.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) proxy: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) traffic: Traffic,
    pub(crate) upstreams: Vec<Upstream>,
    /// Of the upstreams that we started; empty when somebody brought theirs.
    pub(crate) paces: Paces,
    life: Life,
    /// Upstreams of our own end after the proxy: what it still sends has to be answered.
    upstreams_life: Life,
}

impl Edge {
    /// Opens the ports and begins to serve; what is wrong is said in a sentence.
    pub(crate) async fn start(options: &Options) -> Result<Edge, String> {
        if !options.admin.ip().is_loopback() && !options.allow_remote_admin {
            return Err(format!(
                "--admin {} could be reached from other machines, and whoever reaches it can move all traffic; \
                 bind it to 127.0.0.1, or say --allow-remote-admin",
                options.admin
            ));
        }
        let (proxy, proxy_address) = listen("--listen", options.listen).await?;
        let (admin, admin_address) = listen("--admin", options.admin).await?;
        let (life, upstreams_life) = (Life::new(), Life::new());
        let is_demo = options.upstreams.is_empty();
        let (upstreams, paces) = if is_demo {
            let started = upstreams::start(&upstreams_life).await;
            started.map_err(|error| format!("cannot start an upstream: {error}"))?
        } else {
            (options.upstreams.clone(), Paces::default())
        };
        let weight = |region: &str| match REGIONS.iter().find(|(name, _)| *name == region) {
            Some((_, weight)) if is_demo => *weight,
            _ => 1,
        };
        let traffic = Traffic::new(table(&upstreams, weight, options).map_err(|error| error.to_string())?);
        let operator = Admin::new(&traffic, &paces, options.allow_remote_admin);
        let handler = Proxy::new(&traffic, options, &life);
        tokio::spawn(serve(proxy, life.clone(), move |client| {
            let handler = handler.with(client);
            service_fn(move |request| handler.answer(request))
        }));
        tokio::spawn(serve(admin, life.clone(), move |_| {
            let operator = operator.clone();
            service_fn(move |request| {
                let answer = operator.clone().answer(request);
                async move { Ok::<_, Infallible>(answer.await) }
            })
        }));
        Ok(Edge { proxy: proxy_address, admin: admin_address, traffic, upstreams, paces, life, upstreams_life })
    }

    /// How many connections and tunnels are open.
    pub(crate) fn still_open(&self) -> usize {
        self.life.still_open()
    }

    /// Takes no more connections, and waits for those there are: at most this long, telling each second how many.
    /// Returns how many were left.
    pub(crate) async fn stop(&self, at_most: Duration, mut tell: impl FnMut(usize)) -> usize {
        self.life.end();
        let progress = async {
            let mut seconds = tokio::time::interval(Duration::from_secs(1));
            // The first tick is at once, and most are done by then.
            seconds.tick().await;
            loop {
                seconds.tick().await;
                tell(self.life.still_open());
            }
        };
        tokio::select! {
            () = self.life.closed() => {}
            () = tokio::time::sleep(at_most) => {}
            () = progress => {}
        }
        self.upstreams_life.end();
        self.life.still_open()
    }
}

async fn listen(option: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), String> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok::<_, std::io::Error>((listener, address))
    };
    bound.await.map_err(|error| format!("cannot listen on {address}: {error}; choose another address with {option}"))
}

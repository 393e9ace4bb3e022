//! Names that are asked for again and again.

use super::*;
use contraflow::layer::Resolve;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

type Addresses = io::Result<Vec<SocketAddr>>;

/// A resolver that answers what it is told to, and counts.
#[derive(Clone, Default)]
struct Resolver {
    asked: Arc<AtomicU64>,
    answer: Arc<Mutex<Option<Vec<&'static str>>>>,
    is_silent: Arc<Mutex<bool>>,
}

impl Resolver {
    fn says(&self, addresses: &[&'static str]) {
        *self.answer.lock().unwrap() = Some(addresses.to_vec());
    }

    fn fails(&self) {
        *self.answer.lock().unwrap() = None;
    }

    fn falls_silent(&self, is_silent: bool) {
        *self.is_silent.lock().unwrap() = is_silent;
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    fn ask(&self) -> Lookup {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Lookup(self.clone())
    }
}

struct Lookup(Resolver);

impl Future for Lookup {
    type Output = Addresses;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Addresses> {
        if *self.0.is_silent.lock().unwrap() {
            return Poll::Pending;
        }
        let answer = self.0.answer.lock().unwrap().clone().ok_or_else(|| io::Error::other("no such name"));
        Poll::Ready(answer.map(|all| all.into_iter().map(|one| one.parse().unwrap()).collect()))
    }
}

type Future_<F> = Pin<Box<Follow<Resolve<F, Lookup>>>>;

fn resolved(resolver: &Resolver) -> (Traffic, ManualClock, Arc<Heard>, Future_<impl FnMut() -> Lookup + use<>>) {
    let (traffic, hand) = traffic(spec("a"));
    let heard = Arc::new(Heard::default());
    traffic.observe(heard.clone());
    let ask = {
        let resolver = resolver.clone();
        move || resolver.ask()
    };
    let future = Box::pin(traffic.resolve("api", "eu", seconds(40), ask));
    (traffic, hand, heard, future)
}

fn poll<F: Future<Output = Result<(), NoSuchRegion>>>(future: &mut Pin<Box<F>>) {
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

fn all_names(traffic: &Traffic) -> Vec<String> {
    endpoints(traffic).into_iter().inspect(|it| assert_eq!(it.name, it.address)).map(|it| it.name).collect()
}

#[test]
fn addresses_become_endpoints_that_are_named_by_them() {
    let resolver = Resolver::default();
    resolver.says(&["10.0.0.2:80", "10.0.0.1:80", "[::1]:80", "10.0.0.2:80"]);
    let (traffic, _hand, _heard, mut future) = resolved(&resolver);
    poll(&mut future);
    assert_eq!(all_names(&traffic), ["10.0.0.1:80", "10.0.0.2:80", "[::1]:80"]);
}

#[test]
fn it_asks_at_once_and_then_at_a_jittered_interval() {
    let resolver = Resolver::default();
    resolver.says(&["10.0.0.1:80"]);
    let (traffic, hand, _heard, mut future) = resolved(&resolver);
    poll(&mut future);
    assert_eq!(resolver.asked(), 1);
    let mut waits = Vec::new();
    for asked in 2..=20 {
        let began = traffic.now();
        while resolver.asked() < asked {
            hand.advance(Duration::from_millis(100));
            poll(&mut future);
        }
        waits.push(traffic.now().since(began));
    }
    assert!(waits.iter().all(|wait| (seconds(30)..=seconds(51)).contains(wait)), "{waits:?}");
    assert!(waits.iter().max().unwrap().saturating_sub(*waits.iter().min().unwrap()) > seconds(10), "{waits:?}");
    assert_eq!(traffic.snapshot().generation().as_u64(), 2, "the same answer publishes nothing");
}

#[test]
fn a_resolver_that_fails_is_silent_or_finds_nothing_changes_nothing() {
    let resolver = Resolver::default();
    resolver.says(&["10.0.0.1:80", "10.0.0.2:80"]);
    let (traffic, hand, heard, mut future) = resolved(&resolver);
    poll(&mut future);
    let told = || std::mem::take(&mut *heard.0.lock().unwrap()).iter().map(short).collect::<Vec<_>>();
    assert_eq!(told(), ["+2 -1 ~0"]);
    let mut pass = |time| {
        for _ in 0..time {
            hand.advance(seconds(1));
            poll(&mut future);
        }
    };
    resolver.fails();
    pass(51);
    assert_eq!(told()[0], "failed: no such name");
    resolver.falls_silent(true);
    pass(51 + 41);
    assert!(told().contains(&"failed: no answer in 40s".to_owned()));
    resolver.falls_silent(false);
    resolver.says(&[]);
    pass(92);
    assert!(told().contains(&"held 2 of 2 until never".to_owned()));
    assert_eq!(all_names(&traffic), ["10.0.0.1:80", "10.0.0.2:80"]);
    resolver.says(&["10.0.0.1:80", "10.0.0.3:80"]);
    pass(51);
    assert_eq!(all_names(&traffic), ["10.0.0.1:80", "10.0.0.3:80"]);
}

#[test]
fn a_question_may_answer_with_endpoints_of_its_own() {
    let (traffic, _hand) = traffic(spec("a"));
    let ask = || std::future::ready(Ok::<_, String>(vec![EndpointSpec::new("a", "a:80").weight(5)]));
    let mut future = Box::pin(traffic.resolve("api", "eu", seconds(40), ask));
    poll(&mut future);
    assert_eq!(endpoints(&traffic)[0].weight, 5);
}

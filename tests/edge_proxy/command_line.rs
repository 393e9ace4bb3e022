//! What may be said on the command line, and what is said to what may not.

use crate::edge::options::{InFlight, Options, Upstream};
use crate::edge::run::Edge;
use crate::edge_with;
use clap::Parser;
use contraflow::table::{Failover, Outlier};
use contraflow::{Hedge, Retry};
use std::time::Duration;

fn parse(arguments: &[&str]) -> Result<Options, String> {
    let all = ["edge_proxy"].iter().chain(arguments);
    Options::try_parse_from(all).map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
}

#[test]
fn without_flags_it_listens_on_loopback_over_upstreams_of_its_own() {
    let options = parse(&[]).expect("nothing is needed");
    assert_eq!(
        (options.listen.to_string(), options.admin.to_string()),
        ("127.0.0.1:8080".into(), "127.0.0.1:8081".into())
    );
    assert!(options.upstreams.is_empty() && !options.allow_remote_admin && !options.trust_forwarded);
}

#[test]
fn upstreams_are_named_by_region_as_often_as_there_are_any() {
    let upstreams = ["eu=http://10.1.0.1:8080", "us=http://us.example", "eu=HTTP://[::1]:80/"];
    let arguments: Vec<_> = upstreams.iter().flat_map(|upstream| ["--upstream", upstream]).collect();
    let parsed = parse(&arguments).expect("three upstreams").upstreams;
    let upstream =
        |region: &str, at: &str| Upstream { region: region.into(), authority: at.parse().expect("an authority") };
    assert_eq!(parsed, [upstream("eu", "10.1.0.1:8080"), upstream("us", "us.example"), upstream("eu", "[::1]:80")]);
}

#[test]
fn an_upstream_that_cannot_be_is_refused_with_a_sentence() {
    for (upstream, says) in [
        ("http", "write it as REGION=URL, such as eu=http://10.1.0.1:8080"),
        ("=http://a", "the region before the `=` has no name"),
        ("eu=a:80", "`a:80` has no scheme; begin it with `http://`"),
        ("eu=https://a", "this proxy speaks `http` to upstreams, not `https`"),
        ("eu=http://a/b", "`http://a/b` has a path; an upstream is a host with a port"),
        ("eu=http://a?b", "`http://a/?b` has a path; an upstream is a host with a port"),
        ("eu=http://u:p@a", "an upstream has no user name"),
        ("eu=http://", "`http://` is no URL: "),
        ("eu=http://a:b", "the port of `a:b` is no number from 1 to 65535"),
        ("eu=http://:80", "the URL has no host"),
        ("eu=http://a:0", "the port of `a:0` is no number from 1 to 65535"),
        ("eu=http://a:65536", "the port of `a:65536` is no number from 1 to 65535"),
    ] {
        let says = format!("error: invalid value '{upstream}' for '--upstream <REGION=URL>': {says}");
        let said = parse(&["--upstream", upstream]).expect_err("no upstream");
        // What is wrong with a URL is said by its parser.
        assert!(said == says || (says.ends_with(": ") && said.starts_with(&says)), "{said}");
    }
}

#[test]
fn a_limit_is_none_or_adaptive_or_a_number() {
    for (arguments, limit) in [
        (&[][..], InFlight::Unlimited),
        (&["--limit", "none"], InFlight::Unlimited),
        (&["--limit", "adaptive"], InFlight::Adaptive),
        (&["--limit", "1"], InFlight::AtMost(1)),
        (&["--limit=2097150"], InFlight::AtMost(2_097_150)),
    ] {
        assert_eq!(parse(arguments).expect("a limit").limit, limit);
    }
}

#[test]
fn a_limit_that_cannot_be_is_refused_with_a_sentence() {
    for limit in ["0", "-1", "1.5", "2097151", "4294967297", "8 ", "Adaptive", "adaptve", "off", ""] {
        let says = "say `none`, `adaptive` or a whole number from 1 to 2097150";
        let says = format!("error: invalid value '{limit}' for '--limit <none|adaptive|NUMBER>': {says}");
        assert_eq!(parse(&[&format!("--limit={limit}")]).expect_err("no limit"), says);
    }
}

#[test]
fn retries_are_on_unless_they_are_switched_off() {
    let retry = |arguments: &[&str]| parse(arguments).expect("retries").retry();
    assert_eq!(retry(&[]), Retry::default().retry_unsent());
    assert_eq!(retry(&["--retries", "8"]), Retry::default().attempts(8).retry_unsent());
    let per_try = Retry::default().retry_unsent().per_try(Duration::from_millis(500));
    assert_eq!(retry(&["--try-timeout", "500"]), per_try);
    for off in [&["--retries", "1"][..], &["--no-retries"], &["--no-retries", "--try-timeout", "500"]] {
        assert_eq!(retry(off), Retry::none());
    }
}

#[test]
fn upstreams_are_taken_out_only_when_it_is_asked_for_and_a_ramp_has_a_length() {
    let options = |arguments: &[&str]| parse(arguments).expect("options");
    assert_eq!((options(&[]).outlier(), options(&[]).failover()), (None, Failover::default()));
    assert_eq!(options(&["--outlier"]).outlier(), Some(Outlier::default()));
    assert_eq!(options(&["--ramp", "0"]).failover(), Failover::default().ramp(Duration::ZERO));
    for ramp in ["-1", "1.5", "86401", "1s", ""] {
        let said = parse(&[&format!("--ramp={ramp}")]).expect_err("no such ramp");
        assert!(said.starts_with(&format!("error: invalid value '{ramp}' for '--ramp <SECONDS>'")), "{said}");
    }
}

#[test]
fn nothing_is_hedged_unless_it_is_asked_for() {
    let hedge = |arguments: &[&str]| parse(arguments).expect("hedges").hedge();
    assert_eq!(hedge(&[]), Hedge::none());
    assert_eq!(hedge(&["--hedge", "80"]), Hedge::after(Duration::from_millis(80)));
}

#[test]
fn retries_that_cannot_be_are_refused_with_a_sentence() {
    for (flag, value, says) in [
        ("--retries <NUMBER>", "0", "0 is not in 1..=8"),
        ("--retries <NUMBER>", "9", "9 is not in 1..=8"),
        ("--retries <NUMBER>", "many", "invalid digit found in string"),
        ("--try-timeout <MS>", "0", "0 is not in 1.."),
        ("--try-timeout <MS>", "1s", "invalid digit found in string"),
        ("--hedge <MS>", "0", "0 is not in 1.."),
    ] {
        let name = flag.split(' ').next().unwrap_or_default();
        let said = parse(&[&format!("{name}={value}")]).expect_err("no such number");
        let expected = format!("error: invalid value '{value}' for '{flag}': {says}");
        assert!(said.starts_with(&expected), "{said}");
    }
    assert!(parse(&["--no-retries", "--retries", "3"]).is_err(), "which one?");
}

#[tokio::test]
async fn an_attempt_may_not_take_longer_than_the_request() {
    let options = parse(&["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--try-timeout", "60001"]);
    let error = Edge::start(&options.expect("options")).await.expect_err("a request has 60 s");
    assert!(error.contains("routes.all.retry.per_try: is 60.001s, above the deadline of 60s"), "{error}");
}

#[test]
fn an_address_that_is_none_is_refused() {
    for address in ["localhost", "127.0.0.1", "127.0.0.1:99999"] {
        let says = format!("error: invalid value '{address}' for '--listen <ADDR>': invalid socket address syntax");
        assert_eq!(parse(&["--listen", address]).expect_err("no address"), says);
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_to_be_so() {
    let first = edge_with(&[], |_| {}).await;
    for flag in ["--listen", "--admin"] {
        let taken = first.proxy.to_string();
        let free = if flag == "--listen" { "--admin" } else { "--listen" };
        let options = parse(&[flag, &taken, free, "127.0.0.1:0"]).expect("addresses");
        let error = Edge::start(&options).await.expect_err("the port is taken");
        assert!(error.starts_with(&format!("cannot listen on {taken}: ")), "{error}");
        assert!(error.ends_with(&format!("; choose another address with {flag}")), "{error}");
    }
}

#[tokio::test]
async fn an_admin_port_for_everybody_has_to_be_asked_for_by_name() {
    let arguments = ["--listen", "127.0.0.1:0", "--admin", "0.0.0.0:0"];
    let error = Edge::start(&parse(&arguments).expect("addresses")).await.expect_err("it is not on loopback");
    assert!(error.contains("--admin 0.0.0.0:0") && error.contains("--allow-remote-admin"), "{error}");
    let arguments = [&arguments[..], &["--allow-remote-admin"]].concat();
    assert!(Edge::start(&parse(&arguments).expect("addresses")).await.is_ok());
}

#[tokio::test]
async fn names_that_no_table_takes_are_refused_with_the_tables_words() {
    let options = parse(&["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--upstream", "e u=http://a:1"]);
    let error = Edge::start(&options.expect("options")).await.expect_err("a region's name has no spaces");
    assert!(error.starts_with("the table has") && error.contains("holds whitespace"), "{error}");
}

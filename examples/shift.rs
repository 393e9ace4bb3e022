//! Weights moved live over sticky users: who moves, and who comes back.
//!
//! A canary grows from 5% to 10% to 25% and is rolled back. A dozen users are shown by name and ten thousand are counted;
//! what must be so for all of them is checked. No sockets: `cargo run --example shift`.

use contraflow::table::Endpoint;
use contraflow::traffic::{PublishError, Published};
use contraflow::{Facts, Name, Plain, Sticky, TableSpec, Traffic};
use http::Request;
use std::{collections::BTreeSet, convert::Infallible, error::Error, fmt::Display, future::ready, iter::once};
use tower::{Service, ServiceExt, service_fn};

/// Chosen so that each step moves some of them; the numbered users are not chosen.
const NAMED: [&str; 12] =
    ["ada", "barbara", "dennis", "edsger", "frances", "grace", "karen", "kurt", "leslie", "radia", "shafi", "tony"];
const NUMBERED: usize = 10_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let table = TableSpec::new()
        .cluster("shop", |c| {
            c.region("us-east", |r| r.weight(2).endpoint("us-1", "10.0.0.1:80").endpoint("us-2", "10.0.0.2:80"))
                .region("eu-west", |r| r.weight(1).endpoint("eu-1", "10.1.0.1:80"))
        })
        .cluster("shop-next", |c| {
            c.region("us-east", |r| r.weight(2).endpoint("next-us", "10.0.9.1:80"))
                .region("eu-west", |r| r.weight(1).endpoint("next-eu", "10.1.9.1:80"))
        })
        .route("all", |r| r.any().split([("shop", 95), ("shop-next", 5)]).sticky(Sticky::header("x-user")))
        .build()?;
    let traffic = Traffic::new(table);
    let protocol = Plain::new(|request: &Request<()>| Facts::path("/cart").with_headers(request.headers()));
    let mut shop = traffic.layers(protocol).per_endpoint(|endpoint: &Endpoint| {
        let name = endpoint.name().clone();
        service_fn(move |_: Request<()>| ready(Ok::<_, Infallible>(name.clone())))
    });

    let at_5 = ask(&mut shop).await?;
    set_canary(&traffic, 10)?;
    let at_10 = ask(&mut shop).await?;
    set_canary(&traffic, 25)?;
    let at_25 = ask(&mut shop).await?;
    traffic.rollback()?;
    let back_at_10 = ask(&mut shop).await?;
    traffic.rollback()?;
    let back_at_5 = ask(&mut shop).await?;

    let answers = [&at_5, &at_10, &at_25, &back_at_10, &back_at_5];
    row("", ["at 5%", "to 10%", "to 25%", "rollback", "rollback"]);
    for (user, name) in NAMED.iter().enumerate() {
        let moves = answers.windows(2).map(|step| [&step[0][user], &step[1][user]]);
        let moves = moves.map(|[was, is]| if was == is { ".".into() } else { format!("-> {is}") });
        row(name, once(at_5[user].to_string()).chain(moves));
    }
    let numbered = answers.map(|all| &all[NAMED.len()..]);
    let on_canary = numbered.map(|users| users.iter().filter(|endpoint| endpoint.as_str().starts_with("next")).count());
    let by_weight = [5, 10, 25, 10, 5].map(|percent| NUMBERED * percent / 100);
    let in_steps = |count: fn(&[Name], &[Name]) -> usize| {
        once(".".into()).chain(numbered.windows(2).map(move |step| count(step[0], step[1]).to_string()))
    };
    println!("\nof {NUMBERED} others");
    row("canary's weight", by_weight.map(|users| users.to_string()));
    row("on the canary", on_canary.map(|users| users.to_string()));
    row("had to move", in_steps(had_to_move));
    row("moved", in_steps(moved));

    if answers.windows(2).any(|step| moved(step[0], step[1]) != had_to_move(step[0], step[1])) {
        return Err("somebody moved who need not have".into());
    }
    if [&back_at_10, &back_at_5] != [&at_10, &at_5] {
        return Err("a rollback did not put everybody back where they were".into());
    }
    if on_canary.iter().zip(by_weight).any(|(users, weight)| users.abs_diff(weight) > NUMBERED / 100) {
        return Err("the canary's users are more than a percent of all away from its weight".into());
    }
    println!("\nNobody moved who need not have, and each rollback put everybody back, to the same endpoint.");
    Ok(())
}

/// The endpoint that answers each user, which says its name: first the named users, then the numbered.
async fn ask<S>(shop: &mut S) -> Result<Vec<Name>, Box<dyn Error>>
where
    S: Service<Request<()>, Response = Name, Error: Error + 'static>,
{
    let mut answers = Vec::new();
    for user in NAMED.map(String::from).into_iter().chain((0..NUMBERED).map(|number| number.to_string())) {
        let request = Request::get("/cart").header("x-user", user).body(())?;
        answers.push(shop.ready().await?.call(request).await?);
    }
    Ok(answers)
}

fn set_canary(traffic: &Traffic, percent: u32) -> Result<Published, PublishError> {
    traffic.edit(|spec| {
        spec.route_mut("all")?.reweight("shop", 100 - percent).reweight("shop-next", percent);
        Ok(())
    })
}

fn moved(before: &[Name], after: &[Name]) -> usize {
    before.iter().zip(after).filter(|(was, is)| was != is).count()
}

/// The fewest who can move so that each endpoint has as many users as it has after: as many as endpoints have gained.
fn had_to_move(before: &[Name], after: &[Name]) -> usize {
    let users_of = |all: &[Name], endpoint| all.iter().filter(|name| *name == endpoint).count();
    let endpoints: BTreeSet<_> = after.iter().collect();
    endpoints.into_iter().map(|name| users_of(after, name).saturating_sub(users_of(before, name))).sum()
}

fn row(head: &str, cells: impl IntoIterator<Item = impl Display>) {
    print!("{head:<16}");
    for cell in cells {
        print!("{cell:>12}");
    }
    println!();
}

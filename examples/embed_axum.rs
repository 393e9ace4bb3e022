//! A canary inside an axum application: its own handlers answer what is theirs, the rest goes where the table says.
//!
//! Real HTTP over loopback, to itself: `cargo run --example embed_axum`.

use axum::{Router, body::Body, routing::get};
use contraflow::{TableSpec, Traffic};
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let upstream = |name: &'static str| serve(Router::new().fallback(async move || name));
    let (us, eu, next) = (upstream("us").await?, upstream("eu").await?, upstream("next").await?);
    let table = TableSpec::new()
        .cluster("shop", |c| c.region("us", |r| r.weight(3).endpoint("us", us)).region("eu", |r| r.endpoint("eu", eu)))
        .cluster("shop-next", |c| c.region("us", |r| r.endpoint("next", next)))
        .route("all", |r| r.any().split([("shop", 80), ("shop-next", 20)]))
        .build()?;
    let traffic = Traffic::new(table);
    let proxy = traffic.http(Client::builder(TokioExecutor::new()).build_http()).infallible();
    let app = serve(Router::new().route("/health", get(async || "the application")).fallback_service(proxy)).await?;

    println!("/health is answered by {}\n", answers(&app, "/health", 1).await?.concat());
    let before = answers(&app, "/cart", 400).await?;
    traffic.edit(|spec| {
        spec.route_mut("all")?.reweight("shop", 50).reweight("shop-next", 50);
        Ok(())
    })?;
    let after = answers(&app, "/cart", 400).await?;

    println!("/cart is answered by    at 80/20  at 50/50");
    for name in ["us", "eu", "next"] {
        let [before, after] = [&before, &after].map(|all| all.iter().filter(|answer| *answer == name).count());
        println!("{name:<20}{before:>12}{after:>10}");
    }
    println!("\nOne edit moved a running application's canary from 20% to 50%; all 800 requests were answered.");
    Ok(())
}

async fn serve(app: Router) -> std::io::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

async fn answers(address: &str, path: &str, requests: u32) -> Result<Vec<String>, Box<dyn Error>> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let mut answers = Vec::new();
    for _ in 0..requests {
        let response = client.get(format!("http://{address}{path}").parse()?).await?;
        if !response.status().is_success() {
            return Err(format!("{path} was answered with {}", response.status()).into());
        }
        answers.push(String::from_utf8(response.into_body().collect().await?.to_bytes().into())?);
    }
    Ok(answers)
}

//! The `rust-version` that we declare, held against those of our dependencies.
//!
//! The compiler that runs the tests is newer than the one we promise, so nothing else here notices when an update of a
//! dependency raises what users need. Dev-dependencies are ours alone and may need what they like.

use serde_json::Value;
use std::process::Command;

pub(crate) fn dependencies_that_need_newer_rust(metadata: &Value) -> Vec<String> {
    let package = |id: &Value| {
        let packages = metadata["packages"].as_array().into_iter().flatten();
        packages.into_iter().find(|package| package["id"] == *id).expect("every id has a package")
    };
    let root = &metadata["resolve"]["root"];
    let ours = version(&package(root)["rust_version"]).expect("Cargo.toml declares a rust-version");
    let mut reached = vec![root];
    let mut next = 0;
    while let Some(&id) = reached.get(next) {
        next += 1;
        let nodes = metadata["resolve"]["nodes"].as_array().into_iter().flatten();
        let edges = nodes.filter(|node| node["id"] == *id).filter_map(|node| node["deps"].as_array()).flatten();
        for edge in edges {
            let mut kinds = edge["dep_kinds"].as_array().into_iter().flatten();
            if kinds.any(|kind| kind["kind"] != "dev") && !reached.contains(&&edge["pkg"]) {
                reached.push(&edge["pkg"]);
            }
        }
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let newer = reached.into_iter().map(package).filter(|package| version(&package["rust_version"]) > Some(ours));
    newer
        .map(|it| format!("{} {} needs Rust {}", text(&it["name"]), text(&it["version"]), text(&it["rust_version"])))
        .collect()
}

/// What cargo knows of the crate and its dependencies on this kind of machine.
///
/// Offline when it can: the packages for this kind of machine are there, since this test was built with them, but not
/// those of features that were never built.
pub(crate) fn cargo_metadata() -> Value {
    let cargo = |arguments: &[&str]| {
        let ran = Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let ran = ran.expect("cargo runs");
        let text = |bytes| String::from_utf8(bytes).expect("cargo writes UTF-8");
        if ran.status.success() { Ok(text(ran.stdout)) } else { Err(text(ran.stderr)) }
    };
    let about = cargo(&["-vV"]).expect("cargo tells its version");
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo tells its host");
    let arguments = ["metadata", "--format-version", "1", "--all-features", "--filter-platform", host];
    let metadata = cargo(&[&arguments[..], &["--offline"]].concat()).or_else(|_| cargo(&arguments));
    serde_json::from_str(&metadata.unwrap_or_else(|error| panic!("cargo metadata failed:\n{error}")))
        .expect("cargo metadata writes JSON")
}

/// `1.88` is `[1, 88, 0]`.
fn version(declared: &Value) -> Option<[u32; 3]> {
    let mut parts = declared.as_str()?.split('.').map(|part| part.parse().expect("a rust-version is numbers"));
    Some([parts.next()?, parts.next().unwrap_or(0), parts.next().unwrap_or(0)])
}

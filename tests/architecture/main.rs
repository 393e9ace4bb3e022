//! The architecture of `src/`, held by tests.
//!
//! A layer order that only a document states erodes one convenient import at a time, and the compiler likes each of
//! them: within one crate every module may name every other. So these tests read the sources and refuse what the map in
//! `src/lib.rs` does not allow. They read what is written, not what it means: a path is judged by its spelling, with
//! `self` and `super` followed, also inside the arguments of macros. What hides behind a renamed import is caught at
//! the import.
//!
//! Each rule is a function of a file's name and text. It has to find something in a few broken lines before it may find
//! nothing in `src/`, so that a rule that has gone blind does not pass.

mod dependencies;
mod rules;
mod source;

use dependencies::{cargo_metadata, dependencies_that_need_newer_rust};
use rules::{
    LONGEST, clocks_outside_time, code_in_mod_rs, core_that_knows_tokio_or_tower, files_that_are_too_long,
    imports_that_point_down, lib_that_allows_unsafe, locks_outside_sync, modules_without_a_place,
    randomness_outside_entropy, threads, unsafe_code,
};
use serde_json::Value;
use std::fs;
use std::path::Path;

#[test]
fn imports_point_up_the_layer_order_only() {
    let broken = [
        ("table/mod.rs", "use crate::state::Registry;"),
        ("table/mod.rs", "use crate::{error::TableError, decide::{self, Decision}};"),
        ("table/mod.rs", "use super::traffic::Traffic;"),
        ("table/split.rs", "mod inner { use super::super::super::state as learned; }"),
        ("error.rs", "fn now() -> crate::time::Instant { todo!() }"),
        ("error.rs", "fn one() -> String { format!(\"{:?}\", vec![crate::table::Table::default()]) }"),
        ("error.rs", "macro_rules! one { () => { use $crate::{id::Name, table} } }"),
        ("error.rs", "#[cfg(not(test))] use crate::state::Registry;"),
        ("error.rs", "#[cfg(any(test, contraflow_loom))] use crate::state::Registry;"),
        ("table/mod.rs", "use crate::TableSpec;"),
        ("table/mod.rs", "use crate::*;"),
        ("table/mod.rs", "use crate as everything;"),
        ("unheard_of/mod.rs", "fn a_module_without_a_place() {}"),
    ];
    let sound = [
        ("table/mod.rs", "pub(crate) use crate::{error::TableError, table::Weighted}; use super::id::Name;"),
        ("sync.rs", "use crate::time::Instant; use crate::entropy::Draws;"),
        ("table/mod.rs", "//! See [`state`](crate::state).\n/// And [`crate::Traffic`].\nstruct Spec;"),
        ("table/mod.rs", "#[cfg(all(test, not(contraflow_loom)))] mod tests { use crate::{Traffic, state::View}; }"),
        ("table/mod.rs", "impl Spec { #[cfg(test)] fn slots(&self) -> crate::state::View { todo!() } }"),
        ("table/tests.rs", "use crate::traffic::Traffic;"),
        ("table/tests/split.rs", "use crate::traffic::Traffic;"),
        ("lib.rs", "pub mod error; pub use crate::traffic::Traffic;"),
    ];
    holds(imports_that_point_down, &broken, &sound);
}

#[test]
fn every_module_of_the_crate_has_its_place_in_the_order() {
    let broken = [("lib.rs", "mod error; mod helpers;")];
    let sound = [("lib.rs", "mod error; pub mod table;"), ("table/mod.rs", "mod helpers;")];
    holds(modules_without_a_place, &broken, &sound);
}

#[test]
fn table_state_and_decide_know_neither_tokio_nor_tower() {
    let broken = [
        ("table/mod.rs", "use tokio::time::Instant;"),
        ("state/mod.rs", "use {std::fmt, tower::Service};"),
        ("decide/mod.rs", "extern crate tokio;"),
        ("decide/mod.rs", "use tower as steel;"),
        ("decide/mod.rs", "fn wait() { ::tokio::task::yield_now(); }"),
        ("decide/tests.rs", "use tower_service::Service;"),
        ("decide/mod.rs", "#[tokio::test] async fn waits() {}"),
        ("decide/mod.rs", "#[cfg(test)] mod tests { fn run() { drop(vec![tokio::spawn(async {})]); } }"),
    ];
    let sound = [
        (
            "decide/mod.rs",
            "//! Never tokio::time.\n/// `tower::Service` neither.\nfn decide(tower: u32) -> u32 { tower }",
        ),
        ("layer/mod.rs", "use tower::Service;"),
    ];
    holds(core_that_knows_tokio_or_tower, &broken, &sound);
}

#[test]
fn only_time_rs_reads_the_clock() {
    let broken = [
        ("state/mod.rs", "use std::time::{Duration, Instant as Moment};"),
        ("state/mod.rs", "fn now() { Instant::now(); }"),
        ("state/mod.rs", "fn now() { let read = tokio::time::Instant::now; }"),
        ("state/mod.rs", "use std::time::SystemTime;"),
        ("state/mod.rs", "#[cfg(test)] mod tests { fn now() { assert!(std::time::Instant::now() > START); } }"),
    ];
    let sound = [
        ("state/mod.rs", "use crate::time::Instant; fn later(clock: &Clock) -> Instant { clock.now() }"),
        ("time.rs", "fn now() { std::time::Instant::now(); }"),
    ];
    holds(clocks_outside_time, &broken, &sound);
}

#[test]
fn only_entropy_rs_draws_random_numbers() {
    let broken = [
        ("state/mod.rs", "fn word() -> u64 { fastrand::u64(..) }"),
        ("state/mod.rs", "use rand::Rng as _;"),
        ("state/mod.rs", "#[cfg(test)] mod tests { fn word() { assert_eq!(rand::random::<u64>(), 4); } }"),
    ];
    let sound = [
        ("entropy.rs", "fn word() -> u64 { fastrand::u64(..) }"),
        ("state/mod.rs", "use crate::entropy::Draws; fn draw(rand: u64) -> u64 { rand }"),
    ];
    holds(randomness_outside_entropy, &broken, &sound);
}

#[test]
fn only_sync_rs_names_locks_atomics_and_loom() {
    let broken = [
        ("state/mod.rs", "use std::sync::{Arc, Mutex as Lock};"),
        ("state/mod.rs", "static LOCK: std::sync::RwLock<u8> = todo!();"),
        ("state/mod.rs", "use core::sync::atomic::{AtomicU64, Ordering};"),
        ("state/mod.rs", "use std::sync;"),
        ("state/mod.rs", "use std::sync::*;"),
        ("state/mod.rs", "use arc_swap::ArcSwap;"),
        ("state/mod.rs", "fn check() { loom::model(|| ()); }"),
    ];
    let sound = [
        ("sync.rs", "use std::sync::{Mutex, atomic::AtomicU64}; use arc_swap::ArcSwap;"),
        ("state/mod.rs", "use std::sync::Arc; use crate::sync::{AtomicU64, Mutex};"),
        ("state/mod.rs", "#[cfg(all(test, contraflow_loom))] mod tests { fn check() { loom::model(|| ()); } }"),
    ];
    holds(locks_outside_sync, &broken, &sound);
}

#[test]
fn nothing_is_unsafe() {
    let broken = [
        ("state/mod.rs", "fn read(at: *const u8) -> u8 { unsafe { *at } }"),
        ("state/mod.rs", "unsafe impl Send for State {}"),
        ("lib.rs", "#[cfg(test)] mod tests { fn read() { assert!(unsafe { true }); } }"),
    ];
    let sound = [("lib.rs", "#![forbid(unsafe_code)]\n//! No unsafe code.\nconst WHY: &str = \"unsafe\";")];
    holds(unsafe_code, &broken, &sound);
}

#[test]
fn nothing_spawns_a_thread() {
    let broken = [
        ("traffic.rs", "fn sweep() { std::thread::spawn(|| ()); }"),
        ("traffic.rs", "use std::thread::{self, spawn as go};"),
    ];
    let sound = [
        ("traffic.rs", "fn lane() { std::thread::current(); }"),
        ("traffic.rs", "#[cfg(test)] mod tests { fn race() { std::thread::spawn(|| ()); } }"),
    ];
    holds(threads, &broken, &sound);
}

#[test]
fn the_crate_forbids_unsafe_code() {
    let broken = [("lib.rs", "//! #![forbid(unsafe_code)]\n#![deny(unsafe_code)]")];
    let sound = [("lib.rs", "#![forbid(unsafe_code)]"), ("table/mod.rs", "")];
    holds(lib_that_allows_unsafe, &broken, &sound);
}

#[test]
fn a_mod_rs_is_a_table_of_contents() {
    let broken = [
        ("table/mod.rs", "mod spec; pub struct Table;"),
        ("table/mod.rs", "mod spec { pub struct Spec; }"),
        ("table/mod.rs", "named!(Table);"),
    ];
    let sound = [
        ("table/mod.rs", "//! INTENT.\n#[cfg(test)] mod tests;\nmod spec;\npub use spec::Spec;"),
        ("table/mod.rs", "#[cfg(test)] mod tests { fn table() {} }"),
        ("table/tests/mod.rs", "fn table() {}"),
        ("testing/mod.rs", "pub struct World;"),
        ("table/spec.rs", "pub struct Spec;"),
    ];
    holds(code_in_mod_rs, &broken, &sound);
}

#[test]
fn no_file_is_longer_than_500_lines_without_its_tests() {
    let line = "fn line() {}\n";
    let (short, long) = (line.repeat(LONGEST), line.repeat(LONGEST + 1));
    let tested = format!("{short}#[cfg(all(test, not(contraflow_loom)))]\nmod tests {{\n{long}}}\n");
    let disguised = format!("{short}#[cfg(feature = \"testing\")]\nmod more {{\n{long}}}\n");
    let broken = [("table/mod.rs", &*long), ("table/mod.rs", &*disguised)];
    let sound = [
        ("table/mod.rs", &*short),
        ("table/mod.rs", &*tested),
        ("table/tests.rs", &*long),
        ("table/tests/split.rs", &*long),
        ("docs/defaults.rs", &*long),
    ];
    holds(files_that_are_too_long, &broken, &sound);
}

#[test]
fn no_dependency_needs_a_newer_rust_than_the_crate_declares() {
    let metadata = |kind: &str, needed: &str| -> Value {
        serde_json::from_str(&format!(
            r#"{{
                "packages": [
                    {{ "id": "us", "name": "us", "version": "0.1.0", "rust_version": "1.88" }},
                    {{ "id": "a", "name": "a", "version": "1.0.0", "rust_version": null }},
                    {{ "id": "b", "name": "b", "version": "2.0.0", "rust_version": "{needed}" }}
                ],
                "resolve": {{ "root": "us", "nodes": [
                    {{ "id": "us", "deps": [{{ "pkg": "a", "dep_kinds": [{{ "kind": {kind} }}] }}] }},
                    {{ "id": "a", "deps": [{{ "pkg": "b", "dep_kinds": [{{ "kind": null }}] }}] }},
                    {{ "id": "b", "deps": [] }}
                ] }}
            }}"#
        ))
        .expect("the example is JSON")
    };
    assert_eq!(dependencies_that_need_newer_rust(&metadata("null", "1.88.1")), ["b 2.0.0 needs Rust 1.88.1"]);
    assert_eq!(dependencies_that_need_newer_rust(&metadata("\"build\"", "1.100")), ["b 2.0.0 needs Rust 1.100"]);
    assert!(dependencies_that_need_newer_rust(&metadata("null", "1.88.0")).is_empty());
    assert!(dependencies_that_need_newer_rust(&metadata("\"dev\"", "1.99")).is_empty());

    let found = dependencies_that_need_newer_rust(&cargo_metadata());
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// Fails unless `rule` finds something in every broken file, nothing in the sound ones, and nothing in `src/`.
fn holds(rule: fn(&str, &str) -> Vec<String>, broken: &[(&str, &str)], sound: &[(&str, &str)]) {
    for (file, text) in broken {
        assert!(!rule(file, text).is_empty(), "the rule does not see what is wrong in {file}:\n{text}");
    }
    for (file, text) in sound {
        assert_eq!(rule(file, text), [""; 0], "the rule finds fault with {file}:\n{text}");
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&src, "", &mut files);
    assert!(files.len() > 20, "src/ has only {} files: are they read?", files.len());
    files.sort();
    let faults: Vec<_> = files
        .iter()
        .flat_map(|(file, text)| rule(file, text).into_iter().map(move |fault| format!("src/{file}: {fault}")))
        .collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// The files below a folder with their texts; names are relative to `src/`, with `/`.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("src/ can be listed") {
        let path = entry.expect("src/ can be listed").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("file names are UTF-8");
        if path.is_dir() {
            collect(&path, &format!("{prefix}{name}/"), files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push((format!("{prefix}{name}"), fs::read_to_string(&path).expect("sources are UTF-8")));
        }
    }
}

//! The rules. Each gives what is wrong with one file, a sentence each.
//!
//! What is compiled for tests only may import from anywhere, share by std's locks and spawn threads; it may not read
//! the clock or draw random numbers (a test that does is one that fails on Tuesdays), nor hold unsafe code.

use crate::source::{Scope, is_test, is_test_file, module_of, parse, paths};
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item};

/// The layers from top to bottom; peers stand on one line. Imports point up, or to a peer.
const ORDER: [&[&str]; 13] = [
    &["id", "unit"],
    &["error"],
    &["sync", "time", "entropy"],
    &["protocol"],
    &["table"],
    &["state"],
    &["decide"],
    &["observe"],
    &["traffic"],
    &["layer"],
    &["testing"],
    &["docs"],
    &[LIB],
];

/// What `lib.rs` is called among the modules.
const LIB: &str = "lib";

/// Lines of a file without its tests.
pub(crate) const LONGEST: usize = 500;

pub(crate) fn imports_that_point_down(file: &str, text: &str) -> Vec<String> {
    let module = module_of(file)[0].clone();
    let Some(own) = rank(&module) else { return vec![format!("`{module}` has no place in the order")] };
    let named = paths(file, text, Scope::Shipped).into_iter().filter(|path| path[0] == "crate" && module != LIB);
    named
        .filter_map(|path| {
            let whole = path.join("::");
            match path.get(1).map(|first| rank(first)) {
                Some(Some(rank)) if rank <= own => None,
                Some(Some(_)) => Some(format!("`{whole}` points down: `{module}` stands above it")),
                Some(None) => Some(format!("`{whole}` is at the crate's root: name the module it is of")),
                None => Some("`crate` is imported whole: name the module".to_owned()),
            }
        })
        .collect()
}

pub(crate) fn modules_without_a_place(file: &str, text: &str) -> Vec<String> {
    let items = if file == "lib.rs" { parse(file, text).items } else { Vec::new() };
    let modules = items.iter().filter_map(|item| if let Item::Mod(module) = item { Some(&module.ident) } else { None });
    let lost = modules.filter(|module| rank(&module.to_string()).is_none());
    lost.map(|module| format!("`{module}` has no place in the order")).collect()
}

pub(crate) fn core_that_knows_tokio_or_tower(file: &str, text: &str) -> Vec<String> {
    if !["table", "state", "decide"].contains(&&*module_of(file)[0]) {
        return Vec::new();
    }
    let is_shell = |root: &str| ["tokio", "tower"].contains(&root.split('_').next().unwrap_or_default());
    named(paths(file, text, Scope::All), |path| is_shell(&path[0]), "belongs into the shell (`layer`)")
}

pub(crate) fn clocks_outside_time(file: &str, text: &str) -> Vec<String> {
    let reads = |path: &[String]| {
        holds_in_a_row(path, &["Instant", "now"])
            || holds_in_a_row(path, &["std", "time", "Instant"])
            || path.iter().any(|segment| segment == "SystemTime")
    };
    let found = if file == "time.rs" { Vec::new() } else { paths(file, text, Scope::All) };
    named(found, reads, "reads a clock: only `time.rs` does, others are told `now`")
}

pub(crate) fn randomness_outside_entropy(file: &str, text: &str) -> Vec<String> {
    let found = if file == "entropy.rs" { Vec::new() } else { paths(file, text, Scope::All) };
    let draws = |path: &[String]| ["fastrand", "rand"].contains(&&*path[0]);
    named(found, draws, "is randomness: only `entropy.rs` has it, others are given draws")
}

pub(crate) fn locks_outside_sync(file: &str, text: &str) -> Vec<String> {
    let found = if file == "sync.rs" { Vec::new() } else { paths(file, text, Scope::Shipped) };
    let locks = |path: &[String]| match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["arc_swap" | "loom", ..] | ["std" | "core", "sync"] => true,
        ["std" | "core", "sync", what, ..] => ["Mutex", "RwLock", "atomic", "*"].contains(&what),
        _ => false,
    };
    named(found, locks, "goes through `sync.rs`, so that what loom checks is what runs")
}

pub(crate) fn threads(file: &str, text: &str) -> Vec<String> {
    let spawns = |path: &[String]| holds_in_a_row(path, &["thread", "spawn"]);
    named(
        paths(file, text, Scope::Shipped),
        spawns,
        "spawns a thread: what runs beside requests is the caller's to run",
    )
}

pub(crate) fn unsafe_code(file: &str, text: &str) -> Vec<String> {
    fn holds_unsafe(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(word) => word == "unsafe",
            TokenTree::Group(group) => holds_unsafe(group.stream()),
            _ => false,
        })
    }
    let found = holds_unsafe(parse(file, text).into_token_stream());
    if found { vec!["holds unsafe code".to_owned()] } else { Vec::new() }
}

pub(crate) fn lib_that_allows_unsafe(file: &str, text: &str) -> Vec<String> {
    let forbids = |attribute: &Attribute| {
        let mut lints = Vec::new();
        attribute.path().is_ident("forbid")
            && attribute
                .parse_nested_meta(|lint| {
                    lints.push(lint.path.is_ident("unsafe_code"));
                    Ok(())
                })
                .is_ok()
            && lints.contains(&true)
    };
    if file != "lib.rs" || parse(file, text).attrs.iter().any(forbids) {
        return Vec::new();
    }
    vec!["lacks `#![forbid(unsafe_code)]`".to_owned()]
}

pub(crate) fn code_in_mod_rs(file: &str, text: &str) -> Vec<String> {
    if !file.ends_with("/mod.rs") || file == "testing/mod.rs" || is_test_file(file) {
        return Vec::new();
    }
    let items = parse(file, text).items;
    let is_content = |item: &Item| match item {
        Item::Use(_) => true,
        Item::Mod(module) => module.content.is_none(),
        _ => false,
    };
    let code = items.iter().filter(|item| !is_content(item) && !is_test(*item));
    code.map(|item| format!("holds code, which has a file of its own: `{}`", start_of(item))).collect()
}

pub(crate) fn files_that_are_too_long(file: &str, text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().collect();
    let is_tail = |pair: &[&str]| {
        let begins = pair[0].starts_with("#[cfg(") && pair[1].starts_with("mod ") && pair[1].ends_with('{');
        begins && syn::parse_str::<Item>(&format!("{} mod tests {{}}", pair[0])).is_ok_and(|item| is_test(&item))
    };
    let length = lines.windows(2).position(is_tail).unwrap_or(lines.len());
    if length <= LONGEST || is_test_file(file) || file.starts_with("docs/") {
        return Vec::new();
    }
    vec![format!("has {length} lines without its tests, more than {LONGEST}: split it by idea")]
}

fn holds_in_a_row(path: &[String], row: &[&str]) -> bool {
    path.windows(row.len()).any(|window| window == row)
}

fn named(paths: Vec<Vec<String>>, is_fault: impl Fn(&[String]) -> bool, why: &str) -> Vec<String> {
    paths.into_iter().filter(|path| is_fault(path)).map(|path| format!("`{}` {why}", path.join("::"))).collect()
}

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|peers| peers.contains(&module))
}

fn start_of(node: &impl ToTokens) -> String {
    node.to_token_stream().to_string().chars().take(60).collect()
}

//! The public API, recorded.
//!
//! What a crate promises is spread over its files, and `pub` is a small word: a change of the promise hides well in a
//! change of the code. So `tests/public-api.txt` holds all that can be reached from outside, one line an item, each
//! under its full path, and a change of the API is a change of that file: visible in review, or refused here.
//!
//! The lines are made from the sources alone, on stable Rust: modules are followed to their files (`tree`), names
//! through imports and re-exports to what they mean (`resolve`), from `lib.rs` outwards to all that is reachable
//! (`reach`), and that is written down (`lines`, `text`). An item that can be reached on several paths is listed where
//! its module is public, and as `use` elsewhere. Items of a feature carry its name in brackets. Types are named as
//! their own file names them. Not seen: auto traits, the values of constants, and what macros expand to, save derives
//! and the `From` of `thiserror`.

mod lines;
mod reach;
mod resolve;
mod text;
mod tree;

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};
use tree::Crate;

#[test]
fn the_public_api_is_the_recorded_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tree = Crate::read("contraflow", &|file| fs::read_to_string(root.join("src").join(file)).ok());
    let now = lines::api(&tree);
    let file = root.join("tests/public-api.txt");
    if env::var_os("CONTRAFLOW_RECORD_API").is_some() {
        fs::write(&file, now.iter().fold(String::new(), |text, line| text + line + "\n"))
            .expect("the record is writable");
        return;
    }
    let recorded = fs::read_to_string(&file).unwrap_or_default();
    let difference = difference(&recorded.lines().collect::<Vec<_>>(), &now);
    assert!(
        difference.is_empty(),
        "the public API differs from tests/public-api.txt:\n\n{difference}\n\
         run with CONTRAFLOW_RECORD_API=1 to record an intended change\n"
    );
}

#[test]
fn re_exports_are_followed_out_of_private_modules() {
    let api = api_of(
        "mod inner { pub struct Seen; pub struct Unseen; pub(crate) struct Ours; }
         mod middle { pub use super::inner::Seen as Passed; pub(crate) use crate::inner::Ours; }
         pub use middle::Passed as Renamed;
         use inner::Unseen;",
    );
    assert_eq!(api, ["mod top", "struct top::Renamed;"]);
}

#[test]
fn a_glob_re_exports_what_is_public_unless_a_name_is_given_explicitly() {
    let api = api_of(
        "mod inner { pub fn one() {} pub fn two() -> u8 { 2 } fn three() {} pub mod deep { pub fn four() {} } }
         pub use inner::*;
         pub fn two() {}",
    );
    assert_eq!(api, ["mod top", "mod top::deep", "fn top::deep::four()", "fn top::one()", "fn top::two()"]);
}

#[test]
fn groups_and_foreign_items_are_re_exported() {
    let api = api_of(
        "mod inner { pub mod deep { pub const A: u8 = 1; pub static B: &str = \"\"; } pub enum Kind { One } }
         pub use inner::{deep::{self, A}, Kind, Kind::One};
         pub use std::{fmt::Display as Show, collections::*};",
    );
    let expected = [
        "mod top",
        "use top::* = std::collections::*",
        "use top::A = top::deep::A",
        "enum top::Kind",
        "variant top::Kind::One",
        "use top::One = top::Kind::One",
        "use top::Show = std::fmt::Display",
        "mod top::deep",
        "const top::deep::A: u8",
        "static top::deep::B: &str",
    ];
    assert_eq!(api, expected);
}

#[test]
fn an_item_is_listed_where_it_lives_and_named_elsewhere() {
    let api = api_of(
        "pub mod table { mod spec { pub struct Spec { pub name: String } } pub use spec::Spec; }
         pub use table::Spec;
         pub use table as intent;",
    );
    let expected = [
        "mod top",
        "use top::Spec = top::table::Spec",
        "use top::intent = top::table",
        "mod top::table",
        "struct top::table::Spec {}",
        "field top::table::Spec::name: String",
    ];
    assert_eq!(api, expected);
}

#[test]
fn re_exports_in_a_circle_come_to_an_end() {
    let api = api_of(
        "pub mod a { pub use super::b::*; pub use super::proptest; pub struct A; }
         pub mod b { pub use super::a::*; }
         use proptest::proptest;",
    );
    let expected = [
        "mod top",
        "mod top::a",
        "struct top::a::A;",
        "use top::a::proptest = proptest::proptest",
        "mod top::b",
        "use top::b::A = top::a::A",
        "use top::b::proptest = proptest::proptest",
    ];
    assert_eq!(api, expected);
}

#[test]
fn structs_show_public_fields_and_whether_there_are_others() {
    let api = api_of(
        "#[derive(Debug, Clone, other::Hash)] #[non_exhaustive]
         pub struct Open<T: Copy = u8> where T: Send { pub one: Vec<T>, pub two: fn(&T) -> bool }
         pub struct Closed { one: u8 }
         pub struct Tuple<'a>(pub &'a mut [u8; 4], u8);",
    );
    let expected = [
        "mod top",
        "struct top::Closed { .. }",
        "#[non_exhaustive] struct top::Open<T: Copy = u8> {} where T: Send",
        "derive(Clone, Debug, Hash) for top::Open",
        "field top::Open::one: Vec<T>",
        "field top::Open::two: fn(&T) -> bool",
        "struct top::Tuple<'a>(..)",
        "field top::Tuple::0: &'a mut [u8; 4]",
    ];
    assert_eq!(api, expected);
}

#[test]
fn enums_show_their_variants() {
    let api = api_of(
        "#[derive(Debug, thiserror::Error)] #[non_exhaustive]
         pub enum Failure {
             #[error(\"x\")] Plain = 1,
             Inner(#[from] std::io::Error),
             #[non_exhaustive] Named { a: u8, b: &'static str },
         }",
    );
    let expected = [
        "mod top",
        "#[non_exhaustive] enum top::Failure",
        "derive(Debug, Error) for top::Failure",
        "impl From<std::io::Error> for top::Failure",
        "variant top::Failure::Inner(std::io::Error)",
        "#[non_exhaustive] variant top::Failure::Named { a: u8, b: &'static str }",
        "variant top::Failure::Plain = 1",
    ];
    assert_eq!(api, expected);
}

#[test]
fn methods_are_found_wherever_their_impl_stands() {
    let api = api_of(
        "mod state { pub struct World<S>(S); }
         mod decide {
             use crate::state;
             impl<S: 'static> state::World<S> {
                 pub const MOST: usize = 3;
                 pub const fn new(mut state: S, (a, b): (u8, impl Fn(&mut S) -> u8)) -> Self where S: Sized { Self }
                 pub fn take(mut self, by: &dyn for<'a> Fn(&'a S)) -> Option<S> { None }
                 pub(crate) fn ours(&self) {}
                 fn private(&self) {}
                 pub async fn wait(&mut self) -> ! { loop {} }
             }
         }
         pub use state::World;",
    );
    let expected = [
        "mod top",
        "struct top::World<S>(..)",
        "const top::World<S>::MOST: usize where S: 'static",
        "const fn top::World<S>::new(state: S, _: (u8, impl Fn(&mut S) -> u8)) -> Self where S: 'static, S: Sized",
        "fn top::World<S>::take(self, by: &dyn for<'a> Fn(&'a S)) -> Option<S> where S: 'static",
        "async fn top::World<S>::wait(&mut self) -> ! where S: 'static",
    ];
    assert_eq!(api, expected);
}

#[test]
fn trait_impls_are_listed_when_all_they_name_can_be_reached() {
    let api = api_of(
        "use std::fmt;
         mod inner { pub struct Secret; pub trait Quiet {} }
         use inner::{Secret, Quiet};
         pub struct Name;
         pub trait Loud: Send { const VOLUME: u8; type Sound: Clone; fn shout(&self); fn whisper(&self) {} }
         impl fmt::Display for Name { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { Ok(()) } }
         impl PartialEq<&str> for Name { fn eq(&self, other: &&str) -> bool { true } }
         impl<'a> IntoIterator for &'a Name { type Item = u8; type IntoIter = std::vec::IntoIter<u8>; }
         impl From<Secret> for Name {}
         impl From<Name> for Secret {}
         impl Quiet for Name {}
         impl Loud for u8 {}
         impl<T: Loud> Loud for Vec<T> {}
         impl fmt::Display for Secret {}",
    );
    let expected = [
        "mod top",
        "trait top::Loud: Send",
        "impl Loud for u8",
        "impl<T: Loud> Loud for Vec<T>",
        "type top::Loud::Sound: Clone",
        "const top::Loud::VOLUME: u8",
        "fn top::Loud::shout(&self)",
        "fn top::Loud::whisper(&self) { .. }",
        "struct top::Name;",
        "impl Display for top::Name",
        "impl PartialEq<&str> for top::Name",
        "impl<'a> IntoIterator for &'a top::Name { type Item = u8; type IntoIter = std::vec::IntoIter<u8>; }",
    ];
    assert_eq!(api, expected);
}

#[test]
fn items_of_a_feature_carry_its_name_and_tests_are_not_there() {
    let api = api_of(
        "#[cfg(feature = \"testing\")] pub mod testing { pub struct World; impl World { pub fn run(&self) {} } }
         #[cfg(feature = \"testing\")] mod hidden { impl super::Name { pub fn any() -> Self { todo!() } } }
         #[cfg_attr(feature = \"serde\", derive(Serialize))] pub struct Name;
         #[cfg(all(test, feature = \"testing\"))] pub mod tests { pub struct Test; }
         #[cfg(contraflow_loom)] pub fn loom() {}
         #[cfg(not(contraflow_loom))] pub fn std() {}
         #[cfg(feature = \"testing\")] pub use testing::World as Everything;",
    );
    let expected = [
        "mod top",
        "use top::Everything = top::testing::World [testing]",
        "struct top::Name;",
        "derive(Serialize) for top::Name [serde]",
        "fn top::Name::any() -> Self [testing]",
        "fn top::std()",
        "mod top::testing [testing]",
        "struct top::testing::World; [testing]",
        "fn top::testing::World::run(&self) [testing]",
    ];
    assert_eq!(api, expected);
}

#[test]
fn modules_are_followed_to_their_files() {
    let files = |file: &str| {
        let text = match file {
            "lib.rs" => "pub mod a; pub mod b { pub mod c; }",
            "a/mod.rs" => "mod d; pub use d::D;",
            "a/d.rs" => "pub struct D;",
            "b/c.rs" => "#[macro_export] macro_rules! shout { () => {} } pub type C = u8;",
            _ => return None,
        };
        Some(text.to_owned())
    };
    let api = lines::api(&Crate::read("top", &files));
    let expected = [
        "mod top",
        "mod top::a",
        "struct top::a::D;",
        "mod top::b",
        "mod top::b::c",
        "type top::b::c::C = u8",
        "macro top::shout!",
    ];
    assert_eq!(api, expected);
}

#[test]
fn a_difference_shows_what_went_and_what_came() {
    let now = ["a", "b, otherwise", "c", "e"].map(str::to_owned);
    assert_eq!(difference(&["a", "b", "c", "d", "e"], &now), "- b\n+ b, otherwise\n- d\n");
    assert_eq!(difference(&["a", "b, otherwise", "c", "e"], &now), "");
    assert_eq!(difference(&[], &now[..1]), "+ a\n");
}

fn api_of(lib: &str) -> Vec<String> {
    lines::api(&Crate::read("top", &|file| (file == "lib.rs").then(|| lib.to_owned())))
}

/// The lines that are in one of the two only, in order, by their longest common subsequence.
fn difference(recorded: &[&str], now: &[String]) -> String {
    // common[i][j]: the length of the longest common subsequence of recorded[i..] and now[j..].
    let mut common = vec![vec![0u32; now.len() + 1]; recorded.len() + 1];
    for i in (0..recorded.len()).rev() {
        for j in (0..now.len()).rev() {
            common[i][j] =
                if recorded[i] == now[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut text) = (0, 0, String::new());
    while i < recorded.len() || j < now.len() {
        if i < recorded.len() && j < now.len() && recorded[i] == now[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == now.len() || (i < recorded.len() && common[i + 1][j] >= common[i][j + 1]) {
            let _ = writeln!(text, "- {}", recorded[i]);
            i += 1;
        } else {
            let _ = writeln!(text, "+ {}", now[j]);
            j += 1;
        }
    }
    text
}

//! Finding parts of a spec by name, and saying which name was probably meant.

use super::spec::{ClusterSpec, EndpointSpec, RegionSpec, RouteSpec};
use crate::error::TableError;

/// What has a name that is unique among its siblings.
pub(super) trait Named {
    fn name(&self) -> &str;
}

macro_rules! named {
    ($($spec:ty),*) => {$(
        impl Named for $spec {
            fn name(&self) -> &str {
                &self.name
            }
        }
    )*};
}
named!(ClusterSpec, RegionSpec, EndpointSpec, RouteSpec);

/// The one of that name, to change it.
pub(super) fn find<'a, T: Named>(all: &'a mut [T], path: &str, name: &str) -> Result<&'a mut T, TableError> {
    match all.iter().position(|one| one.name() == name) {
        Some(at) => Ok(&mut all[at]),
        None => Err(TableError::one(
            format!("{path}.{name}"),
            format!("does not exist{}", did_you_mean(name, all.iter().map(Named::name))),
        )),
    }
}

/// `; did you mean ..?`, or the names there are, or nothing.
pub(crate) fn did_you_mean<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> String {
    let mut near: Vec<_> = all.map(|other| (distance(name, other), other)).collect();
    near.sort_unstable();
    match near.first() {
        Some((edits, other)) if *edits <= 1 + name.chars().count() / 4 => format!("; did you mean `{other}`?"),
        _ if (1..=8).contains(&near.len()) => {
            let mut names: Vec<_> = near.iter().map(|(_, other)| format!("`{other}`")).collect();
            names.sort_unstable();
            format!("; there {} {}", if names.len() == 1 { "is" } else { "are" }, names.join(", "))
        }
        _ => String::new(),
    }
}

/// Edits between two names (Levenshtein), for suggestions only.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

//! Hosts and paths as patterns, in normal form and in order of precedence.

use super::matching::PathMatch;
use crate::protocol::{Oddities, bare_host, normal_host, path::normal_path};
use std::cmp::Reverse;

/// Which hosts. The derived order is the precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum HostPattern {
    Exact(Box<str>),
    /// The suffix without the star and its dot.
    Suffix(Reverse<usize>, Box<str>),
    Any,
}

impl HostPattern {
    pub(crate) fn compile(host: &str) -> Result<Self, String> {
        let (suffix, name) = match host.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, host),
        };
        if name.contains('*') {
            return Err(format!("is {host:?}; a star stands for whole labels, at the front only: `*.example.com`"));
        }
        if let Ok((_, Some(port))) = normal_host(name) {
            return Err(format!("names port {port}; routes match the host alone, so leave the port out"));
        }
        match bare_host(name) {
            Ok(name) if !suffix => Ok(HostPattern::Exact(name.into())),
            // No host is below an address.
            Ok(name) if !name.starts_with('[') => Ok(HostPattern::Suffix(Reverse(name.len()), name.into())),
            _ => Err(format!("is {host:?}, which is not a host name")),
        }
    }

    /// The pattern as it is written in a normal form; none for any host.
    pub(crate) fn spelling(&self) -> Option<String> {
        match self {
            HostPattern::Exact(name) => Some(name.to_string()),
            HostPattern::Suffix(_, name) => Some(format!("*.{name}")),
            HostPattern::Any => None,
        }
    }
}

/// Which paths: segments, and whether more may follow. The derived order is the precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PathPattern(Vec<Step>);

/// One step of a pattern. What is asked first is least; exactly one `Closed` or `Open` ends a pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Step {
    Literal(Box<str>),
    Placeholder,
    Closed,
    Open,
}

impl PathPattern {
    pub(crate) fn any() -> Self {
        PathPattern(vec![Step::Open])
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }

    pub(crate) fn compile(spec: Option<&PathMatch>) -> Result<Self, String> {
        let (text, open, placeholders) = match spec {
            None => return Ok(PathPattern::any()),
            Some(PathMatch::Exact(text)) => (text, false, false),
            Some(PathMatch::Prefix(text)) => (text, true, false),
            Some(PathMatch::Template(text)) => (text, false, true),
        };
        let Some(mut path) = text.strip_prefix('/') else {
            return Err(format!("is {text:?}; begin it with a slash"));
        };
        if let Some(odd) = text.chars().find(|c| "?#*".contains(*c) || c.is_ascii_control() || c.is_ascii_whitespace())
        {
            let hint = if odd == '*' { "; for what is below a path use `path_prefix`" } else { "" };
            return Err(format!("is {text:?}; {odd:?} cannot stand in a path{hint}"));
        }
        if open {
            // `/a/` and `/a` are the same prefix; `/` is every path.
            path = path.trim_end_matches('/');
        }
        let mut steps = Vec::new();
        if !(open && path.is_empty()) {
            for segment in path.split('/') {
                steps.push(step(text, segment, placeholders)?);
            }
        }
        steps.push(if open { Step::Open } else { Step::Closed });
        Ok(PathPattern(steps))
    }

    /// What is in doubt about the pattern's own text: a table that does not allow it can never match.
    pub(crate) fn oddities(spec: Option<&PathMatch>) -> Oddities {
        match spec {
            None => Oddities::NONE,
            Some(PathMatch::Exact(text) | PathMatch::Prefix(text) | PathMatch::Template(text)) => normal_path(text).1,
        }
    }
}

fn step(text: &str, segment: &str, placeholders: bool) -> Result<Step, String> {
    match segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
        Some(name) if placeholders && !name.is_empty() && !name.contains(['{', '}']) => Ok(Step::Placeholder),
        _ if placeholders && segment.contains(['{', '}']) => {
            Err(format!("is {text:?}; a placeholder is a whole segment with a name, as in `/users/{{id}}`"))
        }
        _ if segment.contains(['{', '}']) => {
            Err(format!("is {text:?}; for a placeholder use `path_template`, and for a brace write `%7B` and `%7D`"))
        }
        _ => Ok(Step::Literal(normal_path(segment).0.into())),
    }
}

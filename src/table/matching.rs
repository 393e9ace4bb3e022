//! Which requests: one type for routes and for whatever else will select traffic.
//!
//! # Precedence
//! When several matches hold, one total order decides, whatever the order of insertion (as Kubernetes' Gateway API, made
//! total). Compared in turn, until one differs:
//!
//! 1. **host**: exact before `*.suffix`, a longer suffix before a shorter, any host last;
//! 2. **path**, segment by segment from the left: a literal before a placeholder, a placeholder before the end of the
//!    pattern; a pattern that ends there before one that goes on to match anything (a prefix). So exact comes before the
//!    longest prefix, and `/users/{id}` before the prefix `/users`;
//! 3. **method**: named before any;
//! 4. **headers**: more before fewer; then **query** parameters: more before fewer;
//! 5. the conditions themselves: by name, and for one name `exact` before a longer `prefix` before a shorter before
//!    `present` before `absent`; then by text.
//!
//! Two matches that are equal in all of these are the same match, and a table that has both is refused. The order has a
//! property worth having: whatever a match takes, no wider match is asked before it. What remains is a match that two
//! others cover together (a header present, and the same header absent); such a table is refused too, naming all three.

use super::pattern::{HostPattern, PathPattern};
use crate::protocol::Facts;
use crate::protocol::path::normal_text;
use http::Method;
use http::header::{HOST, HeaderName, HeaderValue};
use std::cmp::{Ordering, Reverse};
use std::fmt;

/// Which requests: every condition that is set must hold. Without any, all requests.
///
/// ```
/// use contraflow::Match;
/// use http::Method;
///
/// let canary = Match::new()
///     .host("*.shop.example")
///     .path_template("/users/{id}/cart")
///     .method(Method::GET)
///     .header("x-beta", "yes");
/// # let _ = canary;
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Match {
    /// `api.example.com`, or `*.example.com` for every name below it (not itself). No port. Default: any host, and none.
    pub host: Option<String>,
    /// Default: any path.
    pub path: Option<PathMatch>,
    /// Default: any method.
    pub method: Option<Method>,
    /// Conditions on headers, each header once.
    pub headers: Vec<FieldMatch>,
    /// Conditions on query parameters, each parameter once.
    pub query: Vec<FieldMatch>,
}

/// Which paths. All begin with a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathMatch {
    /// This path. A trailing slash makes another path.
    Exact(String),
    /// This path and everything below it, on the border of a segment: `/a` takes `/a`, `/a/` and `/a/b`, not `/ab`.
    Prefix(String),
    /// This path with placeholders for whole segments that are not empty: `/users/{id}`.
    Template(String),
}

/// A condition on one header or query parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldMatch {
    /// A header's name in any case, or a parameter's name.
    pub name: String,
    /// What must hold of its values.
    pub value: ValueMatch,
}

/// What must hold of a header or parameter. One that is repeated is taken by any of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueMatch {
    /// It has this value, byte for byte.
    Exact(String),
    /// It has a value that begins with this.
    Prefix(String),
    /// It is there.
    Present,
    /// It is not there.
    Absent,
}

impl Match {
    /// Every request.
    pub fn new() -> Self {
        Match::default()
    }

    /// Only this host, or every host below a `*.suffix`.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Only this path.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(PathMatch::Exact(path.into()));
        self
    }

    /// Only this path and what is below it.
    pub fn path_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.path = Some(PathMatch::Prefix(prefix.into()));
        self
    }

    /// Only paths of this form, such as `/users/{id}`.
    pub fn path_template(mut self, template: impl Into<String>) -> Self {
        self.path = Some(PathMatch::Template(template.into()));
        self
    }

    /// Only this method.
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Only with this header at this value.
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.header_is(name, ValueMatch::Exact(value.into()))
    }

    /// Only with this header so.
    pub fn header_is(mut self, name: impl Into<String>, value: ValueMatch) -> Self {
        self.headers.push(FieldMatch { name: name.into(), value });
        self
    }

    /// Only with this query parameter at this value.
    pub fn query(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query_is(name, ValueMatch::Exact(value.into()))
    }

    /// Only with this query parameter so.
    pub fn query_is(mut self, name: impl Into<String>, value: ValueMatch) -> Self {
        self.query.push(FieldMatch { name: name.into(), value });
        self
    }
}

impl fmt::Display for Match {
    /// Its conditions as a list; `any request` without any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut conditions = Vec::new();
        if let Some(host) = &self.host {
            conditions.push(format!("host {host}"));
        }
        match &self.path {
            None => {}
            Some(PathMatch::Exact(path)) => conditions.push(format!("path {path}")),
            Some(PathMatch::Prefix(path)) => conditions.push(format!("paths below {path}")),
            Some(PathMatch::Template(path)) => conditions.push(format!("paths like {path}")),
        }
        if let Some(method) = &self.method {
            conditions.push(format!("method {method}"));
        }
        conditions.extend(self.headers.iter().map(|field| format!("header {field}")));
        conditions.extend(self.query.iter().map(|field| format!("query {field}")));
        if conditions.is_empty() {
            conditions.push("any request".into());
        }
        f.write_str(&conditions.join(", "))
    }
}

impl fmt::Display for FieldMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            ValueMatch::Exact(text) => write!(f, "{}={text}", self.name),
            ValueMatch::Prefix(text) => write!(f, "{}={text}..", self.name),
            ValueMatch::Present => write!(f, "{} present", self.name),
            ValueMatch::Absent => write!(f, "{} absent", self.name),
        }
    }
}

/// A match, checked and in normal form. The derived order is the precedence: what is asked first is least.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Predicate {
    pub(crate) host: HostPattern,
    pub(crate) path: PathPattern,
    pub(crate) conditions: Conditions,
}

/// The conditions besides host and path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    method: Option<Method>,
    /// Sorted by name, each name once; so is `query`.
    headers: Vec<(HeaderName, Value)>,
    query: Vec<(String, Value)>,
}

/// [`ValueMatch`] with the order of precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Exact(String),
    Prefix(Reverse<usize>, String),
    Present,
    Absent,
}

impl Predicate {
    /// Checks a match; `problem` is told each thing that is wrong, with its path below the match.
    pub(crate) fn compile(spec: &Match, mut problem: impl FnMut(&str, String)) -> Option<Self> {
        let mut sound = true;
        let mut wrong = |at: &str, message: String| {
            sound = false;
            problem(at, message);
        };
        let host = match &spec.host {
            None => HostPattern::Any,
            Some(host) => HostPattern::compile(host).unwrap_or_else(|message| {
                wrong("host", message);
                HostPattern::Any
            }),
        };
        let path = PathPattern::compile(spec.path.as_ref()).unwrap_or_else(|message| {
            wrong("path", message);
            PathPattern::any()
        });
        let mut headers = Vec::with_capacity(spec.headers.len());
        for field in &spec.headers {
            let at = format!("headers.{}", field.name);
            match HeaderName::from_bytes(field.name.as_bytes()) {
                Ok(name) if name == HOST => wrong(&at, "spells the host as it came; use `.host(..)`".into()),
                Ok(name) => headers.push((name, Value::new(&field.value))),
                Err(_) => wrong(&at, "is not a header name".into()),
            }
            if let ValueMatch::Exact(text) | ValueMatch::Prefix(text) = &field.value
                && HeaderValue::from_str(text).is_err()
            {
                wrong(&at, format!("asks for {text:?}, which no header can hold"));
            }
        }
        let mut query = Vec::with_capacity(spec.query.len());
        for field in &spec.query {
            if field.name.is_empty() || field.name.contains(['&', '=', '#']) {
                wrong(&format!("query.{}", field.name), "is not a parameter's name".into());
            }
            query.push((normal_text(&field.name).into_owned(), Value::new_query(&field.value)));
        }
        headers.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
        query.sort();
        for pair in headers.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            wrong(&format!("headers.{}", pair[0].0), "is named twice; one condition a header".into());
        }
        for pair in query.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            wrong(&format!("query.{}", pair[0].0), "is named twice; one condition a parameter".into());
        }
        let conditions = Conditions { method: spec.method.clone(), headers, query };
        sound.then_some(Predicate { host, path, conditions })
    }
}

impl Conditions {
    pub(crate) fn is_empty(&self) -> bool {
        self.method.is_none() && self.headers.is_empty() && self.query.is_empty()
    }

    /// Whether a request meets all of them.
    #[inline]
    pub(crate) fn hold(&self, facts: &Facts<'_>) -> bool {
        self.method.as_ref().is_none_or(|method| facts.method() == Some(method))
            && self.headers.iter().all(|(name, value)| value.holds(facts.header(name), |line| line))
            && self.query.iter().all(|(name, value)| value.holds(facts.parameter(name), |text| text.as_bytes()))
    }

    /// Two earlier matches that together take everything these conditions take: one wants a field present, the other
    /// absent, and neither wants anything else that these do not imply. Their places among `earlier`.
    pub(crate) fn covered_by_two(&self, earlier: &[&Conditions]) -> Option<(usize, usize)> {
        earlier.iter().enumerate().find_map(|(i, one)| {
            one.fields().filter(|(_, value)| **value == Value::Present).find_map(|(field, _)| {
                let completes = |other: &&Conditions| {
                    other.fields().any(|found| found == (field, &Value::Absent)) && other.implied_by(self, Some(field))
                };
                let j = earlier.iter().position(completes)?;
                one.implied_by(self, Some(field)).then_some((i, j))
            })
        })
    }

    /// Whether every request that meets `narrow` meets these, one field aside.
    fn implied_by(&self, narrow: &Conditions, except: Option<(FieldKind, &str)>) -> bool {
        (self.method.is_none() || self.method == narrow.method)
            && self
                .fields()
                .filter(|(field, _)| Some(*field) != except)
                .all(|(field, wide)| narrow.fields().any(|(name, value)| name == field && value.implies(wide)))
    }

    fn fields(&self) -> impl Iterator<Item = ((FieldKind, &str), &Value)> {
        let headers = self.headers.iter().map(|(name, value)| ((FieldKind::Header, name.as_str()), value));
        headers.chain(self.query.iter().map(|(name, value)| ((FieldKind::Query, name.as_str()), value)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FieldKind {
    Header,
    Query,
}

impl Ord for Conditions {
    fn cmp(&self, other: &Self) -> Ordering {
        let method = |conditions: &Conditions| conditions.method.as_ref().map(Method::as_str).map(String::from);
        let headers = |conditions: &Conditions| -> Vec<(String, Value)> {
            conditions.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.clone())).collect()
        };
        self.method
            .is_none()
            .cmp(&other.method.is_none())
            .then_with(|| other.headers.len().cmp(&self.headers.len()))
            .then_with(|| other.query.len().cmp(&self.query.len()))
            .then_with(|| headers(self).cmp(&headers(other)))
            .then_with(|| self.query.cmp(&other.query))
            .then_with(|| method(self).cmp(&method(other)))
    }
}

impl PartialOrd for Conditions {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Value {
    fn new(spec: &ValueMatch) -> Self {
        match spec {
            ValueMatch::Exact(text) => Value::Exact(text.clone()),
            // Every value begins with nothing.
            ValueMatch::Prefix(text) if text.is_empty() => Value::Present,
            ValueMatch::Prefix(text) => Value::Prefix(Reverse(text.len()), text.clone()),
            ValueMatch::Present => Value::Present,
            ValueMatch::Absent => Value::Absent,
        }
    }

    /// A query's values are compared in their normal spelling.
    fn new_query(spec: &ValueMatch) -> Self {
        let normal = |text: &str| normal_text(text).into_owned();
        Value::new(&match spec {
            ValueMatch::Exact(text) => ValueMatch::Exact(normal(text)),
            ValueMatch::Prefix(text) => ValueMatch::Prefix(normal(text)),
            other => other.clone(),
        })
    }

    #[inline]
    fn holds<V>(&self, mut values: impl Iterator<Item = V>, bytes: impl Fn(&V) -> &[u8]) -> bool {
        match self {
            Value::Present => values.next().is_some(),
            Value::Absent => values.next().is_none(),
            Value::Exact(_) | Value::Prefix(..) => values.any(|value| self.takes(bytes(&value))),
        }
    }

    fn takes(&self, value: &[u8]) -> bool {
        match self {
            Value::Exact(text) => value == text.as_bytes(),
            Value::Prefix(_, text) => value.starts_with(text.as_bytes()),
            Value::Present => true,
            Value::Absent => false,
        }
    }

    fn implies(&self, wide: &Value) -> bool {
        match (self, wide) {
            (Value::Exact(text) | Value::Prefix(_, text), Value::Prefix(_, begin)) => text.starts_with(begin),
            (Value::Exact(_) | Value::Prefix(..) | Value::Present, Value::Present) => true,
            (one, other) => one == other,
        }
    }
}

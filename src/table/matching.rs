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
//! property worth having: whatever a match takes, no wider match is asked before it. What remains is a match that several
//! others cover together (a header present, and the same header absent); such a table is refused too, naming them all.

use http::Method;
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

/// Which paths. All begin with a slash; an escape stands for its character, so `/caf%C3%A9` and `/café` are one path.
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
    ///
    /// Name and value are written as in a URL: `+` is a space, `%26` an `&`, `%2B` a plus. Other escapes are what they mean.
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

//! A match as compiled: checked, in normal form, in order of precedence, and ready to be asked.

use super::matching::{Match, ValueMatch};
use super::pattern::{HostPattern, PathPattern};
use crate::protocol::Facts;
use crate::protocol::path::normal_parameter;
use http::Method;
use http::header::{HOST, HeaderName, HeaderValue};
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;

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
            if let ValueMatch::Exact(text) | ValueMatch::Prefix(text) = &field.value
                && text.contains('&')
            {
                let message = format!("asks for {text:?}, which no parameter can hold; write `&` as `%26`");
                wrong(&format!("query.{}", field.name), message);
            }
            query.push((normal_parameter(&field.name).into_owned(), Value::new_query(&field.value)));
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

    /// Whether a request meets all of them. Not inlined: most matches ask for nothing but host and path.
    #[inline(never)]
    pub(crate) fn hold(&self, facts: &Facts<'_>) -> bool {
        self.method.as_ref().is_none_or(|method| facts.method() == Some(method))
            && self.headers.iter().all(|(name, value)| value.holds(facts.header(name), |line| line))
            && self.query.iter().all(|(name, value)| value.holds(facts.parameter(name), |text| text.as_bytes()))
    }

    /// The earlier conditions that together take everything these take, by place; none when something is left.
    ///
    /// By the order of precedence no single one can. Several can where some want a field present and others want it absent,
    /// so each such field that these leave open is supposed to be there and not to be there in turn, and every case must be
    /// taken by one. Other conditions leave more values than any list can name. At most [`MAX_OPEN`] fields are looked at.
    pub(crate) fn covered_by<'c>(&'c self, earlier: &[&'c Conditions]) -> Option<BTreeSet<usize>> {
        let mut open = Vec::new();
        for (field, _) in earlier.iter().flat_map(|one| one.fields()).filter(|(_, value)| **value == Value::Absent) {
            if !open.contains(&field) && self.fields().all(|(own, _)| own != field) && open.len() < MAX_OPEN {
                open.push(field);
            }
        }
        let mut by = BTreeSet::new();
        (!open.is_empty() && self.is_covered(&open, &mut Vec::new(), earlier, &mut by)).then_some(by)
    }

    fn is_covered<'c>(
        &self,
        open: &[Field<'c>],
        supposed: &mut Vec<(Field<'c>, Value)>,
        earlier: &[&Conditions],
        by: &mut BTreeSet<usize>,
    ) -> bool {
        if let Some(place) = earlier.iter().position(|one| one.implied_by(self, supposed)) {
            by.insert(place);
            return true;
        }
        let Some((field, open)) = open.split_first() else { return false };
        [Value::Present, Value::Absent].into_iter().all(|value| {
            supposed.push((*field, value));
            let covered = self.is_covered(open, supposed, earlier, by);
            supposed.pop();
            covered
        })
    }

    /// Whether every request that meets `narrow`, and what is supposed besides, meets these.
    fn implied_by(&self, narrow: &Conditions, supposed: &[(Field<'_>, Value)]) -> bool {
        let known = || narrow.fields().chain(supposed.iter().map(|(field, value)| (*field, value)));
        (self.method.is_none() || self.method == narrow.method)
            && self.fields().all(|(field, wide)| known().any(|(name, value)| name == field && value.implies(wide)))
    }

    fn fields(&self) -> impl Iterator<Item = (Field<'_>, &Value)> {
        let headers = self.headers.iter().map(|(name, value)| ((FieldKind::Header, name.as_str()), value));
        headers.chain(self.query.iter().map(|(name, value)| ((FieldKind::Query, name.as_str()), value)))
    }
}

/// Each field doubles the cases of [`Conditions::covered_by`]: 256 at most.
const MAX_OPEN: usize = 8;

/// A field's kind and name.
type Field<'a> = (FieldKind, &'a str);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum FieldKind {
    Header,
    Query,
}

impl Ord for Conditions {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.method.is_none().cmp(&other.method.is_none()))
            .then_with(|| other.headers.len().cmp(&self.headers.len()))
            .then_with(|| other.query.len().cmp(&self.query.len()))
            .then_with(|| self.fields().cmp(other.fields()))
            .then_with(|| self.method.as_ref().map(Method::as_str).cmp(&other.method.as_ref().map(Method::as_str)))
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
        let normal = |text: &str| normal_parameter(text).into_owned();
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
            Value::Exact(text) => values.any(|value| bytes(&value) == text.as_bytes()),
            Value::Prefix(_, text) => values.any(|value| bytes(&value).starts_with(text.as_bytes())),
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

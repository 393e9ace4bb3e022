//! One reading for a path, so that no spelling walks around a match.
//!
//! The path is forwarded exactly as it came. To match it we need to know what the server behind us will read in it, and
//! for some spellings that cannot be known: `/static/../admin`, `/static/%2e%2e/admin`, `/a%2fb`, `/a\b` and `//admin`
//! are each read in two ways by servers in wide use, and each has walked around somebody's access rule. They are
//! *oddities*: a table refuses them unless it allows each kind by name ([`PathRules`](crate::table::PathRules)), and then
//! they are matched as they stand.
//!
//! Any other escape has one reading for a server that decodes: `%61` is `a` (RFC 3986, 6.2.2.2), and although the RFC lets
//! a scheme tell `:` from `%3A` and leaves characters outside ASCII to whoever mapped them, no server in wide use does. So
//! we match the decoded text, and `/users%3Apurge` is what `/users:purge` is. What stays escaped, in upper case, is what
//! would be read as something else or not at all: slashes, `?`, `#`, `%` itself, spaces, and bytes that are no UTF-8. Only a
//! path with an escape costs a copy.

use std::borrow::Cow;

/// Which readings of a path are in doubt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Oddities(u8);

impl Oddities {
    pub(crate) const NONE: Oddities = Oddities(0);
    /// A segment `.` or `..`, in any encoding, with or without `;parameters`.
    pub(crate) const DOT_SEGMENTS: Oddities = Oddities(1);
    /// An encoded slash, or a backslash in any form.
    pub(crate) const ENCODED_SLASHES: Oddities = Oddities(2);
    /// An empty segment before the last: `//`.
    pub(crate) const EMPTY_SEGMENTS: Oddities = Oddities(4);
    /// What no table can allow: a broken escape, or an encoded or plain control character.
    pub(crate) const BROKEN: Oddities = Oddities(8);

    pub(crate) const fn and(self, other: Oddities) -> Oddities {
        Oddities(self.0 | other.0)
    }

    /// All the others.
    pub(crate) const fn others(self) -> Oddities {
        Oddities(!self.0)
    }

    /// Whether everything odd here is among `allowed`.
    #[inline]
    pub(crate) const fn are_within(self, allowed: Oddities) -> bool {
        self.0 & !allowed.0 == 0
    }
}

/// The path in the spelling that is matched, and what is in doubt about it.
#[inline]
pub(crate) fn normal_path(path: &str) -> (Cow<'_, str>, Oddities) {
    if is_plain(path.as_bytes()) { (Cow::Borrowed(path), Oddities::NONE) } else { normalise(path) }
}

/// A name or value of a query in the spelling that is matched, as forms are read (WHATWG URL, `urlencoded` parsing): `+` is
/// a space, escapes are decoded. What is no escape is taken as it stands.
#[inline]
pub(crate) fn normal_parameter(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(unescape(&spaced, b"%+").unwrap_or(spaced))
}

/// Whether a path surely holds nothing that `normalise` looks at: no escape, backslash or control character, and no
/// slash before a dot or another slash. Written as one pass without branches, which the compiler turns into vectors.
#[inline]
#[expect(
    clippy::needless_bitwise_bool,
    reason = "lazy operators would branch, and branches keep it from being vectors"
)]
fn is_plain(path: &[u8]) -> bool {
    let [first, next @ ..] = path else { return true };
    let is_odd = |byte: u8| (byte == b'%') | (byte == b'\\') | (byte < b' ') | (byte == 0x7f);
    let mut odd = (*first == b'.') | is_odd(*next.last().unwrap_or(first));
    for (&byte, &next) in path.iter().zip(next) {
        odd |= is_odd(byte) | ((byte == b'/') & ((next == b'.') | (next == b'/')));
    }
    !odd
}

#[cold]
fn normalise(path: &str) -> (Cow<'_, str>, Oddities) {
    let Some(text) = unescape(path, b"%/\\?# ") else {
        return (Cow::Borrowed(path), Oddities::BROKEN);
    };
    let mut odd = segment_oddities(&text);
    if text.contains('\\') || text.contains("%2F") || text.contains("%5C") {
        odd = odd.and(Oddities::ENCODED_SLASHES);
    }
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        odd = odd.and(Oddities::BROKEN);
    }
    (if text == path { Cow::Borrowed(path) } else { Cow::Owned(text) }, odd)
}

/// The text with its escapes decoded, except those of `kept` bytes and of bytes that are no UTF-8, which are brought into
/// upper case; none when one is broken. `%` must be kept, so that no two texts become one.
fn unescape(text: &str, kept: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| byte == b'%') {
        out.extend_from_slice(&rest[..at]);
        let [high, low] = *rest[at + 1..].first_chunk()?;
        let byte = hex_digit(high)? * 16 + hex_digit(low)?;
        if kept.contains(&byte) {
            out.extend_from_slice(&escape(byte));
        } else {
            out.push(byte);
        }
        rest = &rest[at + 3..];
    }
    out.extend_from_slice(rest);
    let mut text = String::with_capacity(out.len());
    for chunk in out.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().flat_map(|&byte| escape(byte)).map(char::from));
    }
    Some(text)
}

fn escape(byte: u8) -> [u8; 3] {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    [b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

fn segment_oddities(path: &str) -> Oddities {
    let mut odd = Oddities::NONE;
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        // Servers that know path parameters drop `;x` before they read the dots.
        let name = segment.split(';').next().unwrap_or(segment);
        if name == "." || name == ".." {
            odd = odd.and(Oddities::DOT_SEGMENTS);
        }
        if segment.is_empty() && segments.peek().is_some() {
            odd = odd.and(Oddities::EMPTY_SEGMENTS);
        }
    }
    odd
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_are_borrowed_and_not_odd() {
        for path in ["", "/", "/a", "/a/", "/a/b.c/d", "/a.b/..c", "/~user", "/a;v=1/b", "*", "orders.create"] {
            let (normal, odd) = normal_path(path);
            assert!(matches!(normal, Cow::Borrowed(_)), "{path}");
            assert_eq!((&*normal, odd), (path, Oddities::NONE), "{path}");
        }
    }

    #[test]
    fn escapes_are_read_as_what_they_mean() {
        for (path, normal) in [
            ("/%61dmin", "/admin"),
            ("/%7euser", "/~user"),
            ("/a%2db", "/a-b"),
            ("/%e2%82%ac", "/\u{20ac}"),
            ("/\u{20ac}", "/\u{20ac}"),
            ("/users%3apurge%7b%22%2A", "/users:purge{\"*"),
            ("/a%20b%3f%23%252f", "/a%20b%3F%23%252f"),
            ("/%ff%c3%a9%e2%82", "/%FF\u{e9}%E2%82"),
        ] {
            assert_eq!(normal_path(path), (normal.into(), Oddities::NONE), "{path}");
            assert_eq!(normal_path(normal).0, normal, "{path}");
        }
    }

    #[test]
    fn parameters_are_read_as_forms_are() {
        for (text, normal) in [
            ("a", "a"),
            ("a+b", "a b"),
            ("a%20b", "a b"),
            ("a%2bb", "a%2Bb"),
            ("%26%3d%2F", "&=/"),
            ("100%25%zz", "100%25%zz"),
            ("5%+a", "5% a"),
            ("%c3%A9%ff", "\u{e9}%FF"),
        ] {
            assert_eq!(normal_parameter(text), normal, "{text}");
            assert_eq!(normal_parameter(normal), normal, "{text}");
        }
    }

    #[test]
    fn paths_with_two_readings_are_odd() {
        for (path, odd) in [
            ("/a/../b", Oddities::DOT_SEGMENTS),
            ("/.", Oddities::DOT_SEGMENTS),
            ("..", Oddities::DOT_SEGMENTS),
            ("/a/%2e%2E/b", Oddities::DOT_SEGMENTS),
            ("/a/.%2e/b", Oddities::DOT_SEGMENTS),
            ("/a/..;x=1/b", Oddities::DOT_SEGMENTS),
            ("/a%2fb", Oddities::ENCODED_SLASHES),
            ("/a%2Fb", Oddities::ENCODED_SLASHES),
            ("/a%5cb", Oddities::ENCODED_SLASHES),
            ("/a\\b", Oddities::ENCODED_SLASHES),
            ("//admin", Oddities::EMPTY_SEGMENTS),
            ("/a//b", Oddities::EMPTY_SEGMENTS),
            ("/a//", Oddities::EMPTY_SEGMENTS),
            ("/a%00", Oddities::BROKEN),
            ("/a%", Oddities::BROKEN),
            ("/a%2", Oddities::BROKEN),
            ("/a%zz", Oddities::BROKEN),
            ("/a\tb", Oddities::BROKEN),
            ("/%\u{20ac}", Oddities::BROKEN),
        ] {
            assert!(!normal_path(path).1.are_within(Oddities(!odd.0)), "{path:?}: {:?}", normal_path(path));
        }
    }
}

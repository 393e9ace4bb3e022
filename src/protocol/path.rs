//! One reading for a path, so that no spelling walks around a match.
//!
//! The path is forwarded exactly as it came. To match it we need to know what the server behind us will read in it, and
//! for some spellings that cannot be known: `/static/../admin`, `/static/%2e%2e/admin`, `/a%2fb`, `/a\b` and `//admin`
//! are each read in two ways by servers in wide use, and each has walked around somebody's access rule. They are
//! *oddities*: a table refuses them unless it allows each kind by name ([`PathRules`](crate::table::PathRules)), and then
//! they are matched as they stand.
//!
//! Percent-encoding of characters that need none (`%61` for `a`) has one reading (RFC 3986, 6.2.2.2): we match the
//! decoded form, with the remaining escapes in upper case (6.2.2.1). Only such a spelling costs a copy.

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

/// Any URI text in the spelling that is matched: needless escapes decoded, the others in upper case.
#[inline]
pub(crate) fn normal_text(text: &str) -> Cow<'_, str> {
    if text.contains('%') { normalise(text).0 } else { Cow::Borrowed(text) }
}

/// Whether a path surely holds nothing that `normalise` looks at: no escape, backslash or control character, and no
/// slash before a dot or another slash. Written as one pass without branches, which the compiler turns into vectors.
#[inline]
#[expect(
    clippy::needless_bitwise_bool,
    reason = "lazy operators would branch, and branches keep it from being vectors"
)]
fn is_plain(path: &[u8]) -> bool {
    let mut odd = false;
    for &byte in path {
        odd |= (byte == b'%') | (byte == b'\\') | (byte < b' ') | (byte == 0x7f);
    }
    if let [_, next @ ..] = path {
        for (&byte, &next) in path.iter().zip(next) {
            odd |= (byte == b'/') & ((next == b'.') | (next == b'/'));
        }
    }
    !odd & (path.first() != Some(&b'.'))
}

#[cold]
fn normalise(path: &str) -> (Cow<'_, str>, Oddities) {
    let mut odd = Oddities::NONE;
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let escape = rest.as_bytes().get(at + 1..at + 3).and_then(|hex| Some((hex_digit(hex[0])?, hex_digit(hex[1])?)));
        let Some((high, low)) = escape else {
            return (Cow::Borrowed(path), odd.and(Oddities::BROKEN));
        };
        let byte = high * 16 + low;
        match byte {
            b'/' | b'\\' => odd = odd.and(Oddities::ENCODED_SLASHES),
            0..b' ' | 0x7f => odd = odd.and(Oddities::BROKEN),
            _ => {}
        }
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(high)]));
            out.push(char::from(HEX[usize::from(low)]));
        }
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    if out.contains('\\') {
        odd = odd.and(Oddities::ENCODED_SLASHES);
    }
    if out.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        odd = odd.and(Oddities::BROKEN);
    }
    odd = odd.and(segment_oddities(&out));
    (if out == path { Cow::Borrowed(path) } else { Cow::Owned(out) }, odd)
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

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
    fn needless_escapes_are_read_as_what_they_mean() {
        for (path, normal) in [
            ("/%61dmin", "/admin"),
            ("/%7euser", "/~user"),
            ("/a%2db", "/a-b"),
            ("/%e2%82%ac", "/%E2%82%AC"),
            ("/a%20b", "/a%20b"),
        ] {
            assert_eq!(normal_path(path), (normal.into(), Oddities::NONE), "{path}");
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

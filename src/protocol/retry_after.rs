//! `Retry-After`: when a server says to come back (RFC 9110, 10.2.3).
//!
//! It is a number of seconds, or a date. A date needs a clock, and ours knows no wall: reading the system's would let a clock
//! that jumps, or two that differ, decide when a request is sent. The server's own clock is in the answer, as its `Date`; what
//! lies between the two is what the server meant, however wrong its clock is. An answer without `Date` says nothing that
//! could be relied on.

use super::facts::digits;
use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use std::time::Duration;

/// How long the server asks to wait, if that can be read; of several times the longest.
///
/// A date that is past by the server's own clock is no wait at all.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(RETRY_AFTER).iter().map(|value| value.as_bytes().trim_ascii());
    lines.filter_map(|value| seconds(value).or_else(|| until(value, headers))).max()
}

fn seconds(value: &[u8]) -> Option<Duration> {
    digits(value).map(Duration::from_secs)
}

/// From the answer's date to another.
fn until(date: &[u8], headers: &HeaderMap) -> Option<Duration> {
    let read = |date: &[u8]| httpdate::parse_http_date(std::str::from_utf8(date).ok()?).ok();
    let now = read(headers.get(DATE)?.as_bytes())?;
    Some(read(date)?.duration_since(now).unwrap_or_default())
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    fn read(lines: &[(HeaderName, &[u8])]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        retry_after(&headers)
    }

    fn alone(value: &[u8]) -> Option<Duration> {
        read(&[(RETRY_AFTER, value)])
    }

    const NOW: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";

    fn dated(value: &[u8]) -> Option<Duration> {
        read(&[(RETRY_AFTER, value), (DATE, NOW)])
    }

    #[test]
    fn seconds_are_digits() {
        assert_eq!(alone(b"120"), Some(Duration::from_secs(120)));
        assert_eq!(alone(b"0"), Some(Duration::ZERO));
        assert_eq!(alone(b" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(alone(b"340282366920938463463374607431768211456"), Some(Duration::from_secs(u64::MAX)));
        for garbage in [&b""[..], b"-1", b"+1", b"1.5", b"1s", b"soon", b"\xff\xfe"] {
            assert_eq!(alone(garbage), None, "{garbage:?}");
        }
    }

    #[test]
    fn a_date_counts_from_the_answers_own() {
        for later in ["Sun, 06 Nov 1994 08:51:37 GMT", "Sunday, 06-Nov-94 08:51:37 GMT", "Sun Nov  6 08:51:37 1994"] {
            assert_eq!(dated(later.as_bytes()), Some(Duration::from_secs(120)), "{later}");
        }
        assert_eq!(dated(NOW), Some(Duration::ZERO));
        assert_eq!(dated(b"Sun, 06 Nov 1994 08:49:36 GMT"), Some(Duration::ZERO));
        assert_eq!(dated(b"Fri, 31 Dec 9999 23:59:59 GMT"), Some(Duration::from_secs(253_402_300_799 - 784_111_777)));
    }

    #[test]
    fn a_date_beside_none_says_nothing() {
        assert_eq!(alone(NOW), None);
        assert_eq!(read(&[(RETRY_AFTER, NOW), (DATE, b"today")]), None);
    }

    #[test]
    fn of_several_the_longest_counts() {
        assert_eq!(
            read(&[(RETRY_AFTER, b"3"), (RETRY_AFTER, b"never"), (RETRY_AFTER, b"5")]),
            Some(Duration::from_secs(5))
        );
    }

    proptest! {
        /// I-52.
        #[test]
        fn any_bytes_are_read(value: Vec<u8>, date: Vec<u8>) {
            let mut headers = HeaderMap::new();
            for (name, bytes) in [(RETRY_AFTER, value), (DATE, date)] {
                headers.extend(HeaderValue::from_bytes(&bytes).ok().map(|value| (name, value)));
            }
            retry_after(&headers);
        }

        /// I-52: what nearly is a date.
        #[test]
        fn what_looks_like_a_date_is_read(
            value in "[A-Z][a-z]{2,8}, [0-9]{1,2}[ -][A-Z][a-z]{2}[ -][0-9]{2,5} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
            date in "Sun, 06 Nov [0-9]{4} 0[0-9]:[0-9]{2}:[0-9]{2} GMT",
        ) {
            read(&[(RETRY_AFTER, value.as_bytes()), (DATE, date.as_bytes())]);
        }
    }
}

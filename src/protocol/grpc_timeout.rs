//! `grpc-timeout`: how long the caller of a gRPC call will wait: at most eight digits and a unit.

use super::facts::digits;
use http::HeaderValue;
use http::header::HeaderName;
use std::time::Duration;

pub(super) static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The units, the finest first, and how many nanoseconds each is.
const UNITS: [(u8, u64); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', 3_600_000_000_000),
];

/// The most that eight digits say.
const MOST: u64 = 99_999_999;

/// What a header says; nothing where it is not written as it should be.
pub(super) fn read(value: &HeaderValue) -> Option<Duration> {
    let (unit, count) = value.as_bytes().split_last()?;
    let (_, nanos) = UNITS.into_iter().find(|(letter, _)| letter == unit)?;
    let count = digits(count).filter(|_| count.len() <= 8)?;
    // Eight digits of hours are more nanoseconds than a `u64` has, and no more seconds.
    let (seconds, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    Some(Duration::from_secs(count * seconds) + Duration::from_nanos(count * nanos))
}

/// A header that says so much, in the finest unit that it can be said in: never more, and at least a nanosecond.
///
/// Nothing is not said, since a server may read it as no limit: who has no time left gets an answer of ours anyway.
pub(super) fn write(timeout: Duration) -> HeaderValue {
    let all = timeout.as_nanos().max(1);
    let said = UNITS.into_iter().map(|(letter, nanos)| (all / u128::from(nanos), letter));
    let fits = said.into_iter().find(|&(count, _)| count <= u128::from(MOST));
    let (count, letter) = fits.unwrap_or((MOST.into(), b'H'));
    let text = format!("{count}{}", char::from(letter));
    HeaderValue::try_from(text).expect("digits and a letter are a header")
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &[u8]) -> Option<Duration> {
        read(&HeaderValue::from_bytes(text).unwrap())
    }

    #[test]
    fn every_unit_is_read() {
        assert_eq!(of(b"5n"), Some(Duration::from_nanos(5)));
        assert_eq!(of(b"5u"), Some(Duration::from_micros(5)));
        assert_eq!(of(b"100m"), Some(Duration::from_millis(100)));
        assert_eq!(of(b"00000010S"), Some(Duration::from_secs(10)));
        assert_eq!(of(b"2M"), Some(Duration::from_secs(120)));
        assert_eq!(of(b"99999999H"), Some(Duration::from_secs(359_999_996_400)));
        assert_eq!(of(b"0n"), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_written_otherwise_says_nothing() {
        for garbage in
            [&b""[..], b"5", b"n", b"-5m", b"+5m", b"5 m", b"5ms", b"5s", b"5h", b"1.5S", b"000000010S", b"\xffS"]
        {
            assert_eq!(of(garbage), None, "{garbage:?}");
        }
    }

    #[test]
    fn the_finest_unit_that_fits_is_written() {
        for (timeout, wanted) in [
            (Duration::ZERO, "1n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_millis(100), "100000u"),
            (Duration::from_secs(100), "100000m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::from_secs(100_000_000), "1666666M"),
            (Duration::from_secs(6_000_000_000), "1666666H"),
            (Duration::MAX, "99999999H"),
        ] {
            assert_eq!(write(timeout), wanted, "{timeout:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(value: Vec<u8>) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                read(&value);
            }
        }

        #[test]
        fn what_is_written_is_read_and_never_more(seconds: u64, nanos in 0..1_000_000_000_u32, shift in 0..64_u32) {
            let timeout = Duration::new(seconds >> shift, nanos);
            let written = write(timeout);
            prop_assert!(written.len() <= 9);
            let said = read(&written).expect("it is written as it should be");
            prop_assert!(said <= timeout.max(Duration::from_nanos(1)));
            prop_assert!(said > Duration::ZERO);
            // At most a part in a hundred thousand is lost, as far as eight digits go.
            if timeout <= Duration::from_secs(359_999_996_400) {
                prop_assert!(timeout.saturating_sub(said) <= timeout / 10_000);
            }
        }
    }
}

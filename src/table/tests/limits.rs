//! Values that are checked where they are made: ratios and names.

use crate::id::Name;
use crate::unit::{Ratio, Share};

#[test]
fn a_ratio_is_zero_to_one_with_both_ends() {
    for number in [0.0, f64::MIN_POSITIVE, 0.25, 1.0 - f64::EPSILON, 1.0] {
        assert_eq!(Ratio::new(number).map(Ratio::get), Ok(number));
    }
    assert_eq!(Ratio::new(0.0), Ok(Ratio::ZERO));
    assert_eq!(Ratio::new(1.0), Ok(Ratio::ONE));
}

#[test]
fn what_is_no_ratio_is_refused_with_the_number_and_a_hint_where_percents_were_meant() {
    let message = |number| Ratio::new(number).unwrap_err().to_string();
    assert_eq!(message(25.0), "25 is not a ratio, which is 0 to 1; for 25 percent write 0.25");
    assert_eq!(message(1.5), "1.5 is not a ratio, which is 0 to 1; for 1.5 percent write 0.015");
    assert_eq!(message(100.0), "100 is not a ratio, which is 0 to 1; for 100 percent write 1");
    assert_eq!(message(100.5), "100.5 is not a ratio, which is 0 to 1");
    assert_eq!(message(-0.5), "-0.5 is not a ratio, which is 0 to 1");
    assert_eq!(message(f64::NAN), "NaN is not a ratio, which is 0 to 1");
    assert_eq!(message(f64::INFINITY), "inf is not a ratio, which is 0 to 1");
}

#[test]
fn percents_above_a_hundred_are_all() {
    assert_eq!(Ratio::percent(0), Ratio::ZERO);
    assert_eq!(Ratio::percent(25), Ratio::new(0.25).unwrap());
    assert_eq!(Ratio::percent(100), Ratio::ONE);
    assert_eq!(Ratio::percent(255), Ratio::ONE);
}

#[test]
fn a_share_keeps_its_integers_and_nothing_of_nothing_is_nothing() {
    let share = Share::of(3, 9);
    assert_eq!((share.part(), share.whole(), share.to_string().as_str()), (3, 9, "3/9"));
    assert!((share.get() - 1.0 / 3.0).abs() < f64::EPSILON);
    assert!(Share::of(0, 0).get().abs() < f64::EPSILON);
    assert!((Share::ALL.get() - 1.0).abs() < f64::EPSILON);
}

#[test]
fn a_name_is_1_to_128_bytes_without_whitespace() {
    for text in ["a", "us-east-1a", "api/v2:blue_green.next", "b\u{fc}cher", &"n".repeat(128)] {
        assert_eq!(Name::new(text).map(|name| name.to_string()), Ok(text.to_owned()));
    }
    assert_eq!(Name::new(""), Err("is empty; give it a name"));
    // Bytes, not characters: 65 of two bytes each.
    for text in ["n".repeat(129), "\u{fc}".repeat(65)] {
        assert_eq!(Name::new(&text), Err("is longer than 128 bytes; shorten it"));
    }
    for text in ["a b", " ", "a\n", "\ta", "a\u{a0}b", "a\0", "a\u{7f}"] {
        let message = "holds whitespace or control characters; use letters, digits and `-_./:`";
        assert_eq!(Name::new(text), Err(message), "{text:?}");
    }
}

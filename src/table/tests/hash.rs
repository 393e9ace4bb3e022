//! The hash that golden values stand on.

use crate::table::hash::{Kind, stable_hash};

// I-10: the first two are published with the algorithm (xxHash, `cli/xsum_sanity_check.c`); the others were computed with
// its reference implementation (xxHash 0.8.4, through python-xxhash), one for each way it takes by length.
#[test]
fn keys_are_hashed_by_xxh3_as_published() {
    for (seed, text, hash) in [
        (0, "", 0x2D06_8005_38D3_94C2),
        (0x9E37_79B1_85EB_CA8D, "", 0xA8A6_B918_B2F0_364A),
        (0, "7", 0x06EE_D105_B822_85FA),
        (0, "user-1", 0x7C76_15C1_1438_E5C9),
        (0, "user-10@shop", 0xB6CB_E9B1_A1D8_5A62),
        (0, "0190b7e0-6e5f-7cc3-98c6-dc0c0c07398f", 0x52A4_503A_14C6_ECDE),
        (7, "user-1", 0x46FE_8155_8278_F680),
    ] {
        assert_eq!(stable_hash(seed, Kind::Key, text.as_bytes()), hash, "{text:?} under {seed}");
    }
}

#[test]
fn a_name_is_hashed_in_another_way_for_each_kind_of_thing() {
    let of = |kind| stable_hash(0, kind, b"us-east");
    let mut hashes = [Kind::Key, Kind::Cluster, Kind::Region, Kind::Endpoint].map(of).to_vec();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 4);
}

// The kind is part of the seed, not of the text, and a seed near the end of its range wraps.
#[test]
fn the_greatest_seed_wraps() {
    assert_eq!(stable_hash(u64::MAX, Kind::Cluster, b"x"), stable_hash(0, Kind::Key, b"x"));
}

//! I-67: untrusted headers.

use super::*;

const UNTRUSTED: [&str; 24] = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "forwarded",
    "x-real-ip",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "x-contraflow-attempt",
    "x-contraflow-route",
    "x-contraflow-region",
    "x-contraflow-override",
    "x-contraflow-priority",
    "idempotency-key",
    "grpc-timeout",
    "grpc-previous-rpc-attempts",
    "x-envoy-attempt-count",
    "x-envoy-retry-on",
    "x-request-id",
    "traceparent",
    "priority",
    "authorization",
    "via",
];

proptest! {
    #![proptest_config(config(128))]

    /// I-67: Headers that the table does not name change no decision, to its last field.
    #[test]
    fn headers_that_the_table_does_not_name_change_nothing(
        table in tables(),
        requests in vec(requests(), 8),
        known in vec((select(&UNTRUSTED[..]), "[ -~]{0,20}"), 0..8),
        unknown in vec(("[a-z][a-z0-9-]{0,12}", vec(any::<u8>(), 0..12)), 0..6),
        word: u64,
    ) {
        let snapshot = in_force(table);
        // What the strategies' tables may name, and the host, which is a fact.
        let named = ["x-a", "x-b", "x-user", "host"];
        let unknown = unknown.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let headers: Vec<_> = known.iter().map(|(name, value)| (*name, value.clone().into_bytes())).chain(unknown).collect();
        for request in &requests {
            let mut other = request.clone();
            for (name, value) in headers.iter().filter(|(name, _)| !named.contains(name)) {
                let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) else {
                    continue;
                };
                other.headers_mut().append(name, value);
            }
            prop_assert_eq!(look(&snapshot, &other, word), look(&snapshot, request, word), "{:?}", other);
        }
    }

    /// I-67: Under every pick, an attempt's count or a region that a caller names moves it nowhere.
    #[test]
    fn headers_that_name_targets_of_the_table_change_nothing(
        pick in pick(), sticky: bool, header in select(&UNTRUSTED[..]), value in select(&["far", "c", "d", "1", "5m"][..]), word: u64,
    ) {
        let table = TableSpec::new()
            .pick(pick)
            .cluster("c", |c| {
                c.region("near", |r| r.weight(3).endpoint("a", "a:1").endpoint("b", "b:1"))
                    .region("far", |r| r.endpoint("d", "d:1"))
            })
            .cluster("d", |c| c.region("near", |r| r.endpoint("x", "x:1")))
            .route("all", |r| {
                let r = r.any().split([("c", 3), ("d", 1)]);
                if sticky { r.sticky(Sticky::header("x-user").or_cookie("user")) } else { r }
            });
        let snapshot = in_force(table.build().expect("sound"));
        let plain = Request::get("http://a.test/").header("x-user", "7").body(()).expect("a sound request");
        let mut other = plain.clone();
        other.headers_mut().insert(header, HeaderValue::from_static(value));
        prop_assert_eq!(look(&snapshot, &other, word), look(&snapshot, &plain, word));
    }
}

use super::*;
use http::Request;

fn host_of(uri: &str, hosts: &[&[u8]]) -> Result<Option<String>, Reason> {
    let mut request = Request::get(uri).body(()).unwrap();
    for host in hosts {
        request.headers_mut().append(HOST, http::HeaderValue::from_bytes(host).unwrap());
    }
    Facts::http(&request).map(|facts| facts.host().map(String::from)).map_err(|rejected| rejected.reason())
}

#[test]
fn the_host_is_the_uris_else_the_headers() {
    assert_eq!(host_of("http://a.example/x", &[]), Ok(Some("a.example".into())));
    assert_eq!(host_of("/x", &[b"A.example:80"]), Ok(Some("a.example".into())));
    assert_eq!(host_of("http://a.example/x", &[b"a.example.:80"]), Ok(Some("a.example".into())));
    assert_eq!(host_of("/x", &[]), Ok(None));
    assert_eq!(host_of("/x", &[b""]), Ok(None));
}

#[test]
fn what_names_two_hosts_or_none_plainly_is_refused() {
    assert_eq!(host_of("http://a.example/x", &[b"b.example"]), Err(Reason::HostMismatch));
    assert_eq!(host_of("http://a.example:1/x", &[b"a.example:2"]), Err(Reason::HostMismatch));
    assert_eq!(host_of("/x", &[b"a.example", b"a.example"]), Err(Reason::BadHost));
    assert_eq!(host_of("/x", &[b"caf\xe9.example"]), Err(Reason::BadHost));
    // It would be forwarded empty, and matched by the authority.
    assert_eq!(host_of("http://a.example/x", &[b""]), Err(Reason::BadHost));
    assert_eq!(host_of("http://good@evil.example/x", &[]), Err(Reason::BadHost));
}

#[test]
fn cookies_and_parameters_are_found_by_their_whole_name() {
    let request = Request::get("/x?us%65r=7&xuser=8&flag&user=9")
        .header("cookie", "xuser=1; user=2;other=3")
        .header("cookie", "late=4")
        .body(())
        .unwrap();
    let facts = Facts::http(&request).unwrap();
    assert_eq!(facts.cookie("user"), Some(&b"2"[..]));
    assert_eq!(facts.cookie("late"), Some(&b"4"[..]));
    assert_eq!(facts.cookie("use"), None);
    assert_eq!(facts.parameter("user").collect::<Vec<_>>(), ["7", "9"]);
    assert_eq!(facts.parameter("flag").collect::<Vec<_>>(), [""]);
    assert_eq!(facts.parameter("").count(), 0);
}
#[test]
fn earlier_attempts_are_counted_where_the_protocol_says() {
    let request = |name: &str, values: &[&[u8]]| {
        let mut request = Request::get("/x").body(()).unwrap();
        for value in values {
            let name = HeaderName::try_from(name).unwrap();
            request.headers_mut().append(name, http::HeaderValue::from_bytes(value).unwrap());
        }
        request
    };
    let read = |facts: Facts<'_>| (facts.previous_attempts(), facts.claims_attempts());
    let http = |values: &[&[u8]]| read(Facts::http(&request("contraflow-previous-attempts", values)).unwrap());
    assert_eq!(http(&[]), (0, false));
    assert_eq!(http(&[b"2"]), (2, true));
    assert_eq!(http(&[b"1", b"3", b"x"]), (3, true));
    assert_eq!(http(&[b"99999999999999999999999"]), (u32::MAX, true));
    for garbage in [&b""[..], b"-1", b"+1", b"1.5", b"one", b"0x1", b"1 2", b"\xff", b"0"] {
        assert_eq!(http(&[garbage]), (0, true), "{garbage:?}");
    }
    let other = request("grpc-previous-rpc-attempts", &[b"2"]);
    assert_eq!(read(Facts::http(&other).unwrap()), (0, false));
    assert_eq!(read(Facts::http(&other).unwrap().counted_by_grpc()), (2, true));
    assert_eq!(read(Facts::path("x").with_headers(other.headers())), (0, false));
    assert_eq!(read(Facts::path("x")), (0, false));
}

#[test]
fn an_empty_idempotency_key_is_none() {
    let has = |values: &[&'static str]| {
        let mut request = Request::get("/x").body(()).unwrap();
        for value in values {
            request.headers_mut().append("idempotency-key", http::HeaderValue::from_static(value));
        }
        Facts::http(&request).unwrap().has_idempotency_key()
    };
    assert!(has(&["\"8e03978e\""]));
    assert!(has(&["", "k"]));
    assert!(!has(&[]) && !has(&[""]) && !has(&["  "]));
}

#[test]
fn facts_stay_small() {
    // They are built and read for every request.
    assert!(size_of::<Facts<'_>>() <= 128, "{}", size_of::<Facts<'_>>());
}

proptest::proptest! {
    #[test]
    fn counts_are_total(value in proptest::prop_oneof![
        proptest::prelude::any::<Vec<u8>>(),
        proptest::prelude::Strategy::prop_map("[0-9]{0,30}", String::into_bytes),
    ]) {
        let plain = std::str::from_utf8(&value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let wanted = plain.filter(|text| !text.is_empty()).map(|text| text.parse().unwrap_or(u64::MAX));
        proptest::prop_assert_eq!(digits(&value), wanted);
    }

    #[test]
    fn every_number_is_read_back(number: u64) {
        proptest::prop_assert_eq!(digits(number.to_string().as_bytes()), Some(number));
    }
}

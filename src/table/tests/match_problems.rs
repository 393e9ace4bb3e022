//! Every problem of a match, with its exact path and text.

use super::specs::{api, problems, routes};
use crate::table::{Match, PathRules, ValueMatch};

/// What is wrong with one match.
fn of_match(matching: Match) -> Vec<String> {
    problems(routes([("r", matching)]))
}

#[test]
fn hosts_of_matches_are_host_names_with_at_most_a_star_in_front() {
    let host = |host: &str| of_match(Match::new().host(host));
    let none: [&str; 0] = [];
    assert_eq!(host("*.shop.example"), none);
    assert_eq!(host("[::1]"), none);
    assert_eq!(
        host("api.*.example"),
        ["routes.r.matches.0.host: is \"api.*.example\"; a star stands for whole labels, at the front only: \
          `*.example.com`"]
    );
    assert_eq!(
        host("*shop.example"),
        ["routes.r.matches.0.host: is \"*shop.example\"; a star stands for whole labels, at the front only: \
          `*.example.com`"]
    );
    assert_eq!(
        host("shop.example:80"),
        ["routes.r.matches.0.host: names port 80; routes match the host alone, so leave the port out"]
    );
    assert_eq!(host("shop example"), ["routes.r.matches.0.host: is \"shop example\", which is not a host name"]);
    assert_eq!(host(""), ["routes.r.matches.0.host: is \"\", which is not a host name"]);
    assert_eq!(host(".shop.example"), ["routes.r.matches.0.host: is \".shop.example\", which is not a host name"]);
}

// One dot at the end is the root's; two leave an empty label.
#[test]
fn a_host_that_ends_in_two_dots_is_refused() {
    assert_eq!(
        of_match(Match::new().host("shop.example..")),
        ["routes.r.matches.0.host: is \"shop.example..\", which is not a host name"]
    );
}

#[test]
fn paths_of_matches_are_plain_paths_with_placeholders_for_whole_segments() {
    let at = |message: &str| [format!("routes.r.matches.0.path: {message}")];
    let path = |path: &str| of_match(Match::new().path(path));
    assert_eq!(path(""), at("is \"\"; begin it with a slash"));
    assert_eq!(path("/a?b=1"), at("is \"/a?b=1\"; '?' cannot stand in a path"));
    assert_eq!(path("/a#b"), at("is \"/a#b\"; '#' cannot stand in a path"));
    assert_eq!(path("/a b"), at("is \"/a b\"; ' ' cannot stand in a path"));
    assert_eq!(
        of_match(Match::new().path_prefix("/a/*")),
        at("is \"/a/*\"; '*' cannot stand in a path; for what is below a path use `path_prefix`")
    );
    for template in ["/users/{}", "/users/{id}x", "/users/x{id}", "/users/{i{d}", "/users/}{"] {
        assert_eq!(
            of_match(Match::new().path_template(template)),
            at(&format!("is {template:?}; a placeholder is a whole segment with a name, as in `/users/{{id}}`"))
        );
    }
    // Braces that would be read as they stand are what somebody meant as a placeholder.
    let braces = "for a placeholder use `path_template`, and for a brace write `%7B` and `%7D`";
    assert_eq!(path("/users/{id}"), at(&format!("is \"/users/{{id}}\"; {braces}")));
    assert_eq!(of_match(Match::new().path_prefix("/a/{")), at(&format!("is \"/a/{{\"; {braces}")));
    assert_eq!(path("/users/%7Bid%7d"), [""; 0]);
    let never = "has more than one reading and can never match; rewrite it, or allow its kind in the table's paths";
    for odd in ["/a/../b", "/a/%2e%2E/b", "/a%2fb", "/a\\b", "//a", "/a//b"] {
        assert_eq!(path(odd), at(never), "{odd}");
    }
    // No table can allow a broken escape.
    let mut spec = routes([("r", Match::new().path("/a%zz"))]);
    spec.paths = PathRules { allow_dot_segments: true, allow_encoded_slashes: true, allow_empty_segments: true };
    assert_eq!(problems(spec.clone()), at("holds a broken escape or a control character; a percent sign is `%25`"));
    spec.routes[0].matches = vec![Match::new().path("/a/..//b%2fc")];
    assert_eq!(problems(spec), [""; 0]);
}

#[test]
fn fields_of_matches_are_names_that_requests_can_have_each_once() {
    let matching = Match::new()
        .header("a b", "1")
        .header("Host", "shop.example")
        .header("x", "line\nbreak")
        .header_is("X", ValueMatch::Present)
        .query("p", "1")
        .query("%70", "2")
        .query("", "3")
        .query("q&r", "4");
    assert_eq!(
        of_match(matching),
        [
            "routes.r.matches.0.headers.a b: is not a header name",
            "routes.r.matches.0.headers.host: spells the host as it came; use `.host(..)`",
            "routes.r.matches.0.headers.x: asks for \"line\\nbreak\", which no header can hold",
            "routes.r.matches.0.query.: is not a parameter's name",
            "routes.r.matches.0.query.q&r: is not a parameter's name",
            "routes.r.matches.0.headers.x: is named twice; one condition a header",
            "routes.r.matches.0.query.p: is named twice; one condition a parameter",
        ]
    );
}

// What separates parameters cannot be in one, and no host is below an address.
// I-13
#[test]
fn a_match_that_no_request_can_meet_is_refused() {
    let never = [Match::new().query("p", "a&b"), Match::new().host("*.[::1]")];
    let let_through = never.into_iter().filter(|matching| of_match(matching.clone()).is_empty());
    assert_eq!(let_through.map(|matching| matching.to_string()).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_problem_names_the_match_as_the_table_was_written() {
    let bad = Match::new().path("no-slash");
    let spec = api().route("r", |r| r.any().when(Match::new().path("/a")).when(bad).to("api"));
    assert_eq!(problems(spec), ["routes.r.matches.2.path: is \"no-slash\"; begin it with a slash"]);
}

//! The checks on single values: what is wrong with a knob, a name or an address, and what to do about it.

use super::maglev::{MAX_SIZE, is_prime};
use super::names::{Named, did_you_mean};
use super::policy::{Knobs, Pick, SlowStart};
use super::spec::{Capacity, EndpointSpec, KeySource, Sticky};
use crate::error::Problems;
use crate::id::Name;
use crate::protocol::{bare_host, normal_host};
use http::header::HeaderName;
use http::uri::Authority;
use std::collections::HashMap;

/// The places of named things, telling of names that are bad or twice there.
pub(super) fn index_names<'a, T: Named>(all: &'a [T], path: &str, problems: &mut Problems) -> HashMap<&'a str, u32> {
    let mut places = HashMap::with_capacity(all.len());
    for (place, one) in all.iter().enumerate() {
        let name = one.name();
        if let Err(message) = Name::new(name) {
            problems.add(format!("{path}.{name}"), format!("the name {message}"));
        }
        // Sorted by name, so three of a kind are told of twice, next to each other: once is enough.
        let twice = places.insert(name, place as u32).is_some();
        if twice && all.get(place + 1).is_none_or(|next| next.name() != name) {
            problems.add(format!("{path}.{name}"), "exists twice; give one of them another name");
        }
    }
    places
}

/// The place of a cluster that a split names.
pub(super) fn resolve(name: &str, places: &HashMap<&str, u32>, path: &str, problems: &mut Problems) -> Option<u32> {
    let place = places.get(name).copied();
    if place.is_none() {
        let hint = did_you_mean(name, places.keys().copied());
        problems.add(format!("{path}.{name}"), format!("names a cluster that does not exist{hint}"));
    }
    place
}

pub(super) fn knobs(knobs: &Knobs, path: &str, problems: &mut Problems) {
    if knobs.deadline.is_some_and(|deadline| deadline.is_zero()) {
        problems.add(format!("{path}.deadline"), "is zero; use Duration::MAX for no deadline");
    }
    if let Some(Pick::Maglev(maglev)) = knobs.pick {
        if let Some(size) = maglev.size
            && !(size <= MAX_SIZE && is_prime(size))
        {
            problems
                .add(format!("{path}.pick.size"), format!("is {size}; use a prime up to {MAX_SIZE}, such as 65537"));
        }
        if let Some(percent) = maglev.max_load_percent
            && !(100..=100_000).contains(&percent)
        {
            let message = format!("is {percent}; use 100 to 100000, usually 125 to 200");
            problems.add(format!("{path}.pick.max_load_percent"), message);
        }
    }
    if let Some(slow_start) = &knobs.slow_start {
        check_slow_start(slow_start, &format!("{path}.slow_start"), problems);
    }
}

fn check_slow_start(slow_start: &SlowStart, path: &str, problems: &mut Problems) {
    if slow_start.window.is_zero() {
        problems.add(format!("{path}.window"), "is zero; leave slow start out instead");
    }
    let aggression = slow_start.aggression;
    if !(aggression > 0.0 && aggression <= 100.0) {
        problems.add(format!("{path}.aggression"), format!("is {aggression}; use more than 0 and at most 100"));
    }
}

pub(super) fn capacity(capacity: Option<Capacity>, path: &str, problems: &mut Problems) {
    let nothing = match capacity {
        None => false,
        Some(Capacity::InFlight(count) | Capacity::Rps(count)) => count == 0,
        Some(Capacity::Share(share)) => share.get() <= 0.0,
    };
    if nothing {
        problems.add(format!("{path}.capacity"), "is zero; to use the region no more, set its weight to 0");
    }
}

/// Checks an endpoint; its authority, parsed.
pub(super) fn endpoint(spec: &EndpointSpec, path: &str, problems: &mut Problems) -> Option<Authority> {
    let at = |what: &str| format!("{path}.{}.{what}", spec.name);
    if spec.address.is_empty() {
        problems.add(at("address"), "is empty; say where the endpoint is");
    }
    if let Some(name) = &spec.tls_name
        && bare_host(name).is_err()
    {
        problems.add(at("tls_name"), format!("is {name:?}, which is not a host name"));
    }
    let authority = spec.authority.as_ref()?;
    let parsed = Authority::try_from(authority.as_str()).ok().filter(|_| normal_host(authority).is_ok());
    if parsed.is_none() {
        problems.add(at("authority"), format!("is {authority:?}, which is not a host with an optional port"));
    }
    parsed
}

pub(super) fn sticky(sticky: &Sticky, path: &str, problems: &mut Problems) {
    if sticky.sources.is_empty() {
        problems.add(format!("{path}.sticky"), "has no source; say where the key comes from, or leave it out");
    }
    for source in &sticky.sources {
        let (sound, what, name) = match source {
            KeySource::Caller => continue,
            KeySource::Header(name) => (HeaderName::from_bytes(name.as_bytes()).is_ok(), "a header's", name),
            // RFC 6265 takes the token of RFC 9110, which is a header's name too.
            KeySource::Cookie(name) => (HeaderName::from_bytes(name.as_bytes()).is_ok(), "a cookie's", name),
            KeySource::Query(name) => (!name.is_empty() && !name.contains(['&', '=', '#']), "a parameter's", name),
        };
        if !sound {
            problems.add(format!("{path}.sticky"), format!("{name:?} is not {what} name"));
        }
    }
}

//! Which host a request names.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::uri::Authority;

/// Whether the request is made to `localhost` or a loopback address, at any port.
pub(super) fn is_this_machine(headers: &HeaderMap) -> bool {
    let named = headers.get(HOST).and_then(|value| value.to_str().ok());
    named
        .and_then(|host| host.parse::<Authority>().ok())
        .is_some_and(|authority| is_loopback(authority.host()))
}

fn is_loopback(host: &str) -> bool {
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        || bracketed.is_some_and(|host| host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::{HOST, HeaderMap, is_this_machine};

    #[test]
    fn only_loopback_names_are_this_machine() {
        for (host, expected) in [
            ("localhost", true),
            ("LocalHost:8080", true),
            ("127.0.0.1:8080", true),
            ("127.1.2.3", true),
            ("[::1]:8080", true),
            ("[::1]", true),
            ("localhost.example.org", false),
            ("127.0.0.1.example.org:8080", false),
            ("evil.example:8080", false),
            ("192.168.0.2", false),
            ("[::2]:80", false),
            ("", false),
            ("a b", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            assert_eq!(is_this_machine(&headers), expected, "{host:?}");
        }
        assert!(!is_this_machine(&HeaderMap::new()));
    }
}

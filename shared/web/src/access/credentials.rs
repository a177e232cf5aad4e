//! What a request shows of itself.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE};

use super::session;

/// What stands in the headers. A token decides alone, where there is one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credentials<'h> {
    None,
    Token(&'h str),
    Session(&'h str),
    /// An `Authorization` of another kind.
    OtherScheme,
}

impl<'h> Credentials<'h> {
    pub(super) fn of(headers: &'h HeaderMap) -> Credentials<'h> {
        if let Some(value) = headers.get(AUTHORIZATION) {
            let token = value.to_str().ok().and_then(|value| value.split_once(' '));
            return match token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) {
                Some((_, token)) => Credentials::Token(token.trim()),
                None => Credentials::OtherScheme,
            };
        }
        let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies =
            lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        let ours = cookies.find(|(name, value)| *name == session::COOKIE && !value.is_empty());
        ours.map_or(Credentials::None, |(_, value)| Credentials::Session(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read() {
        let table: [(&[(&str, &str)], Credentials<'static>); 11] = [
            (&[], Credentials::None),
            (&[("authorization", "Bearer abc")], Credentials::Token("abc")),
            (&[("authorization", "bearer  abc ")], Credentials::Token("abc")),
            (&[("authorization", "Bearer ")], Credentials::Token("")),
            (&[("authorization", "Bearer")], Credentials::OtherScheme),
            (&[("authorization", "Basic dTpw")], Credentials::OtherScheme),
            (&[("cookie", "__Host-lurelight=abc")], Credentials::Session("abc")),
            (&[("cookie", "a=b; __Host-lurelight=abc; c=d")], Credentials::Session("abc")),
            (&[("cookie", "a=b"), ("cookie", "__Host-lurelight=abc")], Credentials::Session("abc")),
            (&[("cookie", "lurelight=abc; __Host-lurelight=; x__Host-lurelight=y")], Credentials::None),
            (&[("cookie", "__Host-lurelight=abc"), ("authorization", "Bearer x")], Credentials::Token("x")),
        ];
        for (given, expected) in table {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                headers.append(*name, value.parse().unwrap());
            }
            assert_eq!(Credentials::of(&headers), expected, "{given:?}");
        }
    }
}

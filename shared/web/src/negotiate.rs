//! Which representation a client wants, read from `Accept` (RFC 9110, section 12.5.1).

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, ACCEPT_ENCODING};
use mediatype::{MediaType, MediaTypeList, ReadParams, names};

/// Picks the best of `offered` for the client, or `None` if it accepts none of them.
///
/// `offered` is in the server's own order of preference: it decides between equals, so a client that says
/// nothing or `*/*` gets the first. The quality of an offer comes from the most specific range that matches it.
#[must_use]
pub fn best<'a>(headers: &HeaderMap, offered: &[&'a str]) -> Option<&'a str> {
    let ranges = accept_ranges(headers);
    if ranges.is_empty() {
        return offered.first().copied();
    }
    let mut winner: Option<(&str, f32)> = None;
    for &offer in offered {
        let quality = quality(&ranges, offer);
        if quality > 0.0 && winner.is_none_or(|(_, best)| quality > best) {
            winner = Some((offer, quality));
        }
    }
    winner.map(|(offer, _)| offer)
}

/// Whether the client names HTML itself, as browsers do. `*/*` alone does not count: programs send that.
#[must_use]
pub fn wants_page(headers: &HeaderMap) -> bool {
    let ranges = accept_ranges(headers);
    let explicit = |kind: &str| {
        ranges.iter().filter(|range| range.essence == kind).map(|range| range.quality).fold(0.0, f32::max)
    };
    let page = explicit("text/html");
    page > 0.0 && page >= explicit("application/json").max(explicit("application/problem+json"))
}

/// Whether the client takes gzip (`Accept-Encoding: gzip`, or `*`, with a quality above zero).
#[must_use]
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut any = false;
    for value in headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()) {
        for coding in value.split(',') {
            let mut parts = coding.split(';');
            let name = parts.next().unwrap_or_default().trim();
            let refused = parts.any(|part| {
                part.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0)
            });
            if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
                return !refused;
            }
            any |= name == "*" && !refused;
        }
    }
    any
}

struct Range {
    essence: String,
    quality: f32,
}

fn accept_ranges(headers: &HeaderMap) -> Vec<Range> {
    let mut ranges = Vec::new();
    for value in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
        for media in MediaTypeList::new(value).flatten() {
            ranges.push(Range {
                essence: media.essence().to_string().to_ascii_lowercase(),
                quality: q(&media),
            });
        }
    }
    ranges
}

fn q(media: &MediaType<'_>) -> f32 {
    let value = media.get_param(names::Q).and_then(|value| value.as_str().parse::<f32>().ok());
    value.filter(|quality| quality.is_finite()).map_or(1.0, |quality| quality.clamp(0.0, 1.0))
}

fn quality(ranges: &[Range], offer: &str) -> f32 {
    let family = offer.split('/').next().unwrap_or_default();
    let family_range = format!("{family}/*");
    [offer, family_range.as_str(), "*/*"]
        .iter()
        .find_map(|wanted| ranges.iter().find(|range| range.essence == *wanted))
        .map_or(0.0, |range| range.quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, value.parse().unwrap());
        headers
    }

    #[test]
    fn picks_by_quality_then_by_own_order() {
        let offered = ["text/html", "application/json", "text/csv"];
        for (value, expected) in [
            ("*/*", Some("text/html")),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some("text/html")),
            ("application/json", Some("application/json")),
            ("Application/JSON; charset=utf-8", Some("application/json")),
            ("application/json, */*;q=0.1", Some("application/json")),
            ("text/csv;q=0.9, application/json;q=0.5", Some("text/csv")),
            ("text/*", Some("text/html")),
            ("text/*, text/html;q=0", Some("text/csv")),
            ("application/*", Some("application/json")),
            ("image/png", None),
            ("application/json;q=0", None),
            ("text/html;q=nonsense", Some("text/html")),
        ] {
            assert_eq!(best(&accept(value), &offered), expected, "{value}");
        }
        assert_eq!(best(&HeaderMap::new(), &offered), Some("text/html"));
    }

    #[test]
    fn a_page_is_for_those_who_name_html() {
        for (value, expected) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("*/*", false),
            ("application/json", false),
            ("application/json, text/html;q=0.5", false),
        ] {
            assert_eq!(wants_page(&accept(value)), expected, "{value}");
        }
    }

    #[test]
    fn gzip_is_taken_unless_refused() {
        for (value, expected) in
            [("gzip, deflate, br", true), ("br", false), ("gzip;q=0", false), ("*", true), ("*;q=0", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, value.parse().unwrap());
            assert_eq!(takes_gzip(&headers), expected, "{value}");
        }
    }
}

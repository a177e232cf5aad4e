//! Where somebody who signs in wanted to go.

/// Most bytes of such a path.
const BYTES_MAX: usize = 512;

/// A path inside the application, with its query; never one that a browser could take for another site.
///
/// `None` for anything else: a path begins with one slash, not with two, and no backslash or control character is in it.
pub(super) fn safe(path: &str) -> Option<&str> {
    let fits = path.len() <= BYTES_MAX
        && path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~%?=&+,:@".contains(&byte));
    fits.then_some(path)
}

/// Where to lead whoever did this without a session: to what they looked at, or to the page from which they did it.
pub(super) fn of_request(is_reading: bool, path: &str, query: Option<&str>) -> String {
    if !is_reading {
        // The first segment has a page: /train, /models for /models/3/promote, /predict.
        let segment = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        return format!("/{segment}");
    }
    query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
}

/// A path as it stands behind `?return=`.
pub(super) fn encoded(path: &str) -> String {
    form_urlencoded::byte_serialize(path.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_inside_are_returned_to() {
        for (path, expected) in [
            ("/", true),
            ("/runs/20260504-030201-abcdef?all=1&x=%20", true),
            ("", false),
            ("runs", false),
            ("//evil.example", false),
            ("///evil.example", false),
            ("/\\evil.example", false),
            ("\\\\evil.example", false),
            ("/\t/evil.example", false),
            ("/\n", false),
            ("https://evil.example/", false),
            ("javascript:alert(1)", false),
            ("/<script>", false),
            ("/\"onload=", false),
            ("/ä", false),
        ] {
            assert_eq!(safe(path).is_some(), expected, "{path:?}");
        }
        assert_eq!(safe(&"/a".repeat(300)), None);
    }

    #[test]
    fn whoever_sent_a_form_is_led_to_its_page() {
        for (reading, path, query, expected) in [
            (true, "/runs", None, "/runs"),
            (true, "/runs", Some("a=b"), "/runs?a=b"),
            (false, "/train", None, "/train"),
            (false, "/models/3/promote", None, "/models"),
            (false, "/", None, "/"),
        ] {
            assert_eq!(of_request(reading, path, query), expected);
        }
        assert_eq!(encoded("/runs?a=b&c"), "%2Fruns%3Fa%3Db%26c");
    }
}

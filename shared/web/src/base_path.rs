//! Where the application is mounted.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// The path in front of every link: empty, or `/prod`, `/security/lurelight` and the like.
///
/// Always starts with a slash unless empty, never ends with one, and consists of characters that need no
/// escaping in HTML or in a header. It knows which pages lie below it, so that each can lead to the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePath {
    path: Arc<str>,
    pages: Pages,
}

/// Which functions' pages lie below a base path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// Those that classify sites and show the model that does it.
    pub prediction: bool,
    /// Those that train, list runs, move the champion and let people sign in.
    pub administration: bool,
}

impl Pages {
    /// Both, as they are deployed.
    pub const ALL: Pages = Pages { prediction: true, administration: true };
    /// Those of prediction alone.
    pub const PREDICTION: Pages = Pages { prediction: true, administration: false };
    /// Those of administration alone.
    pub const ADMINISTRATION: Pages = Pages { prediction: false, administration: true };

    /// The path of the page to start from.
    #[must_use]
    pub fn home(self) -> &'static str {
        if self.prediction { "/" } else { "/runs" }
    }
}

impl Default for Pages {
    fn default() -> Pages {
        Pages::PREDICTION
    }
}

impl BasePath {
    /// Reads a base path as people write it: `prod`, `/prod` and `/prod/` are the same.
    ///
    /// Returns `None` if it holds anything but letters, digits and `/ - . _ ~`, or an empty or dotted
    /// segment: a link built from it could then lead elsewhere.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let inner = text.trim_matches('/');
        if inner.is_empty() {
            return Some(Self::default());
        }
        let good_segment = |segment: &str| {
            !segment.is_empty()
                && segment != "."
                && segment != ".."
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        };
        inner
            .split('/')
            .all(good_segment)
            .then(|| Self { path: format!("/{inner}").into(), pages: Pages::default() })
    }

    /// The path as text, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// Which pages lie below it.
    #[must_use]
    pub fn pages(&self) -> Pages {
        self.pages
    }

    /// The same path with these pages below it.
    #[must_use]
    pub fn with_pages(self, pages: Pages) -> Self {
        Self { pages, ..self }
    }

    /// What is left of `path` inside the application, or `None` if it does not lie below this base.
    #[must_use]
    pub fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        match path.strip_prefix(self.as_str())? {
            "" => Some("/"),
            rest if rest.starts_with('/') => Some(rest),
            _ => None,
        }
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

impl<S: Sync> FromRequestParts<S> for BasePath {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::BasePath;

    #[test]
    fn accepts_what_people_write() {
        for (text, expected) in [
            ("", Some("")),
            ("/", Some("")),
            ("prod", Some("/prod")),
            ("/prod/", Some("/prod")),
            ("/a/b-c.d", Some("/a/b-c.d")),
            ("/a//b", None),
            ("/../admin", None),
            ("/a\"onload=", None),
            ("//evil.example", Some("/evil.example")),
        ] {
            assert_eq!(BasePath::parse(text).as_ref().map(BasePath::as_str), expected, "{text}");
        }
    }

    #[test]
    fn strips_whole_segments_only() {
        let base = BasePath::parse("/prod").unwrap();
        assert_eq!(base.strip("/prod/predict"), Some("/predict"));
        assert_eq!(base.strip("/prod"), Some("/"));
        assert_eq!(base.strip("/production"), None);
        assert_eq!(BasePath::default().strip("/predict"), Some("/predict"));
    }
}

//! The frame around every page, and the one stylesheet.

use std::fmt::Display;
use std::io;

use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};

use crate::{BasePath, Problem};

const STYLESHEET: &str = include_str!("../assets/style.css");

/// Path of the stylesheet below the base path. It carries a hash of the content, so that browsers may keep it
/// for ever and still see the next one.
pub const STYLESHEET_PATH: &str = match str::from_utf8(&HASHED_PATH) {
    Ok(path) => path,
    Err(_) => "/assets/style.css",
};

const HASHED_PATH: [u8; 34] = hashed_path();

/// Writes sixteen hexadecimal digits of FNV-1a over the stylesheet into its path, while compiling.
const fn hashed_path() -> [u8; 34] {
    let css = STYLESHEET.as_bytes();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < css.len() {
        hash = (hash ^ css[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    let mut path = *b"/assets/style-0000000000000000.css";
    let mut digit = 0;
    while digit < 16 {
        path[14 + digit] = b"0123456789abcdef"[((hash >> (60 - 4 * digit)) & 15) as usize];
        digit += 1;
    }
    path
}

/// A page before its content: title, where it is mounted, which entry of the navigation it belongs to.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    title: &'a str,
    base_path: &'a BasePath,
    section: &'a str,
    standalone: bool,
    expected_bytes: usize,
}

impl<'a> Page<'a> {
    /// A page with a title (plain text; it is escaped here).
    #[must_use]
    pub fn new(base_path: &'a BasePath, title: &'a str) -> Self {
        Self { title, base_path, section: "", standalone: false, expected_bytes: 0 }
    }

    /// Marks the navigation entry with this path (`/`, `/models/current`) as the current one.
    #[must_use]
    pub fn section(self, section: &'a str) -> Self {
        Self { section, ..self }
    }

    /// The navigation: paths and names of the pages that there are.
    fn entries(&self) -> Vec<(&'static str, &'static str)> {
        let pages = self.base_path.pages();
        let prediction = [("/", "Classify"), ("/models/current", "Model")];
        let administration =
            [("/models", "Versions"), ("/runs", "Runs"), ("/train", "Train"), ("/session", "Sign in or out")];
        let prediction = prediction.into_iter().filter(|_| pages.prediction);
        prediction.chain(administration.into_iter().filter(|_| pages.administration)).collect()
    }

    /// Makes a file of its own: the stylesheet stands inside, and there is no navigation to a server.
    #[must_use]
    pub fn standalone(self) -> Self {
        Self { standalone: true, ..self }
    }

    /// Says how large the content will be, so that memory for a large page is taken once.
    #[must_use]
    pub fn expecting(&self, bytes: usize) -> Self {
        Self { expected_bytes: bytes, ..self.clone() }
    }

    /// Where the page is mounted.
    #[must_use]
    pub fn base_path(&self) -> &'a BasePath {
        self.base_path
    }

    /// Whether it is a file of its own.
    #[must_use]
    pub fn is_standalone(&self) -> bool {
        self.standalone
    }

    /// Puts the frame around `content`, which must be HTML already (an askama template).
    pub fn render(&self, content: &dyn Display) -> Html<String> {
        let mut html = String::with_capacity(self.expected_bytes + STYLESHEET.len() + 16 * 1024);
        match self.around(content).render_into(&mut html) {
            Ok(()) => Html(html),
            Err(error) => {
                // Writing to a string fails only if a `Display` inside says so, and none of ours does.
                tracing::error!(%error, "a page could not be rendered");
                Html(String::new())
            }
        }
    }

    /// Writes the frame with `content` in it, without holding all of it in memory.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write(&self, content: &dyn Display, out: &mut dyn io::Write) -> io::Result<()> {
        self.around(content).write_into(&mut { out })
    }

    fn around<'f>(&'f self, content: &'f dyn Display) -> Frame<'f> {
        Frame { page: self, content, stylesheet: STYLESHEET, stylesheet_path: STYLESHEET_PATH }
    }
}

#[derive(Template)]
#[template(path = "layout.html")]
struct Frame<'a> {
    page: &'a Page<'a>,
    content: &'a dyn Display,
    stylesheet: &'a str,
    stylesheet_path: &'a str,
}

/// Serves the stylesheet.
pub(crate) async fn stylesheet() -> Response {
    let headers =
        [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, STYLESHEET).into_response()
}

/// Answers an address that nothing else answers.
pub(crate) async fn not_found(uri: axum::http::Uri) -> Problem {
    Problem::of_status(axum::http::StatusCode::NOT_FOUND, "", uri.path(), None)
}

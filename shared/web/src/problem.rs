//! Problems: the one shape in which an error reaches a client (RFC 9457).
//!
//! A handler returns a [`Problem`]; the [`edge`](crate::edge) turns it into a page where a browser asked, and
//! leaves `application/problem+json` for programs.

use askama::Template;
use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::BasePath;
use crate::layout::Page;

/// One thing found in the input: where, what stood there, why it was not used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Line of the input, counted from 1, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Name of the column, where one is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The text that stood there, shortened by whoever found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Why it was not used, in words.
    pub reason: String,
}

/// An error as a client sees it. Members that are empty are left out of the JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// `urn:problem-type:lurelight:` and a stable name that programs can compare.
    #[serde(rename = "type")]
    kind: String,
    title: String,
    #[serde(serialize_with = "status_number")]
    status: StatusCode,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Finding>,
}

impl Problem {
    /// A problem with its stable `name` (`empty-file`), a `title` that is the same every time, and a `detail`
    /// that says what happened this time.
    pub fn new(status: StatusCode, name: &str, title: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:problem-type:lurelight:{name}"),
            title: title.into(),
            status,
            detail: detail.into(),
            hint: None,
            line: None,
            column: None,
            columns: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Says on which line of the input, counted from 1.
    #[must_use]
    pub fn line(self, line: u64) -> Self {
        Self { line: Some(line), ..self }
    }

    /// Says in which column of the input.
    #[must_use]
    pub fn column(self, column: impl Into<String>) -> Self {
        Self { column: Some(column.into()), ..self }
    }

    /// Lists every column concerned.
    #[must_use]
    pub fn columns(self, columns: Vec<String>) -> Self {
        Self { columns, ..self }
    }

    /// Lists what was found, row by row.
    #[must_use]
    pub fn errors(self, errors: Vec<Finding>) -> Self {
        Self { errors, ..self }
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The problem that an answer without a body of its own stands for: what the router, the time-out and the
    /// other layers say by their status alone.
    #[must_use]
    pub fn of_status(status: StatusCode, method: &str, path: &str, allow: Option<&str>) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::new(
                status,
                "not-found",
                "There is nothing here",
                format!("No page or resource is at {path}."),
            ),
            StatusCode::METHOD_NOT_ALLOWED => {
                let allowed = allow.unwrap_or("other methods");
                let detail = format!("{path} does not answer {method}; it answers {allowed}.");
                Self::new(status, "method-not-allowed", "This method does not work here", detail)
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                let detail = "The work was not finished within the time that one request may take.";
                Self::new(status, "took-too-long", "This took too long", detail)
                    .hint("Send fewer rows at a time.")
            }
            other => {
                let title = other.canonical_reason().unwrap_or("Something went wrong");
                Self::new(other, "http", title, format!("The server answered {other}."))
            }
        }
    }

    /// The problem as a page.
    pub(crate) fn into_page(self, base_path: &BasePath) -> Response {
        let status = self.status;
        let page = Page::new(base_path, &self.title).render(&ProblemPage { problem: &self, base_path });
        let mut response = page.into_response();
        *response.status_mut() = status;
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(&self)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response.extensions_mut().insert(self);
        response
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn status_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    problem: &'a Problem,
    base_path: &'a BasePath,
}

//! The one place that maps errors to HTTP.

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use lurelight_store::ErrorKind;
use lurelight_web::Problem;

/// Why a request was not done.
#[derive(Debug)]
pub(crate) enum Error {
    /// A store's own.
    Store(lurelight_store::Error),
    /// Nothing here can run the pipeline.
    NoRunner,
    /// None of the accepted types can be made.
    NotAcceptable,
    /// A field cannot be used: its name, and what it must be.
    Field(&'static str, String),
    /// The body cannot be read.
    Body(Box<Problem>),
    /// It is not as whoever asked believed.
    Conflict(String),
    /// What is there does not allow it.
    Unfit(String),
}

impl From<lurelight_store::Error> for Error {
    fn from(error: lurelight_store::Error) -> Error {
        Error::Store(error)
    }
}

impl From<Box<Problem>> for Error {
    fn from(problem: Box<Problem>) -> Error {
        Error::Body(problem)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = match self {
            Error::Store(error) => return of_store(&error),
            Error::Body(problem) => *problem,
            Error::NoRunner => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "no-runner",
                "Nothing here can run the pipeline",
                "This server was started without a state machine, so it can show runs and move the champion, but not train.",
            )
            .hint("Set LURELIGHT_STATE_MACHINE_ARN, or train with `lurelight train`, or use `lurelight serve`, which trains in its own process."),
            Error::NotAcceptable => Problem::new(
                StatusCode::NOT_ACCEPTABLE,
                "not-acceptable",
                "None of the accepted types can be made",
                "This is given as text/html or application/json.",
            ),
            Error::Field(name, expected) => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "field",
                format!("The field {name} cannot be used"),
                sentence(&expected),
            ),
            Error::Conflict(reason) => {
                Problem::new(StatusCode::CONFLICT, "conflict", "It is not as you saw it", sentence(&reason))
                    .hint("Look at it again and decide anew.")
            }
            Error::Unfit(reason) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unfit", "This version cannot serve", sentence(&reason))
            }
        };
        problem.into_response()
    }
}

fn of_store(error: &lurelight_store::Error) -> Response {
    use StatusCode as S;
    let (status, name, title, hint) = match error.kind {
        ErrorKind::NotFound => (S::NOT_FOUND, "not-found", "There is nothing of that name", None),
        ErrorKind::Invalid => {
            (S::UNPROCESSABLE_ENTITY, "invalid", "This cannot be done as it was asked", None)
        }
        ErrorKind::Conflict => {
            (S::CONFLICT, "conflict", "It is not as you saw it", Some("Look at it again and decide anew."))
        }
        ErrorKind::AlreadyExists => (S::CONFLICT, "exists", "It is there already", None),
        ErrorKind::Unavailable => (
            S::SERVICE_UNAVAILABLE,
            "store-unavailable",
            "What keeps it cannot be reached",
            Some("Nothing was changed, as far as is known. Try again in a moment."),
        ),
        ErrorKind::PermissionDenied => (
            S::SERVICE_UNAVAILABLE,
            "store-refuses",
            "This server may not do that",
            Some("Whoever operates it gives its role the right to."),
        ),
        ErrorKind::Full => (S::INSUFFICIENT_STORAGE, "store-full", "There is no space left", None),
        ErrorKind::Damaged => (S::INTERNAL_SERVER_ERROR, "damaged", "What is kept is damaged", None),
    };
    if status.is_server_error() {
        tracing::error!(%error, "a store did not do what it was asked");
    }
    let mut problem = Problem::new(status, name, title, sentence(&error.to_string()));
    if let Some(hint) = hint {
        problem = problem.hint(hint);
    }
    let mut response = problem.into_response();
    if error.kind == ErrorKind::Unavailable {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// A capital at its start unless that is a name, a full stop at its end.
fn sentence(text: &str) -> String {
    let first_word = text.split([' ', ',', ':']).next().unwrap_or_default();
    let mut letters = text.chars();
    let first: String = match letters.next() {
        Some(first) if first_word.bytes().all(|byte| byte.is_ascii_lowercase()) => {
            first.to_uppercase().collect()
        }
        Some(first) => first.to_string(),
        None => String::new(),
    };
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

//! The one place that maps errors to HTTP.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use lurelight_schema::read::{ReadError, RowError};
use lurelight_web::{Finding, Problem};

/// Why a request got no prediction.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is of a kind that cannot hold rows.
    #[error("the body's content type is {0}")]
    ContentType(String),
    /// The form is not as a form has to be.
    #[error("the form cannot be read: {0}")]
    Form(String),
    /// The form has no file.
    #[error("there is no file: {0}")]
    NoFile(String),
    /// The form has more than one file.
    #[error("the form has two files, {0} and {1}")]
    TwoFiles(String, String),
    /// A parameter cannot be understood.
    #[error("{name} is {value:?}: {expected}")]
    Parameter {
        /// The parameter's name.
        name: &'static str,
        /// What was sent, shortened.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// The address cannot be understood behind its question mark.
    #[error("the parameters behind ? cannot be read: {0}")]
    Query(String),
    /// The client accepts none of the representations.
    #[error("none of the accepted types can be made")]
    NotAcceptable,
    /// The rows cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An answer could not be written: a mistake of ours.
    #[error("an answer could not be written")]
    Write(#[from] std::io::Error),
}

/// The representations of a prediction, in the order in which they are offered.
pub(crate) const OFFERED: [&str; 3] = ["text/html", "application/json", "text/csv"];

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        problem(&self).into_response()
    }
}

/// The problem that a client sees.
fn problem(error: &Error) -> Problem {
    let detail = sentence(error);
    match error {
        Error::Read(error) => read_problem(error),
        Error::ContentType(_) => {
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type", "This kind of content cannot hold rows", detail)
                .hint(
                    "Send a form (multipart/form-data) with the part `file`, or a body of text/csv, application/json, \
                     application/x-ndjson or text/x-arff: curl --data-binary @sites.csv -H 'content-type: text/csv' …",
                )
        }
        Error::Form(_) => Problem::new(StatusCode::BAD_REQUEST, "form", "The form cannot be read", detail)
            .hint("Send it again; the part with the rows is named `file`."),
        Error::NoFile(_) => Problem::new(StatusCode::BAD_REQUEST, "no-file", "There is no file", detail)
            .hint("Choose a CSV file, or send the part `file`: curl -F file=@sites.csv …"),
        Error::TwoFiles(..) => Problem::new(StatusCode::BAD_REQUEST, "two-files", "There is more than one file", detail)
            .hint("Send one file a request."),
        Error::Parameter { name, .. } => {
            Problem::new(StatusCode::BAD_REQUEST, "parameter", format!("The parameter {name} cannot be used"), detail)
        }
        Error::Query(_) => {
            Problem::new(StatusCode::BAD_REQUEST, "parameter", "The parameters cannot be read", detail)
                .hint("Give each of threshold, explain, skip and show once at most: /predict?threshold=0.8&explain=3")
        }
        Error::NotAcceptable => {
            let detail = format!("Predictions are given as {}.", OFFERED.join(", "));
            Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", "None of the accepted types can be made", detail)
        }
        Error::Write(error) => {
            tracing::error!(%error, "an answer could not be written");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong here", detail)
        }
    }
}

fn read_problem(error: &ReadError) -> Problem {
    use StatusCode as S;
    let (status, name, title) = match error {
        ReadError::Io { .. } => (S::BAD_REQUEST, "unreadable", "The input could not be read"),
        ReadError::Empty => (S::BAD_REQUEST, "empty", "The file is empty"),
        ReadError::HeaderOnly => (S::UNPROCESSABLE_ENTITY, "header-only", "The file has no rows"),
        ReadError::Foreign { .. } => {
            (S::UNSUPPORTED_MEDIA_TYPE, "foreign-file", "This kind of file cannot be read")
        }
        ReadError::OtherFormat { .. } => {
            (S::UNSUPPORTED_MEDIA_TYPE, "other-format", "The file is of another format")
        }
        ReadError::Utf16 | ReadError::NotUtf8 { .. } => (S::BAD_REQUEST, "not-utf8", "The file is not UTF-8"),
        ReadError::Separator { .. } => {
            (S::UNPROCESSABLE_ENTITY, "separator", "The columns are not separated by commas")
        }
        ReadError::NoHeader { .. } => (S::UNPROCESSABLE_ENTITY, "no-header", "The file has no header"),
        ReadError::Twice { .. } => {
            (S::UNPROCESSABLE_ENTITY, "column-twice", "A column stands twice in the file")
        }
        ReadError::Absent { .. } => {
            (S::UNPROCESSABLE_ENTITY, "columns-absent", "Feature columns are missing")
        }
        ReadError::NoLabel { .. } => (S::UNPROCESSABLE_ENTITY, "no-label", "There is no label column"),
        ReadError::Limit { .. } => (S::PAYLOAD_TOO_LARGE, "limit", "The file is beyond a limit"),
        ReadError::OpenQuote { .. } => (S::BAD_REQUEST, "open-quote", "A quote is never closed"),
        ReadError::Arff { .. } => (S::BAD_REQUEST, "arff", "The ARFF head cannot be understood"),
        ReadError::Json { .. } => (S::BAD_REQUEST, "json", "The JSON cannot be read"),
        ReadError::NoUsableRow { .. } => (S::UNPROCESSABLE_ENTITY, "no-usable-row", "No row can be used"),
        // The reader may learn new refusals; what was sent is to blame for each of them.
        _ => (S::BAD_REQUEST, "unreadable", "The input could not be read"),
    };
    let problem = Problem::new(status, name, title, sentence(error));
    match error {
        ReadError::NotUtf8 { line, .. }
        | ReadError::NoHeader { line }
        | ReadError::Limit { line, .. }
        | ReadError::OpenQuote { line }
        | ReadError::Arff { line, .. }
        | ReadError::Json { line, .. } => problem.line(*line),
        ReadError::Twice { name, first_header, second_header, .. } => {
            problem.column(*name).columns(vec![first_header.clone(), second_header.clone()])
        }
        ReadError::Absent { absent } => {
            problem.columns(absent.iter().map(|column| column.feature.name().to_owned()).collect()).hint(
                "The start page lists the 30 columns with the meaning of their codes, and has a sample file.",
            )
        }
        ReadError::NoUsableRow { errors, .. } => problem
            .errors(errors.iter().map(finding).collect())
            .hint("Each feature is -1, 0, 1 or missing: raw measurements have to be coded first."),
        _ => problem,
    }
}

/// A row error in the shape that leaves the house.
pub(crate) fn finding(error: &RowError) -> Finding {
    Finding {
        line: Some(error.line),
        column: error.column.clone(),
        value: error.value.clone(),
        reason: error.reason.clone(),
    }
}

/// An error as a sentence: a capital at its start, a full stop at its end.
fn sentence(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let first: String = characters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?', ')']) { "" } else { "." };
    format!("{first}{}{stop}", characters.as_str())
}

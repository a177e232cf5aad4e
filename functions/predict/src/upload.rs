//! From a request to bytes of a known format, and what the client wants of them.

use axum::extract::{FromRequest, Multipart, Query, Request};
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use lurelight_schema::read::Format;
use lurelight_web::negotiate;
use serde::Deserialize;

use crate::Error;
use crate::error::OFFERED;
use crate::reasons::MOST_REASONS;

/// Rows to be scored, and how the answer is wanted.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) bytes: Bytes,
    pub(crate) format: Format,
    /// The name of the file, where there was one.
    pub(crate) name: Option<String>,
    /// Strictly between 0 and 1; the model's own where `None`.
    pub(crate) threshold: Option<f64>,
    /// Usable rows that are counted but not shown.
    pub(crate) skip: usize,
    /// Reasons wanted for each row.
    pub(crate) explain: usize,
    /// Usable rows that a page shows at most; JSON and CSV have all.
    pub(crate) show: usize,
    pub(crate) answer: Answer,
}

/// The representation of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Html,
    Json {
        attachment: bool,
    },
    /// From the page a CSV is guarded against formulas, because it will be opened in a spreadsheet.
    Csv {
        attachment: bool,
    },
}

/// A parameter that is not known is refused: a mistyped `threshold` must not go unnoticed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    threshold: Option<String>,
    skip: Option<String>,
    explain: Option<String>,
    show: Option<String>,
}

impl Upload {
    /// Reads a request of any of the accepted kinds.
    ///
    /// # Errors
    /// Every error is the client's; see [`Error`].
    pub(crate) async fn read(request: Request) -> Result<Self, Error> {
        let Query(parameters) = Query::<Parameters>::try_from_uri(request.uri())
            .map_err(|error| Error::Query(innermost(&error)))?;
        let content_type = header(&request);
        let accepted = negotiate::best(request.headers(), &OFFERED);
        if content_type.to_ascii_lowercase().starts_with("multipart/form-data") {
            return Form::read(request).await?.into_upload(parameters, accepted);
        }
        let format = Format::from_content_type(&content_type)
            .ok_or_else(|| Error::ContentType(named(&content_type)))?;
        let answer = accepted.and_then(Answer::accepted).ok_or(Error::NotAcceptable)?;
        let bytes =
            Bytes::from_request(request, &()).await.map_err(|error| Error::Form(error.body_text()))?;
        Ok(Self {
            bytes,
            format,
            name: None,
            threshold: threshold(parameters.threshold.as_deref())?,
            skip: rows("skip", parameters.skip.as_deref())?.unwrap_or(0),
            explain: explain(parameters.explain.as_deref())?,
            show: rows("show", parameters.show.as_deref())?.unwrap_or(usize::MAX),
            answer,
        })
    }
}

fn header(request: &Request) -> String {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// What lies at the bottom of an error, without the words of the libraries above it.
fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

fn named(content_type: &str) -> String {
    if content_type.is_empty() { "not given".to_owned() } else { short(content_type) }
}

impl Answer {
    fn accepted(media_type: &str) -> Option<Self> {
        match media_type {
            "text/html" => Some(Self::Html),
            "application/json" => Some(Self::Json { attachment: false }),
            "text/csv" => Some(Self::Csv { attachment: false }),
            _ => None,
        }
    }

    fn chosen(value: &str) -> Result<Option<Self>, Error> {
        match value.trim() {
            "" => Ok(None),
            "html" => Ok(Some(Self::Html)),
            "json" => Ok(Some(Self::Json { attachment: true })),
            "csv" => Ok(Some(Self::Csv { attachment: true })),
            other => {
                Err(Error::Parameter { name: "format", value: short(other), expected: "html, csv or json" })
            }
        }
    }
}

/// The parts of a form, as they came.
#[derive(Debug, Default)]
struct Form {
    file: Option<Part>,
    /// Parts with a file in them whose name is not `file`.
    stray: Option<String>,
    threshold: Option<String>,
    skip: Option<String>,
    explain: Option<String>,
    show: Option<String>,
    format: Option<String>,
}

#[derive(Debug)]
struct Part {
    name: Option<String>,
    content_type: Option<String>,
    bytes: Bytes,
}

impl Form {
    async fn read(request: Request) -> Result<Self, Error> {
        let mut multipart = Multipart::from_request(request, &())
            .await
            .map_err(|_| Error::Form("its content type names no boundary".to_owned()))?;
        let unreadable = |error: axum::extract::multipart::MultipartError| Error::Form(error.body_text());
        let mut form = Self::default();
        while let Some(field) = multipart.next_field().await.map_err(unreadable)? {
            let name = field.name().unwrap_or_default().to_owned();
            let file_name = field.file_name().map(str::to_owned);
            let content_type = field.content_type().map(str::to_owned);
            if name == "file" {
                let bytes = field.bytes().await.map_err(unreadable)?;
                form.add_file(Part { name: file_name.filter(|name| !name.is_empty()), content_type, bytes })?;
                continue;
            }
            let value = field.bytes().await.map_err(unreadable)?;
            let place = match name.as_str() {
                "threshold" => &mut form.threshold,
                "skip" => &mut form.skip,
                "explain" => &mut form.explain,
                "show" => &mut form.show,
                "format" => &mut form.format,
                _ if file_name.is_some() => &mut form.stray,
                _ => continue,
            };
            *place =
                Some(if file_name.is_some() { name } else { String::from_utf8_lossy(&value).into_owned() });
        }
        Ok(form)
    }

    fn add_file(&mut self, part: Part) -> Result<(), Error> {
        if let Some(first) = &self.file {
            let name =
                |part: &Part| part.name.as_deref().map_or_else(|| "one without a name".to_owned(), short);
            return Err(Error::TwoFiles(name(first), name(&part)));
        }
        self.file = Some(part);
        Ok(())
    }

    fn into_upload(self, parameters: Parameters, accepted: Option<&'static str>) -> Result<Upload, Error> {
        let part = match (self.file, self.stray) {
            (Some(part), _) => part,
            (None, Some(stray)) => {
                return Err(Error::NoFile(format!("the part is named {:?}, not \"file\"", short(&stray))));
            }
            (None, None) => return Err(Error::NoFile("the form has no part named \"file\"".to_owned())),
        };
        if part.bytes.is_empty() && part.name.is_none() {
            return Err(Error::NoFile("none was chosen".to_owned()));
        }
        let format = part
            .name
            .as_deref()
            .and_then(Format::from_file_name)
            .or_else(|| part.content_type.as_deref().and_then(Format::from_content_type))
            .unwrap_or_else(|| Format::from_first_bytes(&part.bytes));
        let chosen = self.format.as_deref().map_or(Ok(None), Answer::chosen)?;
        let answer = chosen.or_else(|| accepted.and_then(Answer::accepted)).ok_or(Error::NotAcceptable)?;
        Ok(Upload {
            bytes: part.bytes,
            format,
            name: part.name,
            threshold: threshold(filled(self.threshold).or(parameters.threshold).as_deref())?,
            skip: rows("skip", filled(self.skip).or(parameters.skip).as_deref())?.unwrap_or(0),
            explain: explain(filled(self.explain).or(parameters.explain).as_deref())?,
            show: rows("show", filled(self.show).or(parameters.show).as_deref())?.unwrap_or(usize::MAX),
            answer,
        })
    }
}

/// A field of a form, unless it was left empty: browsers send those as well.
fn filled(value: Option<String>) -> Option<String> {
    value.filter(|text| !text.trim().is_empty())
}

/// A threshold as people write it: `0.8`, or with a decimal comma; empty for the model's own.
fn threshold(value: Option<&str>) -> Result<Option<f64>, Error> {
    let Some(text) = value.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let parsed =
        text.replace(',', ".").parse::<f64>().ok().filter(|threshold| *threshold > 0.0 && *threshold < 1.0);
    let expected = "a number strictly between 0 and 1";
    parsed.map(Some).ok_or_else(|| Error::Parameter { name: "threshold", value: short(text), expected })
}

/// A count of rows; `None` where it is empty.
fn rows(name: &'static str, value: Option<&str>) -> Result<Option<usize>, Error> {
    let Some(text) = value.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let expected = "a count of rows";
    text.parse().map(Some).map_err(|_| Error::Parameter { name, value: short(text), expected })
}

fn explain(value: Option<&str>) -> Result<usize, Error> {
    let Some(text) = value.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(0) };
    text.parse().ok().filter(|count| *count <= MOST_REASONS).ok_or_else(|| Error::Parameter {
        name: "explain",
        value: short(text),
        expected: "a count of reasons, 0 to 30",
    })
}

/// Text from a request as a message shows it.
fn short(text: &str) -> String {
    const SHOWN_CHARS: usize = 60;
    let mut shown: String = text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS).collect();
    if text.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_lie_strictly_between_0_and_1() {
        for (text, expected) in [("0.8", Some(0.8)), ("0,8", Some(0.8)), (" .5 ", Some(0.5)), ("", None)] {
            assert_eq!(threshold(Some(text)).unwrap(), expected);
        }
        for text in ["0", "1", "-0.5", "NaN", "inf", "high", "50%"] {
            assert!(threshold(Some(text)).is_err(), "{text}");
        }
    }
}

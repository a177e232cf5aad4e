//! Small bodies that say a few things by name: a form of a page, or a JSON object of a program.

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use mediatype::MediaType;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Problem;

/// Most bytes of such a body.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What a form or a JSON object says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    /// By name; what came by a form is text.
    pub values: Map<String, Value>,
    /// Whether it came by a form, where a field that was left empty is sent as well.
    pub by_form: bool,
}

impl Fields {
    /// Reads a body of `application/x-www-form-urlencoded` or `application/json`; one that is empty says nothing.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn read(request: Request) -> Result<Fields, Box<Problem>> {
        let kind =
            request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = MediaType::parse(kind)
            .map(|kind| kind.essence().to_string().to_ascii_lowercase())
            .unwrap_or_default();
        let bytes = to_bytes(request.into_body(), BODY_BYTES_MAX).await.map_err(|_| {
            let detail = "The body is larger than 64 KiB, and these few fields never are.";
            Box::new(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body-too-large",
                "The body is too large",
                detail,
            ))
        })?;
        match kind.as_str() {
            _ if bytes.is_empty() => Ok(Fields::default()),
            "application/x-www-form-urlencoded" => Fields::of_form(&bytes),
            "application/json" => Fields::of_json(&bytes),
            other => {
                let detail = format!("The body's content type is {other:?}.");
                let problem = Problem::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "content-type",
                    "The body cannot be read",
                    detail,
                );
                Err(Box::new(
                    problem.hint("Send application/json, or a form as application/x-www-form-urlencoded."),
                ))
            }
        }
    }

    fn of_form(bytes: &[u8]) -> Result<Fields, Box<Problem>> {
        let mut values = Map::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            if values.insert(name.to_string(), Value::String(value.into_owned())).is_some() {
                return Err(bad(format!("The form has the field {:?} twice.", short(&name))));
            }
        }
        Ok(Fields { values, by_form: true })
    }

    fn of_json(bytes: &[u8]) -> Result<Fields, Box<Problem>> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(values)) => Ok(Fields { values, by_form: false }),
            Ok(_) => Err(bad("The JSON is no object.".to_owned())),
            // Where, and not what stood there.
            Err(error) => Err(bad(format!(
                "The JSON cannot be read at line {}, column {}.",
                error.line(),
                error.column()
            ))),
        }
    }

    /// The fields as what they must be.
    ///
    /// # Errors
    ///
    /// The problem to answer with, which names the field.
    pub fn parse<T: DeserializeOwned>(self) -> Result<T, Box<Problem>> {
        serde_json::from_value(Value::Object(self.values)).map_err(|error| {
            // A value that was of the wrong kind may be a secret, so only what names a field is passed on.
            let said = error.to_string();
            let shown = if said.starts_with("unknown field") || said.starts_with("missing field") {
                format!("The body has an {said}.").replace("an missing", "a missing")
            } else {
                "A field is not of the kind that it must be.".to_owned()
            };
            bad(shown)
        })
    }
}

fn bad(detail: String) -> Box<Problem> {
    Box::new(Problem::new(StatusCode::BAD_REQUEST, "fields", "The body cannot be read", detail))
}

fn short(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Two {
        a: String,
        #[serde(default)]
        b: String,
    }

    async fn read(kind: &str, body: &str) -> Result<Two, String> {
        let request =
            Request::post("/").header(CONTENT_TYPE, kind).body(Body::from(body.to_owned())).unwrap();
        let said = |problem: Box<Problem>| {
            serde_json::to_value(&problem).unwrap()["detail"].as_str().unwrap().to_owned()
        };
        Fields::read(request).await.map_err(said)?.parse().map_err(said)
    }

    #[tokio::test]
    async fn forms_and_json_say_the_same() {
        let both = Ok(Two { a: "1 ü".to_owned(), b: "&".to_owned() });
        assert_eq!(read("application/x-www-form-urlencoded", "a=1+%C3%BC&b=%26").await, both);
        assert_eq!(read("Application/JSON; charset=utf-8", r#"{"a": "1 ü", "b": "&"}"#).await, both);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_named_without_its_value() {
        let long = format!("a={}", "x".repeat(70_000));
        for (kind, body, expected) in [
            ("application/x-www-form-urlencoded", "a=1&a=2", "The form has the field \"a\" twice."),
            ("application/x-www-form-urlencoded", "b=1", "The body has a missing field `a`."),
            (
                "application/x-www-form-urlencoded",
                &long,
                "The body is larger than 64 KiB, and these few fields never are.",
            ),
            ("application/json", "[1]", "The JSON is no object."),
            ("application/json", "{\"a\": secret}", "The JSON cannot be read at line 1, column 7."),
            ("application/json", "{\"a\": 7777}", "A field is not of the kind that it must be."),
            ("application/json", "", "The body has a missing field `a`."),
            ("text/plain", "a=1", "The body's content type is \"text/plain\"."),
        ] {
            assert_eq!(read(kind, body).await.unwrap_err(), expected, "{body:.40}");
        }
        let unknown = read("application/json", r#"{"a": "", "c": 1}"#).await.unwrap_err();
        assert!(unknown.starts_with("The body has an unknown field `c`, expected"), "{unknown}");
    }
}

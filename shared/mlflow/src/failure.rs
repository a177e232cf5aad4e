//! What MLflow's answers, and the lack of them, mean to whoever shows a run.

use std::error::Error as StdError;
use std::io;

use lurelight_store::{Error, ErrorKind};
use serde_json::Value;

use crate::limits::cut;

/// Characters of the server's own words that are repeated.
const WORDS: usize = 300;

/// Why a request was not answered as it should be.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: Error,
    /// Whether nobody was named, or somebody who may not.
    pub(crate) refused: bool,
    /// Whether the server says that it has not even begun.
    pub(crate) put_off: bool,
    /// Seconds after which the server wants to be asked again.
    pub(crate) wait: Option<u64>,
}

impl Failed {
    pub(crate) fn new(kind: ErrorKind, what: &str, message: impl Into<String>) -> Failed {
        Failed { error: Error::new(kind, what, message), refused: false, put_off: false, wait: None }
    }

    /// Whether the same request may succeed later.
    pub(crate) fn may_pass(&self) -> bool {
        self.error.kind == ErrorKind::Unavailable
    }
}

/// Nobody answered, or the answer broke off.
pub(crate) fn unanswered(what: &str, error: &(dyn StdError + 'static)) -> Failed {
    let innermost = innermost(error);
    if is_of_tls(error) {
        let message = format!(
            "no secure connection can be made ({innermost}): let this system trust the server's authority, or name its \
             certificate in SSL_CERT_FILE; doing it again does not help"
        );
        return Failed::new(ErrorKind::Invalid, what, message);
    }
    let message = format!("it cannot be reached ({innermost}); see that it runs, then do it again");
    Failed::new(ErrorKind::Unavailable, what, message)
}

/// An answer that is no success.
pub(crate) fn answered(what: &str, status: u16, body: &[u8]) -> Failed {
    let told: Option<Value> = serde_json::from_slice(body).ok();
    let field = |name: &str| told.as_ref().and_then(|told| told[name].as_str()).unwrap_or_default();
    let code = field("error_code");
    let words = cut(&field("message").split_whitespace().collect::<Vec<_>>().join(" "), WORDS);
    let said = match (code, words.as_str()) {
        ("", _) => format!("HTTP status {status}"),
        (code, "") => format!("HTTP status {status}, {code}"),
        (code, words) => format!("{code}: {words}"),
    };
    let (kind, message) = match (status, code) {
        (401, _) => (
            ErrorKind::PermissionDenied,
            format!(
                "it does not know who asks ({said}); set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or \
                 MLFLOW_TRACKING_TOKEN, or put `user:password` or a token into the secret mlflow-credentials; doing it \
                 again does not help"
            ),
        ),
        (403, _) => (
            ErrorKind::PermissionDenied,
            format!(
                "this user may not do that ({said}); let him edit the experiment and its registered model; until then \
                 doing it again does not help"
            ),
        ),
        (_, "RESOURCE_ALREADY_EXISTS") => (ErrorKind::AlreadyExists, format!("it is there already ({said})")),
        (_, "RESOURCE_DOES_NOT_EXIST") => (ErrorKind::NotFound, format!("there is no such thing ({said})")),
        (429, _) => (
            ErrorKind::Unavailable,
            format!("it asks for fewer requests ({said}); doing it again later helps"),
        ),
        (408 | 500.., _) => (ErrorKind::Unavailable, format!("it failed ({said}); doing it again may help")),
        (300..=399, _) => (
            ErrorKind::Invalid,
            format!("it sends elsewhere ({said}); name the address that it sends to, or sign in by a token"),
        ),
        (404 | 405, "") => (
            ErrorKind::Invalid,
            format!("that is no MLflow ({said}); check the address in MLFLOW_TRACKING_URI"),
        ),
        _ => (ErrorKind::Invalid, format!("it was refused ({said})")),
    };
    Failed {
        refused: matches!(status, 401 | 403),
        put_off: status == 429,
        ..Failed::new(kind, what, message)
    }
}

fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

fn is_of_tls(error: &(dyn StdError + 'static)) -> bool {
    // An error of input or output passes over the one that it holds and names that one's source.
    let inside = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
    error.is::<rustls::Error>()
        || inside.is_some_and(|inside| is_of_tls(inside))
        || error.source().is_some_and(is_of_tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged_by_what_the_caller_can_do() {
        let exists = r#"{"error_code": "RESOURCE_ALREADY_EXISTS", "message": "There\n is one"}"#;
        let table = [
            (401, "", ErrorKind::PermissionDenied, "MLFLOW_TRACKING_TOKEN"),
            (403, r#"{"error_code": "PERMISSION_DENIED"}"#, ErrorKind::PermissionDenied, "PERMISSION_DENIED"),
            (400, exists, ErrorKind::AlreadyExists, "There is one"),
            (404, r#"{"error_code": "RESOURCE_DOES_NOT_EXIST"}"#, ErrorKind::NotFound, "no such thing"),
            (404, "<!doctype html>", ErrorKind::Invalid, "no MLflow"),
            (302, "", ErrorKind::Invalid, "sends elsewhere"),
            (429, "", ErrorKind::Unavailable, "later helps"),
            (500, "", ErrorKind::Unavailable, "may help"),
            (503, "<html>", ErrorKind::Unavailable, "HTTP status 503"),
            (400, r#"{"error_code": "INVALID_PARAMETER_VALUE", "message": "no"}"#, ErrorKind::Invalid, "no)"),
        ];
        for (status, body, kind, word) in table {
            let failed = answered("MLflow", status, body.as_bytes());
            assert_eq!(failed.error.kind, kind, "{status}");
            assert!(failed.error.to_string().contains(word), "{status}: {}", failed.error);
            assert_eq!(failed.may_pass(), kind == ErrorKind::Unavailable);
            assert_eq!(failed.refused, kind == ErrorKind::PermissionDenied);
        }
    }
}

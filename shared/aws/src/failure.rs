//! What the SDK's errors mean to whoever called a store.

use std::error::Error as StdError;
use std::io;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use lurelight_store::{Error, ErrorKind};

/// What is said of a failure that stays until somebody does something about it.
pub(crate) const UNTIL_THEN: &str = "; until then doing it again does not help";

/// The HTTP status of an answer, where there was one.
pub(crate) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// The store's error for one of the SDK, of whatever service. `what` was touched, `failed` says what could not be done
/// with it; the kind says what the caller can do.
pub fn failure<E>(what: &str, failed: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let (kind, reason) = judged(&error);
    Error::new(kind, what, format!("{failed}: {reason}")).because(error)
}

/// The kind, and what happened and what to do about it.
fn judged<E>(error: &SdkError<E, HttpResponse>) -> (ErrorKind, String)
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let text = said(error);
    match error {
        SdkError::ConstructionFailure(_) => (
            ErrorKind::Invalid,
            format!("the request could not be made ({text}); check the name and AWS_REGION"),
        ),
        SdkError::TimeoutError(_) => {
            (ErrorKind::Unavailable, "there was no answer in time; doing it again may help".to_owned())
        }
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            (ErrorKind::Unavailable, "nobody answered in time; doing it again may help".to_owned())
        }
        // The SDK takes it for an error of input and output, which it tries again.
        SdkError::DispatchFailure(_) if is_of_tls(error) => (
            ErrorKind::Invalid,
            format!(
                "no secure connection can be made ({text}): let this system trust the authority of the server's \
                 certificate, or name it in SSL_CERT_FILE, and check AWS_ENDPOINT_URL; doing it again does not help"
            ),
        ),
        SdkError::DispatchFailure(failure) if failure.is_io() => (
            ErrorKind::Unavailable,
            format!(
                "AWS cannot be reached ({text}); check the network and AWS_ENDPOINT_URL, then do it again"
            ),
        ),
        SdkError::DispatchFailure(_) => (
            ErrorKind::PermissionDenied,
            format!(
                "the request could not be signed or sent ({text}); check credentials, region and certificates"
            ),
        ),
        SdkError::ResponseError(_) => {
            (ErrorKind::Unavailable, format!("the answer was cut short ({text}); doing it again may help"))
        }
        _ => answered(status(error), error.code().unwrap_or_default(), &text),
    }
}

/// What an answer means, by its HTTP status and AWS's code for it.
fn answered(status: Option<u16>, code: &str, text: &str) -> (ErrorKind, String) {
    match (code, status) {
        ("NoSuchBucket", _) => {
            (ErrorKind::Invalid, "there is no bucket of that name; check it, and the account".to_owned())
        }
        ("PermanentRedirect" | "AuthorizationHeaderMalformed", _) | (_, Some(301 | 307)) => {
            (ErrorKind::Invalid, format!("it is in another region ({text}); set AWS_REGION to that"))
        }
        ("ResourceNotFoundException" | "NoSuchKey" | "NotFound" | "ExecutionDoesNotExist", _)
        | (_, Some(404)) => (ErrorKind::NotFound, "there is no such thing".to_owned()),
        ("InvalidObjectState", _) => {
            (ErrorKind::Unavailable, format!("it is archived ({text}); restore it, then do it again"))
        }
        ("ExpiredToken" | "ExpiredTokenException" | "RequestTimeTooSkewed", _) => (
            ErrorKind::PermissionDenied,
            format!(
                "the credentials are not valid now ({text}); renew them, and check the clock{UNTIL_THEN}"
            ),
        ),
        (_, Some(401 | 403)) | ("AccessDeniedException", _) => (
            ErrorKind::PermissionDenied,
            format!("it is not allowed ({text}); let this role do it{UNTIL_THEN}"),
        ),
        ("StateMachineDoesNotExist" | "StateMachineDeleting" | "InvalidArn", _) => (
            ErrorKind::Invalid,
            format!("there is no such state machine ({text}); check its ARN, region and account"),
        ),
        ("ExecutionAlreadyExists", _) => {
            (ErrorKind::AlreadyExists, "an execution of that name is there, with another input".to_owned())
        }
        (
            "SlowDown"
            | "ThrottlingException"
            | "ExecutionLimitExceeded"
            | "RequestLimitExceeded"
            | "TooManyRequestsException",
            _,
        )
        | (_, Some(429 | 503)) => (
            ErrorKind::Unavailable,
            format!("AWS asks for fewer requests ({text}); doing it again later helps"),
        ),
        ("RequestTimeout", _) | (_, Some(500..)) => {
            (ErrorKind::Unavailable, format!("AWS failed ({text}); doing it again may help"))
        }
        _ => (ErrorKind::Invalid, format!("it was refused ({text})")),
    }
}

/// AWS's own words where it gave some, else the innermost causes.
fn said<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => match status(error) {
            Some(status) if matches!(error, SdkError::ServiceError(_)) => format!("HTTP status {status}"),
            _ => innermost(error).unwrap_or_else(|| DisplayErrorContext(error).to_string()),
        },
    }
}

fn is_of_tls(error: &(dyn StdError + 'static)) -> bool {
    // An error of input or output passes over the one that it holds and names that one's source.
    let inside = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
    error.is::<rustls::Error>()
        || inside.is_some_and(|inside| is_of_tls(inside))
        || error.source().is_some_and(is_of_tls)
}

fn innermost(error: &dyn StdError) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(below) = cause.source() {
        cause = below;
    }
    Some(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged_by_what_the_caller_can_do() {
        let table = [
            ("NoSuchBucket", 404, ErrorKind::Invalid, "bucket"),
            ("NoSuchKey", 404, ErrorKind::NotFound, "no such"),
            ("ExecutionDoesNotExist", 400, ErrorKind::NotFound, "no such"),
            ("StateMachineDoesNotExist", 400, ErrorKind::Invalid, "ARN"),
            ("ExecutionAlreadyExists", 400, ErrorKind::AlreadyExists, "another input"),
            ("", 404, ErrorKind::NotFound, "no such"),
            ("AccessDenied", 403, ErrorKind::PermissionDenied, "role"),
            ("", 403, ErrorKind::PermissionDenied, "role"),
            ("ExpiredToken", 400, ErrorKind::PermissionDenied, "renew"),
            ("PermanentRedirect", 301, ErrorKind::Invalid, "AWS_REGION"),
            ("SlowDown", 503, ErrorKind::Unavailable, "later helps"),
            ("ThrottlingException", 400, ErrorKind::Unavailable, "later helps"),
            ("InternalError", 500, ErrorKind::Unavailable, "may help"),
            ("EntityTooLarge", 400, ErrorKind::Invalid, "refused"),
        ];
        for (code, status, kind, word) in table {
            let (judged, reason) = answered(Some(status), code, "its words");
            assert_eq!(judged, kind, "{code} with {status}");
            assert!(reason.contains(word), "{code} with {status}: {reason}");
        }
    }
}

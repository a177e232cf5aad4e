//! `GET /runs/{run}/report`: the page with plots that a run left.

use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lurelight_store::{Error as StoreError, ErrorKind};
use sha2::{Digest as _, Sha256};

use super::run::named;
use crate::Administration;
use crate::error::Error;
use crate::run_reports::RunFolder;

/// `GET /runs/{run}/report`
pub(crate) async fn report(
    State(administration): State<Administration>,
    Path(name): Path<String>,
) -> Result<Response, Error> {
    let run = named(&name)?;
    let key = RunFolder::new(&**administration.artifacts(), &run).key("report.html")?;
    let object = administration.artifacts().get(&key).await.map_err(|error| match error.kind {
        ErrorKind::NotFound => {
            let message = "has no page with plots: there is one once a run has decided; GET /runs/RUN says how far it is";
            StoreError::new(ErrorKind::NotFound, format!("run {run}"), message).because(error)
        }
        _ => error,
    })?;
    let policy = HeaderValue::try_from(policy(&object.bytes)).map_err(|error| {
        StoreError::new(ErrorKind::Damaged, key, "its style cannot be vouched for").because(error)
    })?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, policy),
    ];
    Ok((headers, object.bytes).into_response())
}

/// What the page may do: look as its own style says, and nothing else. It is a file of its own, so that its style stands
/// inside it; `sandbox` keeps whatever else might be in it from this site's session.
fn policy(page: &[u8]) -> String {
    let page = String::from_utf8_lossy(page);
    let style =
        page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).map(|(style, _)| style);
    let allowed = style.map_or_else(
        || "'none'".to_owned(),
        |style| format!("'sha256-{}'", BASE64.encode(Sha256::digest(style.as_bytes()))),
    );
    format!(
        "default-src 'none'; style-src {allowed}; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; sandbox"
    )
}

#[cfg(test)]
mod tests {
    use super::policy;

    /// The hash of `a{}` in base64, by `printf 'a{}' | openssl dgst -sha256 -binary | base64`.
    #[test]
    fn only_the_style_of_the_page_itself_is_allowed() {
        let policy_of = policy(b"<html><style>a{}</style><p>");
        assert!(
            policy_of.contains("style-src 'sha256-X1RutGBrXCt9KkSaXMK7tHftWiRscFHOhxsS8tv8hBk=';"),
            "{policy_of}"
        );
        assert!(policy(b"<p>").contains("style-src 'none';"));
        assert!(policy(b"<p>").ends_with("; sandbox"));
    }
}

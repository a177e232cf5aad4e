//! Requests to the server: signed, limited in time, and done again where that may help.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lurelight_store::{Error, ErrorKind, RunArtifact, Secrets};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::credentials::authorization;
use crate::failure::{Failed, answered, unanswered};
use crate::settings::MlflowSettings;

/// Bytes of an answer: a page of runs with all of their figures.
const ANSWER_BYTES_MAX: usize = 32 << 20;
/// Longest that a server may ask us to wait.
const WAIT_SECONDS_MAX: u64 = 10;

/// A request to one server.
pub(crate) struct Ask<'a> {
    method: Method,
    /// Behind the server's address, with its query.
    path: String,
    body: Body<'a>,
}

enum Body<'a> {
    Nothing,
    Json(&'a Value),
    File(&'a RunArtifact),
}

impl<'a> Ask<'a> {
    /// Reads something of the REST API.
    pub(crate) fn get(call: &str, query: &[(&str, &str)]) -> Ask<'a> {
        let query: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let path = format!("/api/2.0/mlflow/{call}?{}", query.join("&"));
        Ask { method: Method::GET, path, body: Body::Nothing }
    }

    /// Writes something of the REST API, or searches.
    pub(crate) fn post(call: &str, body: &'a Value) -> Ask<'a> {
        Ask { method: Method::POST, path: format!("/api/2.0/mlflow/{call}"), body: Body::Json(body) }
    }

    /// Uploads a file to a path of the artifacts that the server takes in.
    pub(crate) fn put(path: &str, file: &'a RunArtifact) -> Ask<'a> {
        let path: Vec<String> = path.split('/').map(encoded).collect();
        let path = format!("/api/2.0/mlflow-artifacts/artifacts/{}", path.join("/"));
        Ask { method: Method::PUT, path, body: Body::File(file) }
    }
}

/// A server, with whoever asks it.
pub(crate) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    settings: MlflowSettings,
    secrets: Arc<dyn Secrets>,
    /// Known once somebody has looked.
    authorization: Mutex<Option<Option<HeaderValue>>>,
}

impl Http {
    /// A client; nothing is sent.
    ///
    /// # Errors
    ///
    /// Where the address is `https://` and this system trusts no authority.
    pub(crate) fn new(settings: MlflowSettings, secrets: Arc<dyn Secrets>) -> Result<Http, Error> {
        let tls = tls(settings.address().starts_with("https://")).map_err(|error| {
            let message = format!(
                "no secure connection can be made: this system trusts no authority ({error}); install its \
                 certificates, or name them in SSL_CERT_FILE"
            );
            Error::new(ErrorKind::Invalid, format!("MLflow at {}", settings.address()), message)
        })?;
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(settings.patience().connect));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Http { client, settings, secrets, authorization: Mutex::new(None) })
    }

    pub(crate) const fn settings(&self) -> &MlflowSettings {
        &self.settings
    }

    /// What is asked, for messages.
    pub(crate) fn place(&self, path: &str) -> String {
        format!("MLflow at {}{}", self.settings.address(), path.split('?').next().unwrap_or_default())
    }

    /// Asks as often as may help. For requests that may be repeated.
    pub(crate) async fn ask(&self, ask: &Ask<'_>) -> Result<Value, Error> {
        self.ask_while(ask, Failed::may_pass).await
    }

    /// Asks until the request may have been heard: it is not known whether one without an answer was.
    pub(crate) async fn ask_once(&self, ask: &Ask<'_>) -> Result<Value, Error> {
        self.ask_while(ask, |failed| failed.put_off).await
    }

    async fn ask_while(&self, ask: &Ask<'_>, again: impl Fn(&Failed) -> bool) -> Result<Value, Error> {
        let (mut attempt, mut renewed) = (1, false);
        let attempts = self.settings.patience().attempts;
        loop {
            match self.attempt(ask).await {
                Ok(answer) => return Ok(answer),
                // A server that refuses has done nothing.
                Err(failed) if failed.refused && !renewed => {
                    renewed = true;
                    if !self.renew().await? {
                        return Err(failed.error);
                    }
                }
                Err(failed) if again(&failed) && attempt < attempts => {
                    self.pause(attempt, failed.wait).await;
                    attempt += 1;
                }
                Err(failed) => return Err(failed.error),
            }
        }
    }

    /// Waits before another attempt: a random part of a time that doubles, and as long as the server wants.
    pub(crate) async fn pause(&self, attempt: u32, wanted: Option<u64>) {
        let longest = self.settings.patience().pause * 2_u32.saturating_pow(attempt.saturating_sub(1));
        let wanted = Duration::from_secs(wanted.unwrap_or(0).min(WAIT_SECONDS_MAX));
        sleep(longest.mul_f64(fastrand::f64()).max(wanted)).await;
    }

    async fn attempt(&self, ask: &Ask<'_>) -> Result<Value, Failed> {
        let what = self.place(&ask.path);
        let request = self.request(ask, &what).await?;
        let within = self.settings.patience().attempt;
        match timeout(within, self.exchange(request, &what)).await {
            Ok(answer) => answer,
            Err(_) => {
                let seconds = within.as_secs_f64();
                let message = format!("there was no answer in {seconds} s; doing it again may help");
                Err(Failed::new(ErrorKind::Unavailable, &what, message))
            }
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>, what: &str) -> Result<Value, Failed> {
        let answer = self.client.request(request).await.map_err(|error| unanswered(what, &error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| unanswered(what, &*error))?.to_bytes();
        if head.status != StatusCode::OK {
            let wait = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            return Err(Failed { wait, ..answered(what, head.status.as_u16(), &body) });
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|error| {
            let message = format!(
                "its answer is no JSON ({error}), so that is no MLflow, or a page to sign in stands before it; check the \
                 address in MLFLOW_TRACKING_URI"
            );
            Failed::new(ErrorKind::Invalid, what, message)
        })
    }

    async fn request(&self, ask: &Ask<'_>, what: &str) -> Result<Request<Full<Bytes>>, Failed> {
        let invalid = |error: &dyn std::fmt::Display| {
            Failed::new(ErrorKind::Invalid, what, format!("the request cannot be made: {error}"))
        };
        let uri = format!("{}{}", self.settings.address(), ask.path);
        let mut request = Request::builder().method(&ask.method).uri(uri);
        if let Some(authorization) = self.authorization().await.map_err(failed)? {
            request = request.header(AUTHORIZATION, authorization);
        }
        let (content_type, body) = match ask.body {
            Body::Nothing => (None, Bytes::new()),
            Body::Json(value) => (Some("application/json"), Bytes::from(value.to_string())),
            Body::File(file) => (Some(file.content_type.as_str()), file.bytes.clone()),
        };
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        request.body(Full::new(body)).map_err(|error| invalid(&error))
    }

    async fn authorization(&self) -> Result<Option<HeaderValue>, Error> {
        if let Some(known) = self.known().clone() {
            return Ok(known);
        }
        let found = authorization(&*self.secrets, false).await?;
        *self.known() = Some(found.clone());
        Ok(found)
    }

    /// Fetches the credentials anew. Returns whether they are others than those that were refused.
    async fn renew(&self) -> Result<bool, Error> {
        let found = authorization(&*self.secrets, true).await?;
        let before = self.known().replace(found.clone());
        Ok(before != Some(found))
    }

    fn known(&self) -> MutexGuard<'_, Option<Option<HeaderValue>>> {
        // What is behind the lock is whole between any two statements.
        self.authorization.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error of ours, before anything was sent.
fn failed(error: Error) -> Failed {
    Failed { error, refused: false, put_off: false, wait: None }
}

/// The one TLS stack of the house; its authorities are read only where they are needed.
fn tls(needed: bool) -> Result<ClientConfig, Box<dyn std::error::Error + Send + Sync>> {
    use hyper_rustls::ConfigBuilderExt as _;
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions()?;
    let config = if needed {
        config.with_native_roots()?
    } else {
        config.with_root_certificates(RootCertStore::empty())
    };
    Ok(config.with_no_client_auth())
}

/// As it may stand in a path or a query.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _infallible = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_an_address_is_encoded() {
        let ask = Ask::get("runs/get", &[("run_id", "a b&c='ä'")]);
        assert_eq!(ask.path, "/api/2.0/mlflow/runs/get?run_id=a%20b%26c%3D%27%C3%A4%27");
    }
}

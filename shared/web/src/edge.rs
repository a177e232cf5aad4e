//! What stands between the network and the handlers.
//!
//! From the outside in: security headers; problems as pages, compression, `HEAD` and `OPTIONS`; panics;
//! the cross-site check; the body, read within limits; the time that a handler may take.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_body_util::BodyExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::timeout::TimeoutLayer;

use crate::{BasePath, Budget, Problem, body, layout, negotiate};

/// Limits of one server. Times are upper bounds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of a request body.
    pub body_bytes: usize,
    /// Longest pause in a request body.
    pub body_idle: Duration,
    /// Longest time for a whole request body.
    pub body_total: Duration,
    /// Longest time for a handler.
    pub handler: Duration,
    /// Most bytes of an answer as it is encoded for transport (see [`Budget`]); `None` for no limit.
    pub answer_bytes: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 64 << 20,
            body_idle: Duration::from_secs(10),
            body_total: Duration::from_secs(120),
            handler: Duration::from_secs(60),
            answer_bytes: None,
        }
    }
}

/// Puts the edge around a function's routes, and adds the stylesheet and an answer for unknown addresses.
pub fn protect(routes: Router, limits: Limits) -> Router {
    let inside = routes
        .route(layout::STYLESHEET_PATH, get(layout::stylesheet))
        .fallback(layout::not_found)
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, limits.handler))
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(limits, body::read_whole))
        .layer(CsrfLayer::new().with_rejection_response(|_| cross_site().into_response()))
        .layer(CatchPanicLayer::custom(panicked));
    // A router writes `Allow` behind its own layers, so that what reads it has to stand around the router.
    Router::new()
        .fallback_service(inside)
        .layer(from_fn_with_state(limits, finish))
        .layer(from_fn(security_headers))
}

fn cross_site() -> Problem {
    let detail = "The request was sent by a page of another site, and only this site's own pages may.";
    Problem::new(StatusCode::FORBIDDEN, "cross-site", "Refused: sent from another site", detail)
        .hint("Programs that are no browsers are not concerned: they send neither Sec-Fetch-Site nor Origin.")
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that the layer calls")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    // A formatted message may hold a cell of a user's file; one of the program's text does not.
    let message = panic.downcast_ref::<&'static str>().copied().unwrap_or("left out, as it may hold data");
    tracing::error!(message, "a handler panicked");
    let detail = "The server made a mistake while it worked on this request. It has been logged.";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong here", detail)
        .into_response()
}

/// Gives the answer its final form: problems become pages for browsers, bodies are gzipped, `HEAD` has no
/// body, and `OPTIONS` says what a path answers.
async fn finish(State(limits): State<Limits>, mut request: Request, next: Next) -> Response {
    let budget = Budget { limit_bytes: limits.answer_bytes, gzip: negotiate::takes_gzip(request.headers()) };
    request.extensions_mut().insert(budget);
    let base_path = request.extensions().get::<BasePath>().cloned().unwrap_or_default();
    let wants_page = negotiate::wants_page(request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();

    let mut response = next.run(request).await;
    if method == Method::OPTIONS && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        return options(response.headers());
    }
    if is_bare_error(&response) {
        response = explain(response, &method, &path);
    }
    if response.extensions().get::<Problem>().is_some() {
        response.headers_mut().append(VARY, HeaderValue::from_static("accept"));
        if wants_page {
            response = page_of(response, &base_path);
        }
    }
    if method == Method::HEAD {
        return response.map(|_| Body::empty());
    }
    compress(response, budget).await
}

/// An error by its status alone, as the router and the layers of others make it.
fn is_bare_error(response: &Response) -> bool {
    let plain =
        response.headers().get(CONTENT_TYPE).is_none_or(|value| value.as_bytes().starts_with(b"text/plain"));
    (response.status().is_client_error() || response.status().is_server_error())
        && plain
        && response.extensions().get::<Problem>().is_none()
}

fn explain(response: Response, method: &Method, path: &str) -> Response {
    let allow = response.headers().get(ALLOW).cloned();
    let words = allow.as_ref().and_then(|value| value.to_str().ok());
    let problem = Problem::of_status(response.status(), method.as_str(), path, words);
    let mut explained = problem.into_response();
    if let Some(allow) = allow {
        explained.headers_mut().insert(ALLOW, allow);
    }
    explained
}

fn page_of(mut response: Response, base_path: &BasePath) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let mut page = problem.into_page(base_path);
    for (name, value) in response.headers() {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            page.headers_mut().append(name, value.clone());
        }
    }
    page
}

fn options(headers: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let mut allow =
        headers.get(ALLOW).map_or_else(String::new, |value| value.to_str().unwrap_or_default().to_owned());
    allow.push_str(if allow.is_empty() { "OPTIONS" } else { ",OPTIONS" });
    if let Ok(value) = HeaderValue::from_str(&allow) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

/// Gzips what a handler has not packed itself.
async fn compress(response: Response, budget: Budget) -> Response {
    let skip = !budget.gzip
        || response.headers().contains_key(CONTENT_ENCODING)
        || response.headers().get(CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"image/png"));
    if skip {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(whole) = body.collect().await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let packed = budget.pack(whole.to_bytes().to_vec()).into_response();
    parts.headers.remove(CONTENT_LENGTH);
    for (name, value) in packed.headers() {
        parts.headers.append(name, value.clone());
    }
    Response::from_parts(parts, packed.into_body())
}

// `same-origin` and not `no-referrer`: under the latter browsers send `Origin: null` with a form of our own.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // A page that was made elsewhere brings a policy of its own.
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    let fixed: [(HeaderName, &'static str); 3] = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Verdicts belong to whoever asked for them, not to a cache on the way.
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::http::header::ACCEPT;
    use tower::ServiceExt;

    use super::*;

    async fn broken() -> &'static str {
        panic!("out of order")
    }

    async fn asked(method: Method, path: &str, accept: &'static str) -> (StatusCode, HeaderMap, String) {
        let routes = Router::new().route("/broken", get(broken)).route("/fine", get(|| async { "fine" }));
        let mut request = Request::builder().method(method).uri(path).header(ACCEPT, accept);
        if let Some(extensions) = request.extensions_mut() {
            extensions.insert(BasePath::parse("/prod").unwrap());
        }
        let answer =
            protect(routes, Limits::default()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        (parts.status, parts.headers, body)
    }

    #[tokio::test]
    async fn a_panic_is_a_500_that_does_not_say_why() {
        let (status, headers, body) = asked(Method::GET, "/broken", "*/*").await;
        assert_eq!(
            (status, headers[CONTENT_TYPE].to_str().unwrap()),
            (StatusCode::INTERNAL_SERVER_ERROR, "application/problem+json")
        );
        assert!(!body.contains("out of order"), "{body}");
        let (status, headers, body) = asked(Method::GET, "/broken", "text/html").await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(headers[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"));
        assert!(body.contains("href=\"/prod/\"") && !body.contains("out of order"), "{body}");
    }

    #[tokio::test]
    async fn options_and_refusals_say_what_is_allowed() {
        let (status, headers, body) = asked(Method::OPTIONS, "/fine", "*/*").await;
        assert_eq!(
            (status, headers[ALLOW].to_str().unwrap(), body.as_str()),
            (StatusCode::NO_CONTENT, "GET,HEAD,OPTIONS", "")
        );
        let (status, headers, body) = asked(Method::PUT, "/fine", "*/*").await;
        assert_eq!((status, headers[ALLOW].to_str().unwrap()), (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD"));
        assert!(body.contains("/fine does not answer PUT; it answers GET,HEAD."), "{body}");
    }
}

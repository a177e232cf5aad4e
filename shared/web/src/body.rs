//! Request bodies: read whole, within limits, before a handler sees them.
//!
//! Every handler needs the whole body in memory anyway. Reading it in one place means that a body that is too
//! large, too slow or cut off gets the same clear answer everywhere.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, EXPECT};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use http_body_util::BodyExt;

use crate::{Limits, Problem};

/// How much of a refused body is read and thrown away, as a multiple of the limit. A client that is still
/// sending when the connection closes sees a reset connection instead of the answer.
const DRAIN_FACTOR: usize = 4;

/// Middleware: replaces the body by one that is in memory.
pub(crate) async fn read_whole(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match read(body, &parts.headers, &limits).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(problem) => problem.into_response(),
    }
}

async fn read(mut body: Body, headers: &HeaderMap, limits: &Limits) -> Result<Bytes, Problem> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limits.body_bytes) {
        // A client that waits for "100 Continue" has sent nothing yet and need not.
        if !headers.contains_key(EXPECT) {
            drain(body, limits).await;
        }
        return Err(too_large(limits.body_bytes));
    }
    let started = tokio::time::Instant::now();
    let mut whole = BytesMut::new();
    loop {
        let left = limits.body_total.saturating_sub(started.elapsed()).min(limits.body_idle);
        let frame = match tokio::time::timeout(left, body.frame()).await {
            Err(_) => return Err(too_slow(whole.len(), announced, limits.body_idle)),
            Ok(None) => return Ok(whole.freeze()),
            Ok(Some(Err(error))) => return Err(cut_off(&error, whole.len(), announced)),
            Ok(Some(Ok(frame))) => frame,
        };
        if let Ok(data) = frame.into_data() {
            if whole.len() + data.len() > limits.body_bytes {
                drain(body, limits).await;
                return Err(too_large(limits.body_bytes));
            }
            whole.extend_from_slice(&data);
        }
    }
}

async fn drain(mut body: Body, limits: &Limits) {
    let mut left = limits.body_bytes.saturating_mul(DRAIN_FACTOR);
    while let Ok(Some(Ok(frame))) = tokio::time::timeout(limits.body_idle, body.frame()).await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        if length >= left {
            return;
        }
        left -= length;
    }
}

fn too_large(limit_bytes: usize) -> Problem {
    let limit = bytes_in_words(limit_bytes);
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body-too-large",
        "The file is too large",
        format!("One request may carry {limit}."),
    )
    .hint("Split the file, or score it on your own machine with `lurelight predict FILE`, which has no such limit.")
}

fn too_slow(received: usize, announced: Option<usize>, idle: Duration) -> Problem {
    let detail = format!(
        "The rest of the request did not arrive in time: {}, and nothing more for {} s.",
        so_far(received, announced),
        idle.as_secs()
    );
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", "The upload stalled", detail)
        .hint("Send it again.")
}

fn cut_off(error: &axum::Error, received: usize, announced: Option<usize>) -> Problem {
    tracing::debug!(%error, received, "request body cut off");
    let detail = format!("The request ended before its body was complete: {}.", so_far(received, announced));
    Problem::new(StatusCode::BAD_REQUEST, "body-cut-off", "The upload was cut off", detail)
        .hint("Send it again.")
}

fn so_far(received: usize, announced: Option<usize>) -> String {
    match announced {
        Some(announced) => format!("{received} of {announced} bytes came"),
        None => format!("{received} bytes came"),
    }
}

/// A size as people say it: `64 MiB`, `900 KiB`, `17 bytes`.
#[must_use]
pub fn bytes_in_words(bytes: usize) -> String {
    const UNITS: [(usize, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.iter().find(|(size, _)| bytes >= *size);
    unit.map_or_else(
        || format!("{bytes} bytes"),
        |&(size, name)| {
            let tenths = bytes / (size / 10);
            if bytes.is_multiple_of(size) || tenths >= 1000 {
                format!("{} {name}", bytes / size)
            } else {
                format!("{}.{} {name}", tenths / 10, tenths % 10)
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::bytes_in_words;

    #[test]
    fn sizes_read_well() {
        for (bytes, expected) in
            [(17, "17 bytes"), (64 << 20, "64 MiB"), (1536, "1.5 KiB"), (5_500_000, "5.2 MiB")]
        {
            assert_eq!(bytes_in_words(bytes), expected);
        }
    }
}

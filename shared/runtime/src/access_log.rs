//! One line a request: what was asked, what was answered, how long it took. No query, no body, no cell.

use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use lambda_runtime::Context;

use crate::metrics::{Measured, Unit, is_cold_start};

pub(crate) async fn log(mut request: Request, next: Next) -> Response {
    let (started, cold_start) = (Instant::now(), is_cold_start());
    let measured = Measured::default();
    if let Some(context) = request.extensions().get::<Context>() {
        measured.property("requestId", &context.request_id);
    }
    request.extensions_mut().insert(measured.clone());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    let elapsed = started.elapsed();
    let ms = elapsed.as_secs_f64() * 1e3;
    let status = response.status().as_u16();
    if status >= 500 {
        tracing::error!(%method, path, status, ms, cold_start, "answered");
    } else {
        tracing::info!(%method, path, status, ms, cold_start, "answered");
    }
    measured.set_duration("Latency", elapsed);
    measured.set("ColdStart", Unit::Count, cold_start.into());
    measured.emit();
    response
}

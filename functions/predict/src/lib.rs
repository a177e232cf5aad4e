//! Lurelight's web page and prediction API.
//!
//! The same router runs behind API Gateway and on a laptop; `lurelight serve` mounts it as a library:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let context = predict::Context::compiled_in()?;
//! predict::serve(predict::Serving::fixed(context), lurelight_runtime::Config::from_env()?).await?;
//! # Ok(())
//! # }
//! ```

mod access;
mod arguments;
mod context;
mod counts;
mod error;
mod handlers;
mod html;
mod json;
mod measure;
mod prepare;
mod reasons;
mod render;
mod score;
mod serving;
mod start;
mod upload;

use axum::Router;
use axum::routing::{get, post};
use lurelight_web::access::{Access, Role};

pub use access::token_needed;
pub use context::{Context, ModelInfo, Source};
pub use counts::Counts;
pub use error::Error;
pub use html::ReportPage;
pub use json::{json_head, json_tail};
pub use reasons::{MOST_REASONS, Reason, in_one_line, meaning, reasons};
pub use render::{csv_field, push_probability};
pub use score::{Notice, Scored, no_reasons, notices, score};
pub use serving::{Serving, Timing};
pub use start::{run, serve};

/// All routes of this function, without the edge around them: [`lurelight_runtime::serve`] adds it.
pub fn router(serving: Serving) -> Router {
    guarded_router(serving, &Access::open())
}

/// The same routes; health is told to everybody, the rest to whom `access` lets in.
pub fn guarded_router(serving: Serving, access: &Access) -> Router {
    let routes = Router::new()
        .route("/", get(handlers::home))
        .route("/predict", post(handlers::predict).get(handlers::predict_form))
        .route("/sample.csv", get(handlers::sample))
        .route("/models/current", get(handlers::model))
        .with_state(serving.clone());
    let health = Router::new().route("/healthz", get(handlers::health)).with_state(serving);
    access.guard(routes, Role::Prediction).merge(health)
}

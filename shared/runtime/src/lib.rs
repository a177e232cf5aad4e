//! What a function needs around its handlers: configuration, tracing, and a server.
//!
//! ```no_run
//! # async fn example(router: axum::Router) -> Result<(), lurelight_runtime::Error> {
//! lurelight_runtime::telemetry::init();
//! let config = lurelight_runtime::Config::from_env()?;
//! lurelight_runtime::serve(router, config).await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`serve`] gives the router to Lambda where the Runtime API is there, and to a port otherwise. A function that is no
//! web application takes its events by [`invoke()`].

mod access_log;
pub mod config;
mod error;
pub mod invoke;
mod json_lines;
mod lambda;
mod local;
pub mod metrics;
pub mod mount;
mod panics;
mod stop;
pub mod telemetry;

use axum::Router;
use axum::extract::Request;
use axum::middleware::Next;
use lurelight_web::BasePath;

pub use config::Config;
pub use error::Error;
pub use invoke::{Failure, Invocation, invoke};
pub use local::Listener;

/// Whether this process was started by Lambda.
#[must_use]
pub fn in_lambda() -> bool {
    std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// Serves until Lambda ends the process or, on a port, until Ctrl-C or SIGTERM.
///
/// # Errors
/// Where the port cannot be had, or the server or the Runtime API fails.
pub async fn serve(router: Router, config: Config) -> Result<(), Error> {
    if in_lambda() {
        return lambda::run(protected(router, &config), config.base_path).await;
    }
    Listener::bind(&config).await?.serve(router, &config).await
}

/// The router behind the edge of `lurelight_web` and the access log.
fn protected(router: Router, config: &Config) -> Router {
    let pages = config.pages;
    let beside = axum::middleware::from_fn(move |mut request: Request, next: Next| {
        let base_path = request.extensions().get::<BasePath>().cloned().unwrap_or_default();
        request.extensions_mut().insert(base_path.with_pages(pages));
        next.run(request)
    });
    lurelight_web::edge::protect(router, config.limits)
        .layer(beside)
        .layer(axum::middleware::from_fn(access_log::log))
}

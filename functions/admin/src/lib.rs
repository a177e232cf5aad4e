//! Training, runs, versions and the champion, for people at a browser and for programs.
//!
//! Beside the command line this is the only program that may start runs or move the champion over the web. It reads what
//! runs left behind; it contains nothing that trains or scores. `lurelight serve` mounts its router as a library.

mod arguments;
mod context;
mod error;
mod handlers;
mod run_reports;
mod runs;
mod secret_source;
mod start;

use axum::Router;
use axum::routing::{get, post};
use lurelight_web::access::{Access, Role};

pub use context::Administration;
pub use secret_source::StoredSecrets;
pub use start::{access, run};

/// All routes of this function, without the edge around them: [`lurelight_runtime::serve`] adds it.
pub fn router(administration: Administration, access: &Access) -> Router {
    let routes = Router::new()
        .route("/train", get(handlers::train_form).post(handlers::train))
        .route("/runs", get(handlers::runs))
        .route("/runs/{run}", get(handlers::run))
        .route("/runs/{run}/report", get(handlers::report))
        .route("/models", get(handlers::models))
        .route("/models/{version}/promote", post(handlers::promote))
        .with_state(administration);
    access.guard(routes, Role::Administration).merge(access.session_routes())
}

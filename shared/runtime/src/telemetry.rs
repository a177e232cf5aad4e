//! Tracing: JSON lines for CloudWatch in Lambda, readable lines on standard error elsewhere.
//!
//! No event anywhere carries a cell of a user's file; counts, sizes, names of columns and times do.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::in_lambda;

/// Starts tracing. `LURELIGHT_LOG` (else `RUST_LOG`) says what to show, as in `info,lurelight_web=debug`.
///
/// Does nothing if tracing runs already.
pub fn init() {
    let wanted = std::env::var("LURELIGHT_LOG").or_else(|_| std::env::var("RUST_LOG")).unwrap_or_default();
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .parse_lossy(wanted);
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    // A second call, from a test or from a program that has its own, keeps the first.
    let _already_running = if in_lambda() {
        // CloudWatch stamps each line itself.
        builder
            .json()
            .flatten_event(true)
            .without_time()
            .with_current_span(true)
            .with_writer(std::io::stdout)
            .try_init()
    } else {
        builder
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .try_init()
    };
}

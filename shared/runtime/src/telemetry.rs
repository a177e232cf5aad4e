//! Tracing: JSON lines for CloudWatch in Lambda, readable lines on standard error elsewhere.
//!
//! No event anywhere carries a cell of a user's file; counts, sizes, names of columns and times do.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::in_lambda;

/// Starts tracing. `LURELIGHT_LOG` (else `RUST_LOG`) says what to show, as in `info,lurelight_web=debug`; what
/// it cannot mean is passed over.
///
/// Does nothing if tracing runs already.
pub fn init() {
    let wanted = std::env::var("LURELIGHT_LOG").or_else(|_| std::env::var("RUST_LOG")).unwrap_or_default();
    let registry = tracing_subscriber::registry().with(filter(&wanted));
    // A second call, from a test or from a program that has its own, keeps the first.
    let _already_running = if in_lambda() {
        // CloudWatch stamps each line itself.
        let lines = layer().json().flatten_event(true).without_time().with_span_list(false);
        registry.with(lines.with_writer(std::io::stdout)).try_init()
    } else {
        let lines = layer().with_target(false).with_ansi(std::io::stderr().is_terminal());
        registry.with(lines.with_writer(std::io::stderr)).try_init()
    };
}

/// Targets and levels, as `EnvFilter` has them without spans and fields: that filter would bring two regular
/// expression engines into the build.
fn filter(wanted: &str) -> Targets {
    let mut targets = Targets::new().with_default(LevelFilter::INFO);
    for directive in wanted.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        if let Ok(level) = directive.parse::<LevelFilter>() {
            targets = targets.with_default(level);
        } else if let Ok(more) = directive.parse::<Targets>() {
            targets = targets.with_targets(more);
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn filters_are_read_with_info_as_default() {
        for (wanted, target, level, enabled) in [
            ("", "predict", Level::INFO, true),
            ("", "predict", Level::DEBUG, false),
            ("warn", "predict", Level::INFO, false),
            ("warn,lurelight_web=debug", "lurelight_web::body", Level::DEBUG, true),
            ("lurelight_web=debug", "predict", Level::INFO, true),
            ("lurelight_web=off, debug", "lurelight_web", Level::ERROR, false),
            ("=&?,,info", "predict", Level::INFO, true),
        ] {
            assert_eq!(filter(wanted).would_enable(target, &level), enabled, "{wanted:?} {target} {level}");
        }
    }
}

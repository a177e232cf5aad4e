//! Tracing: JSON lines for CloudWatch in Lambda, readable lines on standard error elsewhere.
//!
//! No event anywhere carries a cell of a user's file; counts, sizes, names of columns and times do.

use std::io::{IsTerminal, Write};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::json_lines::JsonLines;
use crate::{in_lambda, panics};

/// Starts tracing. `LURELIGHT_LOG` (else `RUST_LOG`) says what to show, as in `info,lurelight_web=debug`; what
/// it cannot mean is passed over.
///
/// In Lambda a panic is a line of the log, too. Does nothing if tracing runs already.
pub fn init() {
    let wanted = std::env::var("LURELIGHT_LOG").or_else(|_| std::env::var("RUST_LOG")).unwrap_or_default();
    let registry = tracing_subscriber::registry().with(filter(&wanted));
    // A second call, from a test or from a program that has its own, keeps the first.
    let _already_running = if in_lambda() {
        panics::tell_the_log();
        registry.with(JsonLines(std::io::stdout)).try_init()
    } else {
        let lines = layer().with_target(false).with_ansi(std::io::stderr().is_terminal());
        registry.with(lines.with_writer(std::io::stderr)).try_init()
    };
}

/// Tells whoever started this program why it ends: a line of the log in Lambda, elsewhere a line behind the program's
/// name on standard error.
pub fn tell_why_it_ends(program: &str, message: &str) {
    if in_lambda() {
        tracing::error!(program, error = message, "the function cannot start or go on");
    } else {
        // A program without a terminal ends all the same.
        let _closed = std::io::stderr().write_all(format!("{program}: {message}\n").as_bytes());
    }
}

/// Targets and levels, as `EnvFilter` has them without spans and fields: that filter would bring two regular
/// expression engines into the build.
fn filter(wanted: &str) -> Targets {
    // The clients of AWS tell of each token that they reuse; the runtime repeats failures that we have told.
    let mut targets = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("aws", LevelFilter::WARN)
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF);
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
            ("", "aws_smithy_runtime::client", Level::INFO, false),
            ("aws=debug", "aws_smithy_runtime::client", Level::DEBUG, true),
        ] {
            assert_eq!(filter(wanted).would_enable(target, &level), enabled, "{wanted:?} {target} {level}");
        }
    }
}

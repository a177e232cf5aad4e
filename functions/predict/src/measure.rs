//! What is measured of a request, for CloudWatch.

use lurelight_runtime::metrics::{Measured, Unit};
use lurelight_schema::read::ReadError;

use crate::score::Scored;
use crate::{Context, Error, Source};

/// Which model answers: `RegistryVersion`, 0 where it is the compiled-in one, and `Fallback`.
pub(crate) fn model(measured: &Measured, context: &Context) {
    measured.set("RegistryVersion", Unit::None, context.source().registered().unwrap_or(0));
    measured.set("Fallback", Unit::Count, is_fallback(context.source()).into());
}

/// Whether there is a champion, or may be, and another model answers.
fn is_fallback(source: &Source) -> bool {
    match source {
        Source::Awaited | Source::LastResort | Source::Kept { .. } => true,
        Source::Champion(_)
        | Source::CompiledIn
        | Source::File(_)
        | Source::NoChampion
        | Source::Version(_) => false,
    }
}

/// How many rows there were.
pub(crate) fn rows(measured: &Measured, scored: &Scored) {
    count(measured, scored.report.rows, scored.distinct, scored.report.error_count);
}

/// The rows of a file of which none can be used.
pub(crate) fn unusable(measured: &Measured, error: &Error) {
    if let Error::Read(ReadError::NoUsableRow { rows, .. }) = error {
        count(measured, *rows, 0, *rows);
    }
}

fn count(measured: &Measured, rows: u64, distinct: u64, errors: u64) {
    measured.set("Rows", Unit::Count, rows);
    measured.set("DistinctRows", Unit::Count, distinct);
    measured.set("RowErrors", Unit::Count, errors);
}

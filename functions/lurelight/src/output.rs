//! Writing to the terminal.

use std::io::Write;

use anyhow::Context as _;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};

/// Writes a line to standard error.
pub fn say(line: &str) {
    // Without a standard error there is nobody to tell.
    let _closed = writeln!(std::io::stderr(), "{line}");
}

/// Writes text to standard output.
///
/// # Errors
///
/// Where it cannot be written; [`is_broken_pipe`] tells whether the reader just left.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("standard output cannot be written")
}

/// Whether the reader of standard output left before the end.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}

/// A table without lines, its columns as wide as they need to be; all but the first are numbers.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.to_vec());
    for row in rows {
        table.add_row(row.clone());
    }
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if i > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

/// Says on standard error which rows of a file were left out and what else was noticed.
pub fn say_report(path: &std::path::Path, report: &lurelight_schema::read::Report) {
    const SHOWN: usize = 10;
    let name = crate::files::name(path);
    for warning in &report.warnings {
        say(&format!("{name}: warning: {}", warning.message));
    }
    for error in report.errors.iter().take(SHOWN) {
        say(&format!("{name}: {error}"));
    }
    if report.error_count > 0 {
        let more = report.error_count.saturating_sub(report.errors.len().min(SHOWN) as u64);
        let and_more = if more > 0 { format!(" ({more} not shown)") } else { String::new() };
        say(&format!(
            "{name}: {} of {} rows could not be used and were left out{and_more}",
            report.error_count, report.rows
        ));
    }
}

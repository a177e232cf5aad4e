//! Whole runs on made-up records, on the stores of a directory.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

mod again;
mod at_once;
mod bad_cases;
mod house;
mod runner;
mod whole;

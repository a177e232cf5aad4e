//! What this program is called in versions and reports.

/// The release, with the commit where it was known when this was built.
pub const VERSION: &str = env!("LURELIGHT_VERSION");

/// The program and its version, as runs and versions name it.
pub fn program() -> String {
    format!("lurelight {VERSION}")
}

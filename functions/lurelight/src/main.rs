//! lurelight
fn main() {}

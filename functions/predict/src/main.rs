//! predict
fn main() {}

//! The compiled-in statistics are those of the UCI file, which `LURELIGHT_UCI_DATA` names. Listed as ignored
//! where the variable is not set.

use std::process::Command;

use libtest_mimic::{Arguments, Failed, Trial};

const TABLE: &str = include_str!("../../../shared/learn/src/synthetic/uci.csv");

fn main() {
    let path = std::env::var("LURELIGHT_UCI_DATA").ok().filter(|path| !path.is_empty());
    let ignored = path.is_none();
    let test = move || counted_again(&path.unwrap_or_default());
    let trials = vec![
        Trial::test("the_command_counts_the_statistics_that_are_compiled_in", test)
            .with_ignored_flag(ignored),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn counted_again(path: &str) -> Result<(), Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_lurelight")).args(["sample", "--count", path]).output()?;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout)?, TABLE);
    Ok(())
}

//! UCI's CSV and ARFF are one batch. Listed as ignored where `LURELIGHT_UCI_DATA` does not name the CSV, or the ARFF
//! is not beside it.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

mod home;

use std::path::PathBuf;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let csv = std::env::var_os("LURELIGHT_UCI_DATA").filter(|path| !path.is_empty()).map(PathBuf::from);
    let files = csv.map(|csv| (csv.with_extension("arff"), csv)).filter(|(arff, _)| arff.exists());
    let (ignored, kind) = match files {
        Some(_) => (false, ""),
        None => (true, "needs UCI's data: LURELIGHT_UCI_DATA names the CSV, and the ARFF lies beside it"),
    };
    let test = move || {
        let (arff, csv) = files.clone().unwrap_or_default();
        pushed_and_trained_on(&csv.to_string_lossy(), &arff.to_string_lossy())
    };
    let trial = Trial::test("pushing_the_csv_then_the_arff_changes_nothing", test);
    libtest_mimic::run(&Arguments::from_args(), vec![trial.with_ignored_flag(ignored).with_kind(kind)])
        .exit();
}

fn pushed_and_trained_on(csv: &str, arff: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    assert!(home::printed(at, &["push", csv]).contains(": pushed 11,055 rows as batch "));
    assert!(
        home::printed(at, &["push", arff]).contains(": no change: these 11,055 rows are there as batch ")
    );
    let train = home::short(&[]);
    assert!(home::printed(at, &train).starts_with("Version 1 is the first champion: "));
    assert!(home::printed(at, &train).starts_with("No change: the champion, version 1, "));
    assert_eq!(home::refused(at, &["export", "--run", "absent"]).0, 1);
    assert_eq!(home::lurelight(at, &["export"]).stdout.iter().filter(|byte| **byte == b'\n').count(), 11_056);
    Ok(())
}

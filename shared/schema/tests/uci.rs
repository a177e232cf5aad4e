//! The UCI file itself, which the repository does not carry: `LURELIGHT_UCI_DATA` names the CSV or the
//! ARFF, and the other one is looked for beside it. Listed as ignored where the variable is not set.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use lurelight_schema::read::{Format, LabelUse, ReadOptions, Report, read_records};
use lurelight_schema::{FeatureVector, Label, Record, RecordsDigest};

const VARIABLE: &str = "LURELIGHT_UCI_DATA";

fn main() {
    let path = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let trial = |name, extension: &'static str| {
        let path = path.clone().map(|path| path.with_extension(extension));
        // A variable that names a missing file is an error; a missing neighbour of it is not.
        let absent = path.as_ref().is_none_or(|path| !path.exists());
        let neighbour = std::env::var_os(VARIABLE) != path.as_ref().map(|path| path.clone().into_os_string());
        let ignored = path.is_none() || (absent && neighbour);
        Trial::test(name, move || counts(&path.ok_or("no file")?)).with_ignored_flag(ignored)
    };
    let trials =
        vec![trial("the_csv_has_the_known_records", "csv"), trial("the_arff_has_the_known_records", "arff")];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn read(path: &Path) -> Result<(Vec<Record>, Report), Failed> {
    let format = path.to_str().and_then(Format::from_file_name).ok_or("neither .csv nor .arff")?;
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(read_records(file, format, ReadOptions::new(LabelUse::Required))?)
}

fn counts(path: &Path) -> Result<(), Failed> {
    let (records, report) = read(path)?;
    let count = |label| records.iter().filter(|record| record.label == label).count();
    let vectors: HashSet<FeatureVector> = records.iter().map(|record| record.vector).collect();
    assert_eq!(records.len(), 11_055);
    assert_eq!(count(Label::Legitimate), 6_157);
    assert_eq!(count(Label::Phishing), 4_898);
    assert_eq!(vectors.len(), 5_785);
    assert_eq!((report.used, report.error_count, report.warnings.len()), (11_055, 0, 0));
    // Counted with Python's hashlib over the CSV file.
    assert_eq!(
        RecordsDigest::of(&records).to_string(),
        "a5954b3efc8dfab040735b5e234839a6e1b620dfdf38b5d908cd9dfad60fdac1"
    );
    Ok(())
}

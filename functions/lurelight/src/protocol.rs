//! `lurelight train --protocol`: the predecessor's protocol, to be held against other programs.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use lurelight_learn::predecessor::{self, Boosting, Tested};
use lurelight_schema::Record;

use crate::failure::Failure;
use crate::output;

/// A protocol other than the product's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// As the predecessor's code ran it: boosting with its defaults
    Predecessor,
    /// As the predecessor meant it: 120 points of boosting
    PredecessorFull,
}

/// Runs the protocol and prints what came of it; writes no model.
pub fn run(
    protocol: Protocol,
    records: &[Record],
    files: &[PathBuf],
    seed: u64,
    json: bool,
) -> Result<(), Failure> {
    let boosting = match protocol {
        Protocol::Predecessor => Boosting::Defaults,
        Protocol::PredecessorFull => Boosting::Full,
    };
    let names: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    let tested = predecessor::run(records, seed, boosting, &mut |_| {})
        .map_err(|error| Failure::Rows(anyhow!("{} cannot be trained on: {error}", names.join(", "))))?;
    let text = if json {
        serde_json::to_string(&tested).context("the result cannot be written")? + "\n"
    } else {
        text(&tested)
    };
    Ok(output::print(&text)?)
}

fn text(tested: &Tested) -> String {
    let header = [
        "family",
        "CV accuracy",
        "F1 legit., train",
        "F1 legit.",
        "F1 phishing",
        "accuracy",
        "AUC",
        "log-loss",
    ];
    let row = |family: &predecessor::TestedFamily| {
        let figures = &family.test.figures;
        let numbers = [
            family.cross_validated_accuracy,
            family.f1_legitimate_train,
            family.test.f1_legitimate,
            figures.f1,
            figures.accuracy,
            figures.roc_auc,
            figures.log_loss,
        ];
        let numbers = numbers.map(|number| format!("{number:.4}"));
        std::iter::once(family.family.to_string()).chain(numbers).collect()
    };
    let rows: Vec<Vec<String>> = tested.families.iter().map(row).collect();
    format!(
        "{}On {} rows drawn at random, most of which were trained on with the very same features: these figures \n\
         flatter, and are here to be held against those of other programs. No model was written.\n",
        output::table(&header, &rows),
        tested.test_rows.len()
    )
    .replace(" \n", "\n")
}

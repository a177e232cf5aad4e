//! The JSON object around the rows, as the API and the command line write it.

use std::io;

use lurelight_model::ScoreUnit;
use lurelight_schema::FeatureVector;
use lurelight_schema::read::Report;
use lurelight_web::Finding;
use serde::Serialize;

use crate::context::ModelInfo;
use crate::error::finding;
use crate::score::Notice;
use crate::{Context, Counts};

#[derive(Serialize)]
struct Head<'a> {
    model: ModelInfo<'a>,
    threshold: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Terms>,
}

/// What contributions add up to: with the base value, to the raw score in this unit.
#[derive(Serialize)]
struct Terms {
    unit: ScoreUnit,
    base: f64,
}

#[derive(Serialize)]
struct Tail {
    summary: Summary,
    errors: Vec<Finding>,
    warnings: Vec<Notice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Next>,
}

#[derive(Serialize)]
struct Summary {
    rows: u64,
    used: u64,
    error_count: u64,
    phishing: u64,
    legitimate: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    labelled: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreeing_with_labels: Option<u64>,
}

#[derive(Serialize)]
struct Next {
    skip: usize,
    reason: &'static str,
}

/// What stands before the rows: the model and the threshold, and where rows are `explained` the unit and the
/// base value of their reasons. It ends with the bracket that opens the rows.
///
/// # Errors
/// None in practice: everything in it can be written.
pub fn json_head(context: &Context, threshold: f64, explained: bool) -> io::Result<String> {
    // The base value is the same for every row.
    let explanation = explained.then(|| context.model().explain(FeatureVector::MISSING).ok()).flatten();
    let unit = context.model().score_unit();
    let explanation = explanation.map(|explanation| Terms { unit, base: explanation.base });
    let mut head = serde_json::to_string(&Head { model: context.info(), threshold, explanation })?;
    head.pop();
    Ok(head + ",\"rows\":[")
}

/// What stands behind the rows, from the bracket that closes them: counts, row errors and warnings, and where the
/// answer is cut the number of rows to skip for the rest.
///
/// # Errors
/// None in practice: everything in it can be written.
pub fn json_tail(
    counts: &Counts,
    report: &Report,
    warnings: Vec<Notice>,
    next: Option<usize>,
) -> io::Result<String> {
    let if_labelled = |count| (counts.labelled > 0).then_some(count);
    let tail = Tail {
        summary: Summary {
            rows: report.rows,
            used: report.used,
            error_count: report.error_count,
            phishing: counts.phishing,
            legitimate: counts.legitimate,
            labelled: if_labelled(counts.labelled),
            agreeing_with_labels: if_labelled(counts.agreeing),
        },
        errors: report.errors.iter().map(finding).collect(),
        warnings,
        next: next.map(|skip| Next {
            skip,
            reason: "a larger answer cannot be sent: post the same rows with ?skip= (and the same ?threshold=) for the rest",
        }),
    };
    let tail = serde_json::to_string(&tail)?;
    Ok(format!("],{}\n", tail.strip_prefix('{').unwrap_or(&tail)))
}

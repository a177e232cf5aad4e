//! One run.

use lurelight_learn::{ThresholdRule, TrainOptions};
use lurelight_model::{Candidate, Family};
use lurelight_pipeline::reports::RunReports;
use lurelight_pipeline::{
    Condition, DriftReport, FeatureDrift, FitOutcome, FitReport, IngestReport, Rule, TransformReport,
    ValidateReport,
};
use lurelight_store::Key;
use serde::Serialize;

use super::Ran;
use super::ending::Ending;
use crate::card;
use crate::failure::Failure;
use crate::layout::{self, number, prose, word};
use crate::wording::{count, counted, figure, minute, moment, short};

/// Features that drifted most.
const DRIFT_SHOWN: usize = 5;
/// Batches.
const BATCHES_SHOWN: usize = 6;

#[derive(Serialize)]
struct Shown<'a> {
    ending: Ending,
    pages: Vec<String>,
    #[serde(flatten)]
    reports: &'a RunReports,
}

/// Shows a run.
pub(super) fn show(all: &Ran<'_>, reports: &RunReports) -> Result<(), Failure> {
    let pages = pages(all, reports);
    let shown = Shown { ending: Ending::of(reports), pages, reports };
    all.print(&shown, || text(&shown, all.width))
}

/// Where the pages of a run are, in the order in which stages write them.
fn pages(all: &Ran<'_>, reports: &RunReports) -> Vec<String> {
    let written = [("report.html", reports.promote.is_some()), ("drift.html", reports.validate.is_some())];
    let written = written.into_iter().filter(|(_, written)| *written);
    let key = |name: &str| Key::run(&reports.run, name).ok();
    let place = all.stores.artifacts.place();
    written.filter_map(|(name, _)| key(name)).map(|key| format!("{place}/{key}")).collect()
}

fn text(shown: &Shown<'_>, width: Option<usize>) -> String {
    let reports = shown.reports;
    let mut fields = vec![("Run", reports.run.to_string()), ("Outcome", shown.ending.words(reports))];
    fields.extend(reports.ingest.iter().flat_map(asked));
    fields.extend(reports.validate.iter().flat_map(quality));
    fields.extend(reports.transform.iter().map(|transform| ("Split", split(transform))));
    if let Some(drift) = &reports.drift {
        fields.push(("Drift", drift.words.clone()));
    }
    if let Some(evaluate) = &reports.evaluate {
        let card = &evaluate.card;
        fields.push((
            "Best",
            format!(
                "{}, version {}, model {}\n{}; threshold {}",
                card.family,
                evaluate.version,
                short(&evaluate.model),
                card::parameters(&card.parameters),
                card.threshold
            ),
        ));
    }
    for (i, page) in shown.pages.iter().enumerate() {
        fields.push((if i == 0 { "Pages" } else { "" }, page.clone()));
    }
    let mut text = layout::fields(&fields, width);
    let parts = [
        reports.ingest.as_ref().map(|ingest| batches(ingest, width)),
        reports.drift.as_ref().and_then(|drift| drifted(drift, width)),
        candidates(reports, width),
        decision(reports, width),
    ];
    for part in parts.into_iter().flatten() {
        text += &format!("\n{part}");
    }
    text
}

fn asked(ingest: &IngestReport) -> Vec<(&'static str, String)> {
    let request = &ingest.request;
    let reason = if request.reason.is_empty() { String::new() } else { format!(": {}", request.reason) };
    vec![
        ("Asked", format!("{} by {}{reason}", moment(request.at), request.actor)),
        ("Options", options(&request.training, &request.program)),
        (
            "Records",
            format!(
                "{} in {}: {} phishing, {} legitimate; digest {}",
                counted(ingest.rows, "row"),
                counted(ingest.batches.len() as u64, "batch"),
                count(ingest.phishing),
                count(ingest.legitimate),
                short(&ingest.dataset)
            ),
        ),
    ]
}

fn options(options: &TrainOptions, program: &str) -> String {
    let threshold = match options.threshold {
        ThresholdRule::BestF1 => "threshold of the best F1".to_owned(),
        ThresholdRule::MaxFalsePositiveRate(rate) => format!("threshold for a false positive rate of {rate}"),
    };
    let families = if Family::ALL.iter().all(|family| options.families.contains(family)) {
        "all families".to_owned()
    } else {
        options.families.iter().map(|family| family.slug()).collect::<Vec<_>>().join(", ")
    };
    format!("seed {}, {} folds, {threshold}, {families}; program {program}", options.seed, options.cv_folds)
}

fn quality(validate: &ValidateReport) -> Vec<(&'static str, String)> {
    let q = &validate.quality;
    let usable = if validate.invalid_rows == 0 {
        "every row can be used".to_owned()
    } else {
        let place = &validate.invalid.key;
        format!("{} cannot be used, {place} says why", counted(validate.invalid_rows, "row"))
    };
    let mut said = vec![(
        "Quality",
        format!(
            "{usable}; {:.1} % of those used are phishing\n{}, {} repeated; {} with both labels, which makes {} \
             inevitable; {}",
            100.0 * share(q.phishing, q.rows()),
            counted(q.distinct_vectors, "distinct vector"),
            counted(q.repeated_rows, "row"),
            counted(q.conflicting_vectors, "vector"),
            counted(q.inevitable_errors, "error"),
            counted(q.missing_cells, "missing cell"),
        ),
    )];
    said.extend(validate.warnings.iter().map(|warning| ("Warning", warning.clone())));
    said
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn split(transform: &TransformReport) -> String {
    format!(
        "{} to train on (folds 3 to 9), {} to measure on (folds 0 to 2)",
        counted(transform.train.rows, "row"),
        count(transform.test.rows)
    )
}

fn batches(ingest: &IngestReport, width: Option<usize>) -> String {
    let columns = [
        word("batch"),
        number("rows"),
        number("relabelled").spare(1),
        word("pushed, UTC"),
        prose("read from"),
    ];
    let row = |batch: &lurelight_pipeline::IngestedBatch| {
        vec![
            short(&batch.id).to_owned(),
            count(batch.rows),
            count(batch.relabelled),
            minute(batch.pushed_at),
            batch.source.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = ingest.batches.iter().take(BATCHES_SHOWN).map(row).collect();
    let more = match ingest.batches.len().saturating_sub(BATCHES_SHOWN) {
        0 => String::new(),
        more => format!("and {more} more, which --json lists\n"),
    };
    layout::table(&columns, &rows, width).0 + &more
}

fn drifted(drift: &DriftReport, width: Option<usize>) -> Option<String> {
    let mut features: Vec<&FeatureDrift> = drift.features.iter().collect();
    features.sort_by(|a, b| b.stability_index.total_cmp(&a.stability_index));
    features.truncate(DRIFT_SHOWN);
    if features.is_empty() {
        return None;
    }
    let rows: Vec<Vec<String>> = features
        .iter()
        .map(|feature| {
            vec![
                feature.feature.clone(),
                figure(feature.stability_index),
                p_value(feature.adjusted_p),
                if feature.drifted { "drifted" } else { "no" }.to_owned(),
            ]
        })
        .collect();
    let columns =
        [word("most drifted feature"), number("stability index"), number("adjusted p"), word("verdict")];
    Some(layout::table(&columns, &rows, width).0)
}

fn p_value(p: f64) -> String {
    if p >= 0.001 || p == 0.0 { format!("{p:.3}") } else { format!("{p:.0e}") }
}

/// The candidates: of the conclusion, where there is one, else as they were fitted.
fn candidates(reports: &RunReports, width: Option<usize>) -> Option<String> {
    let columns = [
        word("candidate"),
        number("CV F1"),
        number("CV log-loss"),
        number("F1"),
        number("accuracy"),
        number("AUC"),
        number("log-loss"),
    ];
    if let Some(evaluate) = &reports.evaluate {
        let row = |candidate: &Candidate| {
            let (cv, held_out) = (candidate.cross_validated, candidate.held_out);
            let Candidate { family, .. } = candidate;
            let figures =
                [cv.f1, cv.log_loss, held_out.f1, held_out.accuracy, held_out.roc_auc, held_out.log_loss];
            [vec![family.to_string()], figures.map(figure).to_vec()].concat()
        };
        let rows: Vec<Vec<String>> = evaluate.card.candidates.iter().map(row).collect();
        let failed: String = evaluate
            .failed
            .iter()
            .map(|failed| layout::paragraph(&format!("{} failed: {}", failed.family, failed.reason), width))
            .collect();
        let note = "CV by cross-validation on folds 3 to 9, which chooses; the others on folds 0 to 2, which no candidate \
                    saw. At probability one half, not calibrated; phishing is the positive class.";
        return Some(layout::table(&columns, &rows, width).0 + &failed + &layout::paragraph(note, width));
    }
    if reports.candidates.is_empty() {
        return None;
    }
    let row = |report: &FitReport| match &report.outcome {
        FitOutcome::Fitted { cross_validated: cv, .. } => {
            vec![report.family.to_string(), figure(cv.f1), figure(cv.log_loss), "fitted".to_owned()]
        }
        FitOutcome::Failed { reason } => {
            vec![report.family.to_string(), String::new(), String::new(), format!("failed: {reason}")]
        }
    };
    let rows: Vec<Vec<String>> = reports.candidates.iter().map(row).collect();
    let columns = [columns[0], columns[1], columns[2], prose("")];
    Some(layout::table(&columns, &rows, width).0)
}

fn decision(reports: &RunReports, width: Option<usize>) -> Option<String> {
    let promote = reports.promote.as_ref().filter(|promote| !promote.conditions.is_empty())?;
    let rows: Vec<Vec<String>> = promote
        .conditions
        .iter()
        .map(|condition| {
            vec![
                if condition.met { "met" } else { "NOT MET" }.to_owned(),
                condition.what.clone(),
                figure(condition.found),
                limit(condition),
            ]
        })
        .collect();
    let columns = [word("decision"), word("condition"), number("found"), number("limit")];
    let against = promote.champion.as_ref().map_or_else(
        || "no champion served".to_owned(),
        |champion| format!("against version {}, which served", champion.version),
    );
    let note = format!(
        "Decided on folds 0 and 1, {against}; {} measured on them so far.",
        if promote.measured_versions == 1 {
            "one version was".to_owned()
        } else {
            format!("{} versions were", promote.measured_versions)
        }
    );
    Some(layout::table(&columns, &rows, width).0 + &layout::paragraph(&note, width))
}

fn limit(condition: &Condition) -> String {
    let side = match condition.rule {
        Rule::AtLeast => ">=",
        Rule::Above => ">",
        Rule::AtMost => "<=",
    };
    format!("{side} {:.4}", condition.limit)
}

//! Two runs beside each other.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use lurelight_model::{Family, Figures};
use lurelight_pipeline::reports::RunReports;
use lurelight_pipeline::{FitOutcome, IngestReport, IngestedBatch, RunRequest};
use serde::Serialize;
use serde_json::{Value, json};

use super::Ran;
use super::ending::Ending;
use crate::failure::Failure;
use crate::layout::{self, number, word};
use crate::wording::{count, count_difference, counted, difference, figure, minute, moment, short};

#[derive(Serialize)]
struct Compared<'a> {
    a: Side<'a>,
    b: Side<'a>,
    /// What was asked of them, where it differs.
    options: Vec<Setting>,
    records: Records<'a>,
    candidates: Vec<CandidatePair>,
}

#[derive(Serialize)]
struct Side<'a> {
    run: &'a str,
    ending: Ending,
    words: String,
    version: Option<u64>,
}

/// A setting that differs.
#[derive(Serialize)]
struct Setting {
    name: String,
    a: Value,
    b: Value,
}

#[derive(Serialize)]
struct Records<'a> {
    /// Whether both read the same records.
    same: bool,
    counts: Vec<Counted>,
    added: Vec<&'a IngestedBatch>,
    taken_away: Vec<&'a IngestedBatch>,
    /// Those of `b` that have other labels than in `a`, or another number of rows.
    changed: Vec<&'a IngestedBatch>,
}

#[derive(Serialize)]
struct Counted {
    name: &'static str,
    a: Option<u64>,
    b: Option<u64>,
}

/// A family's candidates.
#[derive(Serialize)]
struct CandidatePair {
    family: Family,
    a: CandidateFigures,
    b: CandidateFigures,
}

#[derive(Clone, Copy, Default, Serialize)]
struct CandidateFigures {
    cross_validated: Option<Figures>,
    held_out: Option<Figures>,
}

/// Shows what differs.
pub(super) fn compare(all: &Ran<'_>, a: &RunReports, b: &RunReports) -> Result<(), Failure> {
    let compared = Compared {
        a: side(a),
        b: side(b),
        options: options(a, b)?,
        records: records(a, b),
        candidates: candidates(a, b),
    };
    all.print(&compared, || text(&compared, a, b, all.width))
}

fn side(reports: &RunReports) -> Side<'_> {
    let ending = Ending::of(reports);
    let words = ending.words(reports);
    let version = reports.evaluate.as_ref().map(|evaluate| evaluate.version);
    Side { run: reports.run.as_str(), ending, words, version }
}

/// What a run was asked, by the path of each setting.
fn settings(request: Option<&RunRequest>) -> Result<BTreeMap<String, Value>, Failure> {
    let mut settings = BTreeMap::new();
    let Some(request) = request else { return Ok(settings) };
    let groups = json!({
        "": {"program": request.program, "actor": request.actor, "reason": request.reason},
        "drift ": request.drift,
        "promotion ": request.promotion,
    });
    // What trains stands by its own names: seed, cv_folds, families.
    let training =
        serde_json::to_value(&request.training).context("the options cannot be written as JSON")?;
    for (group, values) in groups.as_object().into_iter().flatten().chain([(&String::new(), &training)]) {
        for (name, value) in values.as_object().into_iter().flatten() {
            settings.insert(format!("{group}{name}"), value.clone());
        }
    }
    Ok(settings)
}

fn options(a: &RunReports, b: &RunReports) -> Result<Vec<Setting>, Failure> {
    let request = |reports: &RunReports| reports.ingest.as_ref().map(|ingest| ingest.request.clone());
    let (a, b) = (settings(request(a).as_ref())?, settings(request(b).as_ref())?);
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let of = |settings: &BTreeMap<String, Value>, name: &str| settings.get(name).cloned().unwrap_or_default();
    let changed =
        names.into_iter().map(|name| Setting { name: name.clone(), a: of(&a, name), b: of(&b, name) });
    Ok(changed.filter(|option| option.a != option.b).collect())
}

fn records<'a>(a: &'a RunReports, b: &'a RunReports) -> Records<'a> {
    let batches = |reports: &'a RunReports| reports.ingest.as_ref().map_or(&[][..], |ingest| &ingest.batches);
    let (before, after) = (batches(a), batches(b));
    let not_in = |others: &'a [IngestedBatch]| {
        move |batch: &&IngestedBatch| !others.iter().any(|other| other.id == batch.id)
    };
    let changed = |batch: &&IngestedBatch| {
        let other = before.iter().find(|other| other.id == batch.id);
        other.is_some_and(|other| (other.relabelled, other.rows) != (batch.relabelled, batch.rows))
    };
    let of = |name, value: &dyn Fn(&IngestReport) -> u64| Counted {
        name,
        a: a.ingest.as_ref().map(value),
        b: b.ingest.as_ref().map(value),
    };
    let quality = |name, value: &dyn Fn(&lurelight_pipeline::ValidateReport) -> u64| Counted {
        name,
        a: a.validate.as_ref().map(value),
        b: b.validate.as_ref().map(value),
    };
    let dataset = |reports: &'a RunReports| reports.ingest.as_ref().map(|ingest| ingest.dataset.as_str());
    Records {
        same: dataset(a) == dataset(b),
        counts: vec![
            of("rows", &|ingest| ingest.rows),
            of("phishing", &|ingest| ingest.phishing),
            of("legitimate", &|ingest| ingest.legitimate),
            quality("unusable rows", &|validate| validate.invalid_rows),
            quality("distinct vectors", &|validate| validate.quality.distinct_vectors),
            quality("vectors with both labels", &|validate| validate.quality.conflicting_vectors),
            quality("missing cells", &|validate| validate.quality.missing_cells),
        ],
        added: after.iter().filter(not_in(before)).collect(),
        taken_away: before.iter().filter(not_in(after)).collect(),
        changed: after.iter().filter(changed).collect(),
    }
}

fn candidates(a: &RunReports, b: &RunReports) -> Vec<CandidatePair> {
    let (a, b) = (figures(a), figures(b));
    let of = |side: &[(Family, CandidateFigures)], family: Family| {
        side.iter().find(|(own, _)| *own == family).map(|(_, figures)| *figures)
    };
    let pair = |family: Family| {
        let (a, b) = (of(&a, family), of(&b, family));
        let either = a.is_some() || b.is_some();
        let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
        either.then_some(CandidatePair { family, a, b })
    };
    Family::ALL.into_iter().filter_map(pair).collect()
}

/// Of the conclusion, where there is one, else as they were fitted.
fn figures(reports: &RunReports) -> Vec<(Family, CandidateFigures)> {
    if let Some(evaluate) = &reports.evaluate {
        let of = |candidate: &lurelight_model::Candidate| CandidateFigures {
            cross_validated: Some(candidate.cross_validated),
            held_out: Some(candidate.held_out),
        };
        return evaluate.card.candidates.iter().map(|candidate| (candidate.family, of(candidate))).collect();
    }
    let fitted = reports.candidates.iter().filter_map(|report| match &report.outcome {
        FitOutcome::Fitted { cross_validated, .. } => {
            let figures = CandidateFigures { cross_validated: Some(*cross_validated), held_out: None };
            Some((report.family, figures))
        }
        FitOutcome::Failed { .. } => None,
    });
    fitted.collect()
}

fn text(compared: &Compared<'_>, a: &RunReports, b: &RunReports, width: Option<usize>) -> String {
    let about = |side: &Side<'_>, reports: &RunReports| {
        let at = reports.ingest.as_ref().map_or_else(
            || "it left no report".to_owned(),
            |ingest| format!("{} by {}", moment(ingest.request.at), ingest.request.actor),
        );
        format!("{} ({at})\n{}", side.run, side.words)
    };
    let mut text = layout::fields(&[("A", about(&compared.a, a)), ("B", about(&compared.b, b))], width);
    text += "\n";
    if compared.options.is_empty() {
        text += "Both were asked the same, by the same program.\n";
    } else {
        text += "What was asked differently, from A to B\n";
        let changed: Vec<(&str, String)> = compared
            .options
            .iter()
            .map(|option| (option.name.as_str(), format!("{} -> {}", plain(&option.a), plain(&option.b))))
            .collect();
        text += &layout::fields(&changed, width);
    }
    text += &format!("\n{}", records_text(&compared.records, a, width));
    if !compared.candidates.is_empty() {
        text += &format!("\n{}", candidates_text(compared, width));
    }
    text
}

/// A value as a person writes it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "none".to_owned(),
        Value::String(text) => text.replace('_', " "),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let fields =
                fields.iter().map(|(name, value)| format!("{} {}", name.replace('_', " "), plain(value)));
            fields.collect::<Vec<_>>().join(", ")
        }
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

fn records_text(records: &Records<'_>, a: &RunReports, width: Option<usize>) -> String {
    if records.same {
        let ingest = a.ingest.as_ref();
        let read = ingest.map_or_else(String::new, |ingest| {
            format!(
                "Both read the same {}, digest {}.\n",
                counted(ingest.rows, "record"),
                short(&ingest.dataset)
            )
        });
        return read;
    }
    let rows: Vec<Vec<String>> = records
        .counts
        .iter()
        .filter(|counted| counted.a.is_some() || counted.b.is_some())
        .map(|counted| {
            let shown = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), count);
            let change = counted.a.zip(counted.b).map(|(a, b)| count_difference(a, b));
            vec![
                counted.name.to_owned(),
                shown(counted.a),
                shown(counted.b),
                change.unwrap_or_else(|| "-".to_owned()),
            ]
        })
        .collect();
    let columns = [word("records"), number("A"), number("B"), number("difference")];
    let mut text = layout::table(&columns, &rows, width).0;
    let named = |batch: &&IngestedBatch| {
        format!(
            "{} ({}, {}, pushed {})",
            short(&batch.id),
            batch.source,
            counted(batch.rows, "row"),
            minute(batch.pushed_at)
        )
    };
    let lines = |batches: &[&IngestedBatch]| batches.iter().map(named).collect::<Vec<_>>().join("\n");
    text += &layout::fields(
        &[
            ("Added in B", lines(&records.added)),
            ("Not in B", lines(&records.taken_away)),
            ("Relabelled", lines(&records.changed)),
        ],
        width,
    );
    text
}

fn candidates_text(compared: &Compared<'_>, width: Option<usize>) -> String {
    let columns = [
        word("candidate"),
        number("CV F1 of A"),
        number("of B"),
        number("diff."),
        number("F1 of A"),
        number("of B"),
        number("diff."),
    ];
    let trio = |a: Option<Figures>, b: Option<Figures>| {
        let shown = |figures: Option<Figures>| figures.map_or_else(|| "-".to_owned(), |f| figure(f.f1));
        let change = a.zip(b).map(|(a, b)| difference(b.f1 - a.f1));
        [shown(a), shown(b), change.unwrap_or_else(|| "-".to_owned())]
    };
    let rows: Vec<Vec<String>> = compared
        .candidates
        .iter()
        .map(|CandidatePair { family, a, b }| {
            let cross_validated = trio(a.cross_validated, b.cross_validated);
            let held_out = trio(a.held_out, b.held_out);
            [&[family.to_string()][..], &cross_validated, &held_out].concat()
        })
        .collect();
    let rows_differ = if compared.records.same {
        "Both runs measured on the same rows."
    } else {
        "The two runs measured on other rows, so a difference is not the models' alone: `lurelight models diff` measures \
         two versions on the same ones."
    };
    let note = format!(
        "F1 of phishing at probability one half: CV by cross-validation on folds 3 to 9, which chooses, then on folds 0 to \
         2, which no candidate saw. {rows_differ}"
    );
    layout::table(&columns, &rows, width).0 + &layout::paragraph(&note, width)
}

//! Two versions beside each other.

use std::collections::BTreeSet;

use anyhow::anyhow;
use lurelight_learn::evaluate::{Comparison, compare};
use lurelight_model::{Artifact, Calibration, Card, Estimate, Figures, Metrics};
use lurelight_pipeline::reports;
use lurelight_store::{ErrorKind, RunId, Version};
use serde::Serialize;

use super::{Registered, model_of};
use crate::card;
use crate::failure::Failure;
use crate::layout::{self, number, word};
use crate::wording::{count, count_difference, difference, estimate, figure, short};

/// Features whose importance changed most.
const IMPORTANCE_SHOWN: usize = 8;

struct Side {
    version: Version,
    card: Card,
    artifact: Artifact,
}

#[derive(Serialize)]
struct Difference<'a> {
    a: &'a Version,
    b: &'a Version,
    /// Whether the artifacts are the same, byte for byte.
    same_bytes: bool,
    /// Whether the figures of the two cards are about the same rows.
    same_test_rows: bool,
    /// What was chosen, where it differs.
    parameters: Vec<Changed<String>>,
    data: Vec<Changed<u64>>,
    /// On folds 0 to 2 of each version's own records.
    figures: Vec<ChangedFigure>,
    /// Both on folds 0 to 2 of one run's records.
    same_rows: Option<Measured>,
    importance: Vec<Changed<f64>>,
}

#[derive(Serialize)]
struct Changed<T> {
    name: String,
    a: Option<T>,
    b: Option<T>,
}

#[derive(Serialize)]
struct ChangedFigure {
    name: &'static str,
    a: Estimate,
    b: Estimate,
}

/// Both models on the same rows; in the comparison `b` is the challenger.
#[derive(Serialize)]
struct Measured {
    run: RunId,
    #[serde(flatten)]
    comparison: Comparison,
}

/// Shows what differs.
pub(super) async fn diff(all: &Registered<'_>, a: u64, b: u64) -> Result<(), Failure> {
    let (a, b) = (side(all, a).await?, side(all, b).await?);
    let same_test_rows = a.card.data.digest == b.card.data.digest;
    let found = Difference {
        a: &a.version,
        b: &b.version,
        same_bytes: a.version.details.model == b.version.details.model,
        same_test_rows,
        parameters: parameters(&a.card, &b.card),
        data: data(&a.card, &b.card),
        figures: figures(&a.card.held_out.all.metrics, &b.card.held_out.all.metrics),
        same_rows: on_the_same_rows(all, &a, &b).await?,
        importance: importance(&a.card, &b.card),
    };
    all.print(&found, || text(&found, &a.card, &b.card, all.width))
}

async fn side(all: &Registered<'_>, number: u64) -> Result<Side, Failure> {
    let version = all.version(number).await?;
    let model = model_of(&version)?;
    let unusable = |error| Failure::Model(anyhow!("version {number} cannot be compared: {error}"));
    let card = all.registry.card(model).await.map_err(unusable)?;
    let artifact = all.registry.artifact(model).await.map_err(unusable)?;
    Ok(Side { version, card, artifact })
}

/// What was chosen or set for every model, by name.
fn choices(card: &Card) -> Vec<(String, String)> {
    let general = [
        ("family", card.family.to_string()),
        ("seed", card.seed.to_string()),
        ("threshold", card.threshold.to_string()),
        ("threshold rule", card.threshold_rule.clone()),
        ("calibration", calibration(&card.calibration)),
    ];
    general.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn calibration(calibration: &Calibration) -> String {
    match calibration {
        Calibration::None => "none".to_owned(),
        Calibration::Platt { slope, intercept: 0.0 } => format!("temperature, log-odds x {slope:.3}"),
        Calibration::Platt { slope, intercept } => format!("Platt, log-odds x {slope:.3} {intercept:+.3}"),
        Calibration::Isotonic { points } => format!("isotonic, {} points", points.len()),
    }
}

fn parameters(a: &Card, b: &Card) -> Vec<Changed<String>> {
    let own = |card: &Card| -> Vec<(String, String)> {
        if a.family == b.family {
            return card.parameters.clone().into_iter().collect();
        }
        // Those of two families have little more in common than their names.
        vec![("parameters".to_owned(), card::parameters(&card.parameters))]
    };
    let (a, b) = ([choices(a), own(a)].concat(), [choices(b), own(b)].concat());
    let of = |side: &[(String, String)], name: &str| {
        side.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
    };
    let only_b = b.iter().filter(|(name, _)| of(&a, name).is_none());
    let names = a.iter().chain(only_b).map(|(name, _)| name);
    let changed = |name: &String| Changed { name: name.clone(), a: of(&a, name), b: of(&b, name) };
    names.map(changed).filter(|changed| changed.a != changed.b).collect()
}

fn data(a: &Card, b: &Card) -> Vec<Changed<u64>> {
    let (a, b) = (&a.data, &b.data);
    let of = |name: &str, a: u64, b: u64| Changed { name: name.to_owned(), a: Some(a), b: Some(b) };
    vec![
        of("rows", a.rows, b.rows),
        of("phishing", a.phishing, b.phishing),
        of("legitimate", a.legitimate, b.legitimate),
        of("distinct vectors", a.distinct_vectors, b.distinct_vectors),
        of("vectors with both labels", a.conflicting_vectors, b.conflicting_vectors),
        of("missing cells", a.missing_cells, b.missing_cells),
    ]
}

fn figures(a: &Metrics, b: &Metrics) -> Vec<ChangedFigure> {
    let of = |name, metric: fn(&Figures<Estimate>) -> Estimate| ChangedFigure {
        name,
        a: metric(&a.figures),
        b: metric(&b.figures),
    };
    vec![
        of("F1", |f| f.f1),
        of("precision", |f| f.precision),
        of("recall", |f| f.recall),
        of("accuracy", |f| f.accuracy),
        of("ROC-AUC", |f| f.roc_auc),
        of("PR-AUC", |f| f.pr_auc),
        of("log-loss", |f| f.log_loss),
        of("Brier score", |f| f.brier),
        ChangedFigure { name: "calibration error", a: a.ece, b: b.ece },
    ]
}

/// The features, that first whose importance changed most.
fn importance(a: &Card, b: &Card) -> Vec<Changed<f64>> {
    let of = |card: &Card, name: &str| {
        card.importance.iter().find(|found| found.feature == name).map(|found| found.log_loss_increase)
    };
    let names: BTreeSet<&str> =
        a.importance.iter().chain(&b.importance).map(|found| found.feature.as_str()).collect();
    let mut changed: Vec<Changed<f64>> = names
        .into_iter()
        .map(|name| Changed { name: name.to_owned(), a: of(a, name), b: of(b, name) })
        .collect();
    let by = |changed: &Changed<f64>| (changed.b.unwrap_or(0.0) - changed.a.unwrap_or(0.0)).abs();
    changed.sort_by(|x, y| by(y).total_cmp(&by(x)));
    changed
}

/// Both models on the held-out rows of the later version's run, else on those of the earlier one's. No version is
/// trained on these folds, whatever records it was made of.
async fn on_the_same_rows(all: &Registered<'_>, a: &Side, b: &Side) -> Result<Option<Measured>, Failure> {
    let (earlier, later) = if a.version.number <= b.version.number { (a, b) } else { (b, a) };
    for run in [&later.version.details.run, &earlier.version.details.run] {
        let test = match reports::split(run, &all.stores).await {
            Ok((_, test)) => test,
            // That run's rows are not kept any more, or are not what they were.
            Err(lurelight_pipeline::Error::NotYet { .. } | lurelight_pipeline::Error::Damaged { .. }) => {
                continue;
            }
            Err(lurelight_pipeline::Error::Store(error)) if error.kind == ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        let comparison = compare(b.artifact.model(), a.artifact.model(), &test, later.card.seed);
        return Ok(Some(Measured { run: run.clone(), comparison }));
    }
    Ok(None)
}

fn text(found: &Difference<'_>, a: &Card, b: &Card, width: Option<usize>) -> String {
    let names = [found.a, found.b].map(|version| format!("version {}", version.number));
    let [left, right] = [&names[0], &names[1]].map(String::as_str);
    let about = |version: &Version| {
        format!(
            "{}, run {}, model {}",
            version.details.family,
            version.details.run,
            short(&version.details.model)
        )
    };
    let bytes = if found.same_bytes { "the same, byte for byte" } else { "not the same bytes" };
    let mut text = layout::fields(
        &[
            (&capital(left), about(found.a)),
            (&capital(right), about(found.b)),
            ("Artifacts", bytes.to_owned()),
        ],
        width,
    );
    let shown = |value: &Option<String>| match value.as_deref() {
        None => "not set".to_owned(),
        Some("") => "none".to_owned(),
        Some(value) => value.to_owned(),
    };
    if !found.parameters.is_empty() {
        let changed: Vec<(&str, String)> = found
            .parameters
            .iter()
            .map(|changed| (changed.name.as_str(), format!("{} -> {}", shown(&changed.a), shown(&changed.b))))
            .collect();
        text += &format!("\nChosen, from {left} to {right}\n{}", layout::fields(&changed, width));
    }
    text += "\n";
    if found.same_test_rows {
        let rows = count(a.data.rows);
        text += &format!("Data: the same {rows} records, digest {}\n", short(&a.data.digest));
    } else {
        text += &data_table(found, left, right, width);
        text += &format!("digest {} -> {}\n", short(&a.data.digest), short(&b.data.digest));
    }
    text += "\n";
    text += &figures_table(found, left, right, width);
    text += &measured(found, left, right, width);
    text + &importance_table(found, left, right, width)
}

fn capital(text: &str) -> String {
    text.replacen('v', "V", 1)
}

fn data_table(found: &Difference<'_>, left: &str, right: &str, width: Option<usize>) -> String {
    let rows: Vec<Vec<String>> = found
        .data
        .iter()
        .map(|changed| {
            let (a, b) = (changed.a.unwrap_or(0), changed.b.unwrap_or(0));
            vec![changed.name.clone(), count(a), count(b), count_difference(a, b)]
        })
        .collect();
    columns("data", left, right, Some("difference"), &rows, width)
}

fn columns(
    first: &str,
    left: &str,
    right: &str,
    last: Option<&str>,
    rows: &[Vec<String>],
    width: Option<usize>,
) -> String {
    let mut columns = vec![word(first), number(left), number(right)];
    columns.extend(last.map(number));
    layout::table(&columns, rows, width).0
}

fn figures_table(found: &Difference<'_>, left: &str, right: &str, width: Option<usize>) -> String {
    let comparable = found.same_test_rows;
    let rows: Vec<Vec<String>> = found
        .figures
        .iter()
        .map(|changed| {
            let mut row = vec![changed.name.to_owned(), estimate(&changed.a), estimate(&changed.b)];
            row.extend(comparable.then(|| difference(changed.b.value - changed.a.value)));
            row
        })
        .collect();
    let words = if comparable {
        "The figures can be compared: both cards are about folds 0 to 2 of the same records. In brackets 95 % \
         intervals over distinct vectors."
    } else {
        "The figures of the two cards cannot be compared: each is about folds 0 to 2 of its own records. In brackets \
         95 % intervals over distinct vectors."
    };
    columns("by the cards", left, right, comparable.then_some("difference"), &rows, width)
        + &layout::paragraph(words, width)
        + "\n"
}

fn measured(found: &Difference<'_>, left: &str, right: &str, width: Option<usize>) -> String {
    let Some(Measured { run, comparison }) = &found.same_rows else {
        let words =
            "The rows of neither run are kept any more, so both could not be measured on the same ones.";
        return layout::paragraph(words, width) + "\n";
    };
    let Comparison { challenger: b, champion: a, f1_difference: f1, .. } = comparison;
    let row = |name: &str, a: f64, b: f64| vec![name.to_owned(), figure(a), figure(b), difference(b - a)];
    let rows = [
        row("F1", a.f1, b.f1),
        row("precision", a.precision, b.precision),
        row("recall", a.recall, b.recall),
        row("ROC-AUC", a.roc_auc, b.roc_auc),
        row("log-loss", a.log_loss, b.log_loss),
        row(
            "false positive rate",
            comparison.champion_false_positive_rate,
            comparison.challenger_false_positive_rate,
        ),
    ];
    let verdict = if f1.low > 0.0 {
        format!("{} has the higher F1", capital(right))
    } else if f1.high < 0.0 {
        format!("{} has the higher F1", capital(left))
    } else {
        "These rows do not tell which has the higher F1".to_owned()
    };
    let words = format!(
        "Both on folds 0 to 2 of the records of run {run}: {} rows, {} distinct vectors, each version at its own \
         threshold. {verdict}: the difference is {} [{}, {}], a 95 % interval of paired draws.",
        count(comparison.rows),
        count(comparison.distinct_vectors),
        difference(f1.value),
        difference(f1.low),
        difference(f1.high),
    );
    columns("on the same rows", left, right, Some("difference"), &rows, width)
        + &layout::paragraph(&words, width)
        + "\n"
}

fn importance_table(found: &Difference<'_>, left: &str, right: &str, width: Option<usize>) -> String {
    let rows: Vec<Vec<String>> = found
        .importance
        .iter()
        .filter(|changed| changed.a != changed.b)
        .take(IMPORTANCE_SHOWN)
        .map(|changed| {
            let (a, b) = (changed.a.unwrap_or(0.0), changed.b.unwrap_or(0.0));
            vec![changed.name.clone(), difference(a), difference(b), difference(b - a)]
        })
        .collect();
    if rows.is_empty() {
        return "No feature is of another importance.\n".to_owned();
    }
    let words = "Importance: by how much log-loss rises when a feature's values are shuffled among the rows; those first \
                 that changed most.";
    columns("feature", left, right, Some("difference"), &rows, width) + &layout::paragraph(words, width)
}

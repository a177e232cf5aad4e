//! Whether new rows are still like those that the champion was trained on.

use lurelight_learn::Dataset;
use lurelight_learn::evaluate::rounded;
use lurelight_model::Card;
use lurelight_schema::{Feature, Record};
use lurelight_store::RunId;
use serde::{Deserialize, Serialize};

use crate::pages::grouped;
use crate::quality::code_counts;
use crate::request::DriftRules;
use crate::snapshot::IngestedBatch;
use crate::statistics::{
    CodeCounts, benjamini_hochberg, chi_squared, kolmogorov_smirnov, population_stability_index,
};

/// `drift.json`: the rows of the batches that the champion has not seen against its training folds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftReport {
    /// The run.
    pub run: RunId,
    /// What was found.
    pub verdict: DriftVerdict,
    /// The same in a sentence.
    pub words: String,
    /// The limits that decide.
    pub rules: DriftRules,
    /// The champion that the rows are compared with.
    pub champion: Option<DriftReference>,
    /// The batches that it has not seen.
    pub batches: Vec<String>,
    /// Their rows.
    pub rows: u64,
    /// One entry a feature, in the order of the header; none where there is nothing to compare.
    pub features: Vec<FeatureDrift>,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftVerdict {
    /// There is no champion to compare with.
    NoChampion,
    /// The champion has seen every batch.
    NothingNew,
    /// There are new rows, and too few of them to judge.
    TooFewRows,
    /// The new rows are like the old ones, as far as can be told.
    NoDrift,
    /// They are not.
    Drift,
}

/// What the rows are compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftReference {
    /// The champion's version.
    pub version: u64,
    /// SHA-256 of its artifact.
    pub model: String,
    /// Rows in its training folds.
    pub rows: u64,
    /// Whether it is known which batches it has seen. Where not, all count as new, and old rows among them make
    /// drift look smaller than it is.
    pub batches_known: bool,
}

/// How far a feature has moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureDrift {
    /// The feature.
    pub feature: String,
    /// Rows with −1, 0, 1 and no value in the champion's training folds.
    pub reference: CodeCounts,
    /// The same among the new rows.
    pub current: CodeCounts,
    /// Pearson's chi-squared over the codes that either has.
    pub chi_squared: f64,
    /// Its degrees of freedom.
    pub degrees: u32,
    /// Its p-value.
    pub p: f64,
    /// The p-value adjusted for 30 tests (Benjamini and Hochberg).
    pub adjusted_p: f64,
    /// The population stability index.
    pub stability_index: f64,
    /// The two-sample Kolmogorov-Smirnov distance over −1, 0 and 1; for the report alone.
    pub ks_distance: f64,
    /// Its limiting p-value, too great for values with ties.
    pub ks_p: f64,
    /// Whether both limits are passed.
    pub drifted: bool,
}

/// A champion whose training folds are known by their counts.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) version: u64,
    /// SHA-256 of its artifact.
    pub(crate) model: String,
    /// One entry a feature, in the order of the header.
    pub(crate) counts: Vec<CodeCounts>,
    /// The batches that it has seen, where that is known.
    pub(crate) seen: Option<Vec<String>>,
}

/// Compares the batches that the champion has not seen with the rows that it was trained on.
pub(crate) fn drift(
    run: &RunId,
    records: &[Record],
    batches: &[IngestedBatch],
    reference: Option<&Reference>,
    rules: DriftRules,
) -> DriftReport {
    let mut report = DriftReport {
        run: run.clone(),
        verdict: DriftVerdict::NoChampion,
        words: "There is no champion yet that the rows could be compared with.".to_owned(),
        rules,
        champion: None,
        batches: Vec::new(),
        rows: 0,
        features: Vec::new(),
    };
    let Some(reference) = reference else { return report };
    let before = &reference.counts;
    report.champion = Some(DriftReference {
        version: reference.version,
        model: reference.model.clone(),
        rows: before.first().map_or(0, |counts| counts.iter().sum()),
        batches_known: reference.seen.is_some(),
    });
    let (new_batches, new_records) = unseen(records, batches, reference.seen.as_deref());
    report.batches = new_batches;
    report.rows = new_records.len() as u64;
    if new_records.is_empty() {
        report.verdict = DriftVerdict::NothingNew;
        report.words = format!("The champion, version {}, has seen every batch.", reference.version);
        return report;
    }
    report.features = features(before, &code_counts(&Dataset::new(&new_records)), rules, report.rows);
    (report.verdict, report.words) = verdict(&report, reference.version);
    report
}

/// The rows of a champion's training folds, feature by feature.
pub(crate) fn counts_of(card: &Card) -> Vec<CodeCounts> {
    let both = |counts: &lurelight_model::FeatureCounts| {
        std::array::from_fn(|code| counts.phishing[code] + counts.legitimate[code])
    };
    let of = |feature: &Feature| card.category_counts.iter().find(|counts| counts.feature == feature.name());
    Feature::ALL.iter().map(|feature| of(feature).map_or([0; 4], both)).collect()
}

fn unseen(
    records: &[Record],
    batches: &[IngestedBatch],
    seen: Option<&[String]>,
) -> (Vec<String>, Vec<Record>) {
    let (mut names, mut new) = (Vec::new(), Vec::new());
    let mut rest = records;
    for batch in batches {
        let (own, others) = rest.split_at(rest.len().min(batch.rows as usize));
        rest = others;
        if seen.is_none_or(|seen| !seen.contains(&batch.id)) {
            names.push(batch.id.clone());
            new.extend_from_slice(own);
        }
    }
    (names, new)
}

fn features(before: &[CodeCounts], now: &[CodeCounts], rules: DriftRules, rows: u64) -> Vec<FeatureDrift> {
    let tested: Vec<_> = before.iter().zip(now).map(|(a, b)| chi_squared(a, b)).collect();
    let adjusted = benjamini_hochberg(&tested.iter().map(|tested| tested.p).collect::<Vec<f64>>());
    let all = before.iter().zip(now).zip(tested.iter().zip(adjusted)).zip(Feature::ALL);
    all.map(|(((reference, current), (tested, adjusted_p)), feature)| {
        let stability_index = population_stability_index(reference, current);
        let ks = kolmogorov_smirnov(reference, current);
        FeatureDrift {
            feature: feature.name().to_owned(),
            reference: *reference,
            current: *current,
            chi_squared: rounded(tested.statistic),
            degrees: tested.degrees,
            p: significant(tested.p),
            adjusted_p: significant(adjusted_p),
            stability_index: rounded(stability_index),
            ks_distance: rounded(ks.statistic),
            ks_p: significant(ks.p),
            drifted: rows >= rules.min_rows
                && adjusted_p < rules.max_adjusted_p
                && stability_index >= rules.min_stability_index,
        }
    })
    .collect()
}

fn verdict(report: &DriftReport, version: u64) -> (DriftVerdict, String) {
    let rows = grouped(report.rows);
    if report.rows < report.rules.min_rows {
        let words = format!(
            "{rows} rows are new to version {version}, and {} are needed to judge whether they have drifted.",
            report.rules.min_rows
        );
        return (DriftVerdict::TooFewRows, words);
    }
    let mut moved: Vec<&FeatureDrift> = report.features.iter().filter(|feature| feature.drifted).collect();
    moved.sort_by(|a, b| b.stability_index.total_cmp(&a.stability_index));
    if moved.is_empty() {
        let words = format!(
            "The {rows} rows that are new to version {version} are like those that it was trained on."
        );
        return (DriftVerdict::NoDrift, words);
    }
    let named: Vec<String> =
        moved.iter().map(|feature| format!("{} ({:.2})", feature.feature, feature.stability_index)).collect();
    let words = format!(
        "The {rows} rows that are new to version {version} have drifted from those that it was trained on, by the stability index in: {}.",
        named.join(", ")
    );
    (DriftVerdict::Drift, words)
}

/// Six digits of a p-value, however small it is.
fn significant(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use lurelight_learn::synthetic::Statistics;
    use lurelight_schema::Code;

    use super::*;

    fn batch(id: &str, rows: usize) -> IngestedBatch {
        let pushed_at = jiff::Timestamp::UNIX_EPOCH;
        IngestedBatch {
            id: id.to_owned(),
            rows: rows as u64,
            source: String::new(),
            pushed_at,
            relabelled: 0,
        }
    }

    fn generated(seed: u64, rows: usize) -> Vec<Record> {
        Statistics::built_in().unwrap().generate(seed).take(rows).collect()
    }

    /// A champion that was trained on these records, as far as drift looks at it.
    fn reference(records: &[Record], seen: Option<&[&str]>) -> Reference {
        Reference {
            version: 3,
            model: "m".to_owned(),
            counts: code_counts(&Dataset::new(records)),
            seen: seen.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect()),
        }
    }

    fn found(records: &[Record], batches: &[IngestedBatch], reference: Option<&Reference>) -> DriftReport {
        drift(&"r".parse().unwrap(), records, batches, reference, DriftRules::default())
    }

    #[test]
    fn rows_of_the_same_source_have_not_drifted() {
        let champion = reference(&generated(1, 8_000), Some(&[]));
        for (seed, rows) in [(2, 500), (3, 3_000), (4, 20_000)] {
            let report = found(&generated(seed, rows), &[batch("b", rows)], Some(&champion));
            assert_eq!(report.verdict, DriftVerdict::NoDrift, "{}", report.words);
            assert_eq!((report.rows, report.features.len()), (rows as u64, 30));
        }
    }

    #[test]
    fn a_column_that_moves_is_found_and_named() {
        let champion = reference(&generated(1, 8_000), Some(&[]));
        let mut records = generated(2, 600);
        let moved = Feature::ALL[5];
        for record in records.iter_mut().step_by(2) {
            record.vector = record.vector.with(moved, Code::Plus);
        }
        let report = found(&records, &[batch("b", 600)], Some(&champion));
        assert_eq!(report.verdict, DriftVerdict::Drift);
        let drifted: Vec<&str> =
            report.features.iter().filter(|f| f.drifted).map(|f| f.feature.as_str()).collect();
        assert_eq!(drifted, ["Prefix_Suffix"]);
        assert!(report.words.contains("in: Prefix_Suffix ("), "{}", report.words);
        // Values that are missing now are a drift as well.
        for record in records.iter_mut().step_by(2) {
            record.vector = record.vector.with(Feature::ALL[0], Code::Missing);
        }
        let report = found(&records, &[batch("b", 600)], Some(&champion));
        assert!(report.features[0].drifted && report.features[5].drifted);
        // Too few rows are never a drift.
        let report = found(&records[..499], &[batch("b", 499)], Some(&champion));
        assert_eq!(report.verdict, DriftVerdict::TooFewRows);
        assert!(report.features.iter().all(|feature| !feature.drifted));
    }

    #[test]
    fn only_batches_that_the_champion_has_not_seen_are_compared() {
        let (old, new) = (generated(1, 8_000), generated(2, 600));
        let all = [&old[..], &new].concat();
        let batches = [batch("old", 8_000), batch("new", 600)];
        let report = found(&all, &batches, Some(&reference(&old, Some(&["old"]))));
        assert_eq!((report.rows, &report.batches[..]), (600, &["new".to_owned()][..]));
        let report = found(&all, &batches, Some(&reference(&old, Some(&["old", "new"]))));
        assert_eq!((report.verdict, report.rows), (DriftVerdict::NothingNew, 0));
        let report = found(&all, &batches, Some(&reference(&old, None)));
        assert_eq!(report.rows, 8_600);
        assert!(!report.champion.unwrap().batches_known);
        assert_eq!(found(&all, &batches, None).verdict, DriftVerdict::NoChampion);
    }

    #[test]
    fn small_p_values_keep_their_digits() {
        assert_eq!(significant(1.234_567_891e-200), 1.23457e-200);
        assert_eq!(significant(1.0), 1.0);
        assert_eq!(significant(0.0), 0.0);
    }
}

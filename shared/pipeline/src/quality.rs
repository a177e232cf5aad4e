//! What the rows are like: what is missing, what repeats, what contradicts itself.

use std::collections::HashSet;

use lurelight_learn::Dataset;
use lurelight_schema::{Code, Feature, FeatureVector, Label, Record};
use serde::{Deserialize, Serialize};

use crate::snapshot::{IngestedBatch, places};
use crate::statistics::CodeCounts;

/// A column with a greater share of missing values is worth a warning.
const MISSING_SHARE_WARNED: f64 = 0.5;
/// A batch that contradicts itself in a greater share of its rows is worth a warning; UCI's does in 1 %.
const CONTRADICTION_SHARE_WARNED: f64 = 0.02;
/// A label with a smaller share of the rows is worth a warning.
const LABEL_SHARE_WARNED: f64 = 0.05;

/// What the usable rows are like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Rows labelled phishing.
    pub phishing: u64,
    /// Rows labelled legitimate.
    pub legitimate: u64,
    /// Distinct feature vectors.
    pub distinct_vectors: u64,
    /// Rows that are equal to an earlier one, label included. They count; none is dropped.
    pub repeated_rows: u64,
    /// Feature vectors that carry both labels.
    pub conflicting_vectors: u64,
    /// Rows that have such a vector.
    pub conflicting_rows: u64,
    /// The rows that any classifier gets wrong, because more rows of the same vector carry the other label.
    pub inevitable_errors: u64,
    /// Batches that have rows with such a vector, in the order of the snapshot.
    pub conflicts_by_batch: Vec<BatchConflicts>,
    /// Cells without a value.
    pub missing_cells: u64,
    /// One entry a feature, in the order of the header.
    pub columns: Vec<ColumnQuality>,
}

/// How a batch contradicts itself or others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchConflicts {
    /// The batch.
    pub batch: String,
    /// What it was read from.
    pub source: String,
    /// Its rows whose vector carries both labels somewhere.
    pub rows: u64,
    /// Its vectors that carry both labels within it.
    pub vectors_within: u64,
    /// Its rows that any classifier gets wrong for that.
    pub inevitable_errors_within: u64,
    /// All of its rows.
    pub all_rows: u64,
}

/// What a column is like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnQuality {
    /// The feature.
    pub feature: String,
    /// Rows with −1, 0, 1 and no value.
    pub counts: CodeCounts,
    /// The share of rows without a value.
    pub missing_share: f64,
    /// Rows with a code that UCI's data never has in this column.
    pub unknown_code_rows: u64,
}

/// Why a row cannot be used, if it cannot. Rows that reach the record store were read without an error, so there is
/// one thing left that can be wrong.
pub(crate) fn unusable(record: &Record) -> Option<&'static str> {
    (record.vector == FeatureVector::MISSING).then_some("all 30 features are missing")
}

/// What the usable ones among `records` are like.
pub(crate) fn quality(records: &[Record], batches: &[IngestedBatch]) -> Quality {
    let usable: Vec<Record> = records.iter().filter(|record| unusable(record).is_none()).copied().collect();
    let data = Dataset::new(&usable);
    drop(usable);
    let rows = data.row_count();
    let conflicting: Vec<_> =
        data.rows().iter().filter(|row| row.phishing > 0 && row.legitimate > 0).collect();
    let kinds =
        |row: &lurelight_learn::DistinctRow| u64::from(row.phishing > 0) + u64::from(row.legitimate > 0);
    let counts = code_counts(&data);
    Quality {
        phishing: data.count(Label::Phishing),
        legitimate: data.count(Label::Legitimate),
        distinct_vectors: data.len() as u64,
        repeated_rows: rows - data.rows().iter().map(kinds).sum::<u64>(),
        conflicting_vectors: conflicting.len() as u64,
        conflicting_rows: conflicting
            .iter()
            .map(|row| u64::from(row.phishing) + u64::from(row.legitimate))
            .sum(),
        inevitable_errors: inevitable_errors(&data),
        conflicts_by_batch: conflicts_by_batch(
            records,
            batches,
            &conflicting.iter().map(|row| row.vector).collect(),
        ),
        missing_cells: counts.iter().map(|counts| counts[Code::Missing as usize]).sum(),
        columns: Feature::ALL.iter().zip(counts).map(|(feature, counts)| column(*feature, counts)).collect(),
    }
}

fn inevitable_errors(data: &Dataset) -> u64 {
    data.rows().iter().map(|row| u64::from(row.phishing.min(row.legitimate))).sum()
}

/// Rows with each code of each feature.
pub(crate) fn code_counts(data: &Dataset) -> Vec<CodeCounts> {
    let [phishing, legitimate] = [Label::Phishing, Label::Legitimate].map(|label| data.code_counts(label));
    let both = |(a, b): (&CodeCounts, &CodeCounts)| std::array::from_fn(|code| a[code] + b[code]);
    phishing.iter().zip(&legitimate).map(both).collect()
}

fn column(feature: Feature, counts: CodeCounts) -> ColumnQuality {
    let rows: u64 = counts.iter().sum();
    let unknown = Code::VALUES.into_iter().filter(|code| !feature.codes().contains(*code));
    ColumnQuality {
        feature: feature.name().to_owned(),
        counts,
        missing_share: lurelight_learn::evaluate::rounded(
            counts[Code::Missing as usize] as f64 / rows.max(1) as f64,
        ),
        unknown_code_rows: unknown.map(|code| counts[code as usize]).sum(),
    }
}

fn conflicts_by_batch(
    records: &[Record],
    batches: &[IngestedBatch],
    conflicting: &HashSet<FeatureVector>,
) -> Vec<BatchConflicts> {
    let mut rest = records;
    let mut found = Vec::new();
    for batch in batches {
        let (own, others) = rest.split_at(rest.len().min(batch.rows as usize));
        rest = others;
        let own: Vec<Record> =
            own.iter().filter(|record| conflicting.contains(&record.vector)).copied().collect();
        if !own.is_empty() {
            let data = Dataset::new(&own);
            found.push(BatchConflicts {
                batch: batch.id.clone(),
                source: batch.source.clone(),
                rows: own.len() as u64,
                vectors_within: data.conflicts(),
                inevitable_errors_within: inevitable_errors(&data),
                all_rows: batch.rows,
            });
        }
    }
    found
}

/// The rows that cannot be used, as CSV: where each stands, why, and what it holds. `None` where there is none.
pub(crate) fn invalid_csv(records: &[Record], batches: &[IngestedBatch]) -> (String, u64) {
    let mut text = String::from("batch,row,reason");
    for feature in Feature::ALL {
        text.push(',');
        text.push_str(feature.name());
    }
    text.push_str(",label\n");
    let mut rows = 0;
    for (record, (batch, row)) in records.iter().zip(places(batches)) {
        let Some(reason) = unusable(record) else { continue };
        rows += 1;
        text.push_str(&format!("{batch},{row},{reason}"));
        for code in record.vector.codes() {
            text.push_str(&format!(",{code}"));
        }
        text.push_str(&format!(",{}\n", record.label));
    }
    (text, rows)
}

impl Quality {
    /// Rows that can be used.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.phishing + self.legitimate
    }

    /// What is worth knowing of the rows, in words; none of it stops a run.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let of_columns = |what: &dyn Fn(&ColumnQuality) -> bool| -> Vec<&str> {
            self.columns.iter().filter(|column| what(column)).map(|column| column.feature.as_str()).collect()
        };
        let constant = of_columns(&|column| column.counts.iter().filter(|count| **count > 0).count() < 2);
        if !constant.is_empty() {
            warnings.push(format!(
                "{} the same value in every row, so nothing can be learnt from {}: {}",
                if constant.len() == 1 { "one column has" } else { "some columns have" },
                if constant.len() == 1 { "it" } else { "them" },
                constant.join(", ")
            ));
        }
        for column in self.columns.iter().filter(|column| column.unknown_code_rows > 0) {
            warnings.push(format!(
                "{}: {} a code that UCI's data never has there; was it coded by the same rules?",
                column.feature,
                if column.unknown_code_rows == 1 {
                    "one row has".to_owned()
                } else {
                    format!("{} rows have", column.unknown_code_rows)
                }
            ));
        }
        for column in self.columns.iter().filter(|column| column.missing_share > MISSING_SHARE_WARNED) {
            warnings.push(format!(
                "{}: {:.1} % of the rows have no value",
                column.feature,
                100.0 * column.missing_share
            ));
        }
        for (label, rows) in [(Label::Phishing, self.phishing), (Label::Legitimate, self.legitimate)] {
            let share = rows as f64 / self.rows().max(1) as f64;
            if share < LABEL_SHARE_WARNED {
                warnings.push(format!(
                    "only {rows} of {} rows ({:.2} %) are {label}",
                    self.rows(),
                    100.0 * share
                ));
            }
        }
        for batch in &self.conflicts_by_batch {
            let share = batch.inevitable_errors_within as f64 / batch.all_rows.max(1) as f64;
            if share > CONTRADICTION_SHARE_WARNED {
                warnings.push(format!(
                    "batch {} ({}) contradicts itself: {} of its feature vectors carry both labels, so that no classifier can call more than {:.1} % of its rows right",
                    short(&batch.batch),
                    batch.source,
                    batch.vectors_within,
                    100.0 * (1.0 - share)
                ));
            }
        }
        warnings
    }
}

/// Enough of a digest to tell it from others.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(id: &str, rows: u64) -> IngestedBatch {
        let pushed_at = jiff::Timestamp::UNIX_EPOCH;
        IngestedBatch { id: id.to_owned(), rows, source: format!("{id}.csv"), pushed_at, relabelled: 0 }
    }

    fn row(first: Code, second: Code, label: Label) -> Record {
        let vector = FeatureVector::MISSING.with(Feature::ALL[0], first).with(Feature::ALL[1], second);
        Record { vector, label }
    }

    #[test]
    fn rows_are_counted_and_none_is_lost() {
        use Code::{Minus, Missing, Plus, Zero};
        use Label::{Legitimate, Phishing};
        let records = [
            row(Minus, Minus, Phishing),
            row(Minus, Minus, Phishing),
            row(Minus, Minus, Legitimate),
            row(Missing, Missing, Legitimate),
            // Column 0 never has a 0 in UCI's data.
            row(Zero, Plus, Legitimate),
            row(Minus, Minus, Legitimate),
        ];
        let batches = [batch("aa", 4), batch("bb", 2)];
        let found = quality(&records, &batches);
        let (csv, invalid) = invalid_csv(&records, &batches);
        assert_eq!(found.rows() + invalid, 6);
        assert_eq!((found.phishing, found.legitimate, found.distinct_vectors), (2, 3, 2));
        // One phishing and one legitimate row come again.
        assert_eq!(found.repeated_rows, 2);
        assert_eq!((found.conflicting_vectors, found.conflicting_rows, found.inevitable_errors), (1, 4, 2));
        let of_batches: Vec<_> =
            found.conflicts_by_batch.iter().map(|b| (b.batch.as_str(), b.rows, b.vectors_within)).collect();
        assert_eq!(of_batches, [("aa", 3, 1), ("bb", 1, 0)]);
        assert_eq!(found.columns[0].counts, [4, 1, 0, 0]);
        assert_eq!(found.columns[0].unknown_code_rows, 1);
        assert_eq!(found.missing_cells, 28 * 5);
        assert_eq!(csv.lines().count(), 2);
        assert!(csv.lines().last().unwrap().starts_with("aa,3,all 30 features are missing,,"), "{csv}");
        assert!(csv.ends_with(",legitimate\n"));
        let warnings = found.warnings();
        assert!(warnings[0].starts_with("some columns have the same value in every row"), "{warnings:?}");
        assert!(warnings[0].contains("Statistical_report") && !warnings[0].contains("having_IP_Address"));
        assert!(
            warnings.iter().any(|w| w.starts_with("having_IP_Address: one row has a code")),
            "{warnings:?}"
        );
        assert!(warnings.iter().any(|w| w == "port: 100.0 % of the rows have no value"), "{warnings:?}");
        assert!(
            warnings.iter().any(|w| w.starts_with("batch aa (aa.csv) contradicts itself: 1 of")),
            "{warnings:?}"
        );
    }

    #[test]
    fn a_rare_label_is_named() {
        let mut records = vec![row(Code::Minus, Code::Minus, Label::Phishing); 99];
        records.push(row(Code::Plus, Code::Plus, Label::Legitimate));
        let warnings = quality(&records, &[batch("aa", 100)]).warnings();
        assert!(warnings.iter().any(|w| w == "only 1 of 100 rows (1.00 %) are legitimate"), "{warnings:?}");
    }
}

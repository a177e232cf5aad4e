//! Synthetic records that carry the statistics of real ones, and no row of them.
//!
//! For each class the 30 features form a tree (Chow and Liu, "Approximating discrete probability
//! distributions with dependence trees", 1968): the spanning tree of greatest mutual information. Kept are
//! only the counts of each feature's codes given its parent's code; [`Statistics::built_in`] has those of
//! the UCI data. Generating uses integers alone, so the same seed gives the same records everywhere.

mod count;
mod table;

use std::sync::LazyLock;

use lurelight_schema::{Code, CodeSet, FEATURE_COUNT, Feature, FeatureVector, Label, Record};
use rand::Rng;

use crate::random::stream;

pub use table::TableError;

/// What tells this purpose of the seed apart from others.
const STREAM: u64 = 0x73_7961;

/// What was counted in labelled records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// The codes of each feature, in the order of the UCI header.
    codes: [CodeSet; FEATURE_COUNT],
    classes: [Class; 2],
}

/// The tree of one class.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Class {
    label: Label,
    /// Parents before their children; the first has none.
    nodes: Vec<Node>,
}

/// How often a feature has each code, given its parent's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    feature: Feature,
    parent: Option<Feature>,
    /// By the parent's code, then by the feature's own; a root uses the first row.
    counts: [[u32; 3]; 3],
}

/// No two records, or none of some class, to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("statistics need rows of both classes in which no feature is missing; there is none that is {0}")]
pub struct CountError(pub Label);

static BUILT_IN: LazyLock<Result<Statistics, TableError>> =
    LazyLock::new(|| Statistics::from_table(include_str!("synthetic/uci.csv")));

impl Statistics {
    /// Counts records. Those in which a feature is missing are left out.
    ///
    /// # Errors
    ///
    /// Where a class has no complete record.
    pub fn count(records: &[Record]) -> Result<Statistics, CountError> {
        count::count(records)
    }

    /// The statistics of the UCI data, which are compiled in.
    ///
    /// # Errors
    ///
    /// Where the table in the source was damaged, which a test rules out.
    pub fn built_in() -> Result<&'static Statistics, &'static TableError> {
        BUILT_IN.as_ref()
    }

    /// The statistics as a small CSV table.
    #[must_use]
    pub fn to_table(&self) -> String {
        table::write(self)
    }

    /// Reads what [`to_table`](Statistics::to_table) wrote.
    ///
    /// # Errors
    ///
    /// The first line that does not fit, with the reason.
    pub fn from_table(text: &str) -> Result<Statistics, TableError> {
        table::read(text)
    }

    /// Records without end, the same for the same seed.
    pub fn generate(&self, seed: u64) -> impl Iterator<Item = Record> + use<'_> {
        let mut random = stream(seed, &[STREAM]);
        std::iter::repeat_with(move || self.draw(&mut random))
    }

    fn draw(&self, random: &mut impl Rng) -> Record {
        let [first, second] = &self.classes;
        let class = if below(random, first.rows() + second.rows()) < first.rows() { first } else { second };
        let vector = class.nodes.iter().fold(FeatureVector::MISSING, |vector, node| {
            let given = node.parent.map_or(0, |parent| vector.code(parent) as usize);
            let counts = node.counts.get(given).unwrap_or(&node.counts[0]);
            vector.with(node.feature, draw_code(counts, self.codes[node.feature.index()], random))
        });
        Record { vector, label: class.label }
    }
}

impl Class {
    /// The records of the class: each has some code of the root.
    fn rows(&self) -> u64 {
        self.nodes.first().map_or(0, |root| root.counts[0].iter().copied().map(u64::from).sum())
    }
}

/// One of `codes`, as often as it was counted and once more (Laplace), so that no code that the feature
/// has is impossible.
fn draw_code(counts: &[u32; 3], codes: CodeSet, random: &mut impl Rng) -> Code {
    let weight = |code: Code| {
        if codes.contains(code) { u64::from(counts[code as usize]) + 1 } else { 0 }
    };
    let mut left = below(random, Code::VALUES.into_iter().map(weight).sum());
    for code in Code::VALUES {
        match left.checked_sub(weight(code)) {
            Some(rest) => left = rest,
            None => return code,
        }
    }
    // Only for a feature without any code.
    Code::Missing
}

/// A number below `bound`, by multiplication (Lemire, 2019); its bias is below `bound` / 2^64.
fn below(random: &mut impl Rng, bound: u64) -> u64 {
    ((u128::from(random.next_u64()) * u128::from(bound)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: usize = 200_000;

    fn built_in() -> &'static Statistics {
        Statistics::built_in().unwrap()
    }

    fn generated(seed: u64, rows: usize) -> Vec<Record> {
        built_in().generate(seed).take(rows).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_records() {
        assert_eq!(generated(7, 1000), generated(7, 1000));
        assert_eq!(generated(7, 1000)[..10], generated(7, 10));
        assert_ne!(generated(7, 1000), generated(8, 1000));
    }

    #[test]
    fn codes_are_those_of_the_features() {
        let counted = built_in().codes;
        assert_eq!(counted, Feature::ALL.map(Feature::codes));
        for record in generated(1, 10_000) {
            assert!(Feature::ALL.iter().all(|&f| f.codes().contains(record.vector.code(f))));
        }
    }

    #[test]
    fn classes_are_as_frequent_as_in_the_source() {
        let phishing = generated(2, ROWS).iter().filter(|record| record.label == Label::Phishing).count();
        // The UCI data has 4,898 among 11,055. Five standard deviations of 200,000 draws are .0056.
        assert!((phishing as f64 / ROWS as f64 - 4898.0 / 11_055.0).abs() < 0.006, "{phishing}");
    }

    #[test]
    fn counting_what_was_generated_gives_the_statistics_again() {
        let records = generated(3, ROWS);
        for class in &built_in().classes {
            let rows: Vec<_> = records.iter().filter(|record| record.label == class.label).collect();
            for node in &class.nodes {
                let Some(parent) = node.parent else { continue };
                for (given, counts) in Code::VALUES.into_iter().zip(node.counts) {
                    let of_parent: Vec<_> = rows.iter().filter(|r| r.vector.code(parent) == given).collect();
                    let smoothed = |code: Code| {
                        let has = |code: &Code| u32::from(node.feature.codes().contains(*code));
                        let total: u32 =
                            Code::VALUES.iter().map(|code| counts[*code as usize] + has(code)).sum();
                        f64::from(counts[code as usize] + has(&code)) / f64::from(total)
                    };
                    for code in node.feature.codes().iter() {
                        let with = of_parent.iter().filter(|r| r.vector.code(node.feature) == code).count();
                        let n = of_parent.len() as f64;
                        let (expected, seen) = (smoothed(code), with as f64 / n);
                        let deviation = (expected * (1.0 - expected) / n).sqrt();
                        assert!(
                            of_parent.len() < 30 || (seen - expected).abs() <= 5.0 * deviation + 1e-9,
                            "{} of {parent}: {seen} {expected}",
                            node.feature
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_smaller_sample_finds_mostly_the_same_tree() {
        let edges = |statistics: &Statistics| -> Vec<_> {
            let pairs = statistics.classes.iter().flat_map(|class| {
                class.nodes.iter().filter_map(|node| {
                    let (a, b) = (node.feature, node.parent?);
                    Some((class.label, a.min(b), a.max(b)))
                })
            });
            pairs.collect()
        };
        let again = edges(&Statistics::count(&generated(4, ROWS)).unwrap());
        let kept = edges(built_in()).iter().filter(|edge| again.contains(edge)).count();
        assert!(kept >= 54, "{kept} of 58 edges");
    }

    #[test]
    fn both_classes_are_needed() {
        let complete = generated(5, 100);
        let phishing: Vec<_> = complete.iter().copied().filter(|r| r.label == Label::Phishing).collect();
        assert_eq!(Statistics::count(&phishing), Err(CountError(Label::Legitimate)));
        let missing = Record { vector: FeatureVector::MISSING, label: Label::Legitimate };
        assert_eq!(
            Statistics::count(&[&phishing[..], &[missing]].concat()),
            Err(CountError(Label::Legitimate))
        );
    }
}

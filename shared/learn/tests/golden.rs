//! Golden numbers from scikit-learn 1.9.1, made by `scripts/peers/golden.py`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use lurelight_learn::metrics::{Ranking, Scored};
use lurelight_learn::{Criterion, Dataset, DecisionTreeParams, Estimator, Limits, LogisticRegressionParams};
use lurelight_model::Classifier;
use lurelight_schema::{Code, FeatureVector, Label, Record};
use serde::Deserialize;
use serde::de::DeserializeOwned;

fn golden<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap()
}

/// A row of 30 digits, and how many rows of either label have it.
fn dataset(rows: &[String], legitimate: &[u32], phishing: &[u32]) -> (Vec<FeatureVector>, Dataset) {
    let vector = |row: &String| {
        let codes: Vec<Code> = row.bytes().map(|digit| Code::from_bits(u64::from(digit - b'0'))).collect();
        FeatureVector::new(&codes.try_into().unwrap())
    };
    let vectors: Vec<_> = rows.iter().map(vector).collect();
    let mut records = Vec::new();
    for (i, &vector) in vectors.iter().enumerate() {
        for (label, count) in [(Label::Legitimate, legitimate[i]), (Label::Phishing, phishing[i])] {
            records.extend(std::iter::repeat_n(Record { vector, label }, count as usize));
        }
    }
    (vectors, Dataset::new(&records))
}

fn close(ours: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((ours - expected).abs() <= tolerance, "{what}: {ours} here, {expected} by scikit-learn");
}

#[derive(Deserialize)]
struct MetricCases {
    cases: Vec<MetricCase>,
}

#[derive(Deserialize)]
struct MetricCase {
    name: String,
    labels: Vec<u8>,
    probabilities: Vec<f64>,
    weights: Vec<u32>,
    expected: ExpectedMetrics,
}

#[derive(Deserialize)]
struct ExpectedMetrics {
    true_negatives: u64,
    false_positives: u64,
    false_negatives: u64,
    true_positives: u64,
    accuracy: f64,
    precision: f64,
    recall: f64,
    f1: f64,
    roc_auc: Option<f64>,
    average_precision: f64,
    log_loss: f64,
    brier: f64,
}

#[test]
fn metrics_equal_scikit_learns() {
    let golden: MetricCases = golden(include_str!("golden/metrics.json"));
    assert_eq!(golden.cases.len(), 11);
    for case in golden.cases {
        let scored: Vec<Scored> = (0..case.labels.len())
            .map(|i| {
                let (weight, is_phishing) = (case.weights[i], u32::from(case.labels[i]));
                let probability = case.probabilities[i];
                Scored { probability, phishing: weight * is_phishing, legitimate: weight * (1 - is_phishing) }
            })
            .collect();
        let ranking = Ranking::new(&scored);
        let (ours, expected) = (ranking.measure(0.5).figures, case.expected);
        let confusion = ranking.confusion(0.5);
        assert_eq!(
            (
                confusion.true_negatives,
                confusion.false_positives,
                confusion.false_negatives,
                confusion.true_positives
            ),
            (
                expected.true_negatives,
                expected.false_positives,
                expected.false_negatives,
                expected.true_positives
            ),
            "{}",
            case.name
        );
        let table = [
            ("accuracy", ours.accuracy, expected.accuracy),
            ("precision", ours.precision, expected.precision),
            ("recall", ours.recall, expected.recall),
            ("f1", ours.f1, expected.f1),
            ("average precision", ours.pr_auc, expected.average_precision),
            ("log-loss", ours.log_loss, expected.log_loss),
            ("brier", ours.brier, expected.brier),
        ];
        for (metric, ours, expected) in table {
            close(ours, expected, 1e-9, &format!("{metric} of {}", case.name));
        }
        match expected.roc_auc {
            Some(expected) => close(ours.roc_auc, expected, 1e-9, &case.name),
            None => assert!(ours.roc_auc.is_nan(), "{}", case.name),
        }
    }
}

#[derive(Deserialize)]
struct TreeSets {
    sets: Vec<TreeSet>,
}

#[derive(Deserialize)]
struct TreeSet {
    name: String,
    rows: Vec<String>,
    legitimate: Vec<u32>,
    phishing: Vec<u32>,
    trees: Vec<ExpectedTree>,
}

#[derive(Deserialize)]
struct ExpectedTree {
    criterion: String,
    max_depth: usize,
    leaves: usize,
    probabilities: Vec<f64>,
}

#[test]
fn decision_trees_equal_scikit_learns() {
    let golden: TreeSets = golden(include_str!("golden/trees.json"));
    for set in golden.sets {
        let (vectors, data) = dataset(&set.rows, &set.legitimate, &set.phishing);
        assert!(!set.trees.is_empty());
        for expected in set.trees {
            let criterion = if expected.criterion == "gini" { Criterion::Gini } else { Criterion::Entropy };
            let default = DecisionTreeParams::default();
            let limits = Limits { max_depth: Some(expected.max_depth), ..default.limits };
            let params = DecisionTreeParams { criterion, limits };
            let what = format!("{} at depth {}, {}", expected.criterion, expected.max_depth, set.name);
            let Classifier::DecisionTree(tree) = params.check().unwrap().fit(&data, 0).unwrap() else {
                panic!()
            };
            assert_eq!(tree.node_count(), 2 * expected.leaves - 1, "{what}");
            for (vector, probability) in vectors.iter().zip(expected.probabilities) {
                close(tree.mean(*vector), probability, 1e-9, &what);
            }
        }
    }
}

#[derive(Deserialize)]
struct ExpectedLogistic {
    rows: Vec<String>,
    legitimate: Vec<u32>,
    phishing: Vec<u32>,
    coefficients: Vec<f64>,
    intercept: f64,
    probabilities: Vec<f64>,
}

#[test]
fn logistic_regression_equals_scikit_learns() {
    let golden: ExpectedLogistic = golden(include_str!("golden/logistic.json"));
    let (vectors, data) = dataset(&golden.rows, &golden.legitimate, &golden.phishing);
    let fitted = Estimator::LogisticRegression(LogisticRegressionParams::default()).fit(&data, 0).unwrap();
    for (vector, probability) in vectors.iter().zip(&golden.probabilities) {
        close(fitted.probability(*vector), *probability, 1e-5, "probability");
    }
    let Classifier::LogisticRegression(linear) = fitted.classifier else { panic!() };
    close(linear.intercept, golden.intercept, 1e-4, "intercept");
    for (ours, expected) in linear.coefficients.iter().zip(golden.coefficients) {
        close(*ours, expected, 1e-4, "coefficient");
    }
}

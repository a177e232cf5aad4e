//! Golden numbers from scikit-learn 1.9.1 and XGBoost 3.2.0, made by `scripts/peers/golden.py`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "golden/boosting.rs"]
mod boosting;

use lurelight_learn::calibrate::fit_isotonic;
use lurelight_learn::impute::NEIGHBOURS;
use lurelight_learn::metrics::{Ranking, Scored};
use lurelight_learn::{
    AdaBoostParams, Criterion, Dataset, DecisionTreeParams, Estimator, Limits, LogisticRegressionParams,
    NearestNeighboursParams,
};
use lurelight_model::{Calibration, Classifier, Donors, NeighbourWeights, TreeNode};
use lurelight_schema::{Code, FeatureVector, Label, Record};
use serde::Deserialize;
use serde::de::DeserializeOwned;

fn golden<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap()
}

/// A row of 30 digits; 3 is a hole.
fn vector(row: &str) -> FeatureVector {
    let codes: Vec<Code> = row.bytes().map(|digit| Code::from_bits(u64::from(digit - b'0'))).collect();
    FeatureVector::new(&codes.try_into().unwrap())
}

/// Rows of 30 digits, and how many rows of either label have it.
fn dataset(rows: &[String], legitimate: &[u32], phishing: &[u32]) -> (Vec<FeatureVector>, Dataset) {
    let vectors: Vec<_> = rows.iter().map(|row| vector(row)).collect();
    let mut records = Vec::new();
    for (i, &vector) in vectors.iter().enumerate() {
        for (label, count) in [(Label::Legitimate, legitimate[i]), (Label::Phishing, phishing[i])] {
            records.extend(std::iter::repeat_n(Record { vector, label }, count as usize));
        }
    }
    (vectors, Dataset::new(&records))
}

fn close(ours: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((ours - expected).abs() <= tolerance, "{what}: {ours} here, {expected} by the peer");
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

/// AdaBoost: scikit-learn's weights, errors and decisions, round by round. By design alike: Gini stumps, SAMME's
/// weights, 1 where a round makes no error. By design another: ours divides its weights by their sum, so a vote is
/// half of scikit-learn's decision; and a leaf of two equal halves is legitimate where scikit-learn takes the first class. The file has no
/// such leaf, and no two stumps that are equally good.
#[derive(Deserialize)]
struct AdaBoostSets {
    sets: Vec<AdaBoostSet>,
}

#[derive(Deserialize)]
struct AdaBoostSet {
    name: String,
    rows: Vec<String>,
    legitimate: Vec<u32>,
    phishing: Vec<u32>,
    fits: Vec<AdaBoostFit>,
}

#[derive(Deserialize)]
struct AdaBoostFit {
    learning_rate: f64,
    weights: Vec<f64>,
    errors: Vec<f64>,
    stages: Vec<AdaBoostStage>,
    probabilities: Vec<f64>,
}

#[derive(Deserialize)]
struct AdaBoostStage {
    n_estimators: usize,
    decisions: Vec<f64>,
}

#[test]
fn adaboost_equals_scikit_learns() {
    let golden: AdaBoostSets = golden(include_str!("golden/adaboost.json"));
    assert_eq!(golden.sets.len(), 3);
    for set in golden.sets {
        let (vectors, data) = dataset(&set.rows, &set.legitimate, &set.phishing);
        for expected in set.fits {
            let fit = |n_estimators| {
                let params = AdaBoostParams { n_estimators, learning_rate: expected.learning_rate };
                params.check().unwrap().fit(&data).unwrap()
            };
            for stage in &expected.stages {
                let fitted = fit(stage.n_estimators);
                for (vector, decision) in vectors.iter().zip(&stage.decisions) {
                    close(2.0 * fitted.raw_score(*vector), *decision, 1e-9, &set.name);
                }
            }
            let all = fit(expected.weights.len());
            for (vector, probability) in vectors.iter().zip(&expected.probabilities) {
                close(all.probability(*vector), *probability, 1e-9, &set.name);
            }
            let Classifier::AdaBoost(stumps) = &all else { panic!("another family") };
            assert_eq!(stumps.len(), expected.weights.len());
            let total: f64 = expected.weights.iter().sum();
            let value =
                |node: &TreeNode| if let TreeNode::Leaf(leaf) = node { leaf.value.abs() } else { 0.0 };
            for (stump, (weight, error)) in stumps.iter().zip(expected.weights.iter().zip(&expected.errors)) {
                let ours = total * stump.iter().map(value).fold(0.0, f64::max);
                close(ours, *weight, 1e-9, &set.name);
                let of_error =
                    if *error > 0.0 { expected.learning_rate * ((1.0 - error) / error).ln() } else { 1.0 };
                close(ours, of_error, 1e-9, &set.name);
            }
        }
    }
}

#[derive(Deserialize)]
struct ExpectedNeighbours {
    rows: Vec<String>,
    legitimate: Vec<u32>,
    phishing: Vec<u32>,
    cases: Vec<NeighbourCase>,
}

#[derive(Deserialize)]
struct NeighbourCase {
    k: usize,
    queries: Vec<String>,
    uniform: Vec<f64>,
    distance: Vec<f64>,
}

/// K nearest neighbours. The file holds no query whose k-th neighbour is tied with the next: there scikit-learn takes
/// whichever it meets, and ours counts all of them by their share, by design.
#[test]
fn nearest_neighbours_equal_scikit_learns() {
    let golden: ExpectedNeighbours = golden(include_str!("golden/neighbours.json"));
    let (_, data) = dataset(&golden.rows, &golden.legitimate, &golden.phishing);
    assert_eq!(golden.cases.iter().map(|case| case.k).collect::<Vec<_>>(), [3, 5, 9]);
    for case in golden.cases {
        for (weights, expected) in
            [(NeighbourWeights::Uniform, &case.uniform), (NeighbourWeights::Distance, &case.distance)]
        {
            let params = NearestNeighboursParams { n_neighbors: case.k, weights, ..Default::default() };
            let fitted = params.check().unwrap().fit(&data, 1).unwrap();
            assert_eq!(case.queries.len(), expected.len());
            for (query, expected) in case.queries.iter().zip(expected) {
                close(fitted.probability(vector(query)), *expected, 1e-9, query);
            }
        }
    }
}

#[derive(Deserialize)]
struct ExpectedImputer {
    rows: Vec<String>,
    counts: Vec<u32>,
    receivers: Vec<Receiver>,
}

#[derive(Deserialize)]
struct Receiver {
    row: String,
    features: Vec<usize>,
    values: Vec<f64>,
}

/// The KNN imputer's means. Left out of the file are the cells whose third and fourth donor are equally far: there
/// ours takes the lowest packed row, by design, and scikit-learn the first that its partition yields.
#[test]
fn imputed_means_equal_scikit_learns() {
    let golden: ExpectedImputer = golden(include_str!("golden/imputer.json"));
    let rows: Vec<_> = golden.rows.iter().map(|row| vector(row)).zip(golden.counts).collect();
    let donors = Donors::new(NEIGHBOURS, &rows).unwrap();
    let mut cells = 0;
    for receiver in golden.receivers {
        let means = donors.means(vector(&receiver.row));
        for (feature, expected) in receiver.features.iter().zip(receiver.values) {
            close(means[*feature].unwrap(), expected, 1e-9, &format!("{} of {}", feature, receiver.row));
            cells += 1;
        }
    }
    // Of them 176 have fewer donors than three, 70 take their column's mean, and 56 have no donor at all.
    assert_eq!(cells, 194 + 176 + 70 + 56);
}

#[derive(Deserialize)]
struct IsotonicCases {
    cases: Vec<IsotonicCase>,
}

#[derive(Deserialize)]
struct IsotonicCase {
    name: String,
    scores: Vec<f64>,
    targets: Vec<f64>,
    weights: Vec<u32>,
    x_thresholds: Vec<f64>,
    y_thresholds: Vec<f64>,
    queries: Vec<f64>,
    expected: Vec<f64>,
}

/// Isotonic calibration: corners and values between them. Targets are shares of phishing, so a share of a weight is
/// made of whole rows here. By design another, and not in the file: where all rows
/// have one label, there is no calibration.
#[test]
fn isotonic_calibration_equals_scikit_learns() {
    let golden: IsotonicCases = golden(include_str!("golden/isotonic.json"));
    assert_eq!(golden.cases.len(), 7);
    for case in golden.cases {
        let scored: Vec<Scored> = (0..case.scores.len())
            .map(|i| {
                let (rows, phishing) = whole_rows(case.targets[i], case.weights[i]);
                Scored { probability: case.scores[i], phishing, legitimate: rows - phishing }
            })
            .collect();
        let calibration = fit_isotonic(&scored).unwrap();
        let Calibration::Isotonic { points } = &calibration else { panic!("{calibration:?}") };
        assert_eq!(points.len(), case.x_thresholds.len(), "{}", case.name);
        for (point, expected) in points.iter().zip(case.x_thresholds.iter().zip(&case.y_thresholds)) {
            close(point.0, *expected.0, 1e-9, &case.name);
            close(point.1, *expected.1, 1e-9, &case.name);
        }
        for (query, expected) in case.queries.iter().zip(&case.expected) {
            close(calibration.apply(*query), *expected, 1e-9, &case.name);
        }
    }
}

/// A row of this weight and share of phishing as whole rows, on a scale that all rows of a case share.
fn whole_rows(target: f64, weight: u32) -> (u32, u32) {
    const SCALE: u32 = 1000;
    let phishing = target * f64::from(SCALE) * f64::from(weight);
    assert!((phishing - phishing.round()).abs() < 1e-6, "{target} of {weight} is no whole number of rows");
    (SCALE * weight, phishing.round() as u32)
}

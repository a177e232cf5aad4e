//! The golden artifact of format version 1: what was written once can be read for ever.
//!
//! Until the first release the format stays 1 and may change; then `LURELIGHT_BLESS=1 cargo test -p lurelight-model`
//! writes the golden file anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use lurelight_model::{
    Artifact, Calibration, Classifier, Donors, Imputer, Leaf, LogisticRegression, Member, Model, ModelParts,
    NearestNeighbours, NeighbourWeights, Split, TreeNode, Trees,
};
use lurelight_schema::{Code, CodeSet, FEATURE_COUNT, Feature, FeatureVector};

/// One model of each classifier, calibration and imputer that the format can carry.
fn models() -> Vec<(&'static str, Model)> {
    let split = |f: usize, codes: u8| {
        TreeNode::Split(Split { feature: Feature::ALL[f], left: CodeSet::from_bits(codes) })
    };
    // As many rows as thousandths of the value, so that every count differs.
    let leaf = |value: f64| TreeNode::Leaf(Leaf { value, rows: (1000.0 * value.abs()) as u32 });
    let shares = [
        vec![split(7, 0b1001), leaf(0.875), split(13, 0b0011), leaf(0.5), leaf(0.0625)],
        vec![split(29, 0b0100), leaf(0.25), leaf(0.75)],
    ];
    let steps = vec![split(0, 0b1110), leaf(-1.5), leaf(0.625)];
    let trees = |trees: &[Vec<TreeNode>]| Trees::new(trees).unwrap();
    let platt = Calibration::Platt { slope: 0.75, intercept: -0.125 };
    let linear =
        LogisticRegression { intercept: -0.5, coefficients: std::array::from_fn(|i| 0.125 * i as f64 - 2.0) };
    let isotonic = Calibration::Isotonic { points: vec![(0.125, 0.0625), (0.5, 0.25), (0.875, 0.75)] };
    let stump = vec![split(3, 0b0011), leaf(0.75), leaf(-0.25)];
    let row = |bits| FeatureVector::from_bits(bits).unwrap();
    let [minus, zero, plus, _] = rows();
    let neighbours = NearestNeighbours {
        k: 3,
        weights: NeighbourWeights::Distance,
        rows: [minus, zero, plus].map(FeatureVector::bits).to_vec(),
        labels: vec![(4, 1), (2, 0), (0, 2)],
    };
    let donors = Donors::new(3, &[(row(0), 2), (row((1 << 60) - 4), 1), (plus, 3)]).unwrap();
    let most_frequent = Imputer::MostFrequent(std::array::from_fn(|i| i as i8 % 3 - 1));
    let alone = |imputer, classifier| vec![Member { imputer, classifier }];
    let boosted = Classifier::GradientBoosting { base: 0.25, trees: trees(std::slice::from_ref(&steps)) };
    let forest = Classifier::RandomForest(trees(&shares));
    let table = [
        (
            "logistic regression",
            alone(Some(most_frequent), Classifier::LogisticRegression(linear)),
            platt.clone(),
        ),
        ("decision tree", alone(None, Classifier::DecisionTree(trees(&shares[..1]))), Calibration::None),
        ("random forest", alone(None, forest.clone()), platt),
        ("gradient boosting", alone(None, boosted.clone()), Calibration::None),
        (
            "extra trees",
            alone(None, Classifier::ExtraTrees(trees(&[steps.clone(), stump.clone()]))),
            Calibration::None,
        ),
        (
            "blend",
            alone(None, Classifier::Blend { base: 0.25, trees: trees(&[steps.clone(), stump.clone()]) }),
            Calibration::None,
        ),
        ("adaboost", alone(None, Classifier::AdaBoost(trees(&[stump]))), isotonic),
        (
            "nearest neighbours",
            alone(
                Some(Imputer::NearestNeighbours(Box::new(donors))),
                Classifier::NearestNeighbours(neighbours),
            ),
            Calibration::None,
        ),
        ("soft vote", [alone(None, forest), alone(None, boosted)].concat(), Calibration::None),
    ];
    let model = |(name, members, calibration)| {
        let known_codes = Feature::ALL.map(Feature::codes);
        (name, Model::new(ModelParts { known_codes, members, calibration, threshold: 0.4375 }).unwrap())
    };
    table.into_iter().map(model).collect()
}

/// Rows that reach every leaf, and one without any value.
fn rows() -> [FeatureVector; 4] {
    let all = |code| FeatureVector::new(&[code; FEATURE_COUNT]);
    [all(Code::Minus), all(Code::Zero), all(Code::Plus), FeatureVector::MISSING]
}

fn golden_path(name: &str) -> std::path::PathBuf {
    let file = format!("tests/golden/format-1-{}.lure", name.replace(' ', "-"));
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

#[test]
fn artifacts_of_format_1_are_read_and_written_as_ever() {
    for (name, model) in models() {
        let artifact = Artifact::new(model).unwrap();
        if std::env::var_os("LURELIGHT_BLESS").is_some() {
            std::fs::write(golden_path(name), artifact.to_bytes()).unwrap();
        }
        let golden = std::fs::read(golden_path(name)).unwrap();
        assert!(artifact.to_bytes() == golden, "{name} is written in other bytes than before");
        assert_eq!(Artifact::from_bytes(golden).unwrap(), artifact, "{name}");
    }
}

#[test]
fn golden_artifacts_score_as_ever() {
    // Worked out by hand from the models above, with Python's math.exp.
    let expected = [
        (
            "logistic regression",
            [0.9763105287006254, 0.3775406687981454, 0.008847355082930384, 0.798186777739621],
        ),
        ("decision tree", [0.875, 0.5, 0.0625, 0.875]),
        ("random forest", [0.7260658176680627, 0.5641738978099268, 0.19943981293637073, 0.7260658176680627]),
        (
            "gradient boosting",
            [0.7057850278370112, 0.22270013882530884, 0.22270013882530884, 0.22270013882530884],
        ),
        ("extra trees", [0.665410558746814, 0.40733340004593027, 0.29421497216298875, 0.29421497216298875]),
        ("blend", [0.8354835371034369, 0.3775406687981454, 0.18242552380635635, 0.18242552380635635]),
        ("adaboost", [0.6734326349248583, 0.6734326349248583, 0.1887703343990727, 0.1887703343990727]),
        ("nearest neighbours", [0.8, 0.9999, 0.0001, 0.15438708879488486]),
        ("soft vote", [0.7591425139185056, 0.4238500694126544, 0.1894750694126544, 0.5176000694126545]),
    ];
    for (name, probabilities) in expected {
        let artifact = Artifact::from_bytes(std::fs::read(golden_path(name)).unwrap()).unwrap();
        for (row, probability) in rows().into_iter().zip(probabilities) {
            let ours = artifact.model().probability(row);
            assert!((ours - probability).abs() < 1e-12, "{name} on {row:?}: {ours}, {probability} expected");
        }
    }
}

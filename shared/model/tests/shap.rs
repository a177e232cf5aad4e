//! Contributions against the shap package, made by `scripts/peers/golden_shap.py`; the file names the versions.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use lurelight_model::{Calibration, Classifier, Leaf, Member, Model, ModelParts, Split, TreeNode, Trees};
use lurelight_schema::{Code, CodeSet, FEATURE_COUNT, Feature, FeatureVector};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    source: String,
    ensembles: Vec<Ensemble>,
}

#[derive(Deserialize)]
struct Ensemble {
    name: String,
    family: String,
    base: f64,
    trees: Vec<Vec<Node>>,
    rows: Vec<String>,
    expected_value: f64,
    contributions: Vec<Vec<f64>>,
    scores: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Node {
    /// A feature, and the packed codes that go left.
    Split(usize, String),
    Leaf(f64, u32),
}

fn code(digit: u8) -> Code {
    Code::from_bits(u64::from(digit - b'0'))
}

fn vector(row: &str) -> FeatureVector {
    let codes: Vec<Code> = row.bytes().map(code).collect();
    FeatureVector::new(&codes.try_into().unwrap())
}

fn node(node: &Node) -> TreeNode {
    match node {
        Node::Split(feature, left) => TreeNode::Split(Split {
            feature: Feature::from_index(*feature).unwrap(),
            left: left.bytes().map(code).fold(CodeSet::EMPTY, CodeSet::with),
        }),
        Node::Leaf(value, rows) => TreeNode::Leaf(Leaf { value: *value, rows: *rows }),
    }
}

fn model(ensemble: &Ensemble) -> Model {
    let trees: Vec<Vec<TreeNode>> =
        ensemble.trees.iter().map(|nodes| nodes.iter().map(node).collect()).collect();
    let trees = Trees::new(&trees).unwrap();
    let classifier = match ensemble.family.as_str() {
        "decision_tree" => Classifier::DecisionTree(trees),
        "random_forest" => Classifier::RandomForest(trees),
        "gradient_boosting" => Classifier::GradientBoosting { base: ensemble.base, trees },
        "adaboost" => Classifier::AdaBoost(trees),
        other => panic!("{other}"),
    };
    Model::new(ModelParts {
        known_codes: [CodeSet::ALL; FEATURE_COUNT],
        members: vec![Member { imputer: None, classifier }],
        calibration: Calibration::None,
        threshold: 0.5,
    })
    .unwrap()
}

#[test]
fn contributions_equal_those_of_shap() {
    let golden: Golden = serde_json::from_str(include_str!("golden/shap.json")).unwrap();
    let names: Vec<&str> = golden.ensembles.iter().map(|ensemble| ensemble.name.as_str()).collect();
    assert_eq!(names, ["decision tree", "random forest", "gradient boosting", "AdaBoost", "XGBoost"]);
    for ensemble in &golden.ensembles {
        let model = model(ensemble);
        assert_eq!((ensemble.rows.len(), ensemble.contributions.len()), (24, 24));
        for ((row, expected), score) in
            ensemble.rows.iter().zip(&ensemble.contributions).zip(&ensemble.scores)
        {
            let explanation = model.explain(vector(row)).unwrap();
            let table = [
                ("base value", explanation.base, ensemble.expected_value),
                ("score", explanation.score(), *score),
                ("raw score", model.raw_score(vector(row)), *score),
            ];
            let of_features = Feature::ALL.iter().map(|f| f.name()).zip(explanation.contributions);
            let of_features = of_features.zip(expected).map(|((name, ours), theirs)| (name, ours, *theirs));
            assert_eq!(expected.len(), FEATURE_COUNT);
            for (what, ours, theirs) in table.into_iter().chain(of_features) {
                let (name, source) = (&ensemble.name, &golden.source);
                assert!(
                    (ours - theirs).abs() < 1e-9,
                    "{what} of {row}, {name}: {ours} here, {theirs} by {source}"
                );
            }
        }
    }
}

//! Small models with their cards, and what is said of them, for tests of stores and of whatever uses them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lurelight_model::{
    Artifact, Calibration, Candidate, Card, Classifier, Confusion, Curve, DataSummary, Estimate, Evaluation,
    Family, Figures, HeldOut, LogisticRegression, Member, Metrics, Model, ModelParts, RandomSplit, ScoreUnit,
};
use lurelight_schema::{CodeSet, FEATURE_COUNT};

use crate::{EventKind, ModelRegistry, NewEvent, NewVersion, Version};

/// A model of its own for each number.
pub fn model(number: u64) -> Artifact {
    let model = Model::new(ModelParts {
        known_codes: [CodeSet::ALL; FEATURE_COUNT],
        members: vec![Member {
            imputer: None,
            classifier: Classifier::LogisticRegression(LogisticRegression {
                intercept: number as f64,
                coefficients: [-0.1; FEATURE_COUNT],
            }),
        }],
        calibration: Calibration::None,
        threshold: 0.5,
    });
    Artifact::new(model.unwrap()).unwrap()
}

/// A card of the model that claims nothing.
pub fn card(artifact: &Artifact) -> Card {
    let estimate = Estimate { value: 0.5, low: 0.25, high: 0.75 };
    let estimates = FIGURES.map(|_| estimate);
    let evaluation = Evaluation {
        rows: 0,
        distinct_vectors: 0,
        threshold: 0.5,
        confusion: Confusion::default(),
        metrics: Metrics { figures: estimates, ece: estimate },
        ece_null_p95: 0.0,
        roc: Curve(Vec::new()),
        precision_recall: Curve(Vec::new()),
        reliability: Vec::new(),
    };
    Card {
        model: artifact.digest().to_string(),
        family: Family::LogisticRegression,
        parameters: BTreeMap::new(),
        score_unit: ScoreUnit::LogOdds,
        seed: 0,
        data: DataSummary {
            digest: "0".repeat(64),
            rows: 0,
            phishing: 0,
            legitimate: 0,
            distinct_vectors: 0,
            conflicting_vectors: 0,
            missing_cells: 0,
            fold_rows: [0; 10],
        },
        calibration: Calibration::None,
        threshold: 0.5,
        threshold_rule: "none".to_owned(),
        thresholds: Vec::new(),
        candidates: vec![Candidate {
            family: Family::LogisticRegression,
            parameters: BTreeMap::new(),
            grid_points: 1,
            cross_validated: FIGURES,
            held_out: FIGURES,
        }],
        held_out: HeldOut { decision: evaluation.clone(), report: evaluation.clone(), all: evaluation },
        random_split: RandomSplit { test_rows: 0, seen_share: 0.0, f1_legitimate: 0.5, figures: FIGURES },
        category_counts: Vec::new(),
        importance: Vec::new(),
    }
}

const FIGURES: Figures = Figures {
    accuracy: 0.5,
    precision: 0.5,
    recall: 0.5,
    f1: 0.5,
    roc_auc: 0.5,
    pr_auc: 0.5,
    log_loss: 0.5,
    brier: 0.5,
};

/// What a run says of its model.
pub fn new_version(artifact: &Artifact, run: &str) -> NewVersion {
    NewVersion {
        model: artifact.digest().to_string(),
        run: run.parse().unwrap(),
        dataset: "0".repeat(64),
        family: "logistic regression".to_owned(),
        registered_at: Timestamp::from_second(1_700_000_000).unwrap(),
        program: "0.0.0".to_owned(),
    }
}

/// Keeps model `number` and registers it as that of run `run-<number>`.
pub async fn put_version(registry: &ModelRegistry, number: u64) -> Version {
    let artifact = model(number);
    registry.put_model(&artifact, &card(&artifact)).await.unwrap();
    registry.register(new_version(&artifact, &format!("run-{number}"))).await.unwrap()
}

/// A promotion of a version.
pub fn event(version: u64, artifact: &Artifact, actor: &str) -> NewEvent {
    NewEvent {
        kind: EventKind::Promoted,
        version,
        model: artifact.digest().to_string(),
        reason: "it was its turn".to_owned(),
        actor: actor.to_owned(),
        at: Timestamp::from_second(1_700_000_000).unwrap(),
    }
}

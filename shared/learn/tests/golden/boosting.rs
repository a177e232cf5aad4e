//! Gradient boosting beside XGBoost's.

use lurelight_learn::{GradientBoostingParams, Limits};
use serde::Deserialize;

use crate::{close, dataset, golden};

#[derive(Deserialize)]
struct BoostingSets {
    sets: Vec<BoostingSet>,
}

#[derive(Deserialize)]
struct BoostingSet {
    name: String,
    rows: Vec<String>,
    legitimate: Vec<u32>,
    phishing: Vec<u32>,
    fits: Vec<BoostingFit>,
}

#[derive(Deserialize)]
struct BoostingFit {
    learning_rate: f64,
    max_depth: usize,
    reg_lambda: f64,
    min_child_weight: f64,
    stages: Vec<BoostingStage>,
}

#[derive(Deserialize)]
struct BoostingStage {
    n_estimators: usize,
    log_odds: Vec<f64>,
}

/// Gradient boosting with equal parameters: log-odds, round by round, missing values with their learned direction. XGBoost
/// computes with 32 bits; the file has no rows for which its own tree methods are further apart than 2e-5.
#[test]
fn gradient_boosting_equals_xgboosts() {
    let golden: BoostingSets = golden(include_str!("boosting.json"));
    assert_eq!(golden.sets.len(), 2);
    for set in golden.sets {
        let (vectors, data) = dataset(&set.rows, &set.legitimate, &set.phishing);
        assert_eq!(set.fits.len(), 3);
        for expected in set.fits {
            let default = GradientBoostingParams::default();
            let limits =
                Limits { max_depth: Some(expected.max_depth), min_samples_leaf: 1.0, ..default.limits };
            for stage in &expected.stages {
                let params = GradientBoostingParams {
                    n_estimators: stage.n_estimators,
                    learning_rate: expected.learning_rate,
                    l2: expected.reg_lambda,
                    min_child_weight: expected.min_child_weight,
                    limits,
                    ..default
                };
                let fitted = params.check().unwrap().fit(&data, 0).unwrap();
                let what =
                    format!("{} trees of depth {}, {}", stage.n_estimators, expected.max_depth, set.name);
                assert_eq!(stage.log_odds.len(), vectors.len());
                for (vector, log_odds) in vectors.iter().zip(&stage.log_odds) {
                    close(fitted.raw_score(*vector), *log_odds, 1e-4, &what);
                }
            }
        }
    }
}

//! What it costs to fit each family, in seconds of processor time.
//!
//! `cargo bench -p lurelight-learn --bench fit` prints a line a family; arguments name some of them. The rows are those of
//! the CSV or ARFF that `LURELIGHT_UCI_DATA` names, or as many synthetic ones. `--json` prints an object instead, which
//! `scripts/bench-peers` holds against scikit-learn's figures; `--rounds N` is how often each is fitted; the least counts.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops when it fails")]

mod measured;

use std::hint::black_box;

use lurelight_learn::impute::{NEIGHBOURS, fill, fit_nearest_neighbours};
use lurelight_learn::search::CrossValidation;
use lurelight_learn::{
    AdaBoostParams, Dataset, DecisionTreeParams, Estimator, GradientBoostingParams, Limits,
    LogisticRegressionParams, NearestNeighboursParams, RandomForestParams, grid, search,
};
use lurelight_model::Family;
use lurelight_schema::{Code, Feature, FeatureVector, Record};
use measured::Asked;

fn main() {
    let asked = Asked::from_arguments();
    let records = measured::records();
    let data = Dataset::new(&records);
    let seed = asked.seed;
    let mut lines = asked.lines();
    println!("{} rows, {} of them distinct, {} threads", data.row_count(), data.len(), threads());

    let fit = |estimator: Estimator| {
        let data = &data;
        move || drop(black_box(estimator.fit(data, seed).unwrap()))
    };
    let forest = RandomForestParams { n_estimators: 256, ..Default::default() };
    lines.measure("random forest, 256 trees", fit(Estimator::RandomForest(forest)));
    lines.measure("gradient boosting, 256 trees of depth 4", fit(Estimator::GradientBoosting(boosting(4))));
    let sampled = GradientBoostingParams { subsample: 0.75, ..boosting(3) };
    lines.measure(
        "gradient boosting, 256 of depth 3, 3/4 of the rows",
        fit(Estimator::GradientBoosting(sampled)),
    );
    let Some(Estimator::GradientBoosting(own)) = grid(Family::GradientBoosting).into_iter().next() else {
        unreachable!()
    };
    let own = GradientBoostingParams { n_estimators: 256, ..own };
    lines.measure("gradient boosting, 256 trees of the own grid", fit(Estimator::GradientBoosting(own)));
    let stumps = AdaBoostParams { n_estimators: 128, ..Default::default() };
    lines.measure("AdaBoost, 128 stumps", fit(Estimator::AdaBoost(stumps)));
    lines.measure("decision tree", fit(Estimator::DecisionTree(DecisionTreeParams::default())));
    let logistic = Estimator::LogisticRegression(LogisticRegressionParams::default());
    lines.measure("logistic regression", fit(logistic));

    let neighbours = NearestNeighboursParams::default().check().unwrap().fit(&data, seed).unwrap();
    lines.measure("5 neighbours of each distinct row", || {
        black_box(data.rows().iter().map(|row| neighbours.probability(row.vector)).sum::<f64>());
    });
    let holes = Dataset::new(&punched(&records, 20));
    lines.measure("imputing, 5 % of the cells missing", || {
        let imputer = fit_nearest_neighbours(&holes, NEIGHBOURS, seed).unwrap();
        black_box(fill(&holes, &imputer));
    });
    let folds = CrossValidation::new(data.clone(), 3, seed);
    lines.measure("search of AdaBoost's grid", || {
        black_box(search::search(&grid(Family::AdaBoost), &folds, seed, &|| ()).unwrap());
    });
    lines.end();
}

/// As scikit-learn's defaults: single rows are leaves.
fn boosting(depth: usize) -> GradientBoostingParams {
    let limits = Limits { max_depth: Some(depth), ..Limits::FREE };
    GradientBoostingParams { n_estimators: 256, limits, ..Default::default() }
}

fn threads() -> String {
    std::env::var("RAYON_NUM_THREADS").unwrap_or_else(|_| "all".to_owned())
}

/// The records with about every `one_in`-th cell missing, always the same ones.
fn punched(records: &[Record], one_in: u64) -> Vec<Record> {
    let mut state = 42_u64;
    let mut holed = |record: &Record| {
        let hole = |vector: FeatureVector, feature| {
            // Knuth's MMIX generator; its high bits are random enough here.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if (state >> 33).is_multiple_of(one_in) { vector.with(feature, Code::Missing) } else { vector }
        };
        Record { vector: Feature::ALL.into_iter().fold(record.vector, hole), ..*record }
    };
    records.iter().map(&mut holed).collect()
}

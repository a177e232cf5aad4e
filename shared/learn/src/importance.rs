//! Permutation importance (Breiman, 2001).

use lurelight_model::{FeatureImportance, Model};
use lurelight_schema::{Feature, Record};
use rayon::prelude::*;

use crate::Dataset;
use crate::evaluate::rounded;
use crate::metrics::Ranking;
use crate::random::{shuffle, stream};
use crate::search::score;

const SHUFFLES: u64 = 5;

/// How many rows are shuffled, drawn by the seed where there are more.
const MAX_ROWS: usize = 50_000;

/// How much the log-loss of a model rises when one feature's values are shuffled among the rows, for each
/// feature, the greatest rise first.
#[must_use]
pub fn permutation_importance(model: &Model, data: &Dataset, seed: u64) -> Vec<FeatureImportance> {
    let data = data.sample_rows(MAX_ROWS, seed);
    let records: Vec<Record> = data.records().collect();
    let baseline = log_loss(model, &data);
    let mut importance: Vec<FeatureImportance> = Feature::ALL
        .into_par_iter()
        .map(|feature| {
            let rise = |k| log_loss(model, &shuffled(&records, feature, seed, k)) - baseline;
            let log_loss_increase = rounded((0..SHUFFLES).map(rise).sum::<f64>() / SHUFFLES as f64);
            FeatureImportance { feature: feature.name().to_owned(), log_loss_increase }
        })
        .collect();
    importance.sort_by(|a, b| b.log_loss_increase.total_cmp(&a.log_loss_increase));
    importance
}

fn shuffled(records: &[Record], feature: Feature, seed: u64, k: u64) -> Dataset {
    let mut codes: Vec<_> = records.iter().map(|record| record.vector.code(feature)).collect();
    shuffle(&mut codes, &mut stream(seed, &[0x7065_726d, feature.index() as u64, k]));
    let records: Vec<Record> = records
        .iter()
        .zip(codes)
        .map(|(record, code)| Record { vector: record.vector.with(feature, code), ..*record })
        .collect();
    Dataset::new(&records)
}

fn log_loss(model: &Model, data: &Dataset) -> f64 {
    Ranking::new(&score(data, |vector| model.probability(vector))).measure(0.5).figures.log_loss
}

//! What each feature is worth to a model: permutation importance (Breiman, "Random Forests", 2001) and the mean absolute
//! contribution (Lundberg et al., "From local explanations to global understanding with explainable AI for trees",
//! 2020). The first says what the model would lose, the second what moves its scores; a feature that only repeats
//! another can have much of the second and little of the first.

use lurelight_model::{FeatureImportance, Model};
use lurelight_schema::{FEATURE_COUNT, Feature, Record};
use rayon::prelude::*;

use crate::Dataset;
use crate::evaluate::rounded;
use crate::metrics::Ranking;
use crate::random::{shuffle, stream};
use crate::search::score;

const SHUFFLES: u64 = 5;

/// How many rows are shuffled, drawn by the seed where there are more.
const MAX_ROWS: usize = 50_000;

/// How many distinct vectors are explained, drawn by the seed where there are more.
const MAX_EXPLAINED: usize = 5_000;

/// How much the log-loss of a model rises when one feature's values are shuffled among the rows, and how much it moves
/// the score of a row in the mean; for each feature, the greatest rise first.
#[must_use]
pub fn importance(model: &Model, data: &Dataset, seed: u64) -> Vec<FeatureImportance> {
    let contributions = mean_absolute_contributions(model, data, seed);
    let data = data.sample_rows(MAX_ROWS, seed);
    let records: Vec<Record> = data.records().collect();
    let baseline = log_loss(model, &data);
    let mut importance: Vec<FeatureImportance> = Feature::ALL
        .into_par_iter()
        .map(|feature| {
            let rise = |k| log_loss(model, &shuffled(&records, feature, seed, k)) - baseline;
            let log_loss_increase = rounded((0..SHUFFLES).map(rise).sum::<f64>() / SHUFFLES as f64);
            let mean_absolute_contribution = contributions.map(|means| rounded(means[feature.index()]));
            FeatureImportance {
                feature: feature.name().to_owned(),
                log_loss_increase,
                mean_absolute_contribution,
            }
        })
        .collect();
    importance.sort_by(|a, b| b.log_loss_increase.total_cmp(&a.log_loss_increase));
    importance
}

/// The mean over the rows of what each feature contributes to the raw score, whichever way; `None` where the score cannot
/// be taken apart.
#[must_use]
pub fn mean_absolute_contributions(model: &Model, data: &Dataset, seed: u64) -> Option<[f64; FEATURE_COUNT]> {
    let data = data.sample(MAX_EXPLAINED, seed);
    let explained: Option<Vec<_>> =
        data.rows().par_iter().map(|row| model.explain(row.vector).ok()).collect();
    let mut sums = [0.0; FEATURE_COUNT];
    for (row, explanation) in data.rows().iter().zip(explained?) {
        for (sum, contribution) in sums.iter_mut().zip(explanation.contributions) {
            *sum += f64::from(row.rows()) * contribution.abs();
        }
    }
    let rows = data.row_count().max(1) as f64;
    Some(sums.map(|sum| sum / rows))
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

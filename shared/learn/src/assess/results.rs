//! What an assessment found.

use std::collections::BTreeMap;

use lurelight_model::{Family, Figures, Metrics, ReliabilityBin};
use serde::Serialize;

use crate::division::Protocol;
use crate::evaluate::rounded;
use crate::metrics::sample_deviation;

/// How many metrics there are: those of [`Figures`] and the calibration error.
pub(super) const METRICS: usize = 9;

/// Families and the champion by several protocols. Phishing is the positive class; figures are rounded to six decimals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Assessment {
    /// SHA-256 of the records, in hexadecimal digits.
    pub digest: String,
    /// Rows.
    pub rows: u64,
    /// Rows labelled phishing.
    pub phishing: u64,
    /// Rows labelled legitimate.
    pub legitimate: u64,
    /// Distinct feature vectors.
    pub distinct_vectors: u64,
    /// Distinct feature vectors that carry both labels.
    pub conflicting_vectors: u64,
    /// What the best possible classifier of vectors would reach on all rows: it gives each vector the share of phishing
    /// among its rows. Nobody can pass it, because some vectors carry both labels.
    pub ceiling: Figures,
    /// Folds of the k-fold protocols.
    pub folds: usize,
    /// Each seed divides the rows and fits anew.
    pub seeds: Vec<u64>,
    /// Whether grids were searched inside each round; otherwise on folds 3 to 9 of the hash split, once.
    pub search: bool,
    /// Who was assessed: the best of each family at probability one half, not calibrated, the best first; and last the
    /// champion, calibrated and at its threshold.
    pub contestants: Vec<Contestant>,
    /// Families that could not be fitted.
    pub failed: Vec<Failed>,
    /// The protocols, in the order in which they were asked for.
    pub protocols: Vec<ProtocolAssessment>,
    /// By how much the random k-fold is above the grouped one; empty where one of them was left out.
    pub inflation: Vec<Inflation>,
}

/// Who was assessed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contestant {
    /// The family as the command line names it, or `champion`.
    pub name: String,
    /// The family; of the champion, the one that won on folds 3 to 9.
    pub family: Family,
    /// The parameters; none where they were searched in each round.
    pub parameters: BTreeMap<String, String>,
}

/// A family that could not be fitted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failed {
    /// The family.
    pub family: Family,
    /// Why.
    pub reason: String,
}

/// Everybody by one protocol.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProtocolAssessment {
    /// The protocol.
    pub protocol: Protocol,
    /// How many models are tested for one seed.
    pub rounds: usize,
    /// How many rows are tested, seed by seed.
    pub tested_rows: Vec<u64>,
    /// The share of tested rows whose feature vector was fitted on as well.
    pub seen_share: f64,
    /// What the best possible classifier of vectors would reach on the tested rows.
    pub ceiling: Figures,
    /// One a contestant, in their order.
    pub results: Vec<ContestantResult>,
}

/// A contestant by one protocol.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContestantResult {
    /// Its name.
    pub contestant: String,
    /// Metrics of the pooled out-of-fold probabilities: means over the seeds, with 95 % intervals over distinct vectors.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The standard deviation over the seeds (of the sample); `None` for one seed.
    pub spread: Option<PooledFigures>,
    /// The 95 % point of the calibration error of a perfectly calibrated model: mean over the seeds.
    pub ece_null_p95: f64,
    /// Seed by seed.
    pub by_seed: Vec<SeedResult>,
    /// Ten bins of about equal count, of the first seed.
    pub reliability: Vec<ReliabilityBin>,
}

/// A contestant by one protocol with one seed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SeedResult {
    /// The seed.
    pub seed: u64,
    /// All tested rows measured together.
    #[serde(flatten)]
    pub pooled: PooledFigures,
    /// Means over the rounds of what each measures, as some publish.
    pub fold_means: Figures,
    /// The 95 % point of the calibration error of a perfectly calibrated model.
    pub ece_null_p95: f64,
}

/// One value for each metric, the calibration error among them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PooledFigures {
    /// All but the calibration error.
    #[serde(flatten)]
    pub figures: Figures,
    /// Expected calibration error over ten bins of about equal count.
    pub ece: f64,
}

/// By how much a contestant's random k-fold is above its grouped one, with 95 % intervals from paired draws of distinct
/// vectors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inflation {
    /// Its name.
    pub contestant: String,
    /// Random less grouped, metric by metric.
    #[serde(flatten)]
    pub metrics: Metrics,
}

/// The metrics in one order: those of [`Figures`], then the calibration error.
pub(super) fn array(figures: &Figures, ece: f64) -> [f64; METRICS] {
    let Figures { accuracy, precision, recall, f1, roc_auc, pr_auc, log_loss, brier } = *figures;
    [accuracy, precision, recall, f1, roc_auc, pr_auc, log_loss, brier, ece]
}

/// Figures from what stands at each place of [`array`].
pub(super) fn figures<T>(at: impl Fn(usize) -> T) -> Figures<T> {
    Figures {
        accuracy: at(0),
        precision: at(1),
        recall: at(2),
        f1: at(3),
        roc_auc: at(4),
        pr_auc: at(5),
        log_loss: at(6),
        brier: at(7),
    }
}

/// Means over the seeds.
pub(super) fn mean_of(seeds: &[SeedResult]) -> [f64; METRICS] {
    over_seeds(seeds, |values| values.iter().sum::<f64>() / values.len() as f64)
}

/// Standard deviations over the seeds.
pub(super) fn spread(seeds: &[SeedResult]) -> Option<PooledFigures> {
    let deviations =
        (seeds.len() > 1).then(|| over_seeds(seeds, |values| rounded(sample_deviation(values))))?;
    Some(PooledFigures { figures: figures(|place| deviations[place]), ece: deviations[METRICS - 1] })
}

fn over_seeds(seeds: &[SeedResult], statistic: impl Fn(&[f64]) -> f64) -> [f64; METRICS] {
    let by_seed: Vec<_> = seeds.iter().map(|seed| array(&seed.pooled.figures, seed.pooled.ece)).collect();
    std::array::from_fn(|place| statistic(&by_seed.iter().map(|values| values[place]).collect::<Vec<_>>()))
}

//! Assessing families, and the champion as a training makes it, by several protocols and seeds on the same folds.
//!
//! Every row that a protocol tests has a probability by a model that was not fitted on it. These are pooled over the
//! rounds and measured together; intervals come from bootstrap draws of distinct vectors, the same draws for every
//! contestant, protocol and seed, so that differences have intervals too.

mod contestants;
mod measure;
mod results;

use lurelight_schema::{Label, Record, RecordsDigest};

pub use results::{
    Assessment, Contestant, ContestantResult, Failed, Inflation, PooledFigures, ProtocolAssessment,
    SeedResult,
};

use contestants::Contestants;
use measure::{best_possible, measure, seen_share};

use crate::Dataset;
use crate::conclude::ranked;
use crate::contend::contend;
use crate::division::{Division, Protocol};
use crate::evaluate::round_figures;
use crate::metrics::Ranking;
use crate::split::{TRAINING_FOLDS, in_folds};
use crate::train::{Progress, Stage, TrainError, TrainOptions, check_parts};

/// What is assessed, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct AssessOptions {
    /// How a training goes; its seed counts for the search on folds 3 to 9.
    pub training: TrainOptions,
    /// The protocols, each once.
    pub protocols: Vec<Protocol>,
    /// A seed decides both how rows are divided and what is random in a fit.
    pub seeds: Vec<u64>,
    /// Folds of the k-fold protocols, from 2 to 20.
    pub folds: usize,
    /// Whether grids are searched anew inside each round. Otherwise each family has the parameters that were the best
    /// of its grid on folds 3 to 9 of the hash split.
    pub search: bool,
}

impl Default for AssessOptions {
    /// All protocols, ten folds, seed 42, parameters fixed.
    fn default() -> AssessOptions {
        AssessOptions {
            training: TrainOptions::default(),
            protocols: Protocol::ALL.to_vec(),
            seeds: vec![42],
            folds: 10,
            search: false,
        }
    }
}

impl AssessOptions {
    /// Checks each option.
    ///
    /// # Errors
    ///
    /// [`TrainError::Options`].
    pub fn check(&self) -> Result<(), TrainError> {
        self.training.check()?;
        let unique = |all: usize, unique: std::collections::BTreeSet<u64>| all > 0 && unique.len() == all;
        if !unique(self.protocols.len(), self.protocols.iter().map(|protocol| *protocol as u64).collect()) {
            return Err(TrainError::Options("at least one protocol must be named, and each once"));
        }
        if !unique(self.seeds.len(), self.seeds.iter().copied().collect()) || self.seeds.len() > 100 {
            return Err(TrainError::Options("1 to 100 seeds must be named, and each once"));
        }
        if !(2..=20).contains(&self.folds) {
            return Err(TrainError::Options("the k-fold protocols need 2 to 20 folds"));
        }
        Ok(())
    }
}

/// Assesses the families of `options` and the champion on labelled records; their order changes nothing but the digest.
///
/// # Errors
///
/// See [`TrainError`]. A family that cannot be fitted on folds 3 to 9 is left out.
pub fn assess(
    records: &[Record],
    options: &AssessOptions,
    progress: &dyn Progress,
) -> Result<Assessment, TrainError> {
    options.check()?;
    let data = Dataset::new(records);
    check_parts(&data, options.training.cv_folds)?;
    let training = in_folds(&data, TRAINING_FOLDS);
    let (mut contenders, mut failed) = (Vec::new(), Vec::new());
    for family in options.training.searched() {
        match contend(family, &training, &options.training, progress) {
            Ok(contender) => contenders.push(contender),
            Err(error) => failed.push((family, error)),
        }
    }
    let ranked = ranked(contenders, &training, &options.training);
    if ranked.is_empty() {
        let (family, source) = failed.swap_remove(0);
        return Err(TrainError::NoCandidate { family, source });
    }
    let contestants = Contestants { ranked: &ranked, options };
    let mut pooled = Vec::with_capacity(options.protocols.len());
    let mut shares = Vec::with_capacity(options.protocols.len());
    for protocol in &options.protocols {
        let steps = protocol.rounds(options.folds) * options.seeds.len();
        progress.begin(Stage::Protocol(*protocol), steps as u64);
        let divisions: Vec<_> = options
            .seeds
            .iter()
            .map(|seed| (*seed, Division::new(&data, *protocol, options.folds, *seed)))
            .collect();
        let mut by_seed = Vec::with_capacity(divisions.len());
        for (seed, division) in &divisions {
            by_seed.push(contestants.test(&data, *protocol, division, *seed, progress)?);
        }
        shares.push(seen_share(&data, &divisions));
        pooled.push(by_seed);
    }
    let measured = measure(&data, &contestants, &pooled, &shares, progress);
    Ok(Assessment {
        digest: RecordsDigest::of(records).to_string(),
        rows: data.row_count(),
        phishing: data.count(Label::Phishing),
        legitimate: data.count(Label::Legitimate),
        distinct_vectors: data.len() as u64,
        conflicting_vectors: data.conflicts(),
        ceiling: round_figures(&Ranking::new(&best_possible(&data, &data)).measure(0.5).figures),
        folds: options.folds,
        seeds: options.seeds.clone(),
        search: options.search,
        contestants: contestants.named(),
        failed: failed
            .into_iter()
            .map(|(family, error)| Failed { family, reason: error.to_string() })
            .collect(),
        protocols: measured.0,
        inflation: measured.1,
    })
}

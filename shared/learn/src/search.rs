//! Searching a grid by grouped stratified cross-validation.

use lurelight_model::Figures;
use lurelight_schema::FeatureVector;
use rayon::prelude::*;

use crate::metrics::{Ranking, Scored, mean};
use crate::split::grouped_stratified;
use crate::{Dataset, Estimator, FitError, Fitted};

/// A division of distinct vectors into folds.
#[derive(Clone, Debug)]
pub struct CrossValidation {
    data: Dataset,
    folds: Vec<usize>,
    k: usize,
}

/// What cross-validation found of an estimator.
#[derive(Clone, Debug)]
pub struct CrossValidated {
    /// Means over the folds, at probability one half.
    pub figures: Figures,
    /// Every vector with the probability given by the model that was not fitted on it.
    pub out_of_fold: Vec<Scored>,
}

impl CrossValidation {
    /// Divides the distinct vectors of `data` into `k` folds.
    #[must_use]
    pub fn new(data: Dataset, k: usize, seed: u64) -> CrossValidation {
        let folds = grouped_stratified(&data, k, seed);
        CrossValidation { data, folds, k }
    }

    /// How many folds there are.
    #[must_use]
    pub const fn k(&self) -> usize {
        self.k
    }

    /// The fold of each vector, in the order of [`CrossValidated::out_of_fold`].
    #[must_use]
    pub fn folds(&self) -> &[usize] {
        &self.folds
    }

    /// Fits an estimator on all folds but one, for each of them. `fitted` is called after each fit.
    ///
    /// # Errors
    ///
    /// The first fold's error.
    pub fn run(
        &self,
        estimator: &Estimator,
        seed: u64,
        fitted: &(dyn Fn() + Sync),
    ) -> Result<CrossValidated, FitError> {
        let folds: Vec<Vec<Scored>> = (0..self.k)
            .into_par_iter()
            .map(|fold| {
                let model = estimator.fit(&self.part(|f| f != fold), seed)?;
                fitted();
                Ok(score(&self.part(|f| f == fold), |vector| model.probability(vector)))
            })
            .collect::<Result<_, FitError>>()?;
        let figures: Vec<Figures> =
            folds.iter().map(|scored| Ranking::new(scored).measure(0.5).figures).collect();
        let mut parts: Vec<_> = folds.into_iter().map(Vec::into_iter).collect();
        let out_of_fold = self.folds.iter().filter_map(|&fold| parts[fold].next()).collect();
        Ok(CrossValidated { figures: mean(&figures), out_of_fold })
    }

    fn part(&self, keep: impl Fn(usize) -> bool) -> Dataset {
        let mut folds = self.folds.iter();
        self.data.filter(|_| folds.next().is_some_and(|fold| keep(*fold)))
    }
}

/// The best point of a grid: the highest mean F1 of phishing at probability one half, then the lowest
/// log-loss, then the first.
///
/// # Errors
///
/// The error of the first point where no point could be fitted; others are left out.
pub fn search(
    grid: &[Estimator],
    cross_validation: &CrossValidation,
    seed: u64,
    fitted: &(dyn Fn() + Sync),
) -> Result<(Estimator, CrossValidated), FitError> {
    let results: Vec<Result<CrossValidated, FitError>> =
        grid.par_iter().map(|estimator| cross_validation.run(estimator, seed, fitted)).collect();
    let mut best: Option<(Estimator, CrossValidated)> = None;
    let mut first_error = FitError::NoRows;
    for (estimator, result) in grid.iter().zip(results).rev() {
        match result {
            Ok(found) if best.as_ref().is_none_or(|(_, best)| !better(&best.figures, &found.figures)) => {
                best = Some((*estimator, found));
            }
            Ok(_) => {}
            Err(error) => first_error = error,
        }
    }
    best.ok_or(first_error)
}

/// Whether `a` is strictly better than `b`.
#[must_use]
pub fn better(a: &Figures, b: &Figures) -> bool {
    a.f1 > b.f1 || (a.f1 == b.f1 && a.log_loss < b.log_loss)
}

/// Each distinct vector of `data` with its probability.
#[must_use]
pub fn score(data: &Dataset, probability: impl Fn(FeatureVector) -> f64) -> Vec<Scored> {
    data.rows()
        .iter()
        .map(|row| Scored {
            probability: probability(row.vector),
            phishing: row.phishing,
            legitimate: row.legitimate,
        })
        .collect()
}

/// The figures of a fitted classifier on `data` at probability one half.
#[must_use]
pub fn figures(data: &Dataset, fitted: &Fitted) -> Figures {
    Ranking::new(&score(data, |vector| fitted.probability(vector))).measure(0.5).figures
}

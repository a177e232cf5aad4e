//! One family's part in a training: searching its grid and fitting its best point.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use lurelight_model::{Candidate, Family, Figures, Member};
use serde::{Deserialize, Serialize};

use crate::evaluate::round_figures;
use crate::metrics::Ranking;
use crate::search::{CrossValidation, compare, fits, score, search};
use crate::train::{Progress, Stage, TrainOptions};
use crate::{Dataset, Estimator, FitError, grid};

/// How many of the best contenders may vote.
const VOTERS: RangeInclusive<usize> = 2..=3;

/// A family's best point, fitted on all training folds; or a vote of such.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contender {
    /// Its family.
    pub family: Family,
    /// The best point; of a vote, one a member.
    pub estimators: Vec<Estimator>,
    /// All points that were compared, with what the folds of [`TrainOptions::cross_validation`] found of them; of a grid of one
    /// point those of [`TrainOptions::comparison`].
    pub grid: Vec<GridPoint>,
    /// Means over the folds of [`TrainOptions::comparison`] at probability one half.
    pub cross_validated: Figures,
    /// The probability of every vector of [`TrainOptions::comparison`], by the model that was not fitted on it.
    pub out_of_fold: Vec<f64>,
    /// What was fitted, one a member.
    pub members: Vec<Member>,
}

/// A point of a grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GridPoint {
    /// Its parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// What cross-validation found of it; `None` where it could not be fitted.
    pub cross_validated: Option<Figures>,
    /// Why it could not be fitted.
    pub error: Option<String>,
}

/// Searches a family's grid on the training folds and fits its best point.
///
/// # Errors
///
/// See [`FitError`]; [`FitError::NoGrid`] for a vote.
pub fn contend(
    family: Family,
    training: &Dataset,
    options: &TrainOptions,
    progress: &dyn Progress,
) -> Result<Contender, FitError> {
    let grid = grid(family);
    if grid.is_empty() {
        return Err(FitError::NoGrid(family));
    }
    let (cross_validation, comparison) = (options.cross_validation(training), options.comparison(training));
    // Of one point the best need not be searched.
    let searched = if grid.len() > 1 { fits(&grid, &cross_validation) } else { 0 };
    progress.begin(Stage::Candidate(family), (searched + comparison.k() + 1) as u64);
    let fitted = || progress.advance();
    let found =
        if grid.len() > 1 { Some(search(&grid, &cross_validation, options.seed, &fitted)?) } else { None };
    let estimator = grid[found.as_ref().map_or(0, |found| found.best)];
    let compared = search(&[estimator], &comparison, options.seed, &fitted)?;
    let member = estimator.fit_with_copies(training, options.masked_copies, options.seed)?;
    fitted();
    let cross_validated = comparison.measure(&compared.out_of_fold);
    let point = |(estimator, result): (&Estimator, Result<Figures, FitError>)| GridPoint {
        parameters: estimator.parameters(),
        error: result.as_ref().err().map(ToString::to_string),
        cross_validated: result.ok().map(|figures| round_figures(&figures)),
    };
    Ok(Contender {
        family,
        estimators: vec![estimator],
        cross_validated,
        grid: grid.iter().zip(found.map_or(compared.points, |found| found.points)).map(point).collect(),
        out_of_fold: compared.out_of_fold,
        members: vec![member],
    })
}

/// The probability of every vector of a cross-validation by an estimator that was not fitted on it, or the mean of those of
/// several.
///
/// # Errors
///
/// See [`FitError`].
pub(crate) fn out_of_fold(
    estimators: &[Estimator],
    cross_validation: &CrossValidation,
    seed: u64,
) -> Result<Vec<f64>, FitError> {
    let mut means = vec![0.0; cross_validation.data().len()];
    for estimator in estimators {
        let found = search(&[*estimator], cross_validation, seed, &|| ())?;
        for (mean, probability) in means.iter_mut().zip(found.out_of_fold) {
            *mean += probability / estimators.len() as f64;
        }
    }
    Ok(means)
}

/// The vote of the best two contenders, or of the best three where that one is better. `ranked` has the best first;
/// `None` where there are fewer than two.
pub(crate) fn soft_vote(
    ranked: &[Contender],
    training: &Dataset,
    options: &TrainOptions,
) -> Option<Contender> {
    let comparison = options.comparison(training);
    let mut grid = Vec::new();
    let mut best: Option<Contender> = None;
    for voters in VOTERS.filter_map(|count| ranked.get(..count)) {
        let mean = |place: usize| {
            let votes = voters.iter().filter_map(|voter| voter.out_of_fold.get(place));
            votes.sum::<f64>() / voters.len() as f64
        };
        let out_of_fold: Vec<f64> = (0..comparison.data().len()).map(mean).collect();
        let vote = Contender {
            family: Family::SoftVote,
            estimators: voters.iter().flat_map(|voter| voter.estimators.clone()).collect(),
            grid: Vec::new(),
            cross_validated: comparison.measure(&out_of_fold),
            out_of_fold,
            members: voters.iter().flat_map(|voter| voter.members.clone()).collect(),
        };
        let cross_validated = Some(round_figures(&vote.cross_validated));
        grid.push(GridPoint { parameters: vote.parameters(), cross_validated, error: None });
        let ahead = |best: &Contender| compare(&vote.cross_validated, &best.cross_validated).is_lt();
        if best.as_ref().is_none_or(ahead) {
            best = Some(vote);
        }
    }
    best.map(|best| Contender { grid, ..best })
}

impl Contender {
    /// The best point's parameters by name; of a vote, the families that vote.
    #[must_use]
    pub fn parameters(&self) -> BTreeMap<String, String> {
        match &self.estimators[..] {
            [estimator] => estimator.parameters(),
            members => {
                let families: Vec<_> = members.iter().map(|member| member.family().as_str()).collect();
                BTreeMap::from([("members".to_owned(), families.join(", "))])
            }
        }
    }

    /// Its line in the card.
    #[must_use]
    pub fn card(&self, held_out: &Dataset) -> Candidate {
        let probability = |vector| lurelight_model::vote(&self.members, vector);
        let held_out = Ranking::new(&score(held_out, probability)).measure(0.5).figures;
        Candidate {
            family: self.family,
            parameters: self.parameters(),
            grid_points: self.grid.len() as u64,
            cross_validated: round_figures(&self.cross_validated),
            held_out: round_figures(&held_out),
        }
    }
}

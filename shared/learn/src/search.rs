//! Searching a grid by grouped stratified cross-validation.
//!
//! Points that differ in nothing but their number of trees are one ladder: the longest ensemble is fitted, and the
//! scores of its first trees are those of the shorter ones. Ladders of boosting that differ in their learning rate alone are
//! fitted together, because they draw the same rows.

use std::cmp::Ordering;

use lurelight_model::{Classifier, Figures, Member, ScoreUnit, TreeNode, Trees};
use lurelight_schema::FeatureVector;
use rayon::prelude::*;

use crate::metrics::{Ranking, Scored, mean};
use crate::split::grouped_stratified;
use crate::walk::Walk;
use crate::{Dataset, Estimator, FitError};

/// A division of distinct vectors into folds.
#[derive(Clone, Debug)]
pub struct CrossValidation {
    data: Dataset,
    folds: Vec<usize>,
    k: usize,
    masked_copies: Option<usize>,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The place of the best point in the grid.
    pub best: usize,
    /// Of each point of the grid, the means over the folds at probability one half, or why it was not fitted.
    pub points: Vec<Result<Figures, FitError>>,
    /// The best point's probability of every vector, by the model that was not fitted on it, in the order of
    /// [`CrossValidation::data`].
    pub out_of_fold: Vec<f64>,
}

/// Points of a grid that differ in nothing but their number of trees.
pub(crate) struct Ladder {
    pub(crate) longest: Estimator,
    /// Numbers of trees, rising, each with the place of its point in the grid.
    pub(crate) steps: Vec<(usize, usize)>,
}

impl Ladder {
    /// The numbers of trees.
    pub(crate) fn counts(&self) -> Vec<usize> {
        self.steps.iter().map(|(count, _)| *count).collect()
    }
}

/// What cross-validation found of ladders: figures by step, and the best step's scores.
struct Climbed {
    figures: Vec<(usize, Result<Figures, FitError>)>,
    best: Option<Best>,
}

struct Best {
    place: usize,
    figures: Figures,
    out_of_fold: Vec<f64>,
}

impl CrossValidation {
    /// Divides the distinct vectors of `data` into `k` folds.
    #[must_use]
    pub fn new(data: Dataset, k: usize, seed: u64) -> CrossValidation {
        let folds = grouped_stratified(&data, k, seed);
        CrossValidation { data, folds, k, masked_copies: None }
    }

    /// The same with masked copies of the rows that are fitted on, of those alone; `None`: as many as an estimator asks
    /// for.
    #[must_use]
    pub fn with_masked_copies(self, masked_copies: Option<usize>) -> CrossValidation {
        CrossValidation { masked_copies, ..self }
    }

    /// How many folds there are.
    #[must_use]
    pub const fn k(&self) -> usize {
        self.k
    }

    /// The vectors that are divided.
    #[must_use]
    pub const fn data(&self) -> &Dataset {
        &self.data
    }

    /// The fold of each vector, in the order of [`CrossValidation::data`].
    #[must_use]
    pub fn folds(&self) -> &[usize] {
        &self.folds
    }

    /// What out-of-fold probabilities measure at one half, fold by fold.
    #[must_use]
    pub fn by_fold(&self, out_of_fold: &[f64]) -> Vec<Figures> {
        let of = |fold: usize| {
            let inside =
                self.data.rows().iter().zip(out_of_fold).zip(&self.folds).filter(|(_, f)| **f == fold);
            let scored: Vec<Scored> = inside.map(|((row, p), _)| Scored::new(row, *p)).collect();
            Ranking::new(&scored).measure(0.5).figures
        };
        (0..self.k).map(of).collect()
    }

    /// The means over the folds of what out-of-fold probabilities measure at one half.
    #[must_use]
    pub fn measure(&self, out_of_fold: &[f64]) -> Figures {
        mean(&self.by_fold(out_of_fold))
    }

    fn part(&self, keep: impl Fn(usize) -> bool) -> Dataset {
        let mut folds = self.folds.iter();
        self.data.filter(|_| folds.next().is_some_and(|fold| keep(*fold)))
    }

    /// Fits ladders that can be fitted together on all folds but one, for each of them. `fitted` is called after each
    /// fit.
    fn climb(&self, ladders: &[Ladder], seed: u64, fitted: &(dyn Fn() + Sync)) -> Climbed {
        // For each fold, for each ladder, for each step, the probabilities of its vectors.
        let folds: Result<Vec<Vec<Vec<Vec<f64>>>>, FitError> = (0..self.k)
            .into_par_iter()
            .map(|fold| {
                let train = self.part(|f| f != fold);
                let members = fit_longest(ladders, &train, self.masked_copies, seed);
                ladders.iter().for_each(|_| fitted());
                let inside = self.part(|f| f == fold);
                let staged = |(member, ladder): (Member, &Ladder)| staged(&member, &inside, &ladder.counts());
                Ok(members?.into_iter().zip(ladders).map(staged).collect())
            })
            .collect();
        let folds = match folds {
            Ok(folds) => folds,
            Err(error) => {
                let places = ladders.iter().flat_map(|ladder| &ladder.steps);
                let failed = places.map(|(_, place)| (*place, Err(error.clone())));
                return Climbed { figures: failed.collect(), best: None };
            }
        };
        let mut best: Option<Best> = None;
        let mut figures = Vec::new();
        for (number, ladder) in ladders.iter().enumerate() {
            for (step, (_, place)) in ladder.steps.iter().enumerate() {
                let mut parts: Vec<_> = folds.iter().map(|fold| fold[number][step].iter()).collect();
                let out_of_fold: Vec<f64> =
                    self.folds.iter().filter_map(|fold| parts[*fold].next().copied()).collect();
                let found = Best { place: *place, figures: self.measure(&out_of_fold), out_of_fold };
                figures.push((*place, Ok(found.figures)));
                best = Some(match best {
                    Some(best) => best.or(found),
                    None => found,
                });
            }
        }
        Climbed { figures, best }
    }
}

impl Best {
    /// The better of two; of equals the one that comes first in the grid.
    fn or(self, other: Best) -> Best {
        match compare(&self.figures, &other.figures).then(self.place.cmp(&other.place)) {
            Ordering::Greater => other,
            _ => self,
        }
    }
}

/// How many models [`search`] fits for a grid.
#[must_use]
pub fn fits(grid: &[Estimator], cross_validation: &CrossValidation) -> usize {
    ladders(grid).len() * cross_validation.k()
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
) -> Result<Found, FitError> {
    let climbed = together(ladders(grid))
        .par_iter()
        .map(|ladders| cross_validation.climb(ladders, seed, fitted))
        .reduce_with(|mut a, b| {
            a.figures.extend(b.figures);
            let best = match (a.best, b.best) {
                (Some(a), Some(b)) => Some(a.or(b)),
                (a, b) => a.or(b),
            };
            Climbed { figures: a.figures, best }
        });
    let Some(Climbed { mut figures, best }) = climbed else { return Err(FitError::NoRows) };
    figures.sort_by_key(|(place, _)| *place);
    let points: Vec<_> = figures.into_iter().map(|(_, result)| result).collect();
    match (best, points.first()) {
        (Some(best), _) => Ok(Found { best: best.place, points, out_of_fold: best.out_of_fold }),
        (None, Some(Err(error))) => Err(error.clone()),
        (None, _) => Err(FitError::NoRows),
    }
}

pub(crate) fn ladders(grid: &[Estimator]) -> Vec<Ladder> {
    let mut ladders: Vec<Ladder> = Vec::new();
    for (place, estimator) in grid.iter().enumerate() {
        let count = estimator.n_estimators().unwrap_or(1);
        let alike = |ladder: &&mut Ladder| ladder.longest.with_n_estimators(count) == *estimator;
        match ladders.iter_mut().find(alike) {
            Some(ladder) => ladder.steps.push((count, place)),
            None => ladders.push(Ladder { longest: *estimator, steps: vec![(count, place)] }),
        }
    }
    for ladder in &mut ladders {
        ladder.steps.sort_unstable();
        if let Some((most, _)) = ladder.steps.last() {
            ladder.longest = ladder.longest.with_n_estimators(*most);
        }
    }
    ladders
}

/// Puts those together that can be fitted together.
pub(crate) fn together(ladders: Vec<Ladder>) -> Vec<Vec<Ladder>> {
    let mut groups: Vec<(Option<Estimator>, Vec<Ladder>)> = Vec::new();
    for ladder in ladders {
        let common = ladder.longest.but_for_learning_rate();
        match groups.iter_mut().find(|(other, _)| common.is_some() && *other == common) {
            Some((_, group)) => group.push(ladder),
            None => groups.push((common, vec![ladder])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Fits the longest ensembles of ladders that stand together, on the rows and as many masked copies of them.
pub(crate) fn fit_longest(
    ladders: &[Ladder],
    data: &Dataset,
    copies: Option<usize>,
    seed: u64,
) -> Result<Vec<Member>, FitError> {
    let longest: Vec<Estimator> = ladders.iter().map(|ladder| ladder.longest).collect();
    Estimator::fit_together(&longest, data, copies, seed)
}

/// For each number of trees, the probability of every vector of `data` by so many of the first trees. A
/// classifier that is no ensemble answers the same for each.
pub(crate) fn staged(member: &Member, data: &Dataset, counts: &[usize]) -> Vec<Vec<f64>> {
    match &member.classifier {
        Classifier::GradientBoosting { base, trees } => {
            staged_sums(trees, data, counts, |sum, _| ScoreUnit::LogOdds.probability(base + sum))
        }
        Classifier::ExtraTrees(trees) => {
            staged_sums(trees, data, counts, |sum, count| ScoreUnit::LogOdds.probability(sum / count as f64))
        }
        Classifier::RandomForest(trees) => staged_sums(trees, data, counts, |sum, count| sum / count as f64),
        Classifier::AdaBoost(trees) => {
            let weights = vote_weights(trees);
            staged_sums(trees, data, counts, |sum, count| ScoreUnit::Vote.probability(sum / weights[count]))
        }
        _ => {
            let probabilities: Vec<f64> =
                data.rows().iter().map(|row| member.probability(row.vector)).collect();
            vec![probabilities; counts.len()]
        }
    }
}

/// Goes through the trees once. `probability` makes one of a sum of leaves and the number of their trees.
fn staged_sums(
    trees: &Trees,
    data: &Dataset,
    counts: &[usize],
    probability: impl Fn(f64, usize) -> f64,
) -> Vec<Vec<f64>> {
    let mut sums = vec![0.0; data.len()];
    let mut stages = Vec::with_capacity(counts.len());
    let (mut left, mut added) = (trees.iter(), 0);
    for &count in counts {
        for nodes in left.by_ref().take(count.saturating_sub(added)) {
            Walk::new(&nodes).add(data.rows(), &mut sums);
            added += 1;
        }
        stages.push(sums.iter().map(|sum| probability(*sum, added)).collect());
    }
    stages
}

/// The sums of the first 0, 1, 2, … values.
fn prefix_sums(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sums = vec![0.0];
    let mut sum = 0.0;
    for value in values {
        sum += value;
        sums.push(sum);
    }
    sums
}

/// The weights of the first 0, 1, 2, … stumps together.
fn vote_weights(trees: &Trees) -> Vec<f64> {
    let weight = |stump: Vec<TreeNode>| {
        let value = |node: &TreeNode| if let TreeNode::Leaf(leaf) = node { leaf.value.abs() } else { 0.0 };
        stump.iter().map(value).fold(0.0, f64::max)
    };
    prefix_sums(trees.iter().map(weight))
}

/// The better figures first: the higher F1 of phishing, then the lower log-loss.
#[must_use]
pub fn compare(a: &Figures, b: &Figures) -> Ordering {
    b.f1.total_cmp(&a.f1).then(a.log_loss.total_cmp(&b.log_loss))
}

/// Each distinct vector of `data` with its probability.
#[must_use]
pub fn score(data: &Dataset, probability: impl Fn(FeatureVector) -> f64 + Sync) -> Vec<Scored> {
    data.rows().par_iter().map(|row| Scored::new(row, probability(row.vector))).collect()
}

#[cfg(test)]
mod tests {
    use lurelight_model::Family;

    use super::*;
    use crate::grid;
    use crate::synthetic::Statistics;

    /// Steps of a ladder are the shorter ensembles themselves.
    #[test]
    fn a_ladder_scores_as_its_points_fitted_one_by_one() {
        let records: Vec<_> = Statistics::built_in().unwrap().generate(5).take(600).collect();
        let data = Dataset::new(&records);
        let (train, test) =
            (data.filter(|row| row.vector.bits() % 3 > 0), data.filter(|row| row.vector.bits() % 3 == 0));
        for family in [
            Family::AdaBoost,
            Family::RandomForest,
            Family::GradientBoosting,
            Family::ExtraTrees,
            Family::DecisionTree,
        ] {
            let grid = grid(family);
            let group = together(ladders(&grid)).into_iter().next().unwrap();
            let members = fit_longest(&group, &train, None, 7).unwrap();
            for (ladder, member) in group.iter().zip(members).take(2) {
                let all = staged(&member, &test, &ladder.counts());
                for (probabilities, (_, place)) in all.iter().zip(&ladder.steps) {
                    let alone = grid[*place].fit(&train, 7).unwrap();
                    for (row, staged) in test.rows().iter().zip(probabilities) {
                        let expected = alone.probability(row.vector);
                        assert!((staged - expected).abs() < 1e-12, "{family} {:?}", grid[*place]);
                    }
                }
            }
        }
    }

    #[test]
    fn every_point_of_a_grid_stands_on_one_ladder() {
        for family in Family::ALL {
            let grid = grid(family);
            let ladders = together(ladders(&grid)).into_iter().flatten();
            let mut places: Vec<usize> = ladders.flat_map(|l| l.steps).map(|(_, place)| place).collect();
            places.sort_unstable();
            assert_eq!(places, (0..grid.len()).collect::<Vec<_>>(), "{family}");
        }
        let boosting = ladders(&grid(Family::GradientBoosting));
        assert_eq!(boosting.len(), 20);
        assert!(together(boosting).iter().map(Vec::len).eq([4; 5]));
    }
}

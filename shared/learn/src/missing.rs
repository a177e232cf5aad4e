//! Assessing what holes in the rows to be judged cost, by the way in which they are met.

use lurelight_model::{Family, Figures, Member};
use lurelight_schema::Record;
use rayon::prelude::*;
use serde::Serialize;

use crate::contend::{Contender, contend};
use crate::evaluate::{round_figures, rounded};
use crate::holes::{with_holes, with_masked_copies};
use crate::impute::{NEIGHBOURS, fit_nearest_neighbours};
use crate::metrics::{Ranking, mean, sample_deviation};
use crate::search::score;
use crate::split::{TRAINING_FOLDS, grouped_stratified, in_folds};
use crate::train::{Progress, Stage, TrainError, TrainOptions, check_parts};
use crate::{Dataset, Estimator, FitError};

/// The shares of missing cells.
pub const SHARES: [f64; 4] = [0.0, 0.05, 0.2, 0.5];
/// Of ten grouped folds, those that are tested: three, so that seven parts of ten are learnt.
const TEST_FOLDS: std::ops::Range<usize> = 0..3;

/// How many copies are many.
pub const MANY_COPIES: usize = 16;

/// How holes are met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// The classifier takes them as they are, and has learnt from rows without any.
    Native,
    /// They are filled by the nearest neighbours among the rows learnt.
    Imputed,
    /// The classifier takes them as they are, and has learnt from one masked copy as well.
    OneCopy,
    /// The same with [`MANY_COPIES`].
    ManyCopies,
}

impl Way {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Way::Native => "as they are",
            Way::Imputed => "imputed",
            Way::OneCopy => "1 masked copy",
            Way::ManyCopies => "16 masked copies",
        }
    }
}

/// Families, by the way in which they meet holes, on rows with more and more of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MissingAssessment {
    /// Shares of missing cells.
    pub shares: Vec<f64>,
    /// Each seed divides the rows, masks cells and fits anew.
    pub seeds: Vec<u64>,
    /// Tested rows, seed by seed.
    pub tested_rows: Vec<u64>,
    /// Families and ways.
    pub results: Vec<MissingResult>,
}

/// A family that meets holes in one way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MissingResult {
    /// The family.
    pub family: Family,
    /// The way.
    pub way: Way,
    /// One a share: means over the seeds, at probability one half.
    pub figures: Vec<Figures>,
    /// One a share: standard deviations over the seeds; none for one seed.
    pub spread: Option<Vec<Figures>>,
}

/// The rows of one seed.
pub struct Parts {
    /// Learnt.
    pub train: Dataset,
    /// Learnt with one masked copy.
    pub one_copy: Dataset,
    /// Learnt with [`MANY_COPIES`].
    pub many_copies: Dataset,
    /// Tested, a share each.
    pub tests: Vec<Dataset>,
}

/// Seven parts of ten to learn and three to test, identical vectors on one side, the former with masked copies beside
/// them and the latter with holes.
#[must_use]
pub fn parts(data: &Dataset, seed: u64) -> Parts {
    let folds = grouped_stratified(data, 10, seed);
    let part = |inside: bool| {
        let mut folds = folds.iter();
        data.filter(|_| folds.next().is_some_and(|fold| TEST_FOLDS.contains(fold) == inside))
    };
    let (train, test) = (part(false), part(true));
    let tests = SHARES.map(|share| with_holes(&test, share, seed)).to_vec();
    Parts {
        one_copy: with_masked_copies(&train, 1, seed),
        many_copies: with_masked_copies(&train, MANY_COPIES, seed),
        train,
        tests,
    }
}

/// Assesses the families of `options` on rows whose cells are missing at random.
///
/// # Errors
///
/// See [`TrainError`].
pub fn assess_missing(
    records: &[Record],
    options: &TrainOptions,
    seeds: &[u64],
    progress: &dyn Progress,
) -> Result<MissingAssessment, TrainError> {
    options.check()?;
    let data = Dataset::new(records);
    check_parts(&data, options.cv_folds)?;
    let training = in_folds(&data, TRAINING_FOLDS);
    let contenders: Result<Vec<Contender>, FitError> =
        options.searched().map(|family| contend(family, &training, options, progress)).collect();
    let estimators: Vec<Estimator> =
        contenders?.iter().flat_map(|contender| contender.estimators.clone()).collect();
    progress.begin(Stage::Holes, seeds.len() as u64);
    let measured: Result<Vec<_>, FitError> = seeds
        .par_iter()
        .map(|seed| {
            let parts = parts(&data, *seed);
            let measured = one_seed(&estimators, &parts, *seed);
            progress.advance();
            Ok((parts.tests[0].row_count(), measured?))
        })
        .collect();
    let measured = measured?;
    let find = |all: &[Measured], wanted: (Family, Way)| {
        all.iter().find(|(family, way, _)| (*family, *way) == wanted).map(|(.., figures)| figures.clone())
    };
    let of_all = |wanted| measured.iter().map(|(_, all)| find(all, wanted)).collect::<Option<Vec<_>>>();
    let ways = measured.first().map(|(_, all)| all.iter().map(|(family, way, _)| (*family, *way)));
    // What could not be fitted with one of the seeds is left out.
    let result = |(family, way): (Family, Way)| {
        let all = of_all((family, way))?;
        let at = |share: usize| all.iter().map(|figures| figures[share]).collect::<Vec<_>>();
        let shares = 0..SHARES.len();
        Some(MissingResult {
            family,
            way,
            figures: shares.clone().map(|share| round_figures(&mean(&at(share)))).collect(),
            spread: (seeds.len() > 1).then(|| shares.map(|share| deviation(&at(share))).collect()),
        })
    };
    Ok(MissingAssessment {
        shares: SHARES.to_vec(),
        seeds: seeds.to_vec(),
        tested_rows: measured.iter().map(|(rows, _)| *rows).collect(),
        results: ways.into_iter().flatten().filter_map(result).collect(),
    })
}

type Measured = (Family, Way, Vec<Figures>);

fn one_seed(estimators: &[Estimator], parts: &Parts, seed: u64) -> Result<Vec<Measured>, FitError> {
    let imputer = fit_nearest_neighbours(&parts.train, NEIGHBOURS, seed)?;
    let measure = |probability: &(dyn Fn(lurelight_schema::FeatureVector) -> f64 + Sync)| -> Vec<Figures> {
        let of = |test: &Dataset| Ranking::new(&score(test, probability)).measure(0.5).figures;
        parts.tests.iter().map(of).collect()
    };
    let mut all = Vec::new();
    for estimator in estimators {
        let family = estimator.family();
        let clean: Member = estimator.fit_with_copies(&parts.train, Some(0), seed)?;
        if !estimator.needs_imputer() {
            all.push((family, Way::Native, measure(&|vector| clean.probability(vector))));
            for (way, copies) in [(Way::OneCopy, 1), (Way::ManyCopies, MANY_COPIES)] {
                match estimator.fit_with_copies(&parts.train, Some(copies), seed) {
                    Ok(masked) => all.push((family, way, measure(&|vector| masked.probability(vector)))),
                    // Full trees on so many rows may be more than an artifact carries.
                    Err(FitError::Trees(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let filled = |vector| clean.classifier.probability(imputer.fill(vector));
        all.push((family, Way::Imputed, measure(&filled)));
    }
    Ok(all)
}

/// Standard deviations of a sample.
fn deviation(all: &[Figures]) -> Figures {
    Figures::ACCESSORS.map(|metric| rounded(sample_deviation(&all.iter().map(metric).collect::<Vec<_>>())))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::synthetic::Statistics;

    #[test]
    fn tested_rows_are_new_and_lose_cells() {
        let records: Vec<Record> = Statistics::built_in().unwrap().generate(5).take(1_000).collect();
        let data = Dataset::new(&records);
        let Parts { train, one_copy, many_copies, tests } = parts(&data, 1);
        let learnt: HashSet<_> = train.rows().iter().map(|row| row.vector).collect();
        assert!(tests[0].rows().iter().all(|row| !learnt.contains(&row.vector)));
        assert_eq!(train.merged(&tests[0]), data);
        assert_eq!(one_copy.row_count(), 2 * train.row_count());
        assert_eq!(many_copies.row_count(), 17 * train.row_count());
        assert!((0.27..0.33).contains(&(tests[3].row_count() as f64 / data.row_count() as f64)));
    }

    #[test]
    fn holes_cost_something_and_every_way_is_measured() {
        let records: Vec<Record> = Statistics::built_in().unwrap().generate(5).take(1_500).collect();
        let families = vec![Family::DecisionTree, Family::GradientBoosting, Family::LogisticRegression];
        let options = TrainOptions { families, ..TrainOptions::default() };
        let assessed = assess_missing(&records, &options, &[1, 2], &()).unwrap();
        let ways: Vec<_> = assessed.results.iter().map(|result| (result.family, result.way)).collect();
        assert_eq!(ways.len(), 9);
        assert!(ways.contains(&(Family::LogisticRegression, Way::Imputed)));
        assert!(!ways.contains(&(Family::LogisticRegression, Way::Native)));
        for result in &assessed.results {
            assert!(result.figures[3].accuracy < result.figures[0].accuracy, "{result:?}");
            assert_eq!(result.spread.as_ref().map(Vec::len), Some(4));
        }
        // Without holes, imputing changes nothing.
        let of = |way| assessed.results.iter().find(|r| r.family == Family::GradientBoosting && r.way == way);
        assert_eq!(of(Way::Native).unwrap().figures[0], of(Way::Imputed).unwrap().figures[0]);
    }
}

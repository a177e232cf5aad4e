//! The protocol of this project's predecessor, to be held against other programs that follow it.
//!
//! Rows are split at random, seven parts to train and three to test; holes are filled by a KNN imputer fitted on the
//! rows to train on; six families are tuned by 3-fold cross-validation of rows for the best accuracy, fitted on all
//! rows to train on, and tested. Identical rows stand on both sides of each of these splits, so its figures flatter:
//! nothing that is served is chosen by it.

use std::collections::BTreeMap;

use lurelight_model::{Family, Figures};
use lurelight_schema::{Label, Record};
use rayon::prelude::*;
use serde::Serialize;

use crate::impute::{NEIGHBOURS, fit_nearest_neighbours};
use crate::metrics::{Ranking, Scored};
use crate::random::{shuffle, stream};
use crate::search::{fit_longest, ladders, staged, together};
use crate::split::random_70_30_places;
use crate::{
    AdaBoostParams, Criterion, Dataset, DecisionTreeParams, Estimator, FitError, GradientBoostingParams,
    Limits, LogisticRegressionParams, NearestNeighboursParams, RandomForestParams,
};

/// How many folds the predecessor's cross-validation has.
const FOLDS: usize = 3;

/// Which grid of gradient boosting is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boosting {
    /// Its defaults: what the predecessor's code did.
    Defaults,
    /// The 120 points that it meant.
    Full,
}

/// What became of the protocol.
#[derive(Clone, Debug, Serialize)]
pub struct Tested {
    /// The places of the records that were tested on, rising.
    pub test_rows: Vec<usize>,
    /// The families, in the predecessor's order.
    pub families: Vec<TestedFamily>,
}

/// A family, tuned and tested.
#[derive(Clone, Debug, Serialize)]
pub struct TestedFamily {
    /// Its name.
    pub family: Family,
    /// The best point of its grid.
    pub parameters: BTreeMap<String, String>,
    /// That point's mean accuracy over the folds.
    pub cross_validated_accuracy: f64,
    /// F1 with legitimate as the positive class, on the rows that it was fitted on.
    pub f1_legitimate_train: f64,
    /// On the rows tested.
    pub test: TestFigures,
}

/// Figures at probability one half.
#[derive(Clone, Debug, Serialize)]
pub struct TestFigures {
    /// F1 with legitimate as the positive class.
    pub f1_legitimate: f64,
    /// The metrics with phishing as the positive class.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Runs the protocol. `begun` hears of each family before it is tuned.
///
/// # Errors
///
/// See [`FitError`].
pub fn run(
    records: &[Record],
    seed: u64,
    boosting: Boosting,
    begun: &mut dyn FnMut(Family),
) -> Result<Tested, FitError> {
    let (train, mut test) = random_70_30_places(records.len(), seed);
    test.sort_unstable();
    let of = |places: &[usize]| places.iter().map(|place| records[*place]).collect::<Vec<_>>();
    let imputer = fit_nearest_neighbours(&Dataset::new(&of(&train)), NEIGHBOURS, seed)?;
    let filled = |records: Vec<Record>| -> Vec<Record> {
        records.par_iter().map(|record| Record { vector: imputer.fill(record.vector), ..*record }).collect()
    };
    let (train, tested) = (filled(of(&train)), Dataset::new(&filled(of(&test))));
    let folds = Folds::new(&train, seed);
    let train = Dataset::new(&train);
    let mut families = Vec::new();
    for grid in grids(boosting) {
        let Some(family) = grid.first().map(Estimator::family) else { continue };
        begun(family);
        let (best, cross_validated_accuracy) = folds.search(&grid, seed)?;
        let member = grid[best].fit(&train, seed)?;
        let ranked = |data: &Dataset| {
            let vectors: Vec<_> = data.rows().iter().map(|row| row.vector).collect();
            let scored = data.rows().iter().zip(member.probabilities(&vectors));
            Ranking::new(&scored.map(|(row, probability)| Scored::new(row, probability)).collect::<Vec<_>>())
        };
        let ranking = ranked(&tested);
        families.push(TestedFamily {
            family,
            parameters: grid[best].parameters(),
            cross_validated_accuracy,
            f1_legitimate_train: f1_legitimate(&ranked(&train)),
            test: TestFigures {
                f1_legitimate: f1_legitimate(&ranking),
                figures: ranking.measure(0.5).figures,
            },
        });
    }
    Ok(Tested { test_rows: test, families })
}

/// F1 with legitimate as the positive class, at probability one half.
pub(crate) fn f1_legitimate(ranking: &Ranking) -> f64 {
    let confusion = ranking.confusion(0.5);
    let right = 2.0 * confusion.true_negatives as f64;
    right / (right + (confusion.false_negatives + confusion.false_positives) as f64)
}

/// For each fold, the rows outside it and those inside it.
struct Folds([(Dataset, Dataset); FOLDS]);

impl Folds {
    /// Deals the rows of either label out in random order, so that each fold has as many.
    fn new(records: &[Record], seed: u64) -> Folds {
        let mut shuffled = records.to_vec();
        shuffle(&mut shuffled, &mut stream(seed, &[0x726f_7773_6376]));
        shuffled.sort_by_key(|record| record.label == Label::Phishing);
        Folds(std::array::from_fn(|fold| {
            let part = |inside: bool| {
                let dealt = shuffled.iter().enumerate().filter(|(i, _)| (i % FOLDS == fold) == inside);
                Dataset::new(&dealt.map(|(_, record)| *record).collect::<Vec<_>>())
            };
            (part(false), part(true))
        }))
    }

    /// The first of the points with the highest mean accuracy, and that accuracy.
    fn search(&self, grid: &[Estimator], seed: u64) -> Result<(usize, f64), FitError> {
        let climbed: Result<Vec<Vec<(usize, f64)>>, FitError> = together(ladders(grid))
            .par_iter()
            .map(|ladders| {
                let mut right: Vec<Vec<f64>> = ladders.iter().map(|l| vec![0.0; l.steps.len()]).collect();
                for (train, test) in &self.0 {
                    let members = fit_longest(ladders, train, None, seed)?;
                    for ((member, ladder), right) in members.iter().zip(ladders).zip(&mut right) {
                        for (sum, probabilities) in
                            right.iter_mut().zip(staged(member, test, &ladder.counts()))
                        {
                            *sum += accuracy(test, &probabilities) / FOLDS as f64;
                        }
                    }
                }
                let places = ladders.iter().flat_map(|ladder| &ladder.steps).map(|(_, place)| *place);
                Ok(places.zip(right.into_iter().flatten()).collect())
            })
            .collect();
        let points = climbed?.into_iter().flatten();
        points.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).ok_or(FitError::NoRows)
    }
}

fn accuracy(data: &Dataset, probabilities: &[f64]) -> f64 {
    let right = |(row, probability): (&crate::DistinctRow, &f64)| {
        u64::from(if *probability >= 0.5 { row.phishing } else { row.legitimate })
    };
    data.rows().iter().zip(probabilities).map(right).sum::<u64>() as f64 / data.row_count() as f64
}

/// The predecessor's grids, with scikit-learn's defaults for what they do not name. Its `log_loss` criterion is
/// `entropy` by another name, so it is not tried twice.
fn grids(boosting: Boosting) -> Vec<Vec<Estimator>> {
    let sizes = [8, 16, 32, 64, 128, 256];
    let trees = [Criterion::Gini, Criterion::Entropy]
        .map(|criterion| Estimator::DecisionTree(DecisionTreeParams { criterion, ..Default::default() }));
    let forests = [8, 16, 32, 128, 256].map(|n_estimators| {
        Estimator::RandomForest(RandomForestParams { n_estimators, ..Default::default() })
    });
    let stumps = [0.1, 0.01, 0.001].map(|learning_rate| {
        sizes.map(|n_estimators| Estimator::AdaBoost(AdaBoostParams { n_estimators, learning_rate }))
    });
    vec![
        vec![Estimator::LogisticRegression(LogisticRegressionParams::default())],
        trees.to_vec(),
        forests.to_vec(),
        stumps.concat(),
        vec![Estimator::NearestNeighbours(NearestNeighboursParams::default())],
        boosted(boosting),
    ]
}

/// Trees of depth 3 down to single rows.
fn boosted(boosting: Boosting) -> Vec<Estimator> {
    let limits = Limits { max_depth: Some(3), ..Limits::FREE };
    let default = GradientBoostingParams { limits, ..Default::default() };
    let mut grid = Vec::new();
    if boosting == Boosting::Defaults {
        return vec![Estimator::GradientBoosting(default)];
    }
    for learning_rate in [0.1, 0.01, 0.05, 0.001] {
        for subsample in [0.6, 0.7, 0.75, 0.85, 0.9] {
            for n_estimators in [8, 16, 32, 64, 128, 256] {
                let params = GradientBoostingParams { learning_rate, subsample, n_estimators, ..default };
                grid.push(Estimator::GradientBoosting(params));
            }
        }
    }
    grid
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::Statistics;

    #[test]
    fn six_families_are_tuned_on_seven_parts_and_tested_on_three() {
        let records: Vec<Record> = Statistics::built_in().unwrap().generate(5).take(1_001).collect();
        let mut begun = Vec::new();
        let tested = run(&records, 3, Boosting::Defaults, &mut |family| begun.push(family)).unwrap();
        assert_eq!(tested.test_rows.len(), 301);
        assert!(tested.test_rows.is_sorted() && tested.test_rows[300] < 1_001);
        assert_eq!(begun, tested.families.iter().map(|family| family.family).collect::<Vec<_>>());
        assert_eq!(begun.len(), 6);
        for family in &tested.families {
            assert!(family.f1_legitimate_train > family.test.f1_legitimate - 0.03, "{family:?}");
            // Synthetic classes differ clearly.
            assert!(family.test.figures.roc_auc > 0.85, "{family:?}");
            assert!(
                (family.test.figures.accuracy - family.cross_validated_accuracy).abs() < 0.08,
                "{family:?}"
            );
        }
        // The single tree knows its rows by heart.
        assert!(tested.families[1].f1_legitimate_train > 0.99);
    }

    #[test]
    fn the_grids_are_the_predecessors() {
        let points = |boosting| grids(boosting).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(points(Boosting::Defaults), [1, 2, 5, 18, 1, 1]);
        assert_eq!(points(Boosting::Full), [1, 2, 5, 18, 1, 120]);
    }
}

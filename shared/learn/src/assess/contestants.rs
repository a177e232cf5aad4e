//! Fitting and testing everybody in the rounds of a division.

use std::collections::BTreeMap;

use lurelight_model::{Figures, Model, vote};
use rayon::prelude::*;

use super::{AssessOptions, Contestant};
use crate::conclude::{calibrated_model, ranked};
use crate::contend::{Contender, contend, out_of_fold};
use crate::division::{Division, Protocol};
use crate::metrics::{Ranking, Scored, mean};
use crate::train::{Progress, TrainError, TrainOptions};
use crate::{Dataset, DistinctRow, Estimator, FitError};

/// What one contestant was tested on: distinct vectors of one round or of several.
#[derive(Clone, Default)]
pub(super) struct Tested {
    /// The place of each vector in the dataset.
    pub(super) vectors: Vec<usize>,
    pub(super) scored: Vec<Scored>,
    /// Whether each was called phishing.
    pub(super) called: Vec<bool>,
}

impl Tested {
    fn ranking(&self) -> Ranking {
        Ranking::new(&self.scored).decided(&self.called)
    }
}

/// One contestant by one protocol with one seed.
pub(super) struct Pooled {
    pub(super) tested: Tested,
    pub(super) ranking: Ranking,
    /// The vector of each place of the ranking.
    pub(super) vectors: Vec<usize>,
    pub(super) fold_means: Figures,
}

/// Who is assessed: the best of each family by the search on folds 3 to 9, and, last, the first of them as a training
/// finishes it, with its calibration and threshold.
pub(super) struct Contestants<'a> {
    pub(super) ranked: &'a [Contender],
    pub(super) options: &'a AssessOptions,
}

impl Contestants<'_> {
    pub(super) fn named(&self) -> Vec<Contestant> {
        let family = |contender: &Contender| Contestant {
            name: contender.family.slug().to_owned(),
            family: contender.family,
            parameters: if self.options.search { BTreeMap::new() } else { contender.parameters() },
        };
        let champion =
            self.ranked.first().map(|first| Contestant { name: "champion".to_owned(), ..family(first) });
        self.ranked.iter().map(family).chain(champion).collect()
    }

    /// Fits and tests everybody in all rounds of a division; for each contestant what it was tested on.
    pub(super) fn test(
        &self,
        data: &Dataset,
        protocol: Protocol,
        division: &Division,
        seed: u64,
        progress: &dyn Progress,
    ) -> Result<Vec<Pooled>, TrainError> {
        let training = TrainOptions { seed, ..self.options.training.clone() };
        let rounds: Result<Vec<Vec<Tested>>, TrainError> = (0..division.rounds())
            .into_par_iter()
            .map(|round| {
                let (train, test) = division.parts(data, round);
                check_labels(protocol, &train, &test, training.cv_folds)?;
                let tested = self.round(data, &train, &test, &training);
                progress.advance();
                tested
            })
            .collect();
        let rounds = rounds?;
        let pool = |contestant: usize| {
            let mut tested = Tested::default();
            let mut by_round = Vec::with_capacity(rounds.len());
            for round in rounds.iter().filter_map(|round| round.get(contestant)) {
                by_round.push(round.ranking().measure(0.5).figures);
                tested.vectors.extend(&round.vectors);
                tested.scored.extend(&round.scored);
                tested.called.extend(&round.called);
            }
            let ranking = tested.ranking();
            let vectors = ranking.sources().map(|place| tested.vectors[place]).collect();
            Pooled { vectors, ranking, tested, fold_means: mean(&by_round) }
        };
        Ok((0..=self.ranked.len()).map(pool).collect())
    }

    fn round(
        &self,
        data: &Dataset,
        train: &Dataset,
        test: &Dataset,
        training: &TrainOptions,
    ) -> Result<Vec<Tested>, TrainError> {
        let plain =
            |contender: &Contender| tested(data, test, 0.5, |row| vote(&contender.members, row.vector));
        let finished =
            |model: &Model| tested(data, test, model.threshold(), |row| model.probability(row.vector));
        if self.options.search {
            let contenders: Result<Vec<Contender>, FitError> =
                training.searched().map(|family| contend(family, train, training, &())).collect();
            let searched = ranked(contenders?, train, training);
            let of = |wanted: &Contender| searched.iter().find(|found| found.family == wanted.family);
            let mut all: Vec<Tested> =
                self.ranked.iter().map(|wanted| of(wanted).map(plain).unwrap_or_default()).collect();
            if let Some(champion) = searched.first() {
                let (members, out_of_fold) = (champion.members.clone(), &champion.out_of_fold);
                let comparison = training.comparison(train);
                all.push(finished(&calibrated_model(members, out_of_fold, &comparison, train, training)?.0));
            }
            return Ok(all);
        }
        let mut all = Vec::with_capacity(self.ranked.len() + 1);
        // The first of them, finished.
        let mut champion = None;
        for contender in self.ranked {
            let fit = |estimator: &Estimator| {
                estimator.fit_with_copies(train, training.masked_copies, training.seed)
            };
            let members: Result<Vec<_>, FitError> = contender.estimators.iter().map(fit).collect();
            let members = members?;
            all.push(tested(data, test, 0.5, |row| vote(&members, row.vector)));
            if champion.is_none() {
                let comparison = training.comparison(train);
                let out_of_fold = out_of_fold(&contender.estimators, &comparison, training.seed)?;
                champion = Some(calibrated_model(members, &out_of_fold, &comparison, train, training)?.0);
            }
        }
        all.extend(champion.map(|model| finished(&model)));
        Ok(all)
    }
}

fn tested(
    data: &Dataset,
    test: &Dataset,
    threshold: f64,
    probability: impl Fn(&DistinctRow) -> f64 + Sync,
) -> Tested {
    let scored: Vec<Scored> = test.rows().par_iter().map(|row| Scored::new(row, probability(row))).collect();
    let place = |row: &DistinctRow| {
        let found = data.rows().binary_search_by_key(&row.vector, |known| known.vector);
        found.unwrap_or_else(|place| place)
    };
    Tested {
        vectors: test.rows().iter().map(place).collect(),
        called: scored.iter().map(|scored| scored.probability >= threshold).collect(),
        scored,
    }
}

fn check_labels(
    protocol: Protocol,
    train: &Dataset,
    test: &Dataset,
    cv_folds: usize,
) -> Result<(), TrainError> {
    let (fitted, tested) = match protocol {
        Protocol::RandomKFold => {
            ("the rows to fit on in a fold of the random k-fold", "the rows to test in it")
        }
        Protocol::GroupedKFold => {
            ("the rows to fit on in a fold of the grouped k-fold", "the rows to test in it")
        }
        Protocol::HashSplit => ("folds 3 to 9 of the hash split", "folds 0 to 2 of the hash split"),
        Protocol::RandomSplit => {
            ("the rows to fit on of the random split", "the rows to test of the random split")
        }
    };
    for (part, data, least) in [(fitted, train, cv_folds), (tested, test, 1)] {
        let phishing = data.rows().iter().filter(|row| row.phishing > 0).count();
        let legitimate = data.rows().iter().filter(|row| row.legitimate > 0).count();
        if phishing < least || legitimate < least {
            return Err(TrainError::TooFewVectors { part, phishing, legitimate, least });
        }
    }
    Ok(())
}

//! From contenders to a model and its card.

use lurelight_model::{
    Artifact, Card, DataSummary, Family, FeatureCounts, HeldOut, Member, Model, ModelParts, RandomSplit, vote,
};
use lurelight_schema::{Code, CodeSet, Digest, FEATURE_COUNT, Feature, Label, Record};

use crate::calibrate::{calibrated, choose_calibration, choose_threshold};
use crate::contend::{Contender, soft_vote};
use crate::evaluate::{evaluate, round_figures, rounded, threshold_errors};
use crate::importance::importance;
use crate::metrics::{Ranking, Scored};
use crate::predecessor::f1_legitimate;
use crate::search::{CrossValidation, compare, score};
use crate::split::{self, DECISION_FOLDS, HELD_OUT_FOLDS, REPORT_FOLD, in_folds};
use crate::train::{Progress, Stage, TrainError, TrainOptions, Training};
use crate::{Dataset, Estimator, FitError};

/// F1 of two families that differ by no more is a tie: with other divisions into folds it moves by as much.
const F1_TIE: f64 = 0.001;

/// By how much F1 of a vote must be above that of the best of the others: it gives no reasons for its verdicts, and costs
/// as much as all of its members together.
const VOTE_MARGIN: f64 = 0.001;

/// Lets the contenders vote, picks the best, calibrates it, chooses its threshold, and measures it on folds 0 to 2,
/// here for the first time. `digest` names the records in the card.
///
/// # Errors
///
/// See [`TrainError`].
pub fn conclude(
    training: &Dataset,
    held_out: &Dataset,
    digest: Digest,
    contenders: Vec<Contender>,
    failed: Vec<(Family, FitError)>,
    options: &TrainOptions,
    progress: &dyn Progress,
) -> Result<Training, TrainError> {
    let contenders = ranked(contenders, training, options);
    let Some(champion) = contenders.first() else {
        let (family, source) = failed.into_iter().next().unwrap_or((Family::SoftVote, FitError::NoRows));
        return Err(TrainError::NoCandidate { family, source });
    };
    let comparison = options.comparison(training);
    let (model, out_of_fold) =
        calibrated_model(champion.members.clone(), &champion.out_of_fold, &comparison, training, options)?;

    let data = training.merged(held_out);
    progress.begin(Stage::Evaluate, 3);
    let held_out_figures = evaluate_held_out(&model, held_out, options.seed, progress);
    let scored = score(held_out, |vector| model.probability(vector));
    let thresholds = threshold_errors(&out_of_fold, &scored);
    progress.begin(Stage::RandomSplit, 1);
    let random_split = random_split(&champion.estimators, &data, options.masked_copies, options.seed)?;
    progress.advance();
    progress.begin(Stage::Importance, 1);
    let importance = importance(&model, held_out, options.seed);
    progress.advance();

    let artifact = Artifact::new(model)?;
    let card = Card {
        model: artifact.digest().to_string(),
        family: champion.family,
        parameters: champion.parameters(),
        score_unit: artifact.model().score_unit(),
        seed: options.seed,
        data: summary(digest, &data),
        calibration: artifact.model().calibration().clone(),
        threshold: artifact.model().threshold(),
        threshold_rule: options.threshold.to_string(),
        thresholds,
        candidates: contenders.iter().map(|contender| contender.card(held_out)).collect(),
        held_out: held_out_figures,
        random_split,
        category_counts: category_counts(training),
        importance,
    };
    let folds = |contender: &Contender| comparison.by_fold(&contender.out_of_fold);
    let by_fold = contenders
        .iter()
        .map(|contender| (contender.family, folds(contender).iter().map(round_figures).collect()))
        .collect();
    Ok(Training { artifact, card, by_fold, failed })
}

/// The contenders and their vote, where one was asked for, the champion first.
pub(crate) fn ranked(
    mut contenders: Vec<Contender>,
    training: &Dataset,
    options: &TrainOptions,
) -> Vec<Contender> {
    rank(&mut contenders);
    if options.families.contains(&Family::SoftVote) {
        contenders.extend(soft_vote(&contenders, training, options));
        rank(&mut contenders);
        prefer_reasons(&mut contenders);
    }
    contenders
}

/// Fitted estimators as a model, with the calibration and the threshold that the probabilities of the vectors of
/// `comparison`, each by a model that was not fitted on it, ask for. These come back calibrated.
pub(crate) fn calibrated_model(
    members: Vec<Member>,
    out_of_fold: &[f64],
    comparison: &CrossValidation,
    training: &Dataset,
    options: &TrainOptions,
) -> Result<(Model, Vec<Scored>), TrainError> {
    let rows = comparison.data().rows().iter().zip(out_of_fold);
    let out_of_fold: Vec<Scored> = rows.map(|(row, probability)| Scored::new(row, *probability)).collect();
    let calibration = choose_calibration(&out_of_fold, comparison.folds());
    let calibrated: Vec<Scored> = out_of_fold.iter().map(|s| calibrated(s, &calibration)).collect();
    let model = Model::new(ModelParts {
        known_codes: known_codes(training),
        members,
        threshold: choose_threshold(&calibrated, options.threshold),
        calibration,
    })?;
    Ok((model, calibrated))
}

/// The best first. A stable sort by family before: of equals the simpler one stays in front. Where F1 is within
/// [`F1_TIE`] of the best one, the least log-loss decides.
fn rank(contenders: &mut [Contender]) {
    contenders.sort_by_key(|contender| contender.family);
    contenders.sort_by(|a, b| compare(&a.cross_validated, &b.cross_validated));
    let Some(best) = contenders.first().map(|best| best.cross_validated.f1) else { return };
    let tied = contenders.partition_point(|contender| contender.cross_validated.f1 >= best - F1_TIE);
    contenders[..tied].sort_by(|a, b| a.cross_validated.log_loss.total_cmp(&b.cross_validated.log_loss));
}

/// Puts a vote behind the best of the others, unless it is better by [`VOTE_MARGIN`] at least, at a log-loss that is no
/// higher.
fn prefer_reasons(contenders: &mut [Contender]) {
    if let [vote, other, ..] = contenders
        && vote.family == Family::SoftVote
        && (vote.cross_validated.f1 < other.cross_validated.f1 + VOTE_MARGIN
            || vote.cross_validated.log_loss > other.cross_validated.log_loss)
    {
        std::mem::swap(vote, other);
    }
}

fn evaluate_held_out(model: &Model, data: &Dataset, seed: u64, progress: &dyn Progress) -> HeldOut {
    let part = |folds| {
        let scored = score(&in_folds(data, folds), |vector| model.probability(vector));
        let evaluation = evaluate(&scored, model.threshold(), seed);
        progress.advance();
        evaluation
    };
    HeldOut {
        decision: part(DECISION_FOLDS),
        report: part(REPORT_FOLD..=REPORT_FOLD),
        all: part(HELD_OUT_FOLDS),
    }
}

/// The predecessor's protocol for an estimator, or for a vote of several: rows split at random, so that most
/// tested vectors were trained on as well.
///
/// # Errors
///
/// See [`FitError`].
pub fn random_split(
    estimators: &[Estimator],
    data: &Dataset,
    masked_copies: Option<usize>,
    seed: u64,
) -> Result<RandomSplit, FitError> {
    let records: Vec<Record> = data.records().collect();
    let (train, test) = split::random_70_30(&records, seed);
    let (train, test) = (Dataset::new(&train), Dataset::new(&test));
    let members: Result<Vec<_>, _> =
        estimators.iter().map(|estimator| estimator.fit_with_copies(&train, masked_copies, seed)).collect();
    let members = members?;
    let scored = score(&test, |vector| vote(&members, vector));
    let ranking = Ranking::new(&scored);
    let seen = test.filter(|row| train.rows().binary_search_by_key(&row.vector, |seen| seen.vector).is_ok());
    Ok(RandomSplit {
        test_rows: test.row_count(),
        seen_share: rounded(seen.row_count() as f64 / test.row_count() as f64),
        f1_legitimate: rounded(f1_legitimate(&ranking)),
        figures: round_figures(&ranking.measure(0.5).figures),
    })
}

fn known_codes(data: &Dataset) -> [CodeSet; FEATURE_COUNT] {
    let counts = [Label::Phishing, Label::Legitimate].map(|label| data.code_counts(label));
    Feature::ALL.map(|feature| {
        let seen = |code: &Code| counts.iter().any(|counts| counts[feature.index()][*code as usize] > 0);
        Code::ALL.into_iter().filter(seen).fold(CodeSet::EMPTY, CodeSet::with)
    })
}

fn category_counts(data: &Dataset) -> Vec<FeatureCounts> {
    let [phishing, legitimate] = [Label::Phishing, Label::Legitimate].map(|label| data.code_counts(label));
    Feature::ALL
        .into_iter()
        .map(|feature| FeatureCounts {
            feature: feature.name().to_owned(),
            phishing: phishing[feature.index()],
            legitimate: legitimate[feature.index()],
        })
        .collect()
}

fn summary(digest: Digest, data: &Dataset) -> DataSummary {
    let missing = |row: &crate::DistinctRow| u64::from(row.vector.missing_count()) * u64::from(row.rows());
    DataSummary {
        digest: digest.to_string(),
        rows: data.row_count(),
        phishing: data.count(Label::Phishing),
        legitimate: data.count(Label::Legitimate),
        distinct_vectors: data.len() as u64,
        conflicting_vectors: data.conflicts(),
        missing_cells: data.rows().iter().map(missing).sum(),
        fold_rows: split::fold_rows(data),
    }
}

#[cfg(test)]
mod tests {
    use lurelight_model::Figures;

    use super::*;

    fn contender(family: Family, f1: f64, log_loss: f64) -> Contender {
        let figures = Figures::ACCESSORS.map(|_| 0.9);
        Contender {
            family,
            estimators: Vec::new(),
            grid: Vec::new(),
            cross_validated: Figures { f1, log_loss, ..figures },
            out_of_fold: Vec::new(),
            members: Vec::new(),
        }
    }

    /// The families in the order in which they come out.
    fn order(all: &[(Family, f64, f64)]) -> Vec<Family> {
        let mut contenders: Vec<Contender> =
            all.iter().map(|&(family, f1, log_loss)| contender(family, f1, log_loss)).collect();
        rank(&mut contenders);
        prefer_reasons(&mut contenders);
        contenders.iter().map(|contender| contender.family).collect()
    }

    #[test]
    fn log_loss_settles_what_f1_does_not() {
        use Family::{AdaBoost, Blend, GradientBoosting, RandomForest};
        let table = [
            (vec![(Blend, 0.940, 0.12), (RandomForest, 0.9411, 0.14)], vec![RandomForest, Blend]),
            (vec![(Blend, 0.940, 0.12), (RandomForest, 0.9409, 0.14)], vec![Blend, RandomForest]),
            // Who is within a tie of the second but not of the first stays behind.
            (
                vec![(AdaBoost, 0.9385, 0.1), (GradientBoosting, 0.9392, 0.2), (Blend, 0.94, 0.3)],
                vec![GradientBoosting, Blend, AdaBoost],
            ),
        ];
        for (all, expected) in table {
            assert_eq!(order(&all), expected);
        }
    }

    #[test]
    fn a_vote_wins_only_where_it_is_better_in_both() {
        use Family::{Blend, SoftVote};
        let table = [
            (0.9411, 0.12, SoftVote),
            (0.9411, 0.13, Blend),
            (0.9405, 0.11, Blend),
            (0.9395, 0.11, Blend),
            (0.9380, 0.10, Blend),
        ];
        for (f1, log_loss, first) in table {
            let found = order(&[(SoftVote, f1, log_loss), (Blend, 0.940, 0.12)]);
            assert_eq!(found[0], first, "{f1} {log_loss}");
        }
    }
}

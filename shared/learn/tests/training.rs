//! The protocol on small and awkward data, all of it synthetic.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use lurelight_learn::synthetic::Statistics;
use lurelight_learn::{ThresholdRule, TrainError, TrainOptions, Training, train};
use lurelight_model::{Artifact, Candidate, Card, Family};
use lurelight_schema::{Code, Feature, Label, Record};

fn rows(count: usize) -> Vec<Record> {
    Statistics::built_in().unwrap().generate(1).take(count).collect()
}

fn quick() -> TrainOptions {
    let families = vec![Family::LogisticRegression, Family::DecisionTree];
    TrainOptions { families, ..TrainOptions::default() }
}

/// Every family but boosting, whose 120 points take longer than all others together.
fn swift() -> TrainOptions {
    let families = Family::ALL.into_iter().filter(|family| *family != Family::GradientBoosting);
    TrainOptions { families: families.collect(), ..TrainOptions::default() }
}

fn refusal(records: &[Record], options: &TrainOptions) -> String {
    train(records, options, &()).unwrap_err().to_string()
}

#[test]
fn every_family_is_tried_and_the_card_tells_of_it() {
    let Training { artifact, card, by_fold, failed } =
        train(&rows(1_000), &TrainOptions::default(), &()).unwrap();
    assert!(failed.is_empty());
    let mut families: Vec<Family> = card.candidates.iter().map(|candidate| candidate.family).collect();
    assert_eq!(families[0], card.family);
    families.sort_unstable();
    assert_eq!(families, Family::ALL);
    let options = TrainOptions::default();
    for (candidate, (family, folds)) in card.candidates.iter().zip(&by_fold) {
        assert_eq!((candidate.family, options.comparison_folds), (*family, folds.len()));
        let mean = folds.iter().map(|figures| figures.f1).sum::<f64>() / folds.len() as f64;
        assert!((mean - candidate.cross_validated.f1).abs() < 2e-6, "{family}: {mean}");
    }
    assert_eq!(card.candidates.len(), by_fold.len());
    // Within .001 of the best F1 the log-loss decides; a vote gives no reasons, and must be better by .001 to stand before
    // the best of the others.
    let (votes, others): (Vec<&Candidate>, _) =
        card.candidates.iter().partition(|candidate| candidate.family == Family::SoftVote);
    assert!(votes.len() <= 1);
    let best = card.candidates.iter().map(|candidate| candidate.cross_validated.f1).fold(0.0, f64::max);
    // Figures in the card are rounded to six decimals.
    let is_tie = |candidate: &&&Candidate| candidate.cross_validated.f1 >= best - 0.001 - 1e-6;
    let tied = others.iter().take_while(is_tie).count();
    assert!(others[..tied].is_sorted_by(|a, b| a.cross_validated.log_loss <= b.cross_validated.log_loss));
    assert!(others[tied..].is_sorted_by(|a, b| a.cross_validated.f1 >= b.cross_validated.f1));
    assert!(
        card.family != Family::SoftVote
            || card.candidates[0].cross_validated.f1 >= card.candidates[1].cross_validated.f1 + 0.001
    );
    // Synthetic classes differ clearly: a model that finds nothing is broken.
    assert!(card.held_out.all.metrics.figures.roc_auc.value > 0.9, "{:?}", card.held_out.all.metrics);
    assert_eq!(Card::from_json(card.to_json().unwrap().as_bytes()).unwrap(), card);
    assert_eq!(Artifact::from_bytes(artifact.to_bytes()).unwrap(), artifact);
}

#[test]
fn data_that_cannot_be_split_is_refused_in_words() {
    let all = rows(2_000);
    let of = |label: Label| all.iter().filter(|record| record.label == label).copied().collect::<Vec<_>>();
    let table = [
        (vec![], "have 0 distinct phishing and 0 distinct legitimate"),
        (of(Label::Phishing), "0 distinct legitimate vectors, and at least 3"),
        (of(Label::Legitimate), "have 0 distinct phishing"),
        (all[..10].to_vec(), "more distinct rows of both labels are the only remedy"),
        (vec![all[0]; 500], "training folds"),
    ];
    for (records, expected) in table {
        let error = refusal(&records, &quick());
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn options_out_of_range_are_refused() {
    let records = rows(100);
    let refused = |options| matches!(train(&records, &options, &()), Err(TrainError::Options(_)));
    assert!(refused(TrainOptions { families: vec![], ..quick() }));
    assert!(refused(TrainOptions { cv_folds: 1, ..quick() }));
    assert!(refused(TrainOptions { threshold: ThresholdRule::MaxFalsePositiveRate(1.0), ..quick() }));
    assert!(refused(TrainOptions { threshold: ThresholdRule::MaxFalsePositiveRate(f64::NAN), ..quick() }));
}

#[test]
fn a_constant_column_and_contradicting_labels_do_no_harm() {
    let mut records = rows(1_500);
    for record in &mut records {
        record.vector = record.vector.with(Feature::ALL[5], Code::Plus).with(Feature::ALL[6], Code::Missing);
    }
    let turned = records.clone().into_iter().take(300).map(|record| {
        let label = if record.label == Label::Phishing { Label::Legitimate } else { Label::Phishing };
        Record { label, ..record }
    });
    records.extend(turned.collect::<Vec<_>>());
    let card = train(&records, &swift(), &()).unwrap().card;
    assert_eq!(card.candidates.len(), swift().families.len());
    assert!(card.data.conflicting_vectors > 0);
    assert_eq!(card.data.missing_cells, 1_800);
    let constant = card.importance.iter().find(|i| i.feature == "Prefix_Suffix").unwrap();
    assert_eq!(constant.log_loss_increase, 0.0);
}

#[test]
fn holes_are_stood_by_every_family() {
    let mut records = rows(2_000);
    for (i, record) in records.iter_mut().enumerate() {
        let feature = Feature::ALL[i % 30];
        record.vector = record.vector.with(feature, Code::Missing);
    }
    let training = train(&records, &swift(), &()).unwrap();
    assert_eq!(training.card.candidates.len(), swift().families.len());
    let options = TrainOptions { families: vec![Family::GradientBoosting], ..quick() };
    assert!(train(&records[..600], &options, &()).is_ok());
    assert_eq!(training.card.data.missing_cells, 2_000);
    let hollow = lurelight_schema::FeatureVector::MISSING;
    let probability = training.artifact.model().probability(hollow);
    assert!((0.0001..=0.9999).contains(&probability));
}

#[test]
fn a_cap_on_false_positives_is_kept_out_of_fold() {
    let options = |threshold| TrainOptions { threshold, ..quick() };
    let records = rows(4_000);
    let false_positive_rate = |threshold| {
        let c = train(&records, &options(threshold), &()).unwrap().card.held_out.all.confusion;
        c.false_positives as f64 / (c.false_positives + c.true_negatives) as f64
    };
    let capped = false_positive_rate(ThresholdRule::MaxFalsePositiveRate(0.01));
    assert!(capped < 0.03, "{capped}");
    assert!(capped < false_positive_rate(ThresholdRule::BestF1));
}

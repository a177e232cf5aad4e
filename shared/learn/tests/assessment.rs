//! Families and the champion by several protocols, on synthetic rows.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use lurelight_learn::assess::{AssessOptions, Assessment, assess};
use lurelight_learn::division::Protocol;
use lurelight_learn::synthetic::Statistics;
use lurelight_learn::{TrainError, TrainOptions};
use lurelight_model::Family;
use lurelight_schema::Record;

fn records(count: usize) -> Vec<Record> {
    Statistics::built_in().unwrap().generate(3).take(count).collect()
}

fn options(families: &[Family]) -> AssessOptions {
    let training = TrainOptions { families: families.to_vec(), ..TrainOptions::default() };
    AssessOptions { training, folds: 4, seeds: vec![7, 8], ..AssessOptions::default() }
}

#[test]
fn everybody_is_tested_on_every_row_by_models_that_did_not_learn_it() {
    let mut records = records(900);
    // Each row twice, so that random folds know nearly all of them and grouped ones none.
    records.extend(records.clone());
    let families = [Family::DecisionTree, Family::LogisticRegression, Family::SoftVote];
    let assessed = assess(&records, &options(&families), &()).unwrap();
    let names: Vec<_> = assessed.contestants.iter().map(|contestant| contestant.name.as_str()).collect();
    assert_eq!((names.len(), names[3]), (4, "champion"));
    let [random, grouped, hash, split] = &assessed.protocols[..] else { panic!("four protocols") };
    assert_eq!((random.tested_rows[0], grouped.tested_rows[1]), (1_800, 1_800));
    assert_eq!((split.tested_rows[0], split.rounds, hash.rounds, grouped.rounds), (540, 1, 1, 4));
    assert_eq!((grouped.seen_share, hash.seen_share), (0.0, 0.0));
    assert!(random.seen_share > 0.6 && split.seen_share > 0.6, "{} {}", random.seen_share, split.seen_share);
    // A single tree knows rows by heart: random folds flatter it, and far beyond chance.
    let tree = names.iter().position(|name| *name == "decision-tree").unwrap();
    let inflation = assessed.inflation[tree].metrics.figures.accuracy;
    assert!(inflation.low > 0.02 && inflation.low < inflation.value, "{inflation:?}");
    for protocol in &assessed.protocols {
        for result in &protocol.results {
            let accuracy = result.metrics.figures.accuracy;
            assert!(accuracy.low < accuracy.value && accuracy.value < accuracy.high, "{result:?}");
            assert!(accuracy.value <= protocol.ceiling.accuracy + 1e-9);
            let by_seed = result.by_seed.iter().map(|seed| seed.pooled.figures.accuracy);
            assert!((by_seed.sum::<f64>() / 2.0 - accuracy.value).abs() < 1e-6);
            assert!(result.spread.unwrap().figures.accuracy < 0.05);
        }
    }
    // Of the hash split every seed tests the same rows.
    assert_eq!(hash.tested_rows[0], hash.tested_rows[1]);
}

#[test]
fn neither_threads_nor_the_order_of_rows_change_an_assessment() {
    let mut records = records(700);
    let options = options(&[Family::DecisionTree, Family::GradientBoosting]);
    let options = AssessOptions { seeds: vec![5], ..options };
    let assessed = |records: &[Record], threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| assess(records, &options, &()).unwrap())
    };
    let one = assessed(&records, 1);
    assert_eq!(one, assessed(&records, 5));
    records.reverse();
    let turned = assessed(&records, 2);
    assert_ne!(turned.digest, one.digest);
    assert_eq!(Assessment { digest: one.digest.clone(), ..turned }, one);
}

#[test]
fn a_search_inside_each_fold_says_so() {
    let options = AssessOptions {
        search: true,
        protocols: vec![Protocol::GroupedKFold],
        ..options(&[Family::DecisionTree])
    };
    let assessed = assess(&records(600), &options, &()).unwrap();
    assert!(assessed.search && assessed.contestants[0].parameters.is_empty());
    assert_eq!(assessed.protocols[0].tested_rows, [600, 600]);
    assert!(assessed.inflation.is_empty());
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let table = [
        (AssessOptions { seeds: vec![], ..AssessOptions::default() }, "seeds"),
        (AssessOptions { seeds: vec![1, 1], ..AssessOptions::default() }, "seeds"),
        (AssessOptions { folds: 1, ..AssessOptions::default() }, "folds"),
        (AssessOptions { protocols: vec![], ..AssessOptions::default() }, "protocol"),
    ];
    for (options, expected) in table {
        let error = assess(&records(300), &options, &()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let few = assess(&records(12), &AssessOptions::default(), &()).unwrap_err();
    assert!(matches!(few, TrainError::TooFewVectors { .. }), "{few}");
}

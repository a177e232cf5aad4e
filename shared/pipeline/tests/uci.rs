//! A whole run on the UCI file, which `LURELIGHT_UCI_DATA` names (CSV or ARFF). Listed as ignored where the variable is
//! not set. The run stays in `target/tmp/uci-run`, so that its pages can be looked at.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use lurelight_learn::TrainOptions;
use lurelight_model::Family;
use lurelight_pipeline::{
    DriftRules, DriftVerdict, Outcome, PromotionRules, RunRequest, Stores, reports, run, silent,
};
use lurelight_schema::Record;
use lurelight_schema::read::{Format, LabelUse, ReadOptions, read_records};
use lurelight_store::{DirectoryArtifacts, DirectoryRecords, push};

fn main() {
    let path = std::env::var("LURELIGHT_UCI_DATA").ok().filter(|path| !path.is_empty());
    let ignored = path.is_none();
    let trial = |name, test: fn(&[Record]) -> Result<(), Failed>| {
        let path = path.clone().unwrap_or_default();
        Trial::test(name, move || test(&records(&path)?)).with_ignored_flag(ignored)
    };
    let trials = vec![
        trial("the_uci_data_give_a_champion_and_the_next_batch_a_challenger", champion_and_challenger),
        trial("quality_of_the_uci_data_is_what_the_documents_say", quality),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn records(path: &str) -> Result<Vec<Record>, Failed> {
    let format = Format::from_file_name(path).ok_or("neither .csv nor .arff")?;
    let file = File::open(path).map_err(|error| format!("{path}: {error}"))?;
    let read = read_records(file, format, ReadOptions::new(LabelUse::Required));
    Ok(read.map(|(records, _)| records)?)
}

fn stores(name: &str) -> Result<Stores, Failed> {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if root.exists() {
        std::fs::remove_dir_all(&root)?;
    }
    Ok(Stores {
        artifacts: Arc::new(DirectoryArtifacts::open(root.join("artifacts"))),
        records: Arc::new(DirectoryRecords::open(root.join("records"))),
    })
}

fn request(name: &str, families: &[Family]) -> Result<RunRequest, Failed> {
    Ok(RunRequest {
        run: name.parse()?,
        at: "2026-05-04T03:02:01Z".parse()?,
        actor: "test".to_owned(),
        reason: "a test".to_owned(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        training: TrainOptions { families: families.to_vec(), ..TrainOptions::default() },
        drift: DriftRules::default(),
        promotion: PromotionRules::default(),
    })
}

fn blocking<T>(work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// The first 7,000 rows make a champion by the default rules; all of them, with more families, a challenger.
fn champion_and_challenger(records: &[Record]) -> Result<(), Failed> {
    blocking(async {
        let stores = stores("uci-run")?;
        let at = "2026-05-04T03:00:00Z".parse()?;
        // Every other row, because the file's order is not by chance.
        let (even, odd): (Vec<_>, Vec<_>) = records.iter().enumerate().partition(|(i, _)| i % 2 == 0);
        let [even, odd] =
            [even, odd].map(|part| part.into_iter().map(|(_, record)| *record).collect::<Vec<_>>());
        push(&*stores.records, &even, "phishing_websites.csv", at, &|_| ()).await?;
        let families = [Family::LogisticRegression, Family::RandomForest];
        let first = run(&request("2026-05-04-first", &families)?, &stores, &silent()).await?;
        assert_eq!(first.outcome, Outcome::Promoted, "{}", first.reason);

        push(&*stores.records, &odd, "phishing_websites_2.csv", at, &|_| ()).await?;
        let families = [
            Family::LogisticRegression,
            Family::DecisionTree,
            Family::RandomForest,
            Family::GradientBoosting,
            Family::SoftVote,
        ];
        let second = run(&request("2026-05-04-second", &families)?, &stores, &silent()).await?;
        let all = reports::of_run(&second.run, &stores).await?;
        let card = all.evaluate.ok_or("no evaluate.json")?.card;
        assert_eq!((card.data.rows, card.candidates.len()), (11_055, 5));
        let drift = all.drift.ok_or("no drift.json")?;
        assert_eq!((drift.verdict, drift.rows), (DriftVerdict::NoDrift, odd.len() as u64), "{}", drift.words);
        assert_ne!(second.outcome, Outcome::NoChange);
        assert!(second.comparison.is_some_and(|comparison| comparison.challenger.f1 > 0.94));
        Ok(())
    })
}

fn quality(records: &[Record]) -> Result<(), Failed> {
    blocking(async {
        let stores = stores("uci-quality")?;
        push(&*stores.records, records, "phishing_websites.csv", "2026-05-04T03:00:00Z".parse()?, &|_| ())
            .await?;
        run(&request("quality", &[Family::DecisionTree])?, &stores, &silent()).await?;
        let validate =
            reports::of_run(&"quality".parse()?, &stores).await?.validate.ok_or("no validate.json")?;
        let quality = &validate.quality;
        assert_eq!((validate.valid_rows, validate.invalid_rows), (11_055, 0));
        assert_eq!((quality.phishing, quality.legitimate, quality.distinct_vectors), (4_898, 6_157, 5_785));
        // No classifier can pass accuracy .9897.
        let ceiling = 1.0 - quality.inevitable_errors as f64 / 11_055.0;
        assert!((ceiling - 0.9897).abs() < 5e-5, "{ceiling}");
        assert!(
            quality.columns.iter().all(|column| column.unknown_code_rows == 0 && column.missing_share == 0.0)
        );
        assert_eq!(validate.warnings, [""; 0]);
        Ok(())
    })
}

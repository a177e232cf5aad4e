//! An installation in a directory of its own, and records for it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use lurelight_learn::synthetic::Statistics;
use lurelight_learn::{ThresholdRule, TrainOptions};
use lurelight_model::Family;
use lurelight_pipeline::{DriftRules, Error, PromoteReport, PromotionRules, RunRequest, Stores, run, silent};
use lurelight_schema::Record;
use lurelight_store::{DirectoryArtifacts, DirectoryRecords, Key, push};
use tempfile::TempDir;

pub(crate) struct House {
    pub(crate) folder: TempDir,
    pub(crate) stores: Stores,
}

impl House {
    pub(crate) fn new() -> House {
        let folder = TempDir::new().unwrap();
        let stores = stores(folder.path());
        House { folder, stores }
    }

    pub(crate) async fn with(records: &[Record]) -> House {
        let house = House::new();
        house.push(records).await;
        house
    }

    pub(crate) async fn push(&self, records: &[Record]) {
        push(&*self.stores.records, records, "made-up.csv", Timestamp::UNIX_EPOCH, &|_| ()).await.unwrap();
    }

    pub(crate) async fn run(&self, request: &RunRequest) -> Result<PromoteReport, Error> {
        run(request, &self.stores, &silent()).await
    }

    /// Every object by its key.
    pub(crate) async fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let mut objects = BTreeMap::new();
        for entry in self.stores.artifacts.list("").await.unwrap() {
            let bytes = self.stores.artifacts.get(&entry.key).await.unwrap().bytes;
            objects.insert(entry.key.to_string(), bytes.to_vec());
        }
        objects
    }

    pub(crate) async fn text(&self, key: &str) -> String {
        let key: Key = key.parse().unwrap();
        String::from_utf8(self.stores.artifacts.get(&key).await.unwrap().bytes.to_vec()).unwrap()
    }

    pub(crate) async fn exists(&self, key: &str) -> bool {
        self.stores.artifacts.get(&key.parse().unwrap()).await.is_ok()
    }
}

pub(crate) fn stores(root: &Path) -> Stores {
    Stores {
        artifacts: Arc::new(DirectoryArtifacts::open(root.join("artifacts"))),
        records: Arc::new(DirectoryRecords::open(root.join("records"))),
    }
}

pub(crate) fn made_up(seed: u64, rows: usize) -> Vec<Record> {
    Statistics::built_in().unwrap().generate(seed).take(rows).collect()
}

/// A quick run that promotes what made-up records allow.
pub(crate) fn request(name: &str) -> RunRequest {
    RunRequest {
        run: name.parse().unwrap(),
        at: "2026-05-04T03:02:01Z".parse().unwrap(),
        actor: "test".to_owned(),
        reason: "a test".to_owned(),
        program: "0.1.0".to_owned(),
        training: TrainOptions {
            families: vec![Family::LogisticRegression, Family::DecisionTree],
            threshold: ThresholdRule::BestF1,
            ..TrainOptions::default()
        },
        drift: DriftRules::default(),
        promotion: PromotionRules {
            min_f1: 0.8,
            min_roc_auc: 0.8,
            max_false_positive_rate: 0.2,
            ..PromotionRules::default()
        },
    }
}

pub(crate) fn seeded(name: &str, seed: u64) -> RunRequest {
    let request = request(name);
    RunRequest { training: TrainOptions { seed, ..request.training }, ..request }
}

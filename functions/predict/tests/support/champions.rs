//! Registries with models that are known to the last digit, and what a server says when it follows one.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]
#![allow(dead_code, reason = "each test uses a part of it")]

use std::sync::LazyLock;

use lurelight_model::Artifact;
use lurelight_schema::{FEATURE_COUNT, FeatureVector};
use lurelight_store::conformance::fixture;
use lurelight_store::{ModelRegistry, Version};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::{Server, header, row};

/// Does it, on threads that live as long as the test program, so that connections do.
pub fn wait<T>(work: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    RUNTIME.block_on(work)
}

/// Makes a version the champion.
pub fn promote(registry: &ModelRegistry, version: u64, artifact: &Artifact) {
    wait(async {
        let champion = registry.champion().await.unwrap();
        let event = fixture::event(version, artifact, "a test");
        registry.move_champion(champion.as_ref(), event).await.unwrap();
    });
}

/// Registers the fixture's model of this number and makes it the champion.
pub fn put_and_promote(registry: &ModelRegistry, number: u64) -> Version {
    let version = wait(fixture::put_version(registry, number));
    promote(registry, version.number, &fixture::model(number));
    version
}

pub fn rows() -> String {
    format!("{}\n{}\n", header(&[]), row("1", &[]))
}

/// What the fixture's model of this number says of the one row, as an answer writes it.
pub fn probability(number: u64) -> Value {
    let vector = FeatureVector::new(&[lurelight_schema::Code::Plus; FEATURE_COUNT]);
    let text = format!("{:.6}", fixture::model(number).model().probability(vector));
    serde_json::from_str(&text).unwrap()
}

/// Fails unless the server answers by this model, and says this of where it came from.
#[track_caller]
pub fn answers_by(server: &Server, number: u64, source: &str) {
    let answer = as_json(server, &rows());
    assert_eq!(answer["model"]["source"], source);
    assert_eq!(answer["model"]["sha256"], fixture::model(number).digest().to_string());
    assert_eq!(answer["rows"][0]["probability"], probability(number));
}

#[track_caller]
pub fn answers_by_the_compiled_in(server: &Server, source: &str) {
    let model = &as_json(server, &rows())["model"];
    assert_eq!((&model["source"], &model["registry_version"]), (&json!(source), &Value::Null));
    let compiled_in = predict::Context::compiled_in().unwrap();
    assert_eq!(model["sha256"], compiled_in.sha256());
}

/// The rows of a file of CSV, judged.
pub fn as_json(server: &Server, text: &str) -> Value {
    server.post("/predict", "text/csv", text).accept("application/json").send().expect(200).json()
}

//! The homes in a directory keep what their contracts promise.

use std::path::PathBuf;
use std::sync::Arc;

use lurelight_store::{ArtifactStore, DirectoryArtifacts, DirectoryRecords, RecordStore, conformance};
use tempfile::TempDir;

/// Hands out one folder after the other, none of which is there yet.
fn folders(below: &TempDir) -> impl FnMut() -> PathBuf {
    let mut count = 0;
    let below = below.path().to_owned();
    move || {
        count += 1;
        below.join(count.to_string()).join("home")
    }
}

fn artifacts(root: PathBuf) -> [Arc<dyn ArtifactStore>; 2] {
    [(); 2].map(|()| Arc::new(DirectoryArtifacts::open(&root)) as Arc<dyn ArtifactStore>)
}

#[tokio::test(flavor = "multi_thread")]
async fn artifacts_in_a_directory_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let mut next = folders(&folder);
    conformance::artifacts::run("a directory", async || artifacts(next())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_in_a_directory_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let mut next = folders(&folder);
    let fresh = async || {
        let root = next();
        [(); 2].map(|()| Arc::new(DirectoryRecords::open(&root)) as Arc<dyn RecordStore>)
    };
    conformance::records::run("a directory", fresh).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_over_a_directory_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let mut next = folders(&folder);
    conformance::registry::run("a directory", async || artifacts(next())).await;
}

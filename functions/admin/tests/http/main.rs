//! The built program over HTTP, on a home in a directory.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod models;
mod program;
mod routes;
mod runs;
mod sessions;

use std::path::PathBuf;
use std::sync::Arc;

use lurelight_store::conformance::fixture;
use lurelight_store::{DirectoryArtifacts, Key, ModelRegistry, Version};
use tempfile::TempDir;

use support::Server;

/// A home with a registry.
struct Home {
    folder: TempDir,
    registry: ModelRegistry,
}

impl Home {
    fn new() -> Home {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = DirectoryArtifacts::open(folder.path().join("home/artifacts"));
        Home { registry: ModelRegistry::new(Arc::new(artifacts)), folder }
    }

    fn server(&self) -> Server {
        self.server_with(&[])
    }

    fn server_with(&self, variables: &[(&str, &str)]) -> Server {
        Server::start(env!("CARGO_BIN_EXE_admin"), &[], self.folder.path(), variables)
    }

    fn file(&self, key: &str) -> PathBuf {
        self.folder.path().join("home/artifacts").join(key)
    }

    fn put(&self, key: &str, text: &str) {
        let file = self.file(key);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// Registers the fixture's model of this number.
    fn version(&self, number: u64) -> Version {
        wait(fixture::put_version(&self.registry, number))
    }

    fn model_file(&self, number: u64) -> PathBuf {
        self.file(Key::model(fixture::model(number).digest()).as_str())
    }

    fn serving(&self) -> Option<u64> {
        wait(self.registry.champion()).unwrap().map(|champion| champion.event.details.version)
    }
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

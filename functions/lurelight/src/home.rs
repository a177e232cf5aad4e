//! The directory in which this machine keeps records, runs, models and the registry.

#![allow(dead_code, reason = "its commands come next")]

use std::path::PathBuf;
use std::sync::Arc;

use lurelight_pipeline::Stores;
use lurelight_store::{DirectoryArtifacts, DirectoryRecords};

/// Where everything is kept that outlives a command.
#[derive(Debug, clap::Args)]
pub struct Home {
    /// The directory that keeps records, runs, models and the registry
    #[arg(long, value_name = "DIR", env = "LURELIGHT_HOME", default_value = ".lurelight")]
    pub home: PathBuf,
}

impl Home {
    /// The stores in it. Nothing is made before something is written.
    pub fn stores(&self) -> Stores {
        Stores {
            artifacts: Arc::new(DirectoryArtifacts::open(self.home.join("artifacts"))),
            records: Arc::new(DirectoryRecords::open(self.home.join("records"))),
        }
    }
}

//! The directory in which this machine keeps records, runs, models and the registry.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use lurelight_pipeline::Stores;
use lurelight_store::{DirectoryArtifacts, DirectoryRecords};

use crate::failure::Failure;

/// The home where none is named.
pub const DEFAULT: &str = ".lurelight";

/// Where everything is kept that outlives a command.
#[derive(Debug, clap::Args)]
pub struct Home {
    /// The directory that keeps records, runs, models and the registry
    #[arg(long, value_name = "DIR", global = true, env = "LURELIGHT_HOME", default_value = DEFAULT)]
    pub home: PathBuf,
}

impl Home {
    /// Where it keeps artifacts.
    pub fn artifacts(&self) -> PathBuf {
        self.home.join("artifacts")
    }

    /// What a command needs to find it, with a space before it; nothing where it is found anyway.
    pub fn flag(&self) -> String {
        let named = std::env::var_os("LURELIGHT_HOME").filter(|home| !home.is_empty());
        let found = named.unwrap_or_else(|| DEFAULT.into());
        if self.home.as_os_str() == found {
            String::new()
        } else {
            format!(" --home {}", self.home.display())
        }
    }

    /// The stores in it. Nothing is made before something is written.
    pub fn stores(&self) -> Stores {
        Stores {
            artifacts: Arc::new(DirectoryArtifacts::open(self.artifacts())),
            records: Arc::new(DirectoryRecords::open(self.home.join("records"))),
        }
    }
}

/// Waits for what a command does with its stores.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Runtime::new().context("the program cannot start its threads")?;
    let done = runtime.block_on(work);
    // What still calculates for a command that was broken off is not waited for.
    runtime.shutdown_background();
    done
}

/// Who runs this program: `user@host`, as far as the system says.
pub fn actor() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| "somebody".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME")).ok())
        .map(|host| host.trim().to_owned());
    match host.filter(|host| !host.is_empty()) {
        Some(host) => format!("{user}@{host}"),
        None => user,
    }
}

//! What is kept outside a process: artifacts, records, secrets, runs. Each contract is a trait whose
//! homes lie side by side; those in this crate are a directory and the process itself. Whatever a home promises is
//! written as a suite in [`conformance`], which the tests of every home call.

mod artifacts;
pub mod conformance;
mod directory;
mod error;
mod key;
mod records;
mod registry;
mod runner;
mod secrets;
mod tracker;

pub use artifacts::{ArtifactStore, ETag, Entry, Object};
pub use directory::{DirectoryArtifacts, DirectoryRecords};
pub use error::{Error, ErrorKind};
pub use key::{InvalidDigest, InvalidKey, Key, RunId, parse_digest};
pub use records::{Batch, BatchId, Closing, PushOutcome, Pushed, RecordStore, push};
pub use registry::{Champion, Event, EventKind, ModelRegistry, NewEvent, NewVersion, Version};
pub use runner::{RunProgress, RunStatus, TrainingRequest, TrainingRunner};
pub use secrets::{EnvironmentSecrets, InvalidSecretName, Secret, SecretName, Secrets};
pub use tracker::{
    FinishedRun, Metric, Outcome, RunArtifact, RunCandidate, RunDataset, Shown, Tracker, Untracked,
};

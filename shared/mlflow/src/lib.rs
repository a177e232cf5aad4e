//! Runs, candidates and versions shown in MLflow, over its REST API 2.0.
//!
//! | here | in MLflow |
//! |---|---|
//! | a run | a run, with its parameters, metrics, records, tags and files |
//! | a candidate of it | a nested run, with parameters and metrics of its own |
//! | a version | a version of a registered model |
//! | the pointer to the champion | that model's alias `champion` |
//!
//! What was shown before is found again by tags: `lurelight.run` of a run, `lurelight.candidate` of a candidate,
//! `lurelight.version` of a version.

mod artifacts;
mod contents;
mod credentials;
mod failure;
mod http;
mod limits;
mod models;
mod runs;
mod settings;
mod tracker;

pub use settings::{InvalidAddress, MlflowSettings, Patience};
pub use tracker::MlflowTracker;

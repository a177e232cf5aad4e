//! The stages from records to a champion: ingest, validate, transform, fit, evaluate, promote. Each is a plain
//! function of a run's name and the stores; whatever runs them only passes names, digests and counts on.
//!
//! A stage reads what the ones before it wrote into the artifact store and writes its own, so that each may run in
//! another process. The same request and records give the same bytes, whatever ran before and however often. [`run()`]
//! calls them in a row.
//!
//! | object below `runs/<run>/` | stage |
//! |---|---|
//! | `ingest.json`, and the snapshot `datasets/<digest>/records.parquet` | [`ingest()`] |
//! | `validate.json`, `valid.parquet`, `invalid.csv`, `drift.json`, `drift.html` | [`validate()`] |
//! | `transform.json`, `train.bin`, `test.bin`, `imputer.postcard` | [`transform()`] |
//! | `candidates/<family>.json`, `candidates/<family>.model` | [`fit()`] |
//! | `evaluate.json`, and the model under its digest and a version in the registry | [`evaluate()`] |
//! | `report.html`, then `promote.json` | [`promote()`] |
//! | `failure.json` | [`record_failure()`], where a run ended with an error |
//! | `tracked.json` | [`tracking`], where there is a tracker |

mod decide;
mod drift;
mod error;
mod evaluate;
mod evaluation_page;
mod fit;
mod frames;
mod ingest;
mod no_change;
mod pages;
mod parameters;
mod progress;
mod promote;
mod quality;
pub mod reports;
mod request;
mod rows;
mod run;
mod run_failure;
mod run_folder;
mod runner;
mod snapshot;
mod stage;
pub mod statistics;
mod stores;
pub mod tracking;
mod transform;
mod validate;
mod work;

pub use decide::{Condition, Rule};
pub use drift::{DriftReference, DriftReport, DriftVerdict, FeatureDrift};
pub use error::Error;
pub use evaluate::{CandidateFolds, EvaluateReport, FailedFamily, evaluate};
pub use evaluation_page::evaluation_page;
pub use fit::{FitOutcome, FitReport, fit};
pub use frames::FrameError;
pub use ingest::{IngestReport, ServingVersion, ingest};
pub use parameters::{Asked, ParameterError};
pub use progress::{Listener, Progress, silent};
pub use promote::{Outcome, PromoteReport, promote};
pub use quality::{BatchConflicts, ColumnQuality, Quality};
pub use request::{DriftRules, PromotionRules, RunRequest};
pub use rows::RowsError;
pub use run::run;
pub use run_failure::{RunFailure, find_failure, record_failure};
pub use run_folder::Stored;
pub use runner::{InProcessRunner, WhenEnded};
pub use snapshot::IngestedBatch;
pub use stage::{Stage, UnknownStage};
pub use stores::Stores;
pub use transform::{Part, TransformReport, transform};
pub use validate::{ValidateReport, validate};

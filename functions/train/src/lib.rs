//! The stages of the pipeline as Lambda functions.
//!
//! One program is deployed six times; `LURELIGHT_STAGE` says which stage a function is, and its role lets it do no more
//! than that. A state machine hands the events of [`event`] from one to the next; what the stages make lies in the
//! bucket, and an answer carries names, digests and counts alone.

pub mod event;
mod failure;
mod settings;
mod stage;
mod start;

pub use settings::{Settings, SettingsError};
pub use stage::Function;
pub use start::run;

//! The schema of the UCI "Phishing Websites" data: 30 coded features and a label.
//!
//! A row has 30 features, each −1, 0, 1 or missing, so a row is a 60-bit number, the
//! [`FeatureVector`]. Everything fast in Lurelight comes from that and from the fact that distinct
//! rows are few. This crate does no input or output of its own, knows no async and no model.

mod code;
mod feature;
pub mod printout;
pub mod read;
mod record;
mod vector;

pub use code::{Code, CodeSet, ParseCodeError};
pub use feature::{FEATURE_COUNT, Feature, LABEL_COLUMN, ObservedAt, fingerprint};
pub use record::{Digest, Label, Record, RecordsDigest};
pub use vector::{FeatureVector, InvalidVector};

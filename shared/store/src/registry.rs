//! Model versions, the pointer to the one that serves, and how it came there.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ArtifactStore, RunId};

/// What is known of a version when it is registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewVersion {
    /// SHA-256 of its artifact, in hexadecimal digits.
    pub model: String,
    /// The run that made it.
    pub run: RunId,
    /// Digest of the records that it was made from.
    pub dataset: String,
    /// The candidate's family, in words.
    pub family: String,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// The program's version, and its commit where that is known.
    pub program: String,
}

/// A registered version; it never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Counts from 1.
    pub number: u64,
    /// The rest.
    #[serde(flatten)]
    pub details: NewVersion,
}

/// Why the pointer moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// To a version that was judged better, or that somebody wanted.
    Promoted,
    /// Back to an older one.
    RolledBack,
}

/// What is asked of the pointer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEvent {
    /// Why it moves.
    pub kind: EventKind,
    /// The version that serves from now on.
    pub version: u64,
    /// SHA-256 of its artifact, in hexadecimal digits.
    pub model: String,
    /// Why, in words.
    pub reason: String,
    /// Who or what asked for it.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

/// A move of the pointer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Counts from 1, without gaps.
    pub sequence: u64,
    /// The version that served before.
    pub previous: Option<u64>,
    /// The rest.
    #[serde(flatten)]
    pub details: NewEvent,
}

/// Versions, champion and events, kept in an artifact store.
#[derive(Clone, Debug)]
pub struct ModelRegistry {
    #[expect(dead_code, reason = "read by the operations that follow")]
    artifacts: Arc<dyn ArtifactStore>,
}

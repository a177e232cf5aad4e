//! Model versions, the pointer to the one that serves, and how it came there.

mod champion;
mod models;
mod verify;
mod versions;

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{ArtifactStore, ETag, Error, ErrorKind, Key, RunId};

const VERSIONS: &str = "registry/versions/";
const EVENTS: &str = "registry/events/";

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

/// The pointer as it was read: the event that made it, and the state to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Champion {
    /// The last move.
    pub event: Event,
    /// The state of the pointer.
    pub etag: ETag,
}

/// Versions, champion and events, kept in an artifact store.
///
/// Whatever happens at once, and wherever a process dies: a model, a version and an event are written once and
/// never again. The pointer holds the whole event that made it; the event goes to its place in the history before
/// the pointer is replaced, and the pointer is only replaced in the state that was looked at.
#[derive(Clone, Debug)]
pub struct ModelRegistry {
    artifacts: Arc<dyn ArtifactStore>,
}

impl ModelRegistry {
    /// The registry in a store.
    #[must_use]
    pub fn new(artifacts: Arc<dyn ArtifactStore>) -> ModelRegistry {
        ModelRegistry { artifacts }
    }

    /// An object's place, for messages.
    fn place_of(&self, key: &Key) -> String {
        format!("{}/{key}", self.artifacts.place())
    }

    fn error(&self, kind: ErrorKind, key: &Key, message: impl Into<String>) -> Error {
        Error::new(kind, self.place_of(key), message)
    }

    fn parse<T: DeserializeOwned>(&self, key: &Key, bytes: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(bytes).map_err(|error| {
            let message = format!("is damaged: {error}; restore it from a copy of the registry");
            self.error(ErrorKind::Damaged, key, message).because(error)
        })
    }

    fn json<T: Serialize>(&self, key: &Key, value: &T) -> Result<Bytes, Error> {
        let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| {
            let message = format!("cannot be written as JSON: {error}");
            self.error(ErrorKind::Invalid, key, message).because(error)
        })?;
        bytes.push(b'\n');
        Ok(bytes.into())
    }

    /// The numbers `n` of the objects `<folder><n>.json`, in their order.
    async fn numbers(&self, folder: &str) -> Result<Vec<u64>, Error> {
        let entries = self.artifacts.list(folder).await?;
        let mut numbers: Vec<u64> =
            entries.iter().filter_map(|entry| number(entry.key.as_str(), folder)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// The number in `<folder><number>.json`, where it is written as we write it.
fn number(key: &str, folder: &str) -> Option<u64> {
    let digits = key.strip_prefix(folder)?.strip_suffix(".json")?;
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
}

//! Names of artifacts: the same in a bucket and in a directory.
//!
//! | key | what |
//! |---|---|
//! | `datasets/<digest>/records.parquet` | a snapshot of the record store |
//! | `runs/<run>/…` | reports and intermediate results of a run's stages |
//! | `models/<sha256>/model.lure`, `card.json` | a model, for ever |
//! | `registry/versions/<n>.json` | versions, append-only |
//! | `registry/champion.json` | the pointer with the event that made it |
//! | `registry/events/<seq>.json` | the events before it |

use std::fmt;
use std::str::FromStr;

use lurelight_schema::Digest;
use serde::{Deserialize, Serialize};

/// The most bytes of a key.
const MAX_KEY_BYTES: usize = 512;

/// A checked name: segments of letters, digits, `.`, `_` and `-`, none of them empty or beginning with a
/// dot, joined by slashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

/// A name of a run, one segment of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// Text that is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no key: segments of letters, digits, '.', '_' and '-', joined by '/', {MAX_KEY_BYTES} bytes at most, no segment beginning with '.'"
)]
pub struct InvalidKey(pub String);

fn is_segment(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

impl Key {
    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A snapshot of the record store.
    #[must_use]
    pub fn dataset(digest: Digest) -> Key {
        Key(format!("datasets/{digest}/records.parquet"))
    }

    /// Something of a run.
    ///
    /// # Errors
    ///
    /// Where `name` is not made of segments.
    pub fn run(run: &RunId, name: &str) -> Result<Key, InvalidKey> {
        format!("runs/{run}/{name}").parse()
    }

    /// A model's artifact.
    #[must_use]
    pub fn model(digest: Digest) -> Key {
        Key(format!("models/{digest}/model.lure"))
    }

    /// A model's card.
    #[must_use]
    pub fn card(digest: Digest) -> Key {
        Key(format!("models/{digest}/card.json"))
    }

    /// A version of the registry.
    #[must_use]
    pub fn version(number: u64) -> Key {
        Key(format!("registry/versions/{number}.json"))
    }

    /// The pointer to the champion.
    #[must_use]
    pub fn champion() -> Key {
        Key("registry/champion.json".to_owned())
    }

    /// An event that the pointer held before.
    #[must_use]
    pub fn event(sequence: u64) -> Key {
        Key(format!("registry/events/{sequence}.json"))
    }
}

impl RunId {
    /// The run's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Key, InvalidKey> {
        let fits = text.len() <= MAX_KEY_BYTES && text.split('/').all(is_segment);
        if fits { Ok(Key(text.to_owned())) } else { Err(InvalidKey(text.to_owned())) }
    }
}

impl FromStr for RunId {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<RunId, InvalidKey> {
        let fits = text.len() <= 64 && is_segment(text);
        if fits { Ok(RunId(text.to_owned())) } else { Err(InvalidKey(text.to_owned())) }
    }
}

impl TryFrom<String> for Key {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Key, InvalidKey> {
        text.parse()
    }
}

impl TryFrom<String> for RunId {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<RunId, InvalidKey> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> String {
        key.0
    }
}

impl From<RunId> for String {
    fn from(run: RunId) -> String {
        run.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

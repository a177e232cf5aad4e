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

use jiff::Timestamp;
use lurelight_schema::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The most bytes of a key.
const MAX_KEY_BYTES: usize = 512;

/// The most bytes of a segment: what file systems let a name have.
const MAX_SEGMENT_BYTES: usize = 255;

/// The most bytes of a run's name: what Step Functions lets an execution's name have.
const MAX_RUN_BYTES: usize = 80;

/// A checked name: segments of letters, digits, `.`, `_` and `-`, none of them empty or beginning with a
/// dot, joined by slashes. No key may be the folder of another (`a` beside `a/b`): some homes are file systems.
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
    "{0:?} is no key: segments of letters, digits, '.', '_' and '-', joined by '/', no segment beginning with '.' or longer than {MAX_SEGMENT_BYTES} bytes, {MAX_KEY_BYTES} bytes in all"
)]
pub struct InvalidKey(pub String);

/// Text that is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no digest: 64 hexadecimal digits, the letters lower-case")]
pub struct InvalidDigest(pub String);

/// Reads a digest as it is displayed.
///
/// # Errors
///
/// Where the text is anything else than 64 lower-case hexadecimal digits.
pub fn parse_digest(text: &str) -> Result<Digest, InvalidDigest> {
    let invalid = || InvalidDigest(text.to_owned());
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(invalid()),
    };
    let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| invalid())?;
    let mut digest = [0; 32];
    for (byte, [high, low]) in digest.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Ok(Digest(digest))
}

fn is_segment(text: &str) -> bool {
    (1..=MAX_SEGMENT_BYTES).contains(&text.len())
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
    /// A name for a run that is asked for now: its time, and six digits that tell it from others of the same second.
    #[must_use]
    pub fn of_time(at: Timestamp) -> RunId {
        let seed = format!("{} {}", at.as_nanosecond(), std::process::id());
        let hash = Sha256::digest(seed.as_bytes());
        let time = at.strftime("%Y%m%d-%H%M%S");
        RunId(format!("{time}-{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2]))
    }

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
        let fits = text.len() <= MAX_RUN_BYTES && is_segment(text);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_or_refused() {
        let long = "a".repeat(256);
        let longest = [&"a".repeat(255), "/", &"b".repeat(255)].concat();
        let table = [
            ("a", true),
            ("models/0-1_2.X/model.lure", true),
            ("a..b", true),
            ("-", true),
            (&longest, true),
            ("", false),
            ("/a", false),
            ("a/", false),
            ("a//b", false),
            ("a/../b", false),
            (".lock", false),
            ("a/.b", false),
            ("a b", false),
            ("a\\b", false),
            ("\u{e4}", false),
            ("a\0", false),
            (&long, false),
            (&[&longest, "/c"].concat(), false),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Key>().is_ok(), expected, "{text:?}");
        }
        for (text, expected) in
            [("2026-11-23-a", true), ("a/b", false), ("", false), (&"a".repeat(81), false)]
        {
            assert_eq!(text.parse::<RunId>().is_ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_run_is_named_by_its_time() {
        let at: Timestamp = "2026-05-04T03:02:01.5Z".parse().unwrap();
        let name = RunId::of_time(at);
        assert!(name.as_str().starts_with("20260504-030201-") && name.as_str().len() == 22, "{name}");
        assert_eq!(name.as_str().parse(), Ok(name.clone()));
        assert_eq!(RunId::of_time(at), name);
    }

    #[test]
    fn digests_are_read_as_they_are_displayed() {
        let digest = Digest(std::array::from_fn(|i| (i * 37) as u8));
        assert_eq!(parse_digest(&digest.to_string()), Ok(digest));
        let upper = digest.to_string().to_uppercase();
        for text in ["", "0", &upper, &"0".repeat(65), &"g".repeat(64), &"\u{e4}".repeat(32)] {
            assert_eq!(parse_digest(text), Err(InvalidDigest(text.to_owned())));
        }
    }
}

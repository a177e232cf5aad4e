//! The objects of one run.

use bytes::Bytes;
use lurelight_store::{ArtifactStore, ErrorKind, Key, RunId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Error, Stage};

/// An object that a report vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Its name.
    pub key: Key,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

impl Stored {
    pub(crate) fn of(key: Key, bytes: &[u8]) -> Stored {
        Stored { key, bytes: bytes.len() as u64, sha256: sha256(bytes) }
    }
}

/// Where the stages of a run leave what they make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunFolder<'a> {
    artifacts: &'a dyn ArtifactStore,
    run: &'a RunId,
}

impl<'a> RunFolder<'a> {
    pub(crate) fn new(artifacts: &'a dyn ArtifactStore, run: &'a RunId) -> RunFolder<'a> {
        RunFolder { artifacts, run }
    }

    pub(crate) fn key(self, name: &str) -> Result<Key, Error> {
        Key::run(self.run, name).map_err(|error| {
            lurelight_store::Error::new(ErrorKind::Invalid, name, error.to_string()).because(error).into()
        })
    }

    pub(crate) async fn put(self, name: &str, bytes: impl Into<Bytes>) -> Result<Stored, Error> {
        let (key, bytes) = (self.key(name)?, bytes.into());
        self.artifacts.put(&key, bytes.clone()).await?;
        Ok(Stored::of(key, &bytes))
    }

    /// A stage's own report.
    pub(crate) async fn put_report(self, stage: Stage, report: &impl Serialize) -> Result<Stored, Error> {
        self.put_json(&report_name(stage), report).await
    }

    pub(crate) async fn put_json(self, name: &str, value: &impl Serialize) -> Result<Stored, Error> {
        let mut text = serde_json::to_vec_pretty(value)?;
        text.push(b'\n');
        self.put(name, text).await
    }

    /// The report of a stage that must have ended.
    pub(crate) async fn report<T: DeserializeOwned>(self, stage: Stage) -> Result<T, Error> {
        match self.find_json(&report_name(stage)).await? {
            Some(report) => Ok(report),
            None => Err(Error::NotYet {
                run: self.run.clone(),
                needed: stage,
                key: self.key(&report_name(stage))?,
            }),
        }
    }

    pub(crate) async fn find_report<T: DeserializeOwned>(self, stage: Stage) -> Result<Option<T>, Error> {
        self.find_json(&report_name(stage)).await
    }

    /// What a JSON object says, where it is there.
    pub(crate) async fn find_json<T: DeserializeOwned>(self, name: &str) -> Result<Option<T>, Error> {
        let key = self.key(name)?;
        let object = match self.artifacts.get(&key).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        serde_json::from_slice(&object.bytes).map(Some).map_err(|error| self.damaged(&key, error))
    }

    /// The bytes that a report vouches for.
    pub(crate) async fn get(self, stored: &Stored) -> Result<Bytes, Error> {
        let bytes = match self.artifacts.get(&stored.key).await {
            Err(error) if error.kind == ErrorKind::NotFound => {
                return Err(self.damaged(&stored.key, "it is gone"));
            }
            found => found?.bytes,
        };
        if sha256(&bytes) == stored.sha256 {
            return Ok(bytes);
        }
        let found = bytes.len();
        Err(self.damaged(
            &stored.key,
            format!(
                "its SHA-256 is not the one that the run recorded ({found} bytes now, {} then)",
                stored.bytes
            ),
        ))
    }

    pub(crate) fn damaged(self, key: &Key, reason: impl ToString) -> Error {
        Error::Damaged { key: key.clone(), place: self.artifacts.place(), reason: reason.to_string() }
    }
}

fn report_name(stage: Stage) -> String {
    format!("{stage}.json")
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    lurelight_schema::Digest(Sha256::digest(bytes).into()).to_string()
}

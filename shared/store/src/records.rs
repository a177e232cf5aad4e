//! The contract of whatever keeps labelled records.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use async_trait::async_trait;
use jiff::Timestamp;
use lurelight_schema::{Digest, Label, Record, RecordsDigest};
use serde::{Deserialize, Serialize};

use crate::key::parse_digest;
use crate::{Error, ErrorKind, InvalidDigest};

/// How many records [`push`] hands over at a time.
const PUSH_ROWS: usize = 10_000;

/// A batch's name: the digest of its records as they were pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub Digest);

/// What is said when a batch is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// How many records it has.
    pub rows: u64,
    /// What was read, for people: the name of a file.
    pub source: String,
    /// When.
    pub pushed_at: Timestamp,
}

/// A complete batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its name.
    pub id: BatchId,
    /// What was said when it was complete.
    pub closing: Closing,
    /// How many of its labels differ from those that were pushed.
    pub relabelled: u64,
}

/// Keeps labelled records in batches. A batch is seen once it was closed; until then it can only be
/// completed.
#[async_trait]
pub trait RecordStore: fmt::Debug + Send + Sync {
    /// Where this is, for messages.
    fn place(&self) -> String;

    /// Adds records to a batch that is not closed, `records[0]` as row `first_row` (rows count from 0).
    /// Rows that are there already stay as they are. Returns how many rows were new.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) where the batch is closed.
    async fn append(&self, batch: BatchId, first_row: u64, records: &[Record]) -> Result<u64, Error>;

    /// Closes a batch after having made sure that rows 0 to `closing.rows` are there and have the digest that
    /// is its name. Closing a closed batch changes nothing.
    ///
    /// # Errors
    ///
    /// [`Damaged`](crate::ErrorKind::Damaged) where rows are absent, others or more than announced; all rows of
    /// the batch are then taken away, so that pushing again starts clean.
    async fn close(&self, batch: BatchId, closing: &Closing) -> Result<(), Error>;

    /// The closed batches, ordered by name.
    ///
    /// # Errors
    ///
    /// Those of the home.
    async fn batches(&self) -> Result<Vec<Batch>, Error>;

    /// Records of a closed batch in the order of their rows, with the labels that they have now; rows behind
    /// the end are left out.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) where no such batch is closed.
    async fn read(&self, batch: BatchId, rows: Range<u64>) -> Result<Vec<Record>, Error>;

    /// Gives rows of a closed batch other labels, all or none of them; of a row that is named twice the last
    /// counts. Returns how many labels changed.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) where no such batch is closed,
    /// [`Invalid`](crate::ErrorKind::Invalid) for a row that it does not have.
    async fn relabel(&self, batch: BatchId, labels: &[(u64, Label)]) -> Result<u64, Error>;

    /// Takes a batch away, closed or not, with the labels that it was given later. Returns whether there was
    /// one.
    ///
    /// # Errors
    ///
    /// Those of the home.
    async fn delete(&self, batch: BatchId) -> Result<bool, Error>;
}

/// What a push found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// Nothing of the batch was there.
    New,
    /// A part of the batch was there, from a push that had died half-way or that went on at the same time.
    Completed,
    /// The batch was there already; nothing was written.
    NoChange,
}

/// A batch that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Its name.
    pub batch: BatchId,
    /// How many records it has.
    pub rows: u64,
    /// What was found.
    pub outcome: PushOutcome,
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for BatchId {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<BatchId, InvalidDigest> {
        parse_digest(text).map(BatchId)
    }
}

/// Puts records into a store as one batch, named by their digest. Doing it twice changes nothing; after
/// a crash doing it again completes it. `written` hears how many rows were handed over.
///
/// # Errors
///
/// [`Invalid`](crate::ErrorKind::Invalid) where there is no record, else those of the store.
pub async fn push(
    store: &dyn RecordStore,
    records: &[Record],
    source: &str,
    pushed_at: Timestamp,
    written: &(dyn Fn(u64) + Sync),
) -> Result<Pushed, Error> {
    let batch = BatchId(RecordsDigest::of(records));
    let rows = records.len() as u64;
    if records.is_empty() {
        let message = "there is no record to push";
        return Err(Error::new(ErrorKind::Invalid, source, message));
    }
    if store.batches().await?.iter().any(|closed| closed.id == batch) {
        return Ok(Pushed { batch, rows, outcome: PushOutcome::NoChange });
    }
    let mut new_rows = 0;
    for (i, part) in records.chunks(PUSH_ROWS).enumerate() {
        match store.append(batch, (i * PUSH_ROWS) as u64, part).await {
            Ok(new) => new_rows += new,
            // Somebody else pushed the same records and was quicker.
            Err(error) if error.kind == ErrorKind::AlreadyExists => {
                let outcome = if new_rows == 0 { PushOutcome::NoChange } else { PushOutcome::Completed };
                return Ok(Pushed { batch, rows, outcome });
            }
            Err(error) => return Err(error),
        }
        written(part.len() as u64);
    }
    store.close(batch, &Closing { rows, source: source.to_owned(), pushed_at }).await?;
    let outcome = if new_rows == rows { PushOutcome::New } else { PushOutcome::Completed };
    Ok(Pushed { batch, rows, outcome })
}

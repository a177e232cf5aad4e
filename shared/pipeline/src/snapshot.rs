//! A snapshot of the record store: what the digest of a dataset names.

use std::sync::Arc;

use lurelight_schema::{Digest, Label, Record, RecordsDigest};
use lurelight_store::{BatchId, Key};
use serde::{Deserialize, Serialize};

use crate::frames::{self, Placed};
use crate::run_folder::{RunFolder, Stored};
use crate::work::calculate;
use crate::{Error, Stage};

/// A batch as a snapshot holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestedBatch {
    /// Its name.
    pub id: String,
    /// How many rows it has.
    pub rows: u64,
    /// What was read, for people.
    pub source: String,
    /// When it was pushed.
    pub pushed_at: jiff::Timestamp,
    /// How many of its labels differ from those that were pushed.
    pub relabelled: u64,
}

impl IngestedBatch {
    pub(crate) fn new(batch: &lurelight_store::Batch, rows: u64) -> IngestedBatch {
        let BatchId(id) = batch.id;
        IngestedBatch {
            id: id.to_string(),
            rows,
            source: batch.closing.source.clone(),
            pushed_at: batch.closing.pushed_at,
            relabelled: batch.relabelled,
        }
    }
}

/// The batch and the row number of each record of a snapshot, in its order.
pub(crate) fn places(batches: &[IngestedBatch]) -> impl Iterator<Item = (&str, u64)> {
    batches.iter().flat_map(|batch| (0..batch.rows).map(|row| (batch.id.as_str(), row)))
}

/// A snapshot that is being taken: records go into its file as they are read, and are not held beside it.
pub(crate) struct Taking {
    file: frames::Writer<Arc<str>>,
    digest: RecordsDigest,
    pub(crate) rows: u64,
    pub(crate) phishing: u64,
}

impl Taking {
    pub(crate) fn new() -> Result<Taking, Error> {
        Ok(Taking { file: frames::Writer::new()?, digest: RecordsDigest::new(), rows: 0, phishing: 0 })
    }

    /// Takes the next records, which lie in their batch from row `first` on.
    pub(crate) fn take(&mut self, batch: &Arc<str>, first: u64, records: &[Record]) -> Result<(), Error> {
        for (record, row) in records.iter().zip(first..) {
            self.digest.push(*record);
            self.rows += 1;
            self.phishing += u64::from(record.label == Label::Phishing);
            self.file.push(Placed { record: *record, batch: Arc::clone(batch), row })?;
        }
        Ok(())
    }

    /// The digest of the records, and the file as Parquet.
    pub(crate) fn finish(self) -> Result<(Digest, Vec<u8>), Error> {
        Ok((self.digest.finish(), self.file.finish()?))
    }
}

/// Reads rows that a report of this run vouches for, and checks that they are those of `digest`.
pub(crate) async fn read(
    folder: RunFolder<'_>,
    stored: &Stored,
    digest: &str,
    stage: Stage,
) -> Result<Vec<Record>, Error> {
    let bytes = folder.get(stored).await?;
    let read = calculate(stage, move || {
        let records = frames::read(&bytes);
        Ok(records.map(|records| (RecordsDigest::of(&records).to_string(), records)))
    });
    // Damaged Parquet can make its reader panic.
    let read = match read.await {
        Err(Error::BrokenOff { reason, .. }) => return Err(folder.damaged(&stored.key, reason)),
        read => read?,
    };
    let (found, records) = read.map_err(|error| folder.damaged(&stored.key, error))?;
    if found != digest {
        let reason = format!("its records have the digest {found} and should have {digest}");
        return Err(folder.damaged(&stored.key, reason));
    }
    Ok(records)
}

/// Where the snapshot of a dataset lies.
pub(crate) fn key(digest: Digest) -> Key {
    Key::dataset(digest)
}

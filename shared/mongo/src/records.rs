//! The contract, kept.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use lurelight_schema::{Label, Record};
use lurelight_store::{Batch, BatchId, Closing, Error, ErrorKind, RecordStore, SecretName, Secrets};

use crate::batch;
use crate::server::Link;
use crate::settings::{MongoPlace, Patience};

/// Records in a collection of MongoDB. One is enough for the life of a process; it has one client, which is made when
/// something is first asked of it.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use lurelight_mongo::{MongoPlace, MongoRecords};
/// use lurelight_store::{EnvironmentSecrets, RecordStore};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let place = MongoPlace::new("lurelight", "records")?;
/// // The connection string is in MONGODB_URI.
/// let records = MongoRecords::new(place, Arc::new(EnvironmentSecrets), "mongodb-uri".parse()?);
/// for batch in records.batches().await? {
///     println!("{} has {} rows", batch.id, batch.closing.rows);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MongoRecords {
    link: Link,
}

impl MongoRecords {
    /// The records in `place` of the server to which the secret `uri` leads, a connection string. Nothing is sent.
    #[must_use]
    pub fn new(place: MongoPlace, secrets: Arc<dyn Secrets>, uri: SecretName) -> MongoRecords {
        MongoRecords { link: Link::new(place, secrets, uri) }
    }

    /// The same with other waits.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> MongoRecords {
        self.link.patience = patience;
        self
    }

    fn what(&self, batch: BatchId) -> String {
        format!("{}, batch {batch}", self.link.what())
    }
}

#[async_trait]
impl RecordStore for MongoRecords {
    fn place(&self) -> String {
        self.link.what()
    }

    async fn append(&self, batch: BatchId, first_row: u64, records: &[Record]) -> Result<u64, Error> {
        let what = self.what(batch);
        let first = i64::try_from(first_row).ok();
        let first = first.filter(|first| first.checked_add_unsigned(records.len() as u64).is_some());
        let Some(first) = first else {
            let message = format!("row {first_row} and {} more are too many to count", records.len());
            return Err(Error::new(ErrorKind::Invalid, what, message));
        };
        let new = &AtomicU64::new(0);
        let append = |server: Arc<_>| async move { batch::append(&server, batch, first, records, new).await };
        self.link.attempt(&what, "rows cannot be added", append).await?;
        Ok(new.load(Ordering::Relaxed))
    }

    /// As the contract says; `closing.pushed_at` is kept to the millisecond.
    async fn close(&self, batch: BatchId, closing: &Closing) -> Result<(), Error> {
        let close = |server: Arc<_>| async move { batch::close(&server, batch, closing).await };
        self.link.attempt(&self.what(batch), "cannot be closed", close).await
    }

    async fn batches(&self) -> Result<Vec<Batch>, Error> {
        let list = |server: Arc<_>| async move { batch::list(&server).await };
        self.link.attempt(&self.link.what(), "batches cannot be listed", list).await
    }

    async fn read(&self, batch: BatchId, rows: Range<u64>) -> Result<Vec<Record>, Error> {
        let rows = &rows;
        let read = |server: Arc<_>| async move { batch::read(&server, batch, rows.clone()).await };
        self.link.attempt(&self.what(batch), "cannot be read", read).await
    }

    async fn relabel(&self, batch: BatchId, labels: &[(u64, Label)]) -> Result<u64, Error> {
        let relabel = |server: Arc<_>| async move { batch::relabel(&server, batch, labels).await };
        self.link.attempt(&self.what(batch), "labels cannot be changed", relabel).await
    }

    async fn delete(&self, batch: BatchId) -> Result<bool, Error> {
        let delete = |server: Arc<_>| async move { batch::delete(&server, batch).await };
        self.link.attempt(&self.what(batch), "cannot be deleted", delete).await
    }
}

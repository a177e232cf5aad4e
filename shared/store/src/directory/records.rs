//! Records as a folder of packed batches.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use lurelight_schema::{Label, Record};

use super::batch::BatchFolder;
use super::blocking;
use super::place::{Place, names};
use crate::{Batch, BatchId, Closing, Error, RecordStore};

/// Records in a folder, by default `.lurelight/records`. A batch is a folder whose name is its digest. All reads
/// check the hashes of what they read.
#[derive(Clone, Debug)]
pub struct DirectoryRecords {
    place: Arc<Place>,
}

impl DirectoryRecords {
    /// The records in `root`, which need not be there: it is made by the first write, and until then it is empty.
    #[must_use]
    pub fn open(root: impl AsRef<Path>) -> DirectoryRecords {
        DirectoryRecords { place: Arc::new(Place::new(root.as_ref())) }
    }

    async fn with<T: Send + 'static>(
        &self,
        batch: BatchId,
        work: impl FnOnce(&BatchFolder<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = Arc::clone(&self.place);
        blocking(self.place(), move || work(&BatchFolder::new(&place, batch))).await
    }
}

#[async_trait]
impl RecordStore for DirectoryRecords {
    fn place(&self) -> String {
        self.place.root().display().to_string()
    }

    async fn append(&self, batch: BatchId, first_row: u64, records: &[Record]) -> Result<u64, Error> {
        let records = records.to_vec();
        self.with(batch, move |folder| folder.append(first_row, &records)).await
    }

    async fn close(&self, batch: BatchId, closing: &Closing) -> Result<(), Error> {
        let closing = closing.clone();
        self.with(batch, move |folder| folder.close(&closing)).await
    }

    async fn batches(&self) -> Result<Vec<Batch>, Error> {
        let place = Arc::clone(&self.place);
        blocking(self.place(), move || {
            let mut ids: Vec<BatchId> =
                names(place.root())?.iter().filter_map(|(name, _)| name.parse().ok()).collect();
            ids.sort_unstable();
            ids.into_iter().filter_map(|id| BatchFolder::new(&place, id).batch().transpose()).collect()
        })
        .await
    }

    async fn read(&self, batch: BatchId, rows: Range<u64>) -> Result<Vec<Record>, Error> {
        self.with(batch, move |folder| folder.read(rows)).await
    }

    async fn relabel(&self, batch: BatchId, labels: &[(u64, Label)]) -> Result<u64, Error> {
        let labels = labels.to_vec();
        self.with(batch, move |folder| folder.relabel(&labels)).await
    }

    async fn delete(&self, batch: BatchId) -> Result<bool, Error> {
        self.with(batch, |folder| folder.delete()).await
    }
}

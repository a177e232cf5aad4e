//! Ingest: a snapshot of the record store.

use std::sync::Arc;

use bytes::Bytes;
use lurelight_schema::Digest;
use lurelight_store::ErrorKind;
use serde::{Deserialize, Serialize};

use crate::no_change;
use crate::promote;
use crate::run_folder::{RunFolder, Stored};
use crate::snapshot::{self, IngestedBatch, Taking};
use crate::work::calculate;
use crate::{Error, Listener, RunRequest, Stage, Stores};

/// How many records are asked for at a time.
const READ_ROWS: u64 = 50_000;

/// `ingest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IngestReport {
    /// What was asked of the run; the other stages read it from here.
    pub request: RunRequest,
    /// The digest of the records, ordered by batch and row.
    pub dataset: String,
    /// Records.
    pub rows: u64,
    /// Those labelled phishing.
    pub phishing: u64,
    /// Those labelled legitimate.
    pub legitimate: u64,
    /// The batches, in the order of the snapshot.
    pub batches: Vec<IngestedBatch>,
    /// The snapshot.
    pub snapshot: Stored,
    /// The champion when the run began, with which the rows are compared for drift.
    pub champion: Option<ServingVersion>,
    /// Why there is nothing to be learnt from these records, where that is so; the run has ended then.
    pub no_change: Option<String>,
}

/// A version that serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServingVersion {
    /// Its number.
    pub version: u64,
    /// SHA-256 of its artifact.
    pub model: String,
}

/// Keeps a snapshot of all closed batches under the digest of their records, unless it is kept already, and begins the
/// run: the other stages know it by its name alone.
///
/// A run is of the records that its first ingest found. Where these were trained on before with the same
/// options and by the same program, the run ends here, and `no_change` says why.
///
/// # Errors
///
/// [`Error::Empty`] for a store without records, [`Error::RunTaken`] where the name belongs to another request.
pub async fn ingest(
    request: &RunRequest,
    stores: &Stores,
    listener: &Listener,
) -> Result<IngestReport, Error> {
    request.training.check()?;
    let folder = RunFolder::new(&*stores.artifacts, &request.run);
    let report = match folder.find_report::<IngestReport>(Stage::Ingest).await? {
        Some(begun) => {
            check_same(request, &begun)?;
            begun
        }
        None => begin(request, stores, listener, folder).await?,
    };
    if let Some(reason) = &report.no_change {
        promote::end_without_change(&report, reason, stores).await?;
    }
    listener.stage_ends(Stage::Ingest);
    Ok(report)
}

fn check_same(request: &RunRequest, begun: &IngestReport) -> Result<(), Error> {
    let old = &begun.request;
    let differs = [
        (old.training != request.training, "other options of training"),
        (old.promotion != request.promotion, "other rules of promotion"),
        (old.drift != request.drift, "other rules of drift"),
        (old.program != request.program, "another program"),
        (old != request, "another time, actor or reason"),
    ];
    match differs.into_iter().find(|(differ, _)| *differ) {
        Some((_, differs)) => Err(Error::RunTaken { run: request.run.clone(), differs }),
        None => Ok(()),
    }
}

async fn begin(
    request: &RunRequest,
    stores: &Stores,
    listener: &Listener,
    folder: RunFolder<'_>,
) -> Result<IngestReport, Error> {
    let (taken, batches) = read_all(stores, listener).await?;
    let (rows, phishing) = (taken.rows, taken.phishing);
    if rows == 0 {
        return Err(Error::Empty { place: stores.records.place() });
    }
    let (digest, bytes) = calculate(Stage::Ingest, move || taken.finish()).await?;
    let champion = stores.registry().champion().await?.map(|champion| ServingVersion {
        version: champion.event.details.version,
        model: champion.event.details.model,
    });
    let snapshot = keep(stores, digest, bytes.into()).await?;
    let mut report = IngestReport {
        request: request.clone(),
        dataset: digest.to_string(),
        rows,
        phishing,
        legitimate: rows - phishing,
        batches,
        snapshot,
        champion,
        no_change: None,
    };
    report.no_change = no_change::reason(&report, stores).await?;
    folder.put_report(Stage::Ingest, &report).await?;
    Ok(report)
}

/// Reads all closed batches, part by part, into a snapshot.
async fn read_all(stores: &Stores, listener: &Listener) -> Result<(Taking, Vec<IngestedBatch>), Error> {
    let closed = stores.records.batches().await?;
    let total: u64 = closed.iter().map(|batch| batch.closing.rows).sum();
    listener.stage_begins(Stage::Ingest, total);
    let mut taking = Taking::new()?;
    let mut batches = Vec::with_capacity(closed.len());
    for batch in &closed {
        let name: Arc<str> = batch.id.to_string().into();
        let before = taking.rows;
        for first in (0..batch.closing.rows).step_by(READ_ROWS as usize) {
            let end = batch.closing.rows.min(first + READ_ROWS);
            let records = stores.records.read(batch.id, first..end).await?;
            let name = Arc::clone(&name);
            taking = calculate(Stage::Ingest, move || {
                taking.take(&name, first, &records)?;
                Ok(taking)
            })
            .await?;
            listener.stage_advances(Stage::Ingest, end - first);
        }
        batches.push(IngestedBatch::new(batch, taking.rows - before));
    }
    Ok((taking, batches))
}

/// Keeps the snapshot, unless it is there. Objects are seen whole or not at all, so one that is there is complete.
async fn keep(stores: &Stores, digest: Digest, bytes: Bytes) -> Result<Stored, Error> {
    let key = snapshot::key(digest);
    match stores.artifacts.get(&key).await {
        Ok(object) => return Ok(Stored::of(key, &object.bytes)),
        Err(error) if error.kind == ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    match stores.artifacts.create(&key, bytes.clone()).await {
        Ok(_) => Ok(Stored::of(key, &bytes)),
        // Another run keeps the same records at the same time.
        Err(error) if error.kind == ErrorKind::AlreadyExists => {
            let object = stores.artifacts.get(&key).await?;
            Ok(Stored::of(key, &object.bytes))
        }
        Err(error) => Err(error.into()),
    }
}

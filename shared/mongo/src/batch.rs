//! What is done with one batch.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lurelight_schema::{Label, Record, RecordsDigest};
use lurelight_store::{Batch, BatchId, Closing, ErrorKind};
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::error::ErrorKind as Said;

use crate::closing::{Closed, HASH_ROWS, Hashes};
use crate::collections::prepare;
use crate::document::{of_record, to_record, unread, whole};
use crate::failure::{Failure, code};
use crate::labels::{self, Change, LABELS_MAX, Overlay};
use crate::server::Server;

/// Some 700 bytes each, so that a message has a few megabytes of the 48 that MongoDB takes.
const INSERT_ROWS: usize = 5_000;
/// How many documents come with one answer.
const ANSWER_ROWS: u32 = 5_000;
/// How many rows one command deletes, so that each is answered soon.
const DELETE_ROWS: u64 = 50_000;
/// How many rows one query names.
const NAMED_ROWS: usize = 10_000;
/// How often a batch may be deleted and pushed again while it is read.
const READ_ATTEMPTS: usize = 5;
/// How often somebody else may be quicker to change labels of one batch.
const RELABEL_ATTEMPTS: u64 = 100;

/// `new` counts the rows that were not there before, also those of an attempt that ended in an error.
pub(crate) async fn append(
    server: &Server,
    batch: BatchId,
    first_row: i64,
    records: &[Record],
    new: &AtomicU64,
) -> Result<(), Failure> {
    if find_closed(server, batch).await?.is_some() {
        let message = "this batch is closed, so it has all of its rows; push other records as another batch";
        return Err(Failure::Known(ErrorKind::AlreadyExists, message.to_owned()));
    }
    if records.is_empty() {
        return Ok(());
    }
    prepare(server).await?;
    let (id, now) = (batch.to_string(), DateTime::now());
    let mut row = first_row;
    for part in records.chunks(INSERT_ROWS) {
        let mut documents = Vec::with_capacity(part.len());
        for record in part {
            documents.push(of_record(&id, row, *record, now));
            row += 1;
        }
        let inserted = server.answer(server.rows.insert_many(documents).ordered(false)).await;
        let there = match inserted {
            Ok(_) => 0,
            Err(failure) => duplicates(&failure).ok_or(failure)?,
        };
        new.fetch_add((part.len() as u64).saturating_sub(there), Ordering::Relaxed);
    }
    Ok(())
}

/// How many documents were there already, where that is all that is wrong.
fn duplicates(failure: &Failure) -> Option<u64> {
    let Failure::Driver(error) = failure else { return None };
    let Said::InsertMany(insert) = &*error.kind else { return None };
    let errors = insert.write_errors.as_ref()?;
    let only =
        insert.write_concern_error.is_none() && errors.iter().all(|error| error.code == code::DUPLICATE_KEY);
    only.then_some(errors.len() as u64)
}

pub(crate) async fn close(server: &Server, batch: BatchId, closing: &Closing) -> Result<(), Failure> {
    if find_closed(server, batch).await?.is_some() {
        return Ok(());
    }
    let hashes = match checked_hashes(server, batch, closing.rows).await {
        Err(Failure::Known(ErrorKind::Damaged, how)) => {
            delete(server, batch).await?;
            return Err(Failure::damaged(format!(
                "{how}; its rows were taken away, so push the records again"
            )));
        }
        hashes => hashes?,
    };
    let document = raw(&Closed::new(batch, closing, hashes).to_document())?;
    match server.answer(server.batches.insert_one(document)).await {
        Ok(_) => Ok(()),
        // Somebody else pushed the same records and was quicker.
        Err(failure) if failure.code() == Some(code::DUPLICATE_KEY) => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// Reads all rows, finds them to be those that the batch is named by, and hashes them part by part.
async fn checked_hashes(server: &Server, batch: BatchId, rows: u64) -> Result<Vec<[u8; 32]>, Failure> {
    let (mut digest, mut hashes, mut next) = (RecordsDigest::new(), Hashes::new(), 0);
    let mut is_gapless = true;
    let found = server.rows.find(doc! { "batch": batch.to_string() });
    let found = found.projection(unread()).sort(doc! { "batch": 1, "row": 1 }).batch_size(ANSWER_ROWS);
    let mut cursor = server.answer(found).await?;
    while server.advance(&mut cursor).await? {
        let (row, record) = to_record(cursor.current()).map_err(Failure::damaged)?;
        if row != next || next == rows {
            is_gapless = false;
            break;
        }
        digest.push(record);
        hashes.push(record);
        next += 1;
    }
    if !is_gapless || next != rows {
        let more = if is_gapless || next < rows { "" } else { ", and more behind them" };
        let message =
            format!("{rows} rows were announced, and {next} are there from row 0 on without a gap{more}");
        return Err(Failure::damaged(message));
    }
    if BatchId(digest.finish()) != batch {
        return Err(Failure::damaged("its rows are others than those that it is named by"));
    }
    Ok(hashes.finish())
}

pub(crate) async fn list(server: &Server) -> Result<Vec<Batch>, Failure> {
    let found = server.batches.find(doc! {}).sort(doc! { "_id": 1 });
    let mut cursor = server.answer(found).await?;
    let mut closed = Vec::new();
    while server.advance(&mut cursor).await? {
        closed.push(Closed::of_document(cursor.current()).map_err(|how| foreign(&how, &server.batches))?);
    }
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let found = server.labels.find(doc! {}).sort(doc! { "_id": 1 }).projection(doc! { "relabelled": 1 });
    let mut cursor = server.answer(found).await?;
    while server.advance(&mut cursor).await? {
        let (generation, count) =
            labels::count(cursor.current()).map_err(|how| foreign(&how, &server.labels))?;
        counts.insert(generation.to_owned(), count);
    }
    let batch = |closed: Closed| Batch {
        id: closed.id,
        relabelled: counts.get(&closed.generation).copied().unwrap_or(0),
        closing: closed.closing,
    };
    Ok(closed.into_iter().map(batch).collect())
}

pub(crate) async fn read(server: &Server, batch: BatchId, rows: Range<u64>) -> Result<Vec<Record>, Failure> {
    for _ in 0..READ_ATTEMPTS {
        let closed = find_closed(server, batch).await?.ok_or_else(not_closed)?;
        let result = read_closed(server, &closed, rows.start..rows.end.min(closed.closing.rows)).await;
        if matches!(result, Err(Failure::Known(ErrorKind::Damaged, _)))
            && find_closed(server, batch).await?.is_none_or(|now| now.generation != closed.generation)
        {
            // It was deleted, and perhaps pushed again, since it was looked up.
            continue;
        }
        return result;
    }
    let message = "is deleted and pushed again all the time: read it when that has ended";
    Err(Failure::Known(ErrorKind::Unavailable, message.to_owned()))
}

async fn read_closed(server: &Server, closed: &Closed, rows: Range<u64>) -> Result<Vec<Record>, Failure> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let overlay = overlay(server, &closed.generation).await?;
    let mut read = Vec::with_capacity((rows.end - rows.start) as usize);
    let mut next = rows.start;
    // Of the part whose first row was read.
    let mut part: Option<RecordsDigest> = None;
    let range = doc! { "$gte": rows.start as i64, "$lt": rows.end as i64 };
    let found = server.rows.find(doc! { "batch": closed.id.to_string(), "row": range });
    let found = found.projection(unread()).sort(doc! { "batch": 1, "row": 1 }).batch_size(ANSWER_ROWS);
    let mut cursor = server.answer(found).await?;
    while server.advance(&mut cursor).await? {
        let (row, record) = to_record(cursor.current()).map_err(|how| restore(&how))?;
        if row < next {
            return Err(restore(&format!("row {row} is there twice")));
        }
        if row > next {
            break;
        }
        if next.is_multiple_of(HASH_ROWS) {
            part = Some(RecordsDigest::new());
        }
        if let Some(part) = &mut part {
            part.push(record);
        }
        read.push(record);
        next += 1;
        let is_end = next.is_multiple_of(HASH_ROWS) || next == closed.closing.rows;
        if is_end && let Some(part) = part.take() {
            let first = (next - 1) / HASH_ROWS * HASH_ROWS;
            if closed.hashes.get((first / HASH_ROWS) as usize) != Some(&part.finish().0) {
                let how = format!("rows {first} to {} are others than when the batch was closed", next - 1);
                return Err(restore(&how));
            }
        }
    }
    if next < rows.end {
        return Err(restore(&format!("row {next} is not there")));
    }
    for (row, label) in overlay.range(rows.clone()) {
        if let Some(record) = read.get_mut((row - rows.start) as usize) {
            record.label = label;
        }
    }
    Ok(read)
}

pub(crate) async fn relabel(
    server: &Server,
    batch: BatchId,
    labels: &[(u64, Label)],
) -> Result<u64, Failure> {
    let closed = find_closed(server, batch).await?.ok_or_else(not_closed)?;
    let wanted: BTreeMap<u64, Label> = labels.iter().copied().collect();
    let invalid = |message: String| Failure::Known(ErrorKind::Invalid, message);
    if wanted.len() > LABELS_MAX {
        return Err(invalid(format!(
            "{} labels are too many for one document of MongoDB: change at most {LABELS_MAX} at a time; no label was changed",
            wanted.len()
        )));
    }
    if let Some((row, _)) = wanted.range(closed.closing.rows..).next() {
        let rows = closed.closing.rows;
        return Err(invalid(format!(
            "there is no row {row}: the batch has {rows} rows, counted from 0; no label was changed"
        )));
    }
    let pushed = pushed_labels(server, &closed, &wanted).await?;
    for attempt in 0..RELABEL_ATTEMPTS {
        let mut overlay = overlay(server, &closed.generation).await?;
        let mut changes = Vec::new();
        for (&row, &label) in &wanted {
            let pushed = pushed.get(&row).copied();
            if overlay.label(row).or(pushed) != Some(label) {
                changes.push(Change { row, label, as_pushed: pushed == Some(label) });
            }
        }
        if changes.is_empty() {
            return Ok(0);
        }
        overlay.apply(changes.iter().copied());
        let document = raw(&overlay.document(batch, &closed.generation, &changes))?;
        match server.answer(server.labels.insert_one(document)).await {
            Ok(_) => return Ok(changes.len() as u64),
            // Somebody else changed labels since: again over his.
            Err(failure) if failure.code() == Some(code::DUPLICATE_KEY) => {
                let wait = fastrand::u64(0..=attempt.min(20));
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            Err(failure) => return Err(failure),
        }
    }
    let message =
        "labels of this batch are changed by others all the time; no label was changed: do it again";
    Err(Failure::Known(ErrorKind::Conflict, message.to_owned()))
}

/// The labels with which some rows were pushed.
async fn pushed_labels(
    server: &Server,
    closed: &Closed,
    wanted: &BTreeMap<u64, Label>,
) -> Result<BTreeMap<u64, Label>, Failure> {
    let rows: Vec<Bson> = wanted.keys().map(|row| Bson::Int64(*row as i64)).collect();
    let mut labels = BTreeMap::new();
    for rows in rows.chunks(NAMED_ROWS) {
        let named = doc! { "batch": closed.id.to_string(), "row": { "$in": rows } };
        let found = server.rows.find(named).projection(unread()).batch_size(ANSWER_ROWS);
        let mut cursor = server.answer(found).await?;
        while server.advance(&mut cursor).await? {
            let (row, record) = to_record(cursor.current()).map_err(|how| restore(&how))?;
            labels.insert(row, record.label);
        }
    }
    match wanted.keys().find(|row| !labels.contains_key(row)) {
        Some(row) => Err(restore(&format!("row {row} is not there"))),
        None => Ok(labels),
    }
}

async fn overlay(server: &Server, generation: &str) -> Result<Overlay, Failure> {
    let mut overlay = Overlay::default();
    let found = server.labels.find(labels::of_generation(generation)).sort(doc! { "_id": 1 });
    let mut cursor = server.answer(found).await?;
    while server.advance(&mut cursor).await? {
        let changes = labels::changes(cursor.current(), &overlay).map_err(|how| restore(&how))?;
        overlay.apply(changes);
    }
    Ok(overlay)
}

/// Takes a batch away: first what makes it visible, last its rows. Then once more what makes it visible, because
/// another process may have closed it over rows that were on their way out.
pub(crate) async fn delete(server: &Server, batch: BatchId) -> Result<bool, Failure> {
    let id = batch.to_string();
    let mut any = false;
    for _ in 0..2 {
        let closed = server.answer(server.batches.delete_one(doc! { "_id": &id })).await?;
        let labels = server.answer(server.labels.delete_many(doc! { "batch": &id })).await?;
        let rows = delete_rows(server, &id).await?;
        any |= closed.deleted_count + labels.deleted_count + rows > 0;
        if rows == 0 {
            break;
        }
    }
    Ok(any)
}

async fn delete_rows(server: &Server, id: &str) -> Result<u64, Failure> {
    let mut deleted = 0;
    loop {
        let last = server.rows.find_one(doc! { "batch": id }).sort(doc! { "batch": 1, "row": 1 });
        let last = last.skip(DELETE_ROWS - 1).projection(doc! { "_id": 0, "row": 1 });
        let last: Option<RawDocumentBuf> = server.answer(last).await?;
        let last = last.and_then(|document| document.get("row").ok().flatten().and_then(whole));
        let named = match last {
            Some(row) => doc! { "batch": id, "row": { "$lte": row } },
            None => doc! { "batch": id },
        };
        deleted += server.answer(server.rows.delete_many(named)).await?.deleted_count;
        if last.is_none() {
            return Ok(deleted);
        }
    }
}

async fn find_closed(server: &Server, batch: BatchId) -> Result<Option<Closed>, Failure> {
    let found = server.batches.find_one(doc! { "_id": batch.to_string() });
    let found: Option<RawDocumentBuf> = server.answer(found).await?;
    found.map(|document| Closed::of_document(&document).map_err(|how| restore(&how))).transpose()
}

fn not_closed() -> Failure {
    let message =
        "there is no complete batch of this name; list the batches, or push it again to complete it";
    Failure::Known(ErrorKind::NotFound, message.to_owned())
}

/// What to do about damage in a batch that is closed.
fn restore(how: &str) -> Failure {
    Failure::damaged(format!(
        "is damaged: {how}; restore the collections, or delete the batch and push it again"
    ))
}

fn foreign(how: &str, collection: &mongodb::Collection<RawDocumentBuf>) -> Failure {
    Failure::damaged(format!(
        "{how}, in {}; it was written by another program or by hand: restore it or take it away",
        collection.name()
    ))
}

fn raw(document: &Document) -> Result<RawDocumentBuf, Failure> {
    RawDocumentBuf::try_from(document).map_err(|error| Failure::Driver(error.into()))
}

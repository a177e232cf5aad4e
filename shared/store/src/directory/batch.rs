//! The folder of one batch.
//!
//! | file | what |
//! |---|---|
//! | `rows-<first row>-<rows>.bin` | a part of the rows as they were pushed |
//! | `closed.json` | what was said when the batch was complete, and the parts with their hashes |
//! | `labels.bin` | the labels that are others than those pushed |
//!
//! `closed.json` is written last and taken away first. Parts of a batch that is closed never change.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use lurelight_schema::{Digest, Label, Record, RecordsDigest};
use serde::{Deserialize, Serialize};

use super::packed::{damaged, pack_labels, pack_rows, packed_bytes, unpack_labels, unpack_rows};
use super::part::{Part, gaps};
use super::place::{Place, names, remove, sync_folder};
use crate::{Batch, BatchId, Closing, Error, ErrorKind};

const FORMAT: u32 = 1;
const PART_ROWS_MAX: u64 = 1 << 16;
/// How often a batch may be deleted and pushed again while it is read.
const READ_ATTEMPTS: usize = 5;

pub(super) struct BatchFolder<'a> {
    place: &'a Place,
    id: BatchId,
    path: PathBuf,
}

/// The contents of `closed.json`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Closed {
    format: u32,
    #[serde(flatten)]
    closing: Closing,
    parts: Vec<ClosedPart>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct ClosedPart {
    #[serde(flatten)]
    part: Part,
    sha256: String,
}

impl<'a> BatchFolder<'a> {
    pub(super) fn new(place: &'a Place, id: BatchId) -> BatchFolder<'a> {
        BatchFolder { place, id, path: place.root().join(id.to_string()) }
    }

    pub(super) fn append(&self, first_row: u64, records: &[Record]) -> Result<u64, Error> {
        if records.is_empty() {
            return Ok(0);
        }
        let end = first_row.checked_add(records.len() as u64).ok_or_else(|| {
            let message = format!("row {first_row} and {} more are too many to count", records.len());
            Error::new(ErrorKind::Invalid, self.path.display(), message)
        })?;
        let lock = self.place.lock()?;
        if self.closed()?.is_some() {
            let message =
                "this batch is closed, so it has all of its rows; push other records as another batch";
            return Err(Error::new(ErrorKind::AlreadyExists, self.path.display(), message));
        }
        let mut new = 0;
        for mut gap in gaps(first_row..end, &self.whole_parts()?) {
            new += gap.end - gap.start;
            while !gap.is_empty() {
                let part = Part { first_row: gap.start, rows: (gap.end - gap.start).min(PART_ROWS_MAX) };
                gap.start += part.rows;
                let [start, end] = [part.first_row, gap.start].map(|row| (row - first_row) as usize);
                let mut aside = self.place.aside(&lock, self.path.join(part.name()))?;
                aside.fill(&pack_rows(part.first_row, &records[start..end]))?;
                aside.create()?;
            }
        }
        Ok(new)
    }

    pub(super) fn close(&self, closing: &Closing) -> Result<(), Error> {
        let lock = self.place.lock()?;
        if self.closed()?.is_some() {
            return Ok(());
        }
        // Of a batch of this name that was deleted, by a process that died over it.
        remove(&self.labels_path())?;
        let parts = match self.checked_parts(closing.rows) {
            Err(error) if error.kind == ErrorKind::Damaged => {
                self.remove_parts()?;
                let message =
                    format!("{}; its rows were taken away, so push the records again", error.message);
                return Err(Error { message, ..error });
            }
            parts => parts?,
        };
        let closed = Closed { format: FORMAT, closing: closing.clone(), parts };
        let mut aside = self.place.aside(&lock, self.closed_path())?;
        aside.fill(&json(&closed, &self.closed_path())?)?;
        aside.create()
    }

    /// What is known of the batch where it is closed.
    pub(super) fn batch(&self) -> Result<Option<Batch>, Error> {
        let Some(closed) = self.closed()? else { return Ok(None) };
        let relabelled = self.labels()?.len() as u64;
        Ok(Some(Batch { id: self.id, closing: closed.closing, relabelled }))
    }

    pub(super) fn read(&self, rows: Range<u64>) -> Result<Vec<Record>, Error> {
        for _ in 0..READ_ATTEMPTS {
            let closed = self.closed()?.ok_or_else(|| self.not_closed())?;
            match self.read_closed(&closed, rows.clone()) {
                // Was it deleted, and perhaps pushed again in other parts, since it was looked up?
                Err(error)
                    if error.kind == ErrorKind::Damaged && self.closed()?.as_ref() != Some(&closed) => {}
                result => return result,
            }
        }
        let message = "is deleted and pushed again all the time: read it when that has ended";
        Err(Error::new(ErrorKind::Unavailable, self.path.display(), message))
    }

    pub(super) fn relabel(&self, labels: &[(u64, Label)]) -> Result<u64, Error> {
        // Nothing is made where there is nothing to relabel.
        self.closed()?.ok_or_else(|| self.not_closed())?;
        let lock = self.place.lock()?;
        let closed = self.closed()?.ok_or_else(|| self.not_closed())?;
        if let Some((row, _)) = labels.iter().find(|(row, _)| *row >= closed.closing.rows) {
            let message = format!(
                "there is no row {row}: the batch has {} rows, counted from 0; no label was changed",
                closed.closing.rows
            );
            return Err(Error::new(ErrorKind::Invalid, self.path.display(), message));
        }
        let wanted: BTreeMap<u64, Label> = labels.iter().copied().collect();
        let pushed = self.pushed_labels(&closed, &wanted)?;
        let mut overlay = self.labels()?;
        let mut changed = 0;
        for (row, label) in wanted {
            let pushed = pushed.get(&row).copied();
            let before = overlay.get(&row).copied().or(pushed);
            changed += u64::from(before != Some(label));
            if pushed == Some(label) {
                overlay.remove(&row);
            } else {
                overlay.insert(row, label);
            }
        }
        if changed > 0 {
            let mut aside = self.place.aside(&lock, self.labels_path())?;
            aside.fill(&pack_labels(&overlay))?;
            aside.replace()?;
        }
        Ok(changed)
    }

    pub(super) fn delete(&self) -> Result<bool, Error> {
        if !self.path.is_dir() {
            return Ok(false);
        }
        let lock = self.place.lock()?;
        let mut any = remove(&self.closed_path())?;
        if any {
            // Nothing else goes before this is certain.
            sync_folder(&self.path)?;
        }
        any |= remove(&self.labels_path())?;
        any |= self.remove_parts()?;
        match fs::remove_dir(&self.path) {
            Ok(()) => sync_folder(self.place.root())?,
            // Somebody keeps a file of his own there.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::of_file(&self.path, "cannot be taken away", error)),
        }
        drop(lock);
        Ok(any)
    }

    fn closed_path(&self) -> PathBuf {
        self.path.join("closed.json")
    }

    fn labels_path(&self) -> PathBuf {
        self.path.join("labels.bin")
    }

    fn not_closed(&self) -> Error {
        let message =
            "there is no complete batch of this name; list the batches, or push it again to complete it";
        Error::new(ErrorKind::NotFound, self.path.display(), message)
    }

    fn closed(&self) -> Result<Option<Closed>, Error> {
        let path = self.closed_path();
        let Some(bytes) = read_if_there(&path)? else { return Ok(None) };
        let closed: Closed = serde_json::from_slice(&bytes)
            .map_err(|error| restore(damaged(&path, &error.to_string()).because(error)))?;
        if closed.format != FORMAT {
            let message = format!(
                "has format {}, and this program knows {FORMAT}: use the one that wrote it",
                closed.format
            );
            return Err(Error::new(ErrorKind::Invalid, path.display(), message));
        }
        let end =
            closed.parts.iter().try_fold(0, |next, p| (p.part.first_row == next).then(|| p.part.range().end));
        if end != Some(closed.closing.rows) {
            return Err(restore(damaged(&path, "its parts do not add up to its rows")));
        }
        Ok(Some(closed))
    }

    /// The labels that are others than those pushed.
    fn labels(&self) -> Result<BTreeMap<u64, Label>, Error> {
        let path = self.labels_path();
        let labels = |bytes: Vec<u8>| unpack_labels(&path, &bytes).map_err(restore);
        read_if_there(&path)?.map_or_else(|| Ok(BTreeMap::new()), labels)
    }

    /// The parts that are there, ordered by their rows.
    fn parts(&self) -> Result<Vec<Part>, Error> {
        let mut parts: Vec<Part> =
            names(&self.path)?.iter().filter_map(|(name, _)| Part::of_name(name)).collect();
        parts.sort_unstable();
        Ok(parts)
    }

    /// The same after parts of a wrong size were taken away: a disk that lost its power may leave such.
    fn whole_parts(&self) -> Result<Vec<Part>, Error> {
        let mut parts = self.parts()?;
        let mut torn = Vec::new();
        for part in &parts {
            let path = self.path.join(part.name());
            let metadata =
                fs::metadata(&path).map_err(|error| Error::of_file(&path, "cannot be read", error))?;
            if metadata.len() != packed_bytes(part.rows) {
                remove(&path)?;
                torn.push(*part);
            }
        }
        parts.retain(|part| !torn.contains(part));
        Ok(parts)
    }

    /// The parts with their hashes, after all of them were read and found to be the rows that the batch is named by.
    fn checked_parts(&self, rows: u64) -> Result<Vec<ClosedPart>, Error> {
        let mut digest = RecordsDigest::new();
        let mut next_row = 0;
        let mut parts = Vec::new();
        for part in self.parts()? {
            if part.first_row != next_row {
                break;
            }
            let (records, sha256) = self.read_part(part)?;
            records.into_iter().for_each(|record| digest.push(record));
            next_row += part.rows;
            parts.push(ClosedPart { part, sha256 });
        }
        let how = if next_row != rows || parts.len() != self.parts()?.len() {
            format!("{rows} rows were announced, and {next_row} are there without a gap")
        } else if BatchId(digest.finish()) != self.id {
            "its rows are others than those that it is named by".to_owned()
        } else {
            return Ok(parts);
        };
        Err(damaged(&self.path, &how))
    }

    fn read_part(&self, part: Part) -> Result<(Vec<Record>, String), Error> {
        let path = self.path.join(part.name());
        let bytes = read_if_there(&path)?.ok_or_else(|| damaged(&path, "it is gone"))?;
        let (records, hash) = unpack_rows(&path, part.first_row, &bytes)?;
        if records.len() as u64 != part.rows {
            return Err(damaged(&path, "it holds another number of rows than its name says"));
        }
        Ok((records, Digest(hash).to_string()))
    }

    /// The records of one part as they were pushed.
    fn read_closed_part(&self, closed: &ClosedPart) -> Result<Vec<Record>, Error> {
        let (records, sha256) = self.read_part(closed.part).map_err(restore)?;
        if sha256 != closed.sha256 {
            let path = self.path.join(closed.part.name());
            return Err(restore(damaged(&path, "it holds other rows than when the batch was closed")));
        }
        Ok(records)
    }

    fn read_closed(&self, closed: &Closed, rows: Range<u64>) -> Result<Vec<Record>, Error> {
        let rows = rows.start..rows.end.min(closed.closing.rows);
        let mut wanted = Vec::new();
        for part in &closed.parts {
            let range = part.part.range();
            let [start, end] =
                [rows.start, rows.end].map(|row| row.clamp(range.start, range.end) - range.start);
            if start < end {
                wanted.extend_from_slice(&self.read_closed_part(part)?[start as usize..end as usize]);
            }
        }
        if !wanted.is_empty() {
            for (row, label) in self.labels()?.range(rows.clone()) {
                if let Some(record) = wanted.get_mut((row - rows.start) as usize) {
                    record.label = *label;
                }
            }
        }
        Ok(wanted)
    }

    /// The labels with which some rows were pushed.
    fn pushed_labels(
        &self,
        closed: &Closed,
        rows: &BTreeMap<u64, Label>,
    ) -> Result<HashMap<u64, Label>, Error> {
        let mut labels = HashMap::new();
        for part in &closed.parts {
            let mut wanted = rows.range(part.part.range()).peekable();
            if wanted.peek().is_some() {
                let records = self.read_closed_part(part)?;
                labels.extend(
                    wanted.map(|(&row, _)| (row, records[(row - part.part.first_row) as usize].label)),
                );
            }
        }
        Ok(labels)
    }

    fn remove_parts(&self) -> Result<bool, Error> {
        let parts = self.parts()?;
        for part in &parts {
            remove(&self.path.join(part.name()))?;
        }
        if !parts.is_empty() {
            sync_folder(&self.path)?;
        }
        Ok(!parts.is_empty())
    }
}

/// What to do about damage in a batch that is closed.
fn restore(error: Error) -> Error {
    if error.kind != ErrorKind::Damaged {
        return error;
    }
    let message = format!(
        "{}; restore it, or delete the batch that its folder is named by and push it again",
        error.message
    );
    Error { message, ..error }
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::of_file(path, "cannot be read", error)),
    }
}

fn json(value: &impl Serialize, path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| {
        Error::new(ErrorKind::Invalid, path.display(), format!("cannot be written as JSON: {error}"))
            .because(error)
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}

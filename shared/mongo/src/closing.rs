//! The document that makes a batch complete.

use jiff::Timestamp;
use lurelight_schema::{Digest, Record, RecordsDigest};
use lurelight_store::{BatchId, Closing};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::RawDocument;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc};

use crate::document::whole;

const FORMAT: i32 = 1;
/// How many rows are under one hash.
pub(crate) const HASH_ROWS: u64 = 10_000;

/// What stands in `<name>_batches`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) id: BatchId,
    pub(crate) closing: Closing,
    /// Another one each time that the batch is closed.
    pub(crate) generation: String,
    /// The digest of each [`HASH_ROWS`] rows as they were pushed.
    pub(crate) hashes: Vec<[u8; 32]>,
}

impl Closed {
    pub(crate) fn new(id: BatchId, closing: &Closing, hashes: Vec<[u8; 32]>) -> Closed {
        Closed { id, closing: closing.clone(), generation: ObjectId::new().to_hex(), hashes }
    }

    pub(crate) fn to_document(&self) -> Document {
        let hash =
            |hash: &[u8; 32]| Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: hash.to_vec() });
        doc! {
            "_id": self.id.to_string(),
            "format": FORMAT,
            "rows": self.closing.rows as i64,
            "source": &self.closing.source,
            "pushed_at": DateTime::from_millis(self.closing.pushed_at.as_millisecond()),
            "generation": &self.generation,
            "hashes": self.hashes.iter().map(hash).collect::<Vec<Bson>>(),
        }
    }

    /// Reads a document, or says what is wrong with it.
    pub(crate) fn of_document(document: &RawDocument) -> Result<Closed, String> {
        let id = document.get_str("_id").ok().and_then(|id| id.parse().ok());
        let id: BatchId = id.ok_or("a document's _id is no digest of records")?;
        let is_no = |what: &str| format!("the closing record {id} has no {what}, or a wrong one");
        let number = |key: &str| document.get(key).ok().flatten().and_then(whole);
        if number("format") != Some(i64::from(FORMAT)) {
            return Err(is_no("format that this program knows"));
        }
        let rows = number("rows").and_then(|rows| u64::try_from(rows).ok()).ok_or_else(|| is_no("rows"))?;
        let source = document.get_str("source").map_err(|_| is_no("source"))?.to_owned();
        let pushed_at = document.get_datetime("pushed_at").map_err(|_| is_no("pushed_at"))?;
        let pushed_at =
            Timestamp::from_millisecond(pushed_at.timestamp_millis()).map_err(|_| is_no("pushed_at"))?;
        let generation = document.get_str("generation").map_err(|_| is_no("generation"))?.to_owned();
        let mut hashes = Vec::new();
        for hash in document.get_array("hashes").map_err(|_| is_no("hashes"))? {
            let bytes = hash.ok().and_then(|hash| hash.as_binary()).map(|binary| binary.bytes);
            hashes.push(bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| is_no("hashes"))?);
        }
        if hashes.len() as u64 != rows.div_ceil(HASH_ROWS) {
            return Err(is_no("hash for each of its parts"));
        }
        Ok(Closed { id, closing: Closing { rows, source, pushed_at }, generation, hashes })
    }
}

/// Hashes rows that come one after the other, part by part.
pub(crate) struct Hashes {
    part: RecordsDigest,
    rows: u64,
    hashes: Vec<[u8; 32]>,
}

impl Hashes {
    pub(crate) fn new() -> Hashes {
        Hashes { part: RecordsDigest::new(), rows: 0, hashes: Vec::new() }
    }

    pub(crate) fn push(&mut self, record: Record) {
        self.part.push(record);
        self.rows += 1;
        if self.rows.is_multiple_of(HASH_ROWS) {
            self.end_part();
        }
    }

    pub(crate) fn finish(mut self) -> Vec<[u8; 32]> {
        if !self.rows.is_multiple_of(HASH_ROWS) {
            self.end_part();
        }
        self.hashes
    }

    fn end_part(&mut self) {
        let Digest(hash) = std::mem::take(&mut self.part).finish();
        self.hashes.push(hash);
    }
}

#[cfg(test)]
mod tests {
    use lurelight_schema::{FeatureVector, Label};
    use mongodb::bson::raw::RawDocumentBuf;

    use super::*;

    fn record(bits: u64) -> Record {
        Record { vector: FeatureVector::from_bits(bits).unwrap(), label: Label::Phishing }
    }

    #[test]
    fn closing_records_round_trip() {
        for rows in [0, 1, HASH_ROWS, HASH_ROWS + 1, 3 * HASH_ROWS] {
            let mut hashes = Hashes::new();
            (0..rows).for_each(|row| hashes.push(record(row)));
            let closing = Closing {
                rows,
                source: "sites.csv".to_owned(),
                pushed_at: Timestamp::from_millisecond(1_700_000_000_123).unwrap(),
            };
            let closed = Closed::new(BatchId(RecordsDigest::of(&[])), &closing, hashes.finish());
            let document = RawDocumentBuf::try_from(&closed.to_document()).unwrap();
            assert_eq!(Closed::of_document(&document).unwrap(), closed);
        }
    }

    #[test]
    fn parts_are_hashed_as_records_are() {
        let records: Vec<Record> = (0..HASH_ROWS + 5).map(record).collect();
        let mut hashes = Hashes::new();
        records.iter().for_each(|record| hashes.push(*record));
        let (first, second) = records.split_at(HASH_ROWS as usize);
        assert_eq!(hashes.finish(), [first, second].map(|part| RecordsDigest::of(part).0));
    }

    #[test]
    fn other_documents_are_refused_with_a_reason() {
        let closing = Closing { rows: 1, source: String::new(), pushed_at: Timestamp::UNIX_EPOCH };
        let closed = Closed::new(BatchId(RecordsDigest::of(&[])), &closing, vec![[0; 32]]);
        let check = |key: &str, value: Bson, word: &str| {
            let mut document = closed.to_document();
            document.insert(key, value);
            let document = RawDocumentBuf::try_from(&document).unwrap();
            let reason = Closed::of_document(&document).unwrap_err();
            assert!(reason.contains(word), "{key}: {reason}");
        };
        check("_id", Bson::from("another"), "no digest");
        check("format", Bson::Int32(2), "format");
        check("rows", Bson::Int64(-1), "rows");
        check("rows", Bson::Int64(10_001), "hash for each");
        check("source", Bson::Null, "source");
        check("pushed_at", Bson::from("now"), "pushed_at");
        check("generation", Bson::Int32(1), "generation");
        check("hashes", Bson::Array(vec![Bson::from("x")]), "hashes");
    }
}

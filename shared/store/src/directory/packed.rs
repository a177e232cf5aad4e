//! The format of the files that hold rows or labels: numbers of 8 bytes behind a hash.
//!
//! | bytes | what |
//! |---|---|
//! | 0 to 7 | `LUREROW1` for rows, `LURELAB1` for labels |
//! | 8 to 15 | the row that the first number is for (0 for labels) |
//! | 16 to 23 | how many numbers follow the header |
//! | 24 to 55 | SHA-256 of bytes 0 to 23 and the numbers |
//! | from 56 on | the numbers |
//!
//! Everything is little endian. A row's number is [`Record::bits`]; a label's is the row it is for, with bit 63 set
//! for a legitimate site.

use std::collections::BTreeMap;
use std::path::Path;

use lurelight_schema::{FeatureVector, Label, Record};
use sha2::{Digest as _, Sha256};

use crate::{Error, ErrorKind};

const ROWS: &[u8; 8] = b"LUREROW1";
const LABELS: &[u8; 8] = b"LURELAB1";
const HEADER_BYTES: usize = 56;
const LEGITIMATE_RECORD: u64 = 1 << 60;
const LEGITIMATE_LABEL: u64 = 1 << 63;

/// Records as a file.
pub(super) fn pack_rows(first_row: u64, records: &[Record]) -> Vec<u8> {
    pack(ROWS, first_row, records.iter().map(|record| record.bits()))
}

/// The size of a file with so many rows.
pub(super) fn packed_bytes(rows: u64) -> u64 {
    HEADER_BYTES as u64 + 8 * rows
}

/// The records of a file and its hash.
pub(super) fn unpack_rows(
    path: &Path,
    first_row: u64,
    bytes: &[u8],
) -> Result<(Vec<Record>, [u8; 32]), Error> {
    let (first, numbers, hash) = unpack(path, ROWS, bytes)?;
    if first != first_row {
        return Err(damaged(path, &format!("it holds rows from {first} on, against its name")));
    }
    let record = |bits: u64| {
        let vector = FeatureVector::from_bits(bits & !LEGITIMATE_RECORD)
            .map_err(|error| damaged(path, &error.to_string()))?;
        Ok(Record { vector, label: label(bits & LEGITIMATE_RECORD != 0) })
    };
    Ok((numbers.map(record).collect::<Result<_, Error>>()?, hash))
}

/// Labels by row as a file.
pub(super) fn pack_labels(labels: &BTreeMap<u64, Label>) -> Vec<u8> {
    let number =
        |(row, label): (&u64, &Label)| row | if *label == Label::Legitimate { LEGITIMATE_LABEL } else { 0 };
    pack(LABELS, 0, labels.iter().map(number))
}

/// The labels of a file by row.
pub(super) fn unpack_labels(path: &Path, bytes: &[u8]) -> Result<BTreeMap<u64, Label>, Error> {
    let (_, numbers, _) = unpack(path, LABELS, bytes)?;
    Ok(numbers.map(|n| (n & !LEGITIMATE_LABEL, label(n & LEGITIMATE_LABEL != 0))).collect())
}

fn label(legitimate: bool) -> Label {
    if legitimate { Label::Legitimate } else { Label::Phishing }
}

fn pack(magic: &[u8; 8], first: u64, numbers: impl ExactSizeIterator<Item = u64>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + 8 * numbers.len());
    bytes.extend_from_slice(magic);
    bytes.extend_from_slice(&first.to_le_bytes());
    bytes.extend_from_slice(&(numbers.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&[0; 32]);
    numbers.for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    let hash = hash(&bytes[..24], &bytes[HEADER_BYTES..]);
    bytes[24..HEADER_BYTES].copy_from_slice(&hash);
    bytes
}

fn unpack<'a>(
    path: &Path,
    magic: &[u8; 8],
    bytes: &'a [u8],
) -> Result<(u64, impl Iterator<Item = u64> + 'a, [u8; 32]), Error> {
    let torn = || damaged(path, "it is cut off");
    let (header, payload) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or_else(torn)?;
    let number = |at: usize| header[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let sum = hash(&header[..24], payload);
    let (numbers, rest) = payload.as_chunks::<8>();
    if header[..8] != *magic {
        return Err(damaged(path, "it begins like another kind of file"));
    }
    if number(16) != numbers.len() as u64 || !rest.is_empty() {
        return Err(torn());
    }
    if header[24..] != sum {
        return Err(damaged(path, "its SHA-256 does not match"));
    }
    Ok((number(8), numbers.iter().map(|bytes| u64::from_le_bytes(*bytes)), sum))
}

fn hash(header: &[u8], payload: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix(header).chain_update(payload).finalize().into()
}

/// The error for a file that is not what was written.
pub(super) fn damaged(path: &Path, how: &str) -> Error {
    Error::new(ErrorKind::Damaged, path.display(), format!("is damaged: {how}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records() -> impl Strategy<Value = Vec<Record>> {
        let record = (0..1u64 << 60, any::<bool>()).prop_map(|(bits, legitimate)| Record {
            vector: FeatureVector::from_bits(bits).unwrap(),
            label: label(legitimate),
        });
        prop::collection::vec(record, 0..20)
    }

    proptest! {
        #[test]
        fn rows_round_trip(first in any::<u64>(), records in records()) {
            let bytes = pack_rows(first, &records);
            prop_assert_eq!(bytes.len() as u64, packed_bytes(records.len() as u64));
            prop_assert_eq!(unpack_rows(Path::new("x"), first, &bytes).unwrap().0, records);
        }

        #[test]
        fn labels_round_trip(labels in prop::collection::btree_map(0..1u64 << 63, any::<bool>(), 0..20)) {
            let labels: BTreeMap<_, _> = labels.into_iter().map(|(row, l)| (row, label(l))).collect();
            prop_assert_eq!(unpack_labels(Path::new("x"), &pack_labels(&labels)).unwrap(), labels);
        }

        #[test]
        fn arbitrary_bytes_are_damage_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let error = unpack_rows(Path::new("x"), 0, &bytes).unwrap_err();
            prop_assert_eq!(error.kind, ErrorKind::Damaged);
        }
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_damage() {
        let record = Record { vector: FeatureVector::MISSING, label: Label::Legitimate };
        let bytes = pack_rows(7, &[record; 3]);
        let check = |bytes: &[u8]| {
            let error = unpack_rows(Path::new("rows"), 7, bytes).unwrap_err();
            assert_eq!((error.kind, error.what.as_str()), (ErrorKind::Damaged, "rows"));
        };
        (0..bytes.len()).for_each(|end| check(&bytes[..end]));
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            check(&flipped);
        }
        check(&[&bytes[..], &[0]].concat());
        check(&[&bytes[..], &[0; 8]].concat());
    }
}

//! `train.bin` and `test.bin`: distinct labelled rows, holes kept.
//!
//! | bytes | what |
//! |---|---|
//! | 0 to 3 | `LURR` |
//! | 4 to 7 | the format version, little endian |
//! | 8 to 15 | how many distinct vectors follow, little endian |
//! | 16 to 23 | how many rows they stand for, little endian |
//! | 24 to 55 | SHA-256 of bytes 0 to 23 and of everything behind byte 55 |
//! | from 56 on | 16 bytes a distinct vector, ordered by packed row: the packed row, how many phishing rows have it, how many legitimate ones (8, 4 and 4 bytes, little endian) |

use lurelight_learn::{Dataset, DistinctRow};
use lurelight_schema::FeatureVector;
use sha2::{Digest as _, Sha256};

const MAGIC: &[u8; 4] = b"LURR";
const VERSION: u32 = 1;
const COUNTED_BYTES: usize = 24;
const HEADER_BYTES: usize = 56;
const ROW_BYTES: usize = 16;

/// Bytes that are no file of distinct rows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowsError {
    /// Not even a header.
    #[error("it has {0} bytes, and a file of rows has {HEADER_BYTES} at least: it is empty or cut off")]
    TooShort(usize),
    /// Another kind of file.
    #[error("it does not begin with LURR: this is no file of rows")]
    Magic,
    /// Made by a newer or a broken program.
    #[error(
        "its format version is {0} and this program reads version {VERSION}: use the release that made it"
    )]
    Version(u32),
    /// Cut off, or with something behind it.
    #[error(
        "it announces {announced} distinct rows and has {found} bytes of them: it is cut off, or something was appended"
    )]
    Length {
        /// Distinct rows by the header.
        announced: u64,
        /// Bytes behind the header.
        found: usize,
    },
    /// Changed after it was written.
    #[error("its SHA-256 does not match: it was changed or damaged after it was written")]
    Hash,
    /// The hash is right and a row is not.
    #[error("its distinct row {0} is no packed row, has no rows, or is not in order")]
    Row(usize),
    /// The hash is right and the counts are not.
    #[error("it announces {announced} rows and has {found}")]
    Count {
        /// Rows by the header.
        announced: u64,
        /// Rows that are there.
        found: u64,
    },
}

/// The rows as bytes.
pub(crate) fn write(data: &Dataset) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + ROW_BYTES * data.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(data.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&data.row_count().to_le_bytes());
    bytes.extend_from_slice(&[0; HEADER_BYTES - COUNTED_BYTES]);
    for row in data.rows() {
        bytes.extend_from_slice(&row.vector.bits().to_le_bytes());
        bytes.extend_from_slice(&row.phishing.to_le_bytes());
        bytes.extend_from_slice(&row.legitimate.to_le_bytes());
    }
    let hash = hash(&bytes);
    bytes[COUNTED_BYTES..HEADER_BYTES].copy_from_slice(&hash);
    bytes
}

/// The rows that [`write`] wrote.
pub(crate) fn read(bytes: &[u8]) -> Result<Dataset, RowsError> {
    if bytes.len() < HEADER_BYTES {
        return Err(RowsError::TooShort(bytes.len()));
    }
    if &bytes[..4] != MAGIC {
        return Err(RowsError::Magic);
    }
    let version = number(&bytes[4..8]) as u32;
    if version != VERSION {
        return Err(RowsError::Version(version));
    }
    let (announced, total) = (number(&bytes[8..16]), number(&bytes[16..24]));
    let body = &bytes[HEADER_BYTES..];
    if announced.checked_mul(ROW_BYTES as u64) != Some(body.len() as u64) {
        return Err(RowsError::Length { announced, found: body.len() });
    }
    if bytes[COUNTED_BYTES..HEADER_BYTES] != hash(bytes) {
        return Err(RowsError::Hash);
    }
    let mut rows: Vec<DistinctRow> = Vec::with_capacity(body.len() / ROW_BYTES);
    let mut found = 0;
    for (i, bytes) in body.chunks_exact(ROW_BYTES).enumerate() {
        let vector = FeatureVector::from_bits(number(&bytes[..8])).map_err(|_| RowsError::Row(i))?;
        let row = DistinctRow {
            vector,
            phishing: number(&bytes[8..12]) as u32,
            legitimate: number(&bytes[12..]) as u32,
        };
        let many = u64::from(row.phishing) + u64::from(row.legitimate);
        if many == 0 || rows.last().is_some_and(|last| last.vector >= vector) {
            return Err(RowsError::Row(i));
        }
        found += many;
        rows.push(row);
    }
    if found != total {
        return Err(RowsError::Count { announced: total, found });
    }
    Ok(Dataset::from_rows(rows))
}

/// Over everything but the place where the hash stands.
fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix(&bytes[..COUNTED_BYTES]).chain_update(&bytes[HEADER_BYTES..]).finalize().into()
}

/// Up to eight bytes, little endian.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use lurelight_schema::{Label, Record};
    use proptest::prelude::*;

    use super::*;

    fn data() -> impl Strategy<Value = Dataset> {
        prop::collection::vec((0..1u64 << 60, 0..3usize, any::<bool>()), 0..40).prop_map(|rows| {
            let record = |(bits, _, phishing): &(u64, usize, bool)| Record {
                vector: FeatureVector::from_bits(*bits).unwrap(),
                label: if *phishing { Label::Phishing } else { Label::Legitimate },
            };
            let records: Vec<Record> =
                rows.iter().flat_map(|row| std::iter::repeat_n(record(row), 1 + row.1)).collect();
            Dataset::new(&records)
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(data in data()) {
            let bytes = write(&data);
            prop_assert_eq!(bytes.len(), 56 + 16 * data.len());
            prop_assert_eq!(read(&bytes), Ok(data));
        }

        #[test]
        fn one_changed_byte_is_refused(data in data(), place in any::<prop::sample::Index>(), change in 1..=255u8) {
            let mut bytes = write(&data);
            let place = place.index(bytes.len());
            bytes[place] ^= change;
            prop_assert!(read(&bytes).is_err());
        }

        #[test]
        fn a_file_that_is_cut_or_longer_is_refused(data in data(), keep in any::<prop::sample::Index>()) {
            let mut bytes = write(&data);
            prop_assert!(read(&bytes[..keep.index(bytes.len())]).is_err());
            bytes.push(0);
            prop_assert!(read(&bytes).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&bytes).is_err());
        }
    }

    #[test]
    fn rows_out_of_order_are_refused_under_a_right_hash() {
        let row = |bits: u64, phishing: u32| {
            [&bits.to_le_bytes()[..], &phishing.to_le_bytes(), &0u32.to_le_bytes()].concat()
        };
        let file = |total: u64, rows: &[Vec<u8>]| {
            let mut bytes = [&MAGIC[..], &1u32.to_le_bytes(), &(rows.len() as u64).to_le_bytes()].concat();
            bytes.extend_from_slice(&total.to_le_bytes());
            bytes.extend_from_slice(&[0; 32]);
            bytes.extend(rows.concat());
            let hash = hash(&bytes);
            bytes[COUNTED_BYTES..HEADER_BYTES].copy_from_slice(&hash);
            bytes
        };
        assert!(read(&file(2, &[row(1, 1), row(2, 1)])).is_ok());
        assert_eq!(read(&file(2, &[row(2, 1), row(1, 1)])), Err(RowsError::Row(1)));
        assert_eq!(read(&file(2, &[row(1, 1), row(1, 1)])), Err(RowsError::Row(1)));
        assert_eq!(read(&file(1, &[row(1, 1), row(2, 0)])), Err(RowsError::Row(1)));
        assert_eq!(read(&file(1, &[row(1 << 60, 1)])), Err(RowsError::Row(0)));
        assert_eq!(read(&file(3, &[row(1, 1)])), Err(RowsError::Count { announced: 3, found: 1 }));
    }
}

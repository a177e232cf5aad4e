//! Labelled rows as Parquet. Nothing else in Lurelight knows polars.
//!
//! A file has the 30 features by name (INT8, null where missing), then `label` (`phishing` or `legitimate`),
//! `batch` (the batch's name) and `row` (the row's number in it, from 0). The same rows give the same bytes, for any
//! number of threads.

use std::io::{self, Cursor, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lurelight_schema::{Code, FEATURE_COUNT, Feature, FeatureVector, Label, Record};
use polars::prelude::{
    BatchedWriter, Column, DataFrame, DataType, Field, Int8Chunked, NamedFrom, NewChunkedArray,
    ParallelStrategy, ParquetCompression, ParquetReader, ParquetWriter, PolarsError, Schema, SerReader,
    Series, StringChunked,
};

/// Rows of a row group, and so of what is held as a frame at a time.
const GROUP_ROWS: usize = 1 << 17;

const LABEL: &str = "label";
const BATCH: &str = "batch";
const ROW: &str = "row";

/// Bytes that are no file of labelled rows.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Parquet's reader or writer says so.
    #[error("{0}")]
    Parquet(#[from] PolarsError),
    /// A column holds what a file of labelled rows never holds.
    #[error("column {column}, row {row}: {found} is neither {allowed}")]
    Value {
        /// The column's name.
        column: &'static str,
        /// The row's number in the file, from 0.
        row: usize,
        /// What is there.
        found: String,
        /// What may be there.
        allowed: &'static str,
    },
}

/// A record and where it came from: the name of its batch, and its number there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed<B> {
    pub(crate) record: Record,
    pub(crate) batch: B,
    pub(crate) row: u64,
}

/// A Parquet file that grows. Beside its bytes it holds the rows of one row group.
pub(crate) struct Writer<B> {
    parquet: BatchedWriter<Written>,
    written: Written,
    group: Vec<Placed<B>>,
}

impl<B: AsRef<str>> Writer<B> {
    pub(crate) fn new() -> Result<Writer<B>, FrameError> {
        let written = Written::default();
        let parquet = ParquetWriter::new(written.clone())
            .with_compression(ParquetCompression::Zstd(None))
            .with_row_group_size(Some(GROUP_ROWS))
            .batched(&schema())?;
        Ok(Writer { parquet, written, group: Vec::new() })
    }

    pub(crate) fn push(&mut self, placed: Placed<B>) -> Result<(), FrameError> {
        self.group.push(placed);
        if self.group.len() == GROUP_ROWS { self.end_group() } else { Ok(()) }
    }

    fn end_group(&mut self) -> Result<(), FrameError> {
        self.parquet.write_batch(&frame(&self.group)?)?;
        self.group.clear();
        Ok(())
    }

    /// The whole file.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, FrameError> {
        if !self.group.is_empty() {
            self.end_group()?;
        }
        self.parquet.finish()?;
        Ok(std::mem::take(&mut *self.written.bytes()))
    }
}

/// Where Parquet's writer, which keeps what it is given, leaves the bytes.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The rows as a Parquet file.
pub(crate) fn write<'a>(rows: impl Iterator<Item = Placed<&'a str>>) -> Result<Vec<u8>, FrameError> {
    let mut writer = Writer::new()?;
    for placed in rows {
        writer.push(placed)?;
    }
    writer.finish()
}

fn schema() -> Schema {
    let features = Feature::ALL.iter().map(|feature| Field::new(feature.name().into(), DataType::Int8));
    let others = [(LABEL, DataType::String), (BATCH, DataType::String), (ROW, DataType::UInt64)];
    features.chain(others.map(|(name, kind)| Field::new(name.into(), kind))).collect()
}

fn frame<B: AsRef<str>>(rows: &[Placed<B>]) -> Result<DataFrame, PolarsError> {
    let mut columns: Vec<Column> = Vec::with_capacity(FEATURE_COUNT + 3);
    for feature in Feature::ALL {
        let values = rows.iter().map(|placed| placed.record.vector.code(feature).value());
        let chunked = Int8Chunked::from_iter_options(feature.name().into(), values);
        columns.push(Series::from(chunked).into());
    }
    let labels = rows.iter().map(|placed| placed.record.label.as_str());
    columns.push(Series::from(StringChunked::from_iter_values(LABEL.into(), labels)).into());
    let batches = rows.iter().map(|placed| placed.batch.as_ref());
    columns.push(Series::from(StringChunked::from_iter_values(BATCH.into(), batches)).into());
    let numbers: Vec<u64> = rows.iter().map(|placed| placed.row).collect();
    columns.push(Series::new(ROW.into(), numbers).into());
    DataFrame::new(rows.len(), columns)
}

/// The records of a file that [`write`] made, in its order.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Record>, FrameError> {
    let total = ParquetReader::new(Cursor::new(bytes)).num_rows()?;
    let mut records = Vec::new();
    for first in (0..total).step_by(GROUP_ROWS) {
        let wanted = Feature::ALL.iter().map(|feature| feature.name().to_owned()).chain([LABEL.to_owned()]);
        let frame = ParquetReader::new(Cursor::new(bytes))
            .with_columns(Some(wanted.collect()))
            .with_slice(Some((first, GROUP_ROWS)))
            .read_parallel(ParallelStrategy::None)
            .finish()?;
        take_records(&frame, first, &mut records)?;
    }
    Ok(records)
}

fn take_records(frame: &DataFrame, first: usize, records: &mut Vec<Record>) -> Result<(), FrameError> {
    let mut vectors = vec![FeatureVector::MISSING; frame.height()];
    for feature in Feature::ALL {
        let column = frame.column(feature.name())?.as_materialized_series().i8()?;
        for (i, (value, vector)) in column.iter().zip(&mut vectors).enumerate() {
            let code = match value {
                None => Code::Missing,
                Some(-1) => Code::Minus,
                Some(0) => Code::Zero,
                Some(1) => Code::Plus,
                Some(other) => {
                    return Err(FrameError::Value {
                        column: feature.name(),
                        row: first + i,
                        found: other.to_string(),
                        allowed: "-1, 0, 1 nor null",
                    });
                }
            };
            *vector = vector.with(feature, code);
        }
    }
    let labels = frame.column(LABEL)?.as_materialized_series().str()?;
    for (i, (word, vector)) in labels.iter().zip(vectors).enumerate() {
        let label =
            [Label::Phishing, Label::Legitimate].into_iter().find(|label| word == Some(label.as_str()));
        let wrong = || FrameError::Value {
            column: LABEL,
            row: first + i,
            found: format!("{word:?}"),
            allowed: "phishing nor legitimate",
        };
        records.push(Record { vector, label: label.ok_or_else(wrong)? });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use lurelight_learn::synthetic::Statistics;
    use proptest::prelude::*;

    use super::*;

    fn placed(records: &[Record]) -> impl Iterator<Item = Placed<&'static str>> + '_ {
        records.iter().zip(0..).map(|(record, row)| Placed { record: *record, batch: "b1", row })
    }

    fn record() -> impl Strategy<Value = Record> {
        (0..1u64 << 60, any::<bool>()).prop_map(|(bits, phishing)| Record {
            vector: FeatureVector::from_bits(bits).unwrap(),
            label: if phishing { Label::Phishing } else { Label::Legitimate },
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_written_is_read_again(records in prop::collection::vec(record(), 0..80)) {
            let bytes = write(placed(&records)).unwrap();
            prop_assert_eq!(&read(&bytes).unwrap(), &records);
            prop_assert_eq!(write(placed(&records)).unwrap(), bytes);
        }
    }

    #[test]
    fn several_row_groups_keep_their_order() {
        let rows = 2 * GROUP_ROWS + 7;
        let records: Vec<Record> = Statistics::built_in().unwrap().generate(1).take(rows).collect();
        let bytes = write(placed(&records)).unwrap();
        assert!(read(&bytes).unwrap() == records);
        let frame = ParquetReader::new(Cursor::new(&bytes)).finish().unwrap();
        assert_eq!((frame.height(), frame.width()), (rows, 33));
        let last = frame.column(ROW).unwrap().as_materialized_series().u64().unwrap().get(rows - 1);
        assert_eq!(last, Some(rows as u64 - 1));
        assert_eq!(frame.column(BATCH).unwrap().as_materialized_series().str().unwrap().get(9), Some("b1"));
    }

    #[test]
    fn other_values_are_refused_with_their_place() {
        let records = [Record { vector: FeatureVector::MISSING, label: Label::Phishing }; 3];
        let rows: Vec<Placed<&str>> = placed(&records).collect();
        let written = |column: Column| {
            let mut frame = frame(&rows).unwrap();
            frame.with_column(column).unwrap();
            let mut bytes = Vec::new();
            ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
            bytes
        };
        let raw = Int8Chunked::from_vec("SFH".into(), vec![0, 1, 54]);
        let error = read(&written(Series::from(raw).into())).unwrap_err();
        assert_eq!(error.to_string(), "column SFH, row 2: 54 is neither -1, 0, 1 nor null");
        let error = read(&written(Column::new(LABEL.into(), ["phishing", "legit", "phishing"]))).unwrap_err();
        assert!(
            error.to_string().contains("row 1: Some(\"legit\") is neither phishing nor legitimate"),
            "{error}"
        );
        assert!(read(b"PAR1").is_err());
        assert!(read(&written(Column::new("SFH".into(), ["a", "b", "c"]))).is_err());
    }
}

//! A record as a document, and the validator that describes it.

use std::sync::LazyLock;

use lurelight_schema::{Code, FEATURE_COUNT, Feature, FeatureVector, LABEL_COLUMN, Label, Record};
use lurelight_store::BatchId;
use mongodb::bson::raw::{CString, RawBsonRef, RawDocument, RawDocumentBuf, cstr};
use mongodb::bson::{Bson, DateTime, Document, doc};

/// The features' names as keys, in their order.
static KEYS: LazyLock<Vec<CString>> = LazyLock::new(|| {
    // None contains a zero byte, so none is left out.
    Feature::ALL.iter().filter_map(|feature| CString::try_from(feature.name()).ok()).collect()
});

/// The document of one record.
pub(crate) fn of_record(batch: &str, row: i64, record: Record, ingested_at: DateTime) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("batch"), batch);
    document.append(cstr!("row"), row);
    for (key, code) in KEYS.iter().zip(record.vector.codes()) {
        match code.value() {
            Some(value) => document.append(key, i32::from(value)),
            None => document.append(key, RawBsonRef::Null),
        }
    }
    document.append(cstr!("Result"), record.label.as_str());
    document.append(cstr!("ingested_at"), ingested_at);
    document
}

/// What is not asked for when records are read.
pub(crate) fn unread() -> Document {
    doc! { "_id": 0, "batch": 0, "ingested_at": 0 }
}

/// The row and the record of a document, or what is wrong with it.
pub(crate) fn to_record(document: &RawDocument) -> Result<(u64, Record), String> {
    let (mut row, mut label) = (None, None);
    let mut codes = [Code::Missing; FEATURE_COUNT];
    let mut seen = 0_u32;
    let mut next = 0;
    for element in document.iter() {
        let (key, value) = element.map_err(|error| format!("a document is no BSON: {error}"))?;
        let key = key.as_str();
        match key {
            "row" => row = whole(value).and_then(|row| u64::try_from(row).ok()),
            LABEL_COLUMN => label = value.as_str().and_then(|text| Label::parse(text.as_bytes())),
            _ => {
                // They stand in their order, unless somebody else wrote them.
                let expected = Feature::from_index(next).filter(|feature| feature.name() == key);
                let feature = expected.or_else(|| Feature::ALL.into_iter().find(|f| f.name() == key));
                if let Some(feature) = feature {
                    next = feature.index() + 1;
                    codes[feature.index()] = code(value)
                        .ok_or_else(|| format!("{key} is neither -1, 0, 1 nor null{}", of_row(row)))?;
                    seen |= 1 << feature.index();
                }
            }
        }
    }
    let row = row.ok_or("a document has no number of a row")?;
    if let Some(absent) = Feature::ALL.into_iter().find(|feature| seen & 1 << feature.index() == 0) {
        return Err(format!("{absent} is not there{}", of_row(Some(row)), absent = absent.name()));
    }
    let label = label
        .ok_or_else(|| format!("{LABEL_COLUMN} is neither phishing nor legitimate{}", of_row(Some(row))))?;
    Ok((row, Record { vector: FeatureVector::new(&codes), label }))
}

fn of_row(row: Option<u64>) -> String {
    row.map_or_else(String::new, |row| format!(" in row {row}"))
}

/// Whether a document has the form of ours.
pub(crate) fn is_ours(document: &RawDocument) -> bool {
    let batch = document.get_str("batch").ok();
    batch.is_some_and(|batch| batch.parse::<BatchId>().is_ok()) && to_record(document).is_ok()
}

fn code(value: RawBsonRef<'_>) -> Option<Code> {
    if value.as_null().is_some() {
        return Some(Code::Missing);
    }
    let value = whole(value)?;
    Code::VALUES.into_iter().find(|code| code.value().map(i64::from) == Some(value))
}

/// A whole number of any of the types in which programs write it.
pub(crate) fn whole(value: RawBsonRef<'_>) -> Option<i64> {
    match value {
        RawBsonRef::Int32(value) => Some(value.into()),
        RawBsonRef::Int64(value) => Some(value),
        RawBsonRef::Double(value) if value.fract() == 0.0 && value.abs() < 9e15 => Some(value as i64),
        _ => None,
    }
}

/// What a collection of records refuses: all that is no record.
pub(crate) fn validator() -> Document {
    let mut properties = doc! {
        "batch": {
            "bsonType": "string",
            "pattern": "^[0-9a-f]{64}$",
            "description": "the SHA-256 of the batch's records, which is its name",
        },
        "row": { "bsonType": ["int", "long"], "minimum": 0, "description": "counted from 0 within the batch" },
        LABEL_COLUMN: { "enum": ["phishing", "legitimate"], "description": "what the site is, as it was pushed" },
        "ingested_at": { "bsonType": "date" },
    };
    let mut required = vec!["batch", "row", LABEL_COLUMN, "ingested_at"];
    for feature in Feature::ALL {
        let codes = doc! { "enum": [-1, 0, 1, Bson::Null] };
        properties.insert(feature.name(), codes);
        required.push(feature.name());
    }
    doc! { "$jsonSchema": { "bsonType": "object", "required": required, "properties": properties } }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(bits: u64, legitimate: bool) -> Record {
        let label = if legitimate { Label::Legitimate } else { Label::Phishing };
        Record { vector: FeatureVector::from_bits(bits).unwrap(), label }
    }

    proptest! {
        #[test]
        fn records_round_trip(bits in 0..1_u64 << 60, legitimate: bool, row in 0..i64::MAX) {
            let record = record(bits, legitimate);
            let batch = "0".repeat(64);
            let document = of_record(&batch, row, record, DateTime::from_millis(0));
            prop_assert_eq!(to_record(&document).unwrap(), (row as u64, record));
            prop_assert!(is_ours(&document));
        }
    }

    #[test]
    fn a_person_sees_names_and_words() {
        let first = 1; // −1 everywhere but in the first feature, which is 0.
        let document = of_record("ab", 7, record(first | 3 << 58, false), DateTime::from_millis(0));
        let document = Document::try_from(&*document).unwrap();
        assert_eq!(document.len(), 34);
        assert_eq!(document.get_i64("row").unwrap(), 7);
        assert_eq!(document.get_i32("having_IP_Address").unwrap(), 0);
        assert_eq!(document.get_i32("URL_Length").unwrap(), -1);
        assert_eq!(document.get("Statistical_report"), Some(&Bson::Null));
        assert_eq!(document.get_str("Result").unwrap(), "phishing");
    }

    /// The file is for people who make the collection by hand.
    #[test]
    fn the_validator_is_the_one_in_the_file() {
        let text = serde_json::to_string_pretty(&validator()).unwrap() + "\n";
        assert_eq!(text, include_str!("../validator.json"), "put the left one into validator.json");
    }

    #[test]
    fn what_is_no_record_is_said() {
        let whole = of_record("ab", 7, record(5, true), DateTime::from_millis(0));
        let whole = Document::try_from(&*whole).unwrap();
        let set = |key: &str, value: Bson| {
            let mut document = whole.clone();
            document.insert(key, value);
            document
        };
        let without = |key: &str| {
            let mut document = whole.clone();
            document.remove(key);
            document
        };
        let table = [
            (whole.clone(), Ok(7)),
            (set("port", Bson::Double(1.0)), Ok(7)),
            (set("note", Bson::from("by hand")), Ok(7)),
            (set("port", Bson::Int32(2)), Err("port is neither -1, 0, 1 nor null in row 7")),
            (set("port", Bson::Double(0.5)), Err("port is neither -1, 0, 1 nor null in row 7")),
            (set("port", Bson::from("1")), Err("port is neither -1, 0, 1 nor null in row 7")),
            (without("port"), Err("port is not there in row 7")),
            (set("Result", Bson::Int32(0)), Err("Result is neither phishing nor legitimate in row 7")),
            (without("row"), Err("a document has no number of a row")),
            (set("row", Bson::Int64(-1)), Err("a document has no number of a row")),
        ];
        for (document, expected) in table {
            let raw = RawDocumentBuf::try_from(&document).unwrap();
            let read = to_record(&raw).map(|(row, _)| row);
            assert_eq!(read, expected.map_err(str::to_owned), "{document}");
        }
    }
}

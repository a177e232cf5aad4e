//! Labels that were changed: one document a call, laid over each other in their order.

use std::collections::BTreeMap;

use lurelight_schema::Label;
use lurelight_store::BatchId;
use mongodb::bson::raw::RawDocument;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, DateTime, Document, doc};

use crate::document::whole;

/// So many fit into one document with room to spare: MongoDB's limit is 16 MiB, and a label takes 8 bytes.
pub(crate) const LABELS_MAX: usize = 2_000_000;

const LEGITIMATE: u64 = 1 << 63;
const AS_PUSHED: u64 = 1 << 62;

/// The labels of a batch that are others than those pushed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Overlay {
    labels: BTreeMap<u64, Label>,
    /// How many documents were laid over each other.
    sequence: i64,
}

/// A label that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) row: u64,
    pub(crate) label: Label,
    /// It is again the one with which the row was pushed.
    pub(crate) as_pushed: bool,
}

impl Overlay {
    /// What the rows in this range have now, as far as it is not what was pushed.
    pub(crate) fn range(&self, rows: std::ops::Range<u64>) -> impl Iterator<Item = (u64, Label)> + '_ {
        self.labels.range(rows).map(|(row, label)| (*row, *label))
    }

    /// The label of a row that was pushed with another one.
    pub(crate) fn label(&self, row: u64) -> Option<Label> {
        self.labels.get(&row).copied()
    }

    /// Lays changes over what is there.
    pub(crate) fn apply(&mut self, changes: impl IntoIterator<Item = Change>) {
        self.sequence += 1;
        for change in changes {
            if change.as_pushed {
                self.labels.remove(&change.row);
            } else {
                self.labels.insert(change.row, change.label);
            }
        }
    }

    /// The document of the changes that were applied last.
    pub(crate) fn document(&self, batch: BatchId, generation: &str, changes: &[Change]) -> Document {
        doc! {
            "_id": id(generation, self.sequence),
            "batch": batch.to_string(),
            "labels": Binary { subtype: BinarySubtype::Generic, bytes: pack(changes) },
            "relabelled": self.labels.len() as i64,
            "relabelled_at": DateTime::now(),
        }
    }
}

/// The documents of one generation, by their `_id`.
pub(crate) fn of_generation(generation: &str) -> Document {
    // The byte behind '-' is '.'.
    doc! { "_id": { "$gt": format!("{generation}-"), "$lt": format!("{generation}.") } }
}

/// The generation to which a document belongs, and how many labels were others than those pushed after it.
pub(crate) fn count(document: &RawDocument) -> Result<(&str, u64), String> {
    let (generation, _) = split_id(document)?;
    let count = document.get("relabelled").ok().flatten().and_then(whole);
    let count = count.and_then(|count| u64::try_from(count).ok());
    count.map(|count| (generation, count)).ok_or_else(|| format!("the labels of {generation} have no count"))
}

/// The changes in the document that follows those laid over each other so far.
pub(crate) fn changes(document: &RawDocument, overlay: &Overlay) -> Result<Vec<Change>, String> {
    let (generation, sequence) = split_id(document)?;
    if sequence != overlay.sequence + 1 {
        return Err(format!("relabelling {} of {generation} is not there", overlay.sequence + 1));
    }
    let binary = document.get_binary("labels").ok();
    binary
        .and_then(|binary| unpack(binary.bytes))
        .ok_or_else(|| format!("relabelling {sequence} of {generation} holds no labels"))
}

/// Ten digits, so that order of text is order of numbers.
fn id(generation: &str, sequence: i64) -> String {
    format!("{generation}-{sequence:010}")
}

fn split_id(document: &RawDocument) -> Result<(&str, i64), String> {
    let id = document.get_str("_id").ok().and_then(|id| id.split_once('-'));
    id.and_then(|(generation, sequence)| Some((generation, sequence.parse().ok()?)))
        .ok_or_else(|| "a document's _id is not that of a relabelling".to_owned())
}

/// 8 bytes a label, little endian: the row, bit 62 where the label is the one that was pushed, bit 63 for a
/// legitimate site.
fn pack(changes: &[Change]) -> Vec<u8> {
    let number = |change: &Change| {
        let legitimate = if change.label == Label::Legitimate { LEGITIMATE } else { 0 };
        change.row | legitimate | if change.as_pushed { AS_PUSHED } else { 0 }
    };
    changes.iter().flat_map(|change| number(change).to_le_bytes()).collect()
}

fn unpack(bytes: &[u8]) -> Option<Vec<Change>> {
    let (numbers, rest) = bytes.as_chunks::<8>();
    let change = |bytes: &[u8; 8]| {
        let number = u64::from_le_bytes(*bytes);
        Change {
            row: number & !(LEGITIMATE | AS_PUSHED),
            label: if number & LEGITIMATE == 0 { Label::Phishing } else { Label::Legitimate },
            as_pushed: number & AS_PUSHED != 0,
        }
    };
    rest.is_empty().then(|| numbers.iter().map(change).collect())
}

#[cfg(test)]
mod tests {
    use mongodb::bson::raw::RawDocumentBuf;
    use proptest::prelude::*;

    use super::*;

    fn label(legitimate: bool) -> Label {
        if legitimate { Label::Legitimate } else { Label::Phishing }
    }

    proptest! {
        #[test]
        fn changes_round_trip(changes in prop::collection::vec((0..1_u64 << 62, any::<bool>(), any::<bool>()), 0..20)) {
            let changes: Vec<Change> = changes
                .into_iter()
                .map(|(row, legitimate, as_pushed)| Change { row, label: label(legitimate), as_pushed })
                .collect();
            prop_assert_eq!(unpack(&pack(&changes)).unwrap(), changes);
        }

        /// Against the plain way: write labels into a table of rows, and compare with what was pushed.
        #[test]
        fn an_overlay_is_what_differs_from_what_was_pushed(
            pushed in prop::collection::vec(any::<bool>(), 1..20),
            calls in prop::collection::vec(prop::collection::vec((0..20_usize, any::<bool>()), 0..10), 0..10),
        ) {
            let mut now = pushed.clone();
            let mut overlay = Overlay::default();
            let mut read = Overlay::default();
            for call in calls {
                let mut changes = Vec::new();
                for (row, legitimate) in call.into_iter().filter(|(row, _)| *row < pushed.len()) {
                    now[row] = legitimate;
                    let as_pushed = pushed[row] == legitimate;
                    changes.push(Change { row: row as u64, label: label(legitimate), as_pushed });
                }
                overlay.apply(changes.clone());
                let batch = "0".repeat(64).parse().unwrap();
                let document = RawDocumentBuf::try_from(&overlay.document(batch, "g", &changes)).unwrap();
                let changes = super::changes(&document, &read).unwrap();
                read.apply(changes);
                let differ = (0..pushed.len()).filter(|&row| now[row] != pushed[row]);
                let expected: Vec<_> = differ.map(|row| (row as u64, label(now[row]))).collect();
                prop_assert_eq!(count(&document).unwrap(), ("g", expected.len() as u64));
                prop_assert_eq!(overlay.range(0..99).collect::<Vec<_>>(), expected);
                prop_assert_eq!(&read, &overlay);
            }
        }
    }

    #[test]
    fn a_lost_or_foreign_document_is_said() {
        let check = |document: Document, word: &str| {
            let document = RawDocumentBuf::try_from(&document).unwrap();
            let reason = changes(&document, &Overlay::default()).unwrap_err();
            assert!(reason.contains(word), "{reason}");
        };
        check(doc! { "_id": "g-0000000002" }, "relabelling 1 of g is not there");
        check(doc! { "_id": "g-0000000001", "labels": "?" }, "holds no labels");
        check(doc! { "_id": 7 }, "_id");
        check(doc! { "_id": "another" }, "_id");
    }

    #[test]
    fn the_largest_call_fits_into_a_document() {
        let changes = vec![Change { row: 1, label: Label::Phishing, as_pushed: false }; LABELS_MAX];
        let batch = "0".repeat(64).parse().unwrap();
        let document = Overlay::default().document(batch, &"0".repeat(24), &changes);
        let document = RawDocumentBuf::try_from(&document).unwrap();
        assert!(document.as_bytes().len() < 16 << 20, "{} bytes", document.as_bytes().len());
    }
}

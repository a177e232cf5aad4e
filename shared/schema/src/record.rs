//! Labelled rows and their digest.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::FeatureVector;

/// What a site is. Phishing is the positive class of every metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// `Result` = −1 in the UCI data.
    Phishing,
    /// `Result` = 1 in the UCI data.
    Legitimate,
}

impl Label {
    /// The lower-case word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Label::Phishing => "phishing",
            Label::Legitimate => "legitimate",
        }
    }

    /// The number that the predecessor's clients know as `predicted_column`, as it is written: 1.0 = legitimate, 0.0 =
    /// phishing.
    #[must_use]
    pub const fn predicted_column(self) -> &'static str {
        match self {
            Label::Phishing => "0.0",
            Label::Legitimate => "1.0",
        }
    }

    /// Reads a cell of the label column: 1 and −1 as UCI codes them, or the word in any case. 0 is
    /// refused, because some copies of the data write it for phishing and others for unknown.
    #[must_use]
    pub fn parse(cell: &[u8]) -> Option<Label> {
        let cell = cell.trim_ascii();
        match cell {
            b"1" => return Some(Label::Legitimate),
            b"-1" => return Some(Label::Phishing),
            _ => {}
        }
        if let Some(label) = [Label::Phishing, Label::Legitimate]
            .into_iter()
            .find(|l| cell.eq_ignore_ascii_case(l.as_str().as_bytes()))
        {
            return Some(label);
        }
        let number: f64 = std::str::from_utf8(cell).ok()?.parse().ok()?;
        if number == 1.0 {
            Some(Label::Legitimate)
        } else if number == -1.0 {
            Some(Label::Phishing)
        } else {
            None
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A labelled row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    /// The 30 features.
    pub vector: FeatureVector,
    /// What the site is.
    pub label: Label,
}

impl Record {
    /// The record as one number: the packed row, and bit 60 set for a legitimate site.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.vector.bits() | (matches!(self.label, Label::Legitimate) as u64) << 60
    }
}

/// The SHA-256 that names a sequence of records, whatever file they came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    /// 64 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Digests records one by one: SHA-256 of `lurelight/records/1` followed by [`Record::bits`] of each, 8
/// bytes little endian.
#[derive(Clone, Debug)]
pub struct RecordsDigest(Sha256);

impl RecordsDigest {
    /// The digest of nothing yet.
    #[must_use]
    pub fn new() -> RecordsDigest {
        RecordsDigest(Sha256::new_with_prefix(b"lurelight/records/1"))
    }

    /// Adds the next record.
    pub fn push(&mut self, record: Record) {
        self.0.update(record.bits().to_le_bytes());
    }

    /// The digest of `records`, in their order.
    #[must_use]
    pub fn of(records: &[Record]) -> Digest {
        let mut digest = RecordsDigest::new();
        records.iter().for_each(|&record| digest.push(record));
        digest.finish()
    }

    /// The digest of what was added.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl Default for RecordsDigest {
    fn default() -> RecordsDigest {
        RecordsDigest::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_or_refused() {
        let table = [
            ("1", Some(Label::Legitimate)),
            ("-1", Some(Label::Phishing)),
            ("1.0", Some(Label::Legitimate)),
            ("-1.0", Some(Label::Phishing)),
            (" -1 ", Some(Label::Phishing)),
            ("Phishing", Some(Label::Phishing)),
            ("legitimate", Some(Label::Legitimate)),
            ("0", None),
            ("", None),
            ("2", None),
            ("Result", None),
        ];
        for (cell, expected) in table {
            assert_eq!(Label::parse(cell.as_bytes()), expected, "{cell:?}");
        }
    }

    #[test]
    fn the_digest_depends_on_values_labels_and_order() {
        let record = |bits, label| Record { vector: FeatureVector::from_bits(bits).unwrap(), label };
        let [a, b] = [record(5, Label::Phishing), record(6, Label::Legitimate)];
        let digests = [
            RecordsDigest::of(&[a, b]),
            RecordsDigest::of(&[b, a]),
            RecordsDigest::of(&[a]),
            RecordsDigest::of(&[]),
        ];
        for (i, digest) in digests.iter().enumerate() {
            assert!(!digests[..i].contains(digest));
        }
        // Counted with Python's hashlib over the same bytes: the digest must never change.
        assert_eq!(
            RecordsDigest::of(&[a, b]).to_string(),
            "950ae7fab326b3f25251264f1af41aec4363177917ceef987ebd60a8527350ab"
        );
    }
}

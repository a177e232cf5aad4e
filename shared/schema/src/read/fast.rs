//! Rows of plain cells, straight from the bytes to the packed row.

use memchr::{memchr2, memchr3};

use super::delimited::{Dialect, close_csv};
use super::{Column, Role};
use crate::{FeatureVector, Label};

/// What to do with each column, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// The feature's shift in the packed row.
    Feature(u8),
    Label,
    Other,
}

/// Reads rows in which every feature and the label has one of the usual spellings, and no cell that is
/// carried spans lines or has an escaped quote of ARFF. All other rows are left to
/// [`scan`](super::delimited::scan).
#[derive(Clone, Debug)]
pub(super) struct FastRows {
    slots: Vec<Slot>,
    /// All features that no column has are missing.
    empty: u64,
    dialect: Dialect,
    /// Whether some column is neither a feature nor the label.
    pub(super) carries: bool,
}

/// A row at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FastRow {
    /// Bytes of the row, and with the end of its line.
    pub(super) len: usize,
    pub(super) whole: usize,
    pub(super) vector: FeatureVector,
    pub(super) label: Option<Label>,
}

impl FastRows {
    pub(super) fn new(columns: &[Column], dialect: Dialect) -> FastRows {
        let mut empty = FeatureVector::MISSING.bits();
        let mut slots = Vec::with_capacity(columns.len());
        for column in columns {
            slots.push(match column.role {
                Role::Feature(feature) => {
                    empty &= !(3 << (2 * feature.index()));
                    Slot::Feature(2 * feature.index() as u8)
                }
                Role::Label => Slot::Label,
                Role::PreviousPrediction | Role::Carried => Slot::Other,
            });
        }
        let carries = slots.contains(&Slot::Other);
        FastRows { slots, empty, dialect, carries }
    }

    /// The row at the beginning of `bytes`; `None` where it is not plain, or where the bytes do not reach
    /// beyond it.
    #[inline]
    pub(super) fn next(&self, bytes: &[u8]) -> Option<FastRow> {
        let mut bits = self.empty;
        let mut label = None;
        let mut at = 0;
        let mut delimiter = b',';
        for slot in &self.slots {
            if delimiter != b',' {
                return None;
            }
            match *slot {
                Slot::Feature(shift) => {
                    let (code, width) = code(bytes.get(at..at + CELL_BYTES)?)?;
                    bits |= code << shift;
                    at += width;
                }
                Slot::Label => {
                    let (code, width) = code(bytes.get(at..at + CELL_BYTES)?)?;
                    label = Some(match code {
                        0 => Label::Phishing,
                        2 => Label::Legitimate,
                        _ => return None,
                    });
                    at += width;
                }
                Slot::Other => at += self.carried(bytes.get(at..)?)?,
            }
            delimiter = *bytes.get(at)?;
            at += 1;
        }
        let len = at - 1;
        let whole = match delimiter {
            b'\n' => at,
            b'\r' => at + usize::from(*bytes.get(at)? == b'\n'),
            _ => return None,
        };
        let vector = FeatureVector::from_bits(bits).ok()?;
        Some(FastRow { len, whole, vector, label })
    }

    /// The width of a carried cell at the beginning of `bytes`.
    #[inline]
    fn carried(&self, bytes: &[u8]) -> Option<usize> {
        match (bytes.first()?, self.dialect) {
            (b'"', Dialect::Csv) => {
                let end = close_csv(bytes, 1).ok()?;
                memchr2(b'\n', b'\r', &bytes[..end]).is_none().then_some(end)
            }
            (b'"' | b'\'' | b' ' | b'\t' | b'%' | b'{', Dialect::Arff) => None,
            _ => memchr3(b',', b'\n', b'\r', bytes),
        }
    }
}

/// The most bytes that [`code`] looks at.
const CELL_BYTES: usize = 8;

/// The code of a cell at the beginning of [`CELL_BYTES`] bytes, and the cell's width.
#[inline]
fn code(bytes: &[u8]) -> Option<(u64, usize)> {
    match plain_code(bytes) {
        Some((code, width)) if matches!(bytes[width], b',' | b'\n' | b'\r') => Some((code, width)),
        _ => spelled_code(bytes),
    }
}

/// `-1`, `0` or `1`, without a branch on its value.
#[inline]
fn plain_code(bytes: &[u8]) -> Option<(u64, usize)> {
    let minus = usize::from(bytes[0] == b'-');
    let digit = bytes[minus].wrapping_sub(b'0');
    // `-0` is not plain.
    if digit > 1 || usize::from(digit) < minus {
        return None;
    }
    // 0 for -1; 1 for 0; 2 for 1.
    let code = (u64::from(digit) + 1) & (minus as u64).wrapping_sub(1);
    Some((code, minus + 1))
}

/// The same as a decimal (`1.0`), a missing value, or either in quotes.
fn spelled_code(bytes: &[u8]) -> Option<(u64, usize)> {
    let quote = usize::from(bytes[0] == b'"');
    let cell = &bytes[quote..];
    let (code, width) = match plain_code(cell) {
        Some((code, width)) => (code, width + 2 * usize::from(cell[width..].starts_with(b".0"))),
        None => {
            let spellings: [&[u8]; 5] = [b"NaN", b"nan", b"NA", b"na", b"?"];
            let spelling = spellings.into_iter().find(|spelling| cell.starts_with(spelling));
            (3, spelling.map_or(0, <[u8]>::len))
        }
    };
    if quote == 1 && cell[width] != b'"' {
        return None;
    }
    Some((code, quote + width + quote))
}

#[cfg(test)]
mod tests {
    use super::super::delimited::unquoted;
    use super::*;
    use crate::Code;

    #[test]
    fn plain_cells_have_the_codes_that_parse_gives() {
        for cell in ["1", "0", "-1", "-0", "2", "", "-", "--1", "a", "+1"] {
            let padded = format!("{cell},,,,,,,,");
            let parsed = Code::parse(cell.as_bytes()).ok().map(|code| (code as u64, cell.len()));
            let plain = matches!(cell, "1" | "0" | "-1");
            assert_eq!(plain_code(padded.as_bytes()), parsed.filter(|_| plain), "{cell:?}");
        }
    }

    #[test]
    fn a_code_with_its_delimiter_is_what_parse_gives() {
        // Every cell of up to five of these bytes, so that no spelling is taken for another.
        let alphabet = b"10-.na?\"";
        for n in 0..alphabet.len().pow(5) {
            let cell: Vec<u8> =
                (0..5).map(|i| alphabet[n / alphabet.len().pow(i) % alphabet.len()]).collect();
            for len in 0..=5 {
                let padded = [&cell[..len], b",,,,,,,,"].concat();
                let Some((code, width)) = code(&padded[..CELL_BYTES]) else { continue };
                if padded[width] == b',' {
                    let cell = unquoted(&cell[..len], Dialect::Csv);
                    assert_eq!(width, len, "{padded:?}");
                    assert_eq!(Code::parse(&cell).map(|code| code as u64), Ok(code), "{padded:?}");
                }
            }
        }
    }
}

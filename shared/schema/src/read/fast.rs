//! Rows of plain cells, straight from the bytes to the packed row.

use memchr::memchr3;

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

/// Reads rows in which every feature is `-1`, `0` or `1` without quotes or blanks, and the label `-1` or
/// `1`. All other rows are left to [`scan`](super::delimited::scan).
#[derive(Clone, Debug)]
pub(super) struct FastRows {
    slots: Vec<Slot>,
    /// All features that no column has are missing.
    empty: u64,
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
    pub(super) fn new(columns: &[Column]) -> FastRows {
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
        FastRows { slots, empty, carries }
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
                    let (code, width) = code(bytes.get(at..at + 4)?)?;
                    bits |= code << shift;
                    at += width;
                }
                Slot::Label => {
                    let (code, width) = code(bytes.get(at..at + 4)?)?;
                    label = Some(match code {
                        0 => Label::Phishing,
                        2 => Label::Legitimate,
                        _ => return None,
                    });
                    at += width;
                }
                Slot::Other => {
                    let cell = &bytes[at..];
                    if matches!(cell.first(), Some(b'"' | b'\'' | b' ' | b'\t' | b'%' | b'{')) {
                        return None;
                    }
                    at += memchr3(b',', b'\n', b'\r', cell)?;
                }
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
}

/// The code of a plain cell and its width in bytes, without a branch on its value.
#[inline]
fn code(cell: &[u8]) -> Option<(u64, usize)> {
    let minus = usize::from(cell[0] == b'-');
    let digit = cell[minus].wrapping_sub(b'0');
    // `-0` is not plain.
    if digit > 1 || usize::from(digit) < minus {
        return None;
    }
    // 0 for -1; 1 for 0; 2 for 1.
    let code = (u64::from(digit) + 1) & (minus as u64).wrapping_sub(1);
    Some((code, minus + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    #[test]
    fn plain_cells_have_the_codes_that_parse_gives() {
        for cell in ["1", "0", "-1", "-0", "2", "", "-", "--1", "a", "+1"] {
            let padded = format!("{cell},,,,");
            let parsed = Code::parse(cell.as_bytes()).ok().map(|code| (code as u64, cell.len()));
            let plain = matches!(cell, "1" | "0" | "-1");
            assert_eq!(code(&padded.as_bytes()[..4]), parsed.filter(|_| plain), "{cell:?}");
        }
    }
}

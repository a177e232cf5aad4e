//! The value of one feature in one row.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The value of one feature: −1, 0, 1, or missing.
///
/// The discriminant is the two-bit code that the packed row carries, in the order of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Code {
    /// −1, by the convention of the data the phishing-like value.
    Minus = 0,
    /// 0, by the convention of the data the suspicious value.
    Zero = 1,
    /// 1, by the convention of the data the legitimate-like value.
    Plus = 2,
    /// No value.
    Missing = 3,
}

/// A cell that is neither −1, 0, 1 nor one of the spellings of a missing value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not -1, 0, 1 or a missing value (empty, na, NaN, null, ?)")]
pub struct ParseCodeError;

impl Code {
    /// All four, in the order of their bits.
    pub const ALL: [Code; 4] = [Code::Minus, Code::Zero, Code::Plus, Code::Missing];

    /// The three values that are not missing.
    pub const VALUES: [Code; 3] = [Code::Minus, Code::Zero, Code::Plus];

    /// The code with these two bits; higher bits are ignored.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Code {
        match bits & 3 {
            0 => Code::Minus,
            1 => Code::Zero,
            2 => Code::Plus,
            _ => Code::Missing,
        }
    }

    /// −1, 0 or 1; `None` where the value is missing.
    #[must_use]
    pub const fn value(self) -> Option<i8> {
        match self {
            Code::Minus => Some(-1),
            Code::Zero => Some(0),
            Code::Plus => Some(1),
            Code::Missing => None,
        }
    }

    /// Reads a cell: `1`, `1.0`, `-1`, `0`, …, or a missing value (empty, `na`, `NaN`, `null`, `?`, in any
    /// case). Blanks around it do not count.
    ///
    /// # Errors
    ///
    /// Anything else is an error; nothing is guessed.
    #[inline]
    pub fn parse(cell: &[u8]) -> Result<Code, ParseCodeError> {
        match cell {
            b"1" => Ok(Code::Plus),
            b"-1" => Ok(Code::Minus),
            b"0" => Ok(Code::Zero),
            b"" => Ok(Code::Missing),
            _ => Code::parse_other(cell),
        }
    }

    #[cold]
    fn parse_other(cell: &[u8]) -> Result<Code, ParseCodeError> {
        let cell = cell.trim_ascii();
        if cell.is_empty() || cell == b"?" {
            return Ok(Code::Missing);
        }
        if [&b"na"[..], b"nan", b"null"].iter().any(|missing| cell.eq_ignore_ascii_case(missing)) {
            return Ok(Code::Missing);
        }
        let number: f64 =
            std::str::from_utf8(cell).ok().and_then(|text| text.parse().ok()).ok_or(ParseCodeError)?;
        Code::from_number(number)
    }

    /// The code of a number that is exactly −1, 0 or 1.
    ///
    /// # Errors
    ///
    /// Any other number, `NaN` and the infinities included.
    pub fn from_number(number: f64) -> Result<Code, ParseCodeError> {
        Code::VALUES
            .into_iter()
            .find(|code| code.value().is_some_and(|value| f64::from(value) == number))
            .ok_or(ParseCodeError)
    }
}

impl fmt::Display for Code {
    /// `-1`, `0`, `1`, or nothing where the value is missing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Code::Minus => "-1",
            Code::Zero => "0",
            Code::Plus => "1",
            Code::Missing => "",
        })
    }
}

/// A set of codes: one bit a code, bit `code as u8`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub struct CodeSet(u8);

impl From<u8> for CodeSet {
    fn from(bits: u8) -> CodeSet {
        CodeSet::from_bits(bits)
    }
}

impl From<CodeSet> for u8 {
    fn from(codes: CodeSet) -> u8 {
        codes.0
    }
}

impl CodeSet {
    /// No code.
    pub const EMPTY: CodeSet = CodeSet(0);
    /// −1, 0, 1 and missing.
    pub const ALL: CodeSet = CodeSet(0b1111);

    /// The set of these codes.
    #[must_use]
    pub const fn of(codes: &[Code]) -> CodeSet {
        let mut bits = 0;
        let mut i = 0;
        while i < codes.len() {
            bits |= 1 << codes[i] as u8;
            i += 1;
        }
        CodeSet(bits)
    }

    /// The set with these four bits; higher bits are ignored.
    #[must_use]
    pub const fn from_bits(bits: u8) -> CodeSet {
        CodeSet(bits & 0b1111)
    }

    /// The set as four bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether `code` is in the set.
    #[must_use]
    #[inline]
    pub const fn contains(self, code: Code) -> bool {
        self.0 >> (code as u8) & 1 == 1
    }

    /// The set with `code` added.
    #[must_use]
    pub const fn with(self, code: Code) -> CodeSet {
        CodeSet(self.0 | 1 << code as u8)
    }

    /// The codes of the set, in the order of their bits.
    pub fn iter(self) -> impl Iterator<Item = Code> {
        Code::ALL.into_iter().filter(move |code| self.contains(*code))
    }
}

impl fmt::Debug for CodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for CodeSet {
    /// `-1, 0, 1`, with the word `missing` for the missing value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, code) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            match code {
                Code::Missing => f.write_str("missing")?,
                code => write!(f, "{code}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_or_refused() {
        let table: [(&str, Result<Code, ParseCodeError>); 24] = [
            ("1", Ok(Code::Plus)),
            ("0", Ok(Code::Zero)),
            ("-1", Ok(Code::Minus)),
            ("1.0", Ok(Code::Plus)),
            ("-1.0", Ok(Code::Minus)),
            ("0.0", Ok(Code::Zero)),
            ("-0", Ok(Code::Zero)),
            (" 1 ", Ok(Code::Plus)),
            ("", Ok(Code::Missing)),
            ("  ", Ok(Code::Missing)),
            ("na", Ok(Code::Missing)),
            ("NA", Ok(Code::Missing)),
            ("NaN", Ok(Code::Missing)),
            ("nan", Ok(Code::Missing)),
            ("null", Ok(Code::Missing)),
            ("NULL", Ok(Code::Missing)),
            ("?", Ok(Code::Missing)),
            ("54", Err(ParseCodeError)),
            ("2", Err(ParseCodeError)),
            ("0.5", Err(ParseCodeError)),
            ("inf", Err(ParseCodeError)),
            ("one", Err(ParseCodeError)),
            ("1\0", Err(ParseCodeError)),
            ("having_IP_Address", Err(ParseCodeError)),
        ];
        for (cell, expected) in table {
            assert_eq!(Code::parse(cell.as_bytes()), expected, "{cell:?}");
        }
    }

    #[test]
    fn bits_and_sets_round_trip() {
        for code in Code::ALL {
            assert_eq!(Code::from_bits(code as u64), code);
            assert!(CodeSet::of(&[code]).contains(code));
            assert_eq!(CodeSet::of(&[code]).iter().collect::<Vec<_>>(), [code]);
        }
        assert_eq!(CodeSet::ALL.to_string(), "-1, 0, 1, missing");
        assert_eq!(CodeSet::EMPTY.with(Code::Plus), CodeSet::of(&[Code::Plus]));
    }
}

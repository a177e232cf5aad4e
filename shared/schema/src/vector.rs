//! The packed row.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Code, FEATURE_COUNT, Feature};

/// All 30 features of one site as a 60-bit number: feature *i*, in the order of the UCI header, stands
/// in bits 2*i* and 2*i* + 1 (see [`Code`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct FeatureVector(u64);

/// A number with bits beyond the 60 of a packed row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:#x} is no packed row: only the lowest 60 bits may be set")]
pub struct InvalidVector(pub u64);

impl FeatureVector {
    /// The row in which every feature is missing.
    pub const MISSING: FeatureVector = FeatureVector((1 << (2 * FEATURE_COUNT)) - 1);

    /// The row with these codes, in the order of the UCI header.
    #[must_use]
    pub fn new(codes: &[Code; FEATURE_COUNT]) -> FeatureVector {
        FeatureVector(codes.iter().rev().fold(0, |bits, &code| bits << 2 | code as u64))
    }

    /// The row packed in `bits`.
    ///
    /// # Errors
    ///
    /// Bits 60 to 63 must be zero.
    pub const fn from_bits(bits: u64) -> Result<FeatureVector, InvalidVector> {
        if bits > FeatureVector::MISSING.0 { Err(InvalidVector(bits)) } else { Ok(FeatureVector(bits)) }
    }

    /// The row as a number below 2^60.
    #[must_use]
    #[inline]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The code of one feature.
    #[must_use]
    #[inline]
    pub const fn code(self, feature: Feature) -> Code {
        Code::from_bits(self.0 >> (2 * feature.index()))
    }

    /// The row with one feature replaced.
    #[must_use]
    #[inline]
    pub const fn with(self, feature: Feature, code: Code) -> FeatureVector {
        let shift = 2 * feature.index();
        FeatureVector(self.0 & !(3 << shift) | (code as u64) << shift)
    }

    /// All codes, in the order of the UCI header.
    #[must_use]
    pub fn codes(self) -> [Code; FEATURE_COUNT] {
        std::array::from_fn(|i| Code::from_bits(self.0 >> (2 * i)))
    }

    /// How many features are missing, 0 to 30.
    #[must_use]
    pub const fn missing_count(self) -> u32 {
        (self.0 & self.0 >> 1 & 0x0555_5555_5555_5555).count_ones()
    }
}

impl From<FeatureVector> for u64 {
    fn from(vector: FeatureVector) -> u64 {
        vector.0
    }
}

impl TryFrom<u64> for FeatureVector {
    type Error = InvalidVector;

    fn try_from(bits: u64) -> Result<FeatureVector, InvalidVector> {
        FeatureVector::from_bits(bits)
    }
}

impl fmt::Debug for FeatureVector {
    /// One character a feature: `-`, `0`, `+` or `?`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.codes().iter().try_for_each(|code| f.write_str(["-", "0", "+", "?"][*code as usize]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packing_round_trips(bits in 0..1u64 << 60) {
            let vector = FeatureVector::from_bits(bits).unwrap();
            prop_assert_eq!(FeatureVector::new(&vector.codes()), vector);
            let missing = vector.codes().iter().filter(|code| **code == Code::Missing).count();
            prop_assert_eq!(vector.missing_count() as usize, missing);
        }

        #[test]
        fn replacing_one_feature_leaves_the_others(bits in 0..1u64 << 60, i in 0..30usize, code in 0..4u64) {
            let before = FeatureVector::from_bits(bits).unwrap();
            let after = before.with(Feature::ALL[i], Code::from_bits(code));
            for feature in Feature::ALL {
                let expected = if feature.index() == i { Code::from_bits(code) } else { before.code(feature) };
                prop_assert_eq!(after.code(feature), expected);
            }
        }
    }

    #[test]
    fn higher_bits_are_refused() {
        assert_eq!(FeatureVector::from_bits(1 << 60), Err(InvalidVector(1 << 60)));
        assert_eq!(FeatureVector::MISSING.missing_count(), 30);
    }
}

//! Features put together, so that a row is counted for several of them at once.
//!
//! A row becomes a number of at most ten fields of six bits. A field is the place of the row's codes among all
//! combinations of the codes that some features have in the data, 64 at most: six features of two codes, or three of
//! four. UCI's thirty features take six fields.

use lurelight_model::Split;
use lurelight_schema::{Code, CodeSet, FEATURE_COUNT, Feature, FeatureVector};

use crate::Dataset;

/// How many combinations of codes a field has, at most.
pub(crate) const COMBINATIONS: usize = 64;

/// How many fields there are, at most: thirty features of four codes, three a field.
pub(crate) const MAX_FIELDS: usize = FEATURE_COUNT / 3;

/// A feature in a field: of the field's number it is the digit that counts `step`s.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Digit {
    pub(crate) feature: Feature,
    /// The codes that the digits 0, 1, … stand for.
    pub(crate) codes: Vec<Code>,
    step: usize,
}

/// The features of one field, the least significant digit first.
pub(crate) type Field = Vec<Digit>;

/// Which feature is where. Features that have one code in all rows are nowhere: no split can ask them.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    fields: Vec<Field>,
    /// For each feature the place of its field's lowest bit, and for each of its codes the combinations that have it.
    places: [(u32, [u64; 4]); FEATURE_COUNT],
    /// For each three features what their six bits add to the row's number.
    parts: Box<[[u64; COMBINATIONS]; MAX_FIELDS]>,
}

/// A question to a row that is told in fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    shift: u32,
    left: u64,
}

impl Fields {
    /// The fields that tell the rows of `data` apart.
    pub(crate) fn new(data: &Dataset) -> Fields {
        let mut seen = [CodeSet::EMPTY; FEATURE_COUNT];
        for row in data.rows() {
            for (codes, code) in seen.iter_mut().zip(row.vector.codes()) {
                *codes = codes.with(code);
            }
        }
        let mut features: Vec<(Feature, Vec<Code>)> =
            Feature::ALL.into_iter().zip(seen.map(|codes| codes.iter().collect::<Vec<_>>())).collect();
        features.retain(|(_, codes)| codes.len() > 1);
        // Features of many codes first, each into the first field that has room.
        features.sort_by_key(|(_, codes)| std::cmp::Reverse(codes.len()));
        let mut fields: Vec<Field> = Vec::new();
        for (feature, codes) in features {
            let room = fields.iter_mut().find(|field| size(field) * codes.len() <= COMBINATIONS);
            match room {
                Some(field) => {
                    let step = size(field);
                    field.push(Digit { feature, codes, step });
                }
                None => fields.push(vec![Digit { feature, codes, step: 1 }]),
            }
        }
        Fields::of(fields)
    }

    fn of(fields: Vec<Field>) -> Fields {
        let mut places = [(0, [0; 4]); FEATURE_COUNT];
        let mut parts = Box::new([[0; COMBINATIONS]; MAX_FIELDS]);
        for (number, field) in fields.iter().enumerate() {
            let shift = 6 * number as u32;
            for digit in field {
                let (place, part) = (digit.feature.index(), digit.feature.index() / 3);
                places[place].0 = shift;
                for (nth, code) in digit.codes.iter().enumerate() {
                    let has = |combination: &usize| combination / digit.step % digit.codes.len() == nth;
                    let combinations = (0..size(field)).filter(has).map(|combination| 1 << combination);
                    places[place].1[*code as usize] = combinations.sum();
                    let three = |bits: &usize| bits >> (2 * (place % 3)) & 3 == *code as usize;
                    for bits in (0..COMBINATIONS).filter(three) {
                        parts[part][bits] += ((nth * digit.step) as u64) << shift;
                    }
                }
            }
        }
        Fields { fields, places, parts }
    }

    /// The fields one by one.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// A row of the data in fields.
    #[inline]
    pub(crate) fn number(&self, vector: FeatureVector) -> u64 {
        let mut bits = vector.bits();
        let mut number = 0;
        for part in self.parts.iter() {
            number += part[(bits & 63) as usize];
            bits >>= 6;
        }
        number
    }

    /// What a split asks a row of the data.
    pub(crate) fn question(&self, split: Split) -> Question {
        let (shift, combinations) = self.places[split.feature.index()];
        let left = split.left.iter().fold(0, |left, code| left | combinations[code as usize]);
        Question { shift, left }
    }
}

impl Question {
    /// Whether a row, told in fields, goes left.
    #[inline(always)]
    pub(crate) fn goes_left(self, number: u64) -> bool {
        self.left >> (number >> self.shift & 63) & 1 == 1
    }

    /// The lowest bit of the field that is asked.
    pub(crate) const fn shift(self) -> u32 {
        self.shift
    }

    /// The combinations of the field that go left, a bit each.
    pub(crate) const fn left(self) -> u64 {
        self.left
    }
}

/// How many combinations of codes the features of a field have.
pub(crate) fn size(field: &Field) -> usize {
    field.iter().map(|digit| digit.codes.len()).product()
}

#[cfg(test)]
mod tests {
    use lurelight_schema::{Label, Record};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_question_to_the_fields_is_the_split(
            rows in prop::collection::vec((0..1u64 << 60, 0..1u64 << 60), 1..60), feature in 0..30usize, left in 1..15u8,
        ) {
            // Fewer codes in some features.
            let vectors: Vec<_> = rows.iter().map(|(a, b)| FeatureVector::from_bits(a & b).unwrap()).collect();
            let record = |vector: &FeatureVector| Record { vector: *vector, label: Label::Phishing };
            let fields = Fields::new(&Dataset::new(&vectors.iter().map(record).collect::<Vec<_>>()));
            prop_assert!(fields.fields().len() <= MAX_FIELDS);
            prop_assert!(fields.fields().iter().all(|field| size(field) <= COMBINATIONS));
            let split = Split { feature: Feature::ALL[feature], left: CodeSet::from_bits(left) };
            let told = fields.fields().iter().flatten().any(|digit| digit.feature == split.feature);
            for vector in vectors {
                let answer = fields.question(split).goes_left(fields.number(vector));
                prop_assert!(answer == split.goes_left(vector) || !told);
            }
        }
    }
}

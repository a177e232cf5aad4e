//! Sums by code of a node's rows: what every family that grows trees counts.

use lurelight_schema::{FEATURE_COUNT, Feature};

use crate::fields::{COMBINATIONS, Field, Fields, MAX_FIELDS, size};

/// What a row adds to a node's sums, and the sums. It adds up exactly, so that no order of rows matters and a
/// node's sums less those of a child are those of the other; or it is only used where that is not asked for.
pub(crate) trait Weight: Copy + Default + PartialEq {
    /// Both together.
    fn plus(self, other: Self) -> Self;

    /// What is left without a part.
    fn less(self, part: Self) -> Self;

    /// Whether there is no row.
    fn is_none(self) -> bool;
}

/// Counts of rows up to 2³² − 1: those labelled phishing above, all of them below.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts(u64);

impl Counts {
    pub(crate) const fn new(phishing: u32, legitimate: u32) -> Counts {
        Counts((phishing as u64) << 32 | (phishing as u64 + legitimate as u64))
    }

    /// The phishing rows in the upper half, all of them in the lower one.
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u64) -> Counts {
        Counts(bits)
    }

    /// Whether all rows have one label.
    pub(crate) const fn is_pure(self) -> bool {
        self.phishing() == 0 || self.phishing() == self.rows()
    }

    pub(crate) const fn phishing(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) const fn rows(self) -> u32 {
        self.0 as u32
    }
}

impl Weight for Counts {
    #[inline(always)]
    fn plus(self, other: Counts) -> Counts {
        Counts(self.0.wrapping_add(other.0))
    }

    #[inline(always)]
    fn less(self, part: Counts) -> Counts {
        Counts(self.0.wrapping_sub(part.0))
    }

    #[inline(always)]
    fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// A row of a sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample<W> {
    /// Its features, packed or in fields.
    pub(crate) number: u64,
    /// What it adds.
    pub(crate) weight: W,
}

/// A feature's sums, by code.
pub(crate) type Histogram<W> = [W; 4];

/// Those of all features.
pub(crate) type Histograms<W> = [Histogram<W>; FEATURE_COUNT];

/// Calls a function for a number of fields that the compiler knows, so that it unrolls the loop over them.
macro_rules! each_count {
    ($count:expr, $function:ident, $($argument:expr),+) => {
        match $count {
            0 | 1 => $function::<W, 1>($($argument),+),
            2 => $function::<W, 2>($($argument),+),
            3 => $function::<W, 3>($($argument),+),
            4 => $function::<W, 4>($($argument),+),
            5 => $function::<W, 5>($($argument),+),
            6 => $function::<W, 6>($($argument),+),
            7 => $function::<W, 7>($($argument),+),
            8 => $function::<W, 8>($($argument),+),
            9 => $function::<W, 9>($($argument),+),
            _ => $function::<W, 10>($($argument),+),
        }
    };
}

/// A field's sums, by combination.
type Table<W> = [W; COMBINATIONS];

/// From how many rows on they are counted by turns in two sets of tables: adding to a cell waits for what was added to
/// it last.
const MANY: usize = 256;

/// Counts all features in one pass over rows that are told in fields.
pub(crate) struct Counter<'a, W> {
    fields: &'a Fields,
    tables: Box<[[Table<W>; MAX_FIELDS]; 2]>,
}

impl<'a, W: Weight> Counter<'a, W> {
    pub(crate) fn new(fields: &'a Fields) -> Counter<'a, W> {
        Counter { fields, tables: Box::new([[[W::default(); COMBINATIONS]; MAX_FIELDS]; 2]) }
    }

    /// The sums of all features. Those of a feature that has one code in all data stay empty.
    pub(crate) fn all(&mut self, samples: &[Sample<W>]) -> Histograms<W> {
        if samples.len() < MANY {
            return self.count(samples.iter().map(|sample| (sample.number, sample.weight)));
        }
        let count = self.fields.fields().len();
        let [even, odd] = &mut *self.tables;
        even[..count].fill([W::default(); COMBINATIONS]);
        odd[..count].fill([W::default(); COMBINATIONS]);
        each_count!(count, add_by_turns, even, odd, samples);
        for (cell, more) in even[..count].as_flattened_mut().iter_mut().zip(odd.as_flattened()) {
            *cell = cell.plus(*more);
        }
        self.by_feature()
    }

    /// The same for rows that are made on the way.
    #[inline(always)]
    pub(crate) fn count(&mut self, rows: impl Iterator<Item = (u64, W)>) -> Histograms<W> {
        let count = self.fields.fields().len();
        let [tables, _] = &mut *self.tables;
        tables[..count].fill([W::default(); COMBINATIONS]);
        each_count!(count, add, tables, rows);
        self.by_feature()
    }

    fn by_feature(&mut self) -> Histograms<W> {
        let mut histograms = [[W::default(); 4]; FEATURE_COUNT];
        for (field, table) in self.fields.fields().iter().zip(&mut self.tables[0]) {
            by_feature(field, table, &mut histograms);
        }
        histograms
    }
}

#[inline(always)]
fn add<W: Weight, const COUNT: usize>(tables: &mut [Table<W>], rows: impl Iterator<Item = (u64, W)>) {
    let Some(tables) = tables.first_chunk_mut::<COUNT>() else { return };
    for (number, weight) in rows {
        add_row(tables, number, weight);
    }
}

fn add_by_turns<W: Weight, const COUNT: usize>(
    even: &mut [Table<W>],
    odd: &mut [Table<W>],
    samples: &[Sample<W>],
) {
    let (Some(even), Some(odd)) = (even.first_chunk_mut::<COUNT>(), odd.first_chunk_mut::<COUNT>()) else {
        return;
    };
    let (pairs, last) = samples.as_chunks::<2>();
    for [first, second] in pairs {
        add_row(even, first.number, first.weight);
        add_row(odd, second.number, second.weight);
    }
    for sample in last {
        add_row(even, sample.number, sample.weight);
    }
}

#[inline(always)]
fn add_row<W: Weight, const COUNT: usize>(tables: &mut [Table<W>; COUNT], number: u64, weight: W) {
    for (place, table) in tables.iter_mut().enumerate() {
        let cell = &mut table[(number >> (6 * place) & 63) as usize];
        *cell = cell.plus(weight);
    }
}

/// Adds a field's table up by feature: the sums of the most significant digit first, then the table without it.
fn by_feature<W: Weight>(field: &Field, table: &mut Table<W>, histograms: &mut Histograms<W>) {
    let mut rest = size(field);
    for digit in field.iter().rev() {
        rest /= digit.codes.len();
        let histogram = &mut histograms[digit.feature.index()];
        for (nth, code) in digit.codes.iter().enumerate() {
            let part = &table[nth * rest..(nth + 1) * rest];
            histogram[*code as usize] = part.iter().fold(W::default(), |sum, cell| sum.plus(*cell));
        }
        for nth in 1..digit.codes.len() {
            let (kept, part) = table.split_at_mut(nth * rest);
            for (cell, more) in kept[..rest].iter_mut().zip(&part[..rest]) {
                *cell = cell.plus(*more);
            }
        }
    }
}

/// What is left of a node's sums without those of one of its children.
pub(crate) fn rest<W: Weight>(parent: &Histograms<W>, child: &Histograms<W>) -> Histograms<W> {
    let mut rest = *parent;
    for (sums, less) in rest.as_flattened_mut().iter_mut().zip(child.as_flattened()) {
        *sums = sums.less(*less);
    }
    rest
}

/// How many rows an instruction must work on for asking each for its bits to be quicker than adding to a place in memory.
const WIDE: usize = 8;

/// The sums of some features of packed rows, in one pass over them. Whether a row may miss a value must be told.
#[inline(always)]
pub(crate) fn of<const COUNT: usize, const LANES: usize>(
    samples: &[Sample<Counts>],
    features: [Feature; COUNT],
    may_miss: bool,
) -> [Histogram<Counts>; COUNT] {
    let shifts = features.map(|feature| 2 * feature.index() as u32);
    match may_miss {
        _ if LANES < WIDE => by_turns(samples, shifts),
        true => side_by_side::<COUNT, true>(samples, shifts),
        false => side_by_side::<COUNT, false>(samples, shifts),
    }
}

/// Adds each row to the place of its code; rows by turns, because adding to a cell waits for what was added to it last.
#[inline(always)]
fn by_turns<const COUNT: usize>(
    samples: &[Sample<Counts>],
    shifts: [u32; COUNT],
) -> [Histogram<Counts>; COUNT] {
    let mut turns = [[Histogram::<Counts>::default(); COUNT]; 2];
    let (pairs, last) = samples.as_chunks::<2>();
    let [even, odd] = &mut turns;
    for [first, second] in pairs {
        add_to_codes(even, first, shifts);
        add_to_codes(odd, second, shifts);
    }
    last.iter().for_each(|sample| add_to_codes(even, sample, shifts));
    std::array::from_fn(|feature| std::array::from_fn(|code| even[feature][code].plus(odd[feature][code])))
}

#[inline(always)]
fn add_to_codes<const COUNT: usize>(
    histograms: &mut [Histogram<Counts>; COUNT],
    sample: &Sample<Counts>,
    shifts: [u32; COUNT],
) {
    for (histogram, shift) in histograms.iter_mut().zip(shifts) {
        let cell = &mut histogram[(sample.number >> shift & 3) as usize];
        *cell = cell.plus(sample.weight);
    }
}

/// Asks each row for each bit of its codes: without memory in between, so that a compiler does it for several rows at
/// once.
#[inline(always)]
fn side_by_side<const COUNT: usize, const MAY_MISS: bool>(
    samples: &[Sample<Counts>],
    shifts: [u32; COUNT],
) -> [Histogram<Counts>; COUNT] {
    let (mut all, mut sums) = (0_u64, [[0_u64; 3]; COUNT]);
    for Sample { number, weight: Counts(weight) } in samples {
        all = all.wrapping_add(*weight);
        let both = number & number >> 1;
        for (sums, shift) in sums.iter_mut().zip(shifts) {
            let bits =
                [number & 1 << shift, number & 2 << shift, if MAY_MISS { both & 1 << shift } else { 0 }];
            for (sum, bit) in sums.iter_mut().zip(bits) {
                *sum = sum.wrapping_add(if bit == 0 { 0 } else { *weight });
            }
        }
    }
    sums.map(|[low, high, both]| {
        let (zero, plus) = (low.wrapping_sub(both), high.wrapping_sub(both));
        let minus = all.wrapping_sub(zero).wrapping_sub(plus).wrapping_sub(both);
        [minus, zero, plus, both].map(Counts)
    })
}

#[cfg(test)]
mod tests {
    use lurelight_schema::{FeatureVector, Label, Record};
    use proptest::prelude::*;

    use super::*;
    use crate::Dataset;
    use crate::drawn::LOW;

    proptest! {
        #[test]
        fn every_way_of_counting_counts_the_same(
            rows in prop::collection::vec((0..1u64 << 60, any::<u64>(), 0..9u32, 0..9u32), 1..400), may_miss: bool,
        ) {
            let vector = |(a, b, ..): &(u64, u64, u32, u32)| {
                let bits = a & b;
                FeatureVector::from_bits(if may_miss { bits } else { bits & !(bits >> 1 & LOW) }).unwrap()
            };
            let records: Vec<_> = rows.iter().map(|row| Record { vector: vector(row), label: Label::Phishing }).collect();
            let fields = Fields::new(&Dataset::new(&records));
            let sample = |told: &dyn Fn(FeatureVector) -> u64| -> Vec<Sample<Counts>> {
                let of = |row: &(_, _, u32, u32)| Sample { number: told(vector(row)), weight: Counts::new(row.2, row.3) };
                rows.iter().map(of).collect()
            };
            let (packed, told) = (sample(&|vector| vector.bits()), sample(&|vector| fields.number(vector)));
            let mut expected = [[Counts::default(); 4]; FEATURE_COUNT];
            for (row, sample) in rows.iter().zip(&packed) {
                for (histogram, code) in expected.iter_mut().zip(vector(row).codes()) {
                    histogram[code as usize] = histogram[code as usize].plus(sample.weight);
                }
            }
            prop_assert_eq!(of::<FEATURE_COUNT, 1>(&packed, Feature::ALL, true), expected);
            prop_assert_eq!(of::<FEATURE_COUNT, WIDE>(&packed, Feature::ALL, may_miss), expected);
            let mut counter = Counter::new(&fields);
            let all = counter.all(&told);
            for digit in fields.fields().iter().flatten() {
                prop_assert_eq!(all[digit.feature.index()], expected[digit.feature.index()]);
            }
            let (child, sibling) = told.split_at(told.len() / 2);
            prop_assert_eq!(rest(&all, &counter.all(child)), counter.all(sibling));
        }
    }
}

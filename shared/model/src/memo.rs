//! Scores that were computed before.

use lurelight_schema::FeatureVector;

/// A bounded memory of probabilities: each row has one place, and a newer row takes it from an older
/// one. It belongs to one model; a new model needs a new memo.
#[derive(Clone, Debug)]
pub struct Memo {
    /// The packed row, every bit turned round, and its probability. So an empty place, which is no row, is zero: memory
    /// that the system has ready, and gives out page by page as places are taken.
    places: Vec<(u64, f64)>,
    shift: u32,
}

impl Memo {
    /// An empty memo with 2^`bits` places of 16 bytes each; `bits` is taken to lie between 1 and 24.
    #[must_use]
    pub fn new(bits: u32) -> Memo {
        let bits = bits.clamp(1, 24);
        Memo { places: vec![(0, 0.0); 1 << bits], shift: 64 - bits }
    }

    /// The probability of a row, computed only where the memo does not have it.
    pub fn get_or_compute(
        &mut self,
        vector: FeatureVector,
        compute: impl FnOnce(FeatureVector) -> f64,
    ) -> f64 {
        let place = self.place(vector);
        let (row, probability) = &mut self.places[place];
        if *row != !vector.bits() {
            *probability = compute(vector);
            *row = !vector.bits();
        }
        *probability
    }
}

impl Memo {
    /// The probabilities of rows, computed together where the memo does not have them: one that stands there twice, twice.
    pub fn get_or_compute_all(
        &mut self,
        vectors: &[FeatureVector],
        compute: impl FnOnce(&[FeatureVector]) -> Vec<f64>,
    ) -> Vec<f64> {
        let mut unknown: Vec<FeatureVector> = Vec::new();
        let known = |vector: &FeatureVector| {
            let (row, probability) = self.places[self.place(*vector)];
            (row == !vector.bits()).then_some(probability).ok_or_else(|| {
                unknown.push(*vector);
                unknown.len() - 1
            })
        };
        let answers: Vec<Result<f64, usize>> = vectors.iter().map(known).collect();
        let computed = compute(&unknown);
        for (vector, probability) in unknown.iter().zip(&computed) {
            let place = self.place(*vector);
            self.places[place] = (!vector.bits(), *probability);
        }
        answers.into_iter().map(|answer| answer.unwrap_or_else(|number| computed[number])).collect()
    }

    fn place(&self, vector: FeatureVector) -> usize {
        // Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4).
        (vector.bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }
}

impl Default for Memo {
    /// 32,768 places in half a mebibyte, several times the distinct rows of the UCI data.
    fn default() -> Memo {
        Memo::new(15)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_computed_once_while_it_keeps_its_place() {
        let mut memo = Memo::new(1);
        let rows = [0, 1, 2, 3, 1 << 59, 0, 1].map(|bits| FeatureVector::from_bits(bits).unwrap());
        for row in rows {
            assert_eq!(memo.get_or_compute(row, |v| v.bits() as f64), row.bits() as f64);
            assert_eq!(memo.get_or_compute(row, |_| unreachable!("it was just computed")), row.bits() as f64);
        }
    }

    #[test]
    fn rows_together_are_answered_as_one_by_one() {
        let mut memo = Memo::new(2);
        for round in 0..50_u64 {
            let rows: Vec<_> = (0..20)
                .map(|i| FeatureVector::from_bits((round * 7 + i * i * 31) % 23 * (1 + i % 3)).unwrap())
                .collect();
            let computed = |rows: &[FeatureVector]| rows.iter().map(|row| row.bits() as f64).collect();
            let expected: Vec<f64> = computed(&rows);
            assert_eq!(memo.get_or_compute_all(&rows, computed), expected);
            for row in rows {
                assert_eq!(memo.get_or_compute(row, |row| row.bits() as f64), row.bits() as f64);
            }
        }
        assert_eq!(memo.get_or_compute_all(&[], |rows| vec![0.0; rows.len()]), Vec::<f64>::new());
    }
}

//! Newton steps of the logistic loss, added up in whole numbers.
//!
//! Whole numbers add up to the same whatever the order, and what is left of a node without a child is exact.

use lurelight_model::{Work, widest};

use crate::best_split::{Objective, Sums};
use crate::histogram::{Sample, Weight};
use crate::logistic::{ROUNDER, sigmoid};

/// A gradient, and above each other the number of rows and the hessian, on a [`Scale`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Step([u64; 2]);

impl Weight for Step {
    #[inline(always)]
    fn plus(self, other: Step) -> Step {
        Step([self.0[0].wrapping_add(other.0[0]), self.0[1].wrapping_add(other.0[1])])
    }

    #[inline(always)]
    fn less(self, part: Step) -> Step {
        Step([self.0[0].wrapping_sub(part.0[0]), self.0[1].wrapping_sub(part.0[1])])
    }

    #[inline(always)]
    fn is_none(self) -> bool {
        // The number of rows stands above the hessian.
        self.0[1] == 0
    }
}

/// How fine gradients and hessians are: as fine as the sums over all rows allow. With UCI's rows the last digit of
/// either is 2⁻³⁷.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// 2 to the power of the digits behind the point of a gradient, and of a hessian.
    per_one: [f64; 2],
    one: [f64; 2],
    /// Where the number of rows begins.
    rows_shift: u32,
}

impl Scale {
    /// The scale for so many rows, below 2³⁰.
    pub(crate) fn of(rows: u64) -> Scale {
        let bits = rows.ilog2() as i32 + 1;
        // A gradient is below the number of its rows, a hessian below a quarter of it. Rounding takes 2⁵¹.
        let digits = [51 - bits, (51 - bits).min(65 - 2 * bits)];
        let power = |digits: i32| f64::from_bits(((1023 + digits) as u64) << 52);
        Scale {
            per_one: digits.map(power),
            one: digits.map(|digits| power(-digits)),
            rows_shift: 64 - bits as u32,
        }
    }

    /// The step of each row.
    #[inline(always)]
    fn steps(
        self,
        factors: &[f64; AT_ONCE],
        log_odds: &[f64; AT_ONCE],
        counts: &[[u32; 2]; AT_ONCE],
    ) -> [Step; AT_ONCE] {
        let whole = |value: f64, i: usize| {
            (value * self.per_one[i] + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits())
        };
        std::array::from_fn(|row| {
            let [phishing, legitimate] = counts[row];
            let count = phishing + legitimate;
            let (rows, p) = (f64::from(count as i32), sigmoid(log_odds[row]));
            let gradient = factors[row] * (rows * p - f64::from(phishing as i32));
            let hessian = factors[row] * (rows * p * (1.0 - p));
            Step([whole(gradient, 0), u64::from(count) << self.rows_shift | whole(hessian, 1)])
        })
    }

    #[inline(always)]
    fn sums(self, Step([gradient, rest]): Step) -> Sums {
        let hessian = rest & ((1 << self.rows_shift) - 1);
        Sums {
            first: gradient as i64 as f64 * self.one[0],
            second: hessian as i64 as f64 * self.one[1],
            rows: (rest >> self.rows_shift) as i64 as f64,
        }
    }
}

/// The rows that take steps, by what they are taken for.
#[derive(Clone, Copy)]
pub(crate) struct Steps<'a> {
    pub(crate) scale: Scale,
    /// Rows told in fields.
    pub(crate) numbers: &'a [u64],
    /// What each of a distinct row's rows weighs. All together weigh at most as much as there are rows.
    pub(crate) factors: &'a [f64],
    /// The log-odds of phishing that each has.
    pub(crate) log_odds: &'a [f64],
    /// How many rows of either label were drawn.
    pub(crate) counts: &'a [[u32; 2]],
}

/// How many steps are made at once: what a compiler may do side by side, before the rows that were drawn are kept.
const AT_ONCE: usize = 64;

impl Steps<'_> {
    /// Writes the steps of the rows that were drawn.
    pub(crate) fn write(self, samples: &mut Vec<Sample<Step>>) {
        samples.resize(self.numbers.len(), Sample { number: 0, weight: Step::default() });
        let kept = widest(Writing { steps: self, samples });
        samples.truncate(kept);
    }
}

struct Writing<'a> {
    steps: Steps<'a>,
    samples: &'a mut [Sample<Step>],
}

impl Work for Writing<'_> {
    type Output = usize;

    /// Returns how many were written.
    #[inline(always)]
    fn run<const LANES: usize>(self) -> usize {
        let Writing { steps: Steps { scale, numbers, factors, log_odds, counts }, samples } = self;
        let (factors, last_factors) = factors.as_chunks::<AT_ONCE>();
        let (log_odds, last_log_odds) = log_odds.as_chunks::<AT_ONCE>();
        let (chunks, last_counts) = counts.as_chunks::<AT_ONCE>();
        let mut kept = 0;
        let mut keep = |numbers: &[u64], counts: &[[u32; 2]], steps: &[Step; AT_ONCE]| {
            for ((number, [phishing, legitimate]), step) in numbers.iter().zip(counts).zip(steps) {
                samples[kept] = Sample { number: *number, weight: *step };
                kept += usize::from(phishing + legitimate > 0);
            }
        };
        let parts = numbers.chunks(AT_ONCE).zip(factors).zip(log_odds).zip(chunks);
        for (((numbers, factors), log_odds), counts) in parts {
            keep(numbers, counts, &scale.steps(factors, log_odds, counts));
        }
        let last = numbers.len() - last_counts.len();
        let counts = padded(last_counts);
        let steps = scale.steps(&padded(last_factors), &padded(last_log_odds), &counts);
        keep(&numbers[last..], &counts, &steps);
        kept
    }
}

#[inline(always)]
fn padded<T: Copy + Default>(values: &[T]) -> [T; AT_ONCE] {
    let mut padded = [T::default(); AT_ONCE];
    padded[..values.len()].copy_from_slice(values);
    padded
}

/// The second-order expansion of the logistic loss: a leaf's value is −G / (H + λ), and its loss
/// −G² / 2(H + λ).
pub(crate) struct Newton {
    pub(crate) scale: Scale,
    pub(crate) l2: f64,
    pub(crate) min_child_weight: f64,
}

impl Objective for Newton {
    type Weight = Step;

    #[inline(always)]
    fn sums(&self, step: Step) -> Sums {
        self.scale.sums(step)
    }

    fn loss(&self, sums: Sums) -> f64 {
        -0.5 * sums.first * sums.first / (sums.second + self.l2).max(f64::MIN_POSITIVE)
    }

    fn leaf(&self, sums: Sums) -> f64 {
        // The bound keeps a leaf of saturated rows finite where there is no L2.
        (-sums.first / (sums.second + self.l2).max(f64::MIN_POSITIVE)).clamp(-1e3, 1e3)
    }

    #[inline(always)]
    fn admits(&self, child: Sums) -> bool {
        child.second >= self.min_child_weight
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn steps_add_up_to_the_derivatives_of_the_loss(
            rows in prop::collection::vec((0..50u32, 0..50u32, -9.0..9.0f64), 1..200), others in 0..1u64 << 29,
        ) {
            let count: u64 = rows.iter().map(|(p, l, _)| u64::from(p + l)).sum();
            prop_assume!(count > 0);
            let scale = Scale::of(count + others);
            let counts: Vec<_> = rows.iter().map(|(p, l, _)| [*p, *l]).collect();
            let log_odds: Vec<f64> = rows.iter().map(|(.., x)| *x).collect();
            let (numbers, factors) = (vec![0; rows.len()], vec![1.0; rows.len()]);
            let steps = Steps { scale, numbers: &numbers, factors: &factors, log_odds: &log_odds, counts: &counts };
            let mut samples = Vec::new();
            steps.write(&mut samples);
            prop_assert_eq!(samples.len(), counts.iter().filter(|[p, l]| p + l > 0).count());
            let total = samples.iter().fold(Step::default(), |sum, sample| sum.plus(sample.weight));
            let sums = scale.sums(total);
            let (mut gradient, mut hessian) = (0.0, 0.0);
            for (phishing, legitimate, x) in &rows {
                let p = sigmoid(*x);
                gradient += f64::from(phishing + legitimate) * p - f64::from(*phishing);
                hessian += f64::from(phishing + legitimate) * p * (1.0 - p);
            }
            let tolerance = |i: usize| rows.len() as f64 * scale.one[i] + 1e-9;
            prop_assert_eq!(sums.rows, count as f64);
            prop_assert!((sums.first - gradient).abs() <= tolerance(0), "{} {gradient}", sums.first);
            prop_assert!((sums.second - hessian).abs() <= tolerance(1), "{} {hessian}", sums.second);
            prop_assert_eq!(total.less(total), Step::default());
        }
    }
}

//! The logistic function, the same to the bit on every x86-64 processor, in operations that a compiler
//! does for several numbers at once.

/// 1 / ln 2.
const PER_LN_2: f64 = std::f64::consts::LOG2_E;

/// ln 2 in two parts, the first with so few digits that its multiples up to 1,100 are exact (Cody and Waite, 1980).
const LN_2: [f64; 2] = [0.693_145_751_953_125, 1.428_606_820_309_417_3e-6];

/// 3 · 2⁵¹. Adding it to a number below 2⁵¹ rounds that to a whole one, which then stands in the lowest bits.
pub(crate) const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// The coefficients of e^x's Taylor series from x¹⁰ down.
const TAYLOR: [f64; 11] = [
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];

/// 1 / (1 + e^−x) of a number, which must be one: off by less than 3 · 10⁻¹³ of itself, and taken of ±700 beyond that.
#[inline(always)]
pub(crate) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x.clamp(-700.0, 700.0)))
}

/// e^x = 2ⁿ · e^r with a whole n and |r| below ln 2 / 2, where the series' remainder is below 2.3 · 10⁻¹³.
#[inline(always)]
fn exp(x: f64) -> f64 {
    let rounded = x * PER_LN_2 + ROUNDER;
    let n = rounded - ROUNDER;
    let r = x - n * LN_2[0] - n * LN_2[1];
    let series = TAYLOR.iter().fold(0.0, |sum, coefficient| sum * r + coefficient);
    series * f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigmoids_are_those_of_libm() {
        for x in (-800_000..=800_000).map(|i| f64::from(i) / 1024.0) {
            let (ours, expected) = (sigmoid(x), lurelight_model::sigmoid(x.clamp(-700.0, 700.0)));
            assert!((ours - expected).abs() <= 3e-13 * expected, "{x}: {ours} here, {expected} by libm");
        }
    }
}

//! Comparing two samples of codes: the chi-squared test of homogeneity with its correction for many tests, the
//! population stability index, the two-sample Kolmogorov-Smirnov test.
//!
//! All of it is in closed form or a short series over `libm`, so that reports are the same on every processor.
//! Golden numbers from SciPy hold it to the definitions.

use std::f64::consts::PI;

/// How often each code was seen: −1, 0, 1, missing.
pub type CodeCounts = [u64; 4];

/// A test of whether two samples come from one distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tested {
    /// The test's statistic; 0 where there is nothing to compare.
    pub statistic: f64,
    /// Degrees of freedom, for the tests that have them.
    pub degrees: u32,
    /// How probable so great a statistic is where the distribution is one; 1 where there is nothing to compare.
    pub p: f64,
}

impl Tested {
    const NOTHING: Tested = Tested { statistic: 0.0, degrees: 0, p: 1.0 };
}

/// Pearson's chi-squared test of homogeneity over the codes that either sample has, without Yates's correction.
#[must_use]
pub fn chi_squared(reference: &CodeCounts, current: &CodeCounts) -> Tested {
    let [n, m] = [reference, current].map(|counts| counts.iter().sum::<u64>() as f64);
    let seen = reference.iter().zip(current).filter(|(a, b)| **a + **b > 0).count();
    if n == 0.0 || m == 0.0 || seen < 2 {
        return Tested::NOTHING;
    }
    let mut statistic = 0.0;
    for (&a, &b) in reference.iter().zip(current).filter(|(a, b)| **a + **b > 0) {
        let both = (a + b) as f64;
        for (count, rows) in [(a as f64, n), (b as f64, m)] {
            let expected = both * rows / (n + m);
            statistic += (count - expected) * (count - expected) / expected;
        }
    }
    let degrees = seen as u32 - 1;
    Tested { statistic, degrees, p: chi_squared_survival(statistic, degrees) }
}

/// The probability that a chi-squared variable of 1, 2 or 3 degrees of freedom exceeds `x`: four codes have no
/// more. The closed forms are Abramowitz and Stegun's 26.4.4 and 26.4.5 (1964).
fn chi_squared_survival(x: f64, degrees: u32) -> f64 {
    let tail = libm::exp(-x / 2.0);
    match degrees {
        0 => 1.0,
        1 => libm::erfc((x / 2.0).sqrt()),
        2 => tail,
        _ => libm::erfc((x / 2.0).sqrt()) + (2.0 * x / PI).sqrt() * tail,
    }
}

/// Adjusts the p-values of many tests so that those below a level hold at most that share of false
/// discoveries (Benjamini, Hochberg, 1995).
#[must_use]
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
    let mut adjusted = vec![1.0; p.len()];
    let mut least: f64 = 1.0;
    for (behind, i) in order.into_iter().enumerate() {
        let rank = (p.len() - behind) as f64;
        least = least.min(p[i] * (p.len() as f64 / rank));
        adjusted[i] = least;
    }
    adjusted
}

/// The population stability index, Σ (q − p) ln (q / p), over the codes that either sample has. Half a row is
/// added to each of those codes, so that one that is new or gone gives a finite number. By custom .1 is a
/// moderate and .25 a great shift (Siddiqi, Credit Risk Scorecards, 2006).
#[must_use]
pub fn population_stability_index(reference: &CodeCounts, current: &CodeCounts) -> f64 {
    let seen: Vec<(f64, f64)> = reference
        .iter()
        .zip(current)
        .filter(|(a, b)| **a + **b > 0)
        .map(|(a, b)| (*a as f64 + 0.5, *b as f64 + 0.5))
        .collect();
    let [n, m] = [seen.iter().map(|pair| pair.0).sum::<f64>(), seen.iter().map(|pair| pair.1).sum::<f64>()];
    seen.iter().map(|(a, b)| (b / m - a / n) * libm::log((b / m) / (a / n))).sum()
}

/// The two-sample Kolmogorov-Smirnov test on the values −1, 0 and 1, missing ones left out. Its p-value is that
/// of the limiting distribution for values without ties (Smirnov, 1948); on three values it is too great.
#[must_use]
pub fn kolmogorov_smirnov(reference: &CodeCounts, current: &CodeCounts) -> Tested {
    let [n, m] = [reference, current].map(|counts| counts[..3].iter().sum::<u64>() as f64);
    if n == 0.0 || m == 0.0 {
        return Tested::NOTHING;
    }
    let below =
        |counts: &CodeCounts, last: usize, rows: f64| counts[..=last].iter().sum::<u64>() as f64 / rows;
    let distance = (0..2).map(|i| (below(reference, i, n) - below(current, i, m)).abs()).fold(0.0, f64::max);
    let p = kolmogorov_survival((n * m / (n + m)).sqrt() * distance);
    Tested { statistic: distance, degrees: 0, p }
}

/// The probability that Kolmogorov's limiting variable exceeds `x`, by the one of its two series that converges
/// fast there.
fn kolmogorov_survival(x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if x < 1.0 {
        let term = |k: i32| libm::exp(-f64::from(2 * k - 1).powi(2) * PI * PI / (8.0 * x * x));
        return 1.0 - (2.0 * PI).sqrt() / x * (1..=6).map(term).sum::<f64>();
    }
    let term = |k: i32| {
        let size = libm::exp(-2.0 * f64::from(k * k) * x * x);
        if k % 2 == 1 { size } else { -size }
    };
    2.0 * (1..=6).map(term).sum::<f64>()
}

/// The numbers of successes among `n` draws of probability `p` between which 95 % of all outcomes lie: the least
/// `k` that at most a fortieth of them stay below, and the least that at least 39 fortieths do not pass.
#[must_use]
pub fn binomial_range(n: u64, p: f64) -> (u64, u64) {
    if n == 0 || p <= 0.0 {
        return (0, 0);
    }
    if p >= 1.0 {
        return (n, n);
    }
    (binomial_quantile(n, p, 0.025), binomial_quantile(n, p, 0.975))
}

/// The least k whose cumulative probability is at least `q`.
fn binomial_quantile(n: u64, p: f64, q: f64) -> u64 {
    let total = n as f64;
    let (log_p, log_rest) = (libm::log(p), libm::log1p(-p));
    let log_all = libm::lgamma(total + 1.0);
    let mut cumulative = 0.0;
    for k in 0..n {
        let successes = k as f64;
        let failures = total - successes;
        let log_ways = log_all - libm::lgamma(successes + 1.0) - libm::lgamma(failures + 1.0);
        cumulative += libm::exp(log_ways + successes * log_p + failures * log_rest);
        if cumulative >= q {
            return k;
        }
    }
    n
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Golden {
        cases: Vec<Case>,
        survival: Vec<Survival>,
        kolmogorov: Vec<(f64, f64)>,
        adjusted: Vec<Adjusted>,
        binomial: Vec<(u64, f64, u64, u64)>,
    }

    #[derive(Deserialize)]
    struct Case {
        reference: CodeCounts,
        current: CodeCounts,
        chi_squared: f64,
        degrees: u32,
        p: f64,
        psi: f64,
        ks_distance: f64,
        ks_p: f64,
    }

    #[derive(Deserialize)]
    struct Survival {
        x: f64,
        degrees: u32,
        p: f64,
    }

    #[derive(Deserialize)]
    struct Adjusted {
        p: Vec<f64>,
        adjusted: Vec<f64>,
    }

    fn golden() -> Golden {
        serde_json::from_str(include_str!("../tests/golden/drift.json")).unwrap()
    }

    /// Equal to nine digits of the expected number, however small it is.
    fn close(ours: f64, expected: f64, what: &str) {
        assert!(
            (ours - expected).abs() <= 1e-9 * expected.abs() + 1e-300,
            "{what}: {ours} here, {expected} by SciPy"
        );
    }

    #[test]
    fn two_samples_compare_as_with_scipy() {
        let cases = golden().cases;
        assert!(cases.len() >= 30);
        for case in cases {
            let what = format!("{:?} and {:?}", case.reference, case.current);
            let tested = chi_squared(&case.reference, &case.current);
            assert_eq!(tested.degrees, case.degrees, "{what}");
            // Both are sums of a few squares of differences: equal but for the last digits of the terms.
            assert!((tested.statistic - case.chi_squared).abs() <= 1e-9 * (1.0 + case.chi_squared), "{what}");
            assert!((tested.p - case.p).abs() <= 1e-7 * case.p + 1e-300, "{what}: {} {}", tested.p, case.p);
            let psi = population_stability_index(&case.reference, &case.current);
            assert!((psi - case.psi).abs() <= 1e-10, "{what}: {psi} {}", case.psi);
            let ks = kolmogorov_smirnov(&case.reference, &case.current);
            assert!((ks.statistic - case.ks_distance).abs() <= 1e-12, "{what}");
            assert!((ks.p - case.ks_p).abs() <= 1e-9, "{what}: {} {}", ks.p, case.ks_p);
        }
    }

    #[test]
    fn tails_are_scipys() {
        for Survival { x, degrees, p } in golden().survival {
            close(chi_squared_survival(x, degrees), p, &format!("chi-squared of {degrees} at {x}"));
        }
        for (x, p) in golden().kolmogorov {
            assert!((kolmogorov_survival(x) - p).abs() <= 1e-12 + 1e-9 * p, "Kolmogorov at {x}");
        }
    }

    #[test]
    fn adjusted_values_are_scipys() {
        for Adjusted { p, adjusted } in golden().adjusted {
            for (ours, expected) in benjamini_hochberg(&p).into_iter().zip(adjusted) {
                close(ours, expected, &format!("{p:?}"));
            }
        }
    }

    #[test]
    fn binomial_ranges_are_scipys() {
        for (n, p, low, high) in golden().binomial {
            assert_eq!(binomial_range(n, p), (low, high), "{n} draws of {p}");
        }
    }

    proptest! {
        #[test]
        fn equal_samples_do_not_differ(counts in prop::array::uniform4(0..5_000u64), times in 1..5u64) {
            let more = counts.map(|count| count * times);
            let tested = chi_squared(&counts, &more);
            prop_assert!(tested.statistic.abs() < 1e-6 && tested.p > 0.999);
            prop_assert!(kolmogorov_smirnov(&counts, &more).statistic < 1e-12);
            prop_assert!(population_stability_index(&counts, &counts).abs() < 1e-15);
        }

        #[test]
        fn whatever_is_counted_gives_probabilities(
            a in prop::array::uniform4(0..2_000_000u64), b in prop::array::uniform4(0..2_000_000u64),
        ) {
            for tested in [chi_squared(&a, &b), kolmogorov_smirnov(&a, &b)] {
                prop_assert!(tested.statistic >= 0.0 && (0.0..=1.0).contains(&tested.p), "{:?}", tested);
            }
            prop_assert!(population_stability_index(&a, &b) >= 0.0);
        }

        #[test]
        fn adjusting_keeps_the_order_and_never_lowers(p in prop::collection::vec(0.0..=1.0f64, 1..40)) {
            let adjusted = benjamini_hochberg(&p);
            for i in 0..p.len() {
                prop_assert!(adjusted[i] >= p[i] && adjusted[i] <= 1.0);
                for j in 0..p.len() {
                    prop_assert!(p[i] > p[j] || adjusted[i] <= adjusted[j]);
                }
            }
        }
    }
}

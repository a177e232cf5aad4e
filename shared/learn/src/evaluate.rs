//! Evaluations with intervals.

use lurelight_model::{ErrorRates, Estimate, Evaluation, Figures, Metrics, Model, ThresholdErrors};
use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Dataset;
use crate::metrics::{Measured, Ranking, Scored};
use crate::random::stream;
use crate::search::score;

/// How many bootstrap draws an interval has.
pub const BOOTSTRAP_DRAWS: u64 = 2_000;
/// How many draws the null distribution of the calibration error has.
const NULL_DRAWS: u64 = 1_000;
/// How many points a curve keeps at most.
const CURVE_POINTS: usize = 200;

/// Measures probabilities at a threshold, with 95 % intervals from [`BOOTSTRAP_DRAWS`] seeded draws of
/// distinct vectors. Drawing rows instead would make the intervals too narrow, because identical rows
/// err together.
///
/// Where the rows have one label only, the metrics that need both are 0.
#[must_use]
pub fn evaluate(scored: &[Scored], threshold: f64, seed: u64) -> Evaluation {
    let ranking = Ranking::new(scored);
    let measured = ranking.measure(threshold);
    let draws = bootstrap(&ranking, threshold, seed);
    let estimate = |metric: &dyn Fn(&Measured) -> f64| interval(metric(&measured), draws.iter().map(metric));
    Evaluation {
        rows: scored.iter().map(|s| u64::from(s.phishing) + u64::from(s.legitimate)).sum(),
        distinct_vectors: ranking.len() as u64,
        threshold,
        confusion: ranking.confusion(threshold),
        metrics: Metrics {
            figures: Figures::ACCESSORS.map(|metric| estimate(&|m| metric(&m.figures))),
            ece: estimate(&|m| m.ece),
        },
        ece_null_p95: rounded(ece_null_p95(scored, &ranking, seed)),
        roc: round_curve(ranking.roc(CURVE_POINTS)),
        precision_recall: round_curve(ranking.precision_recall(CURVE_POINTS)),
        reliability: measured
            .bins
            .into_iter()
            .filter(|bin| bin.rows > 0)
            .map(|bin| lurelight_model::ReliabilityBin {
                predicted: rounded(bin.predicted),
                observed: rounded(bin.observed),
                ..bin
            })
            .collect(),
    }
}

/// Both errors at the thresholds .05, .1, … .95, of calibrated probabilities.
#[must_use]
pub fn threshold_errors(out_of_fold: &[Scored], held_out: &[Scored]) -> Vec<ThresholdErrors> {
    let rankings = [out_of_fold, held_out].map(Ranking::new);
    let at = |step: u32| {
        let threshold = f64::from(step) / 20.0;
        let [out_of_fold, held_out] = [0, 1].map(|part| {
            let rates = rankings[part].confusion(threshold).error_rates();
            ErrorRates {
                false_positive_rate: rounded(rates.false_positive_rate),
                false_negative_rate: rounded(rates.false_negative_rate),
            }
        });
        ThresholdErrors { threshold, out_of_fold, held_out }
    };
    (1..20).map(at).collect()
}

/// A challenger held against a champion on the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Rows.
    pub rows: u64,
    /// Distinct feature vectors.
    pub distinct_vectors: u64,
    /// The challenger's figures at its own threshold.
    pub challenger: Figures,
    /// The champion's figures at its own threshold.
    pub champion: Figures,
    /// The share of legitimate rows that the challenger calls phishing.
    pub challenger_false_positive_rate: f64,
    /// The share of legitimate rows that the champion calls phishing.
    pub champion_false_positive_rate: f64,
    /// The challenger's F1 less the champion's, with the 2.5 % and 97.5 % points of the draws.
    pub f1_difference: Estimate,
    /// The 5 % point of the draws of that difference: the one-sided 95 % lower bound.
    pub f1_difference_lower_bound: f64,
}

/// Holds two models against each other on the same rows, each at its own threshold. The draws are paired:
/// both models are measured on the same [`BOOTSTRAP_DRAWS`] draws of distinct vectors.
#[must_use]
pub fn compare(challenger: &Model, champion: &Model, data: &Dataset, seed: u64) -> Comparison {
    let scored = [challenger, champion].map(|model| score(data, |vector| model.probability(vector)));
    let thresholds = [challenger.threshold(), champion.threshold()];
    let figures = [0, 1].map(|i| Ranking::new(&scored[i]).measure(thresholds[i]).figures);
    let rates = [0, 1].map(|i| {
        let confusion = Ranking::new(&scored[i]).confusion(thresholds[i]);
        let negatives = confusion.false_positives + confusion.true_negatives;
        confusion.false_positives as f64 / negatives.max(1) as f64
    });
    // For each vector and model: rows found, rows called phishing, and phishing rows. F1 needs no more.
    let counts: Vec<[[u32; 2]; 2]> = (0..data.len())
        .map(|at| {
            [0, 1].map(|i| {
                let Scored { probability, phishing, legitimate } = scored[i][at];
                if probability >= thresholds[i] { [phishing, phishing + legitimate] } else { [0, 0] }
            })
        })
        .collect();
    let mut differences: Vec<f64> = (0..BOOTSTRAP_DRAWS)
        .into_par_iter()
        .map(|draw| {
            let mut rng = stream(seed, &[0x7061_6972_6564, draw]);
            let (mut sums, mut positives) = ([[0u64; 2]; 2], 0u64);
            for _ in 0..counts.len() {
                let at = rng.random_range(0..counts.len());
                positives += u64::from(data.rows()[at].phishing);
                for (sum, count) in sums.iter_mut().zip(counts[at]) {
                    sum[0] += u64::from(count[0]);
                    sum[1] += u64::from(count[1]);
                }
            }
            let f1 = sums.map(|[found, called]| 2.0 * found as f64 / (called + positives).max(1) as f64);
            f1[0] - f1[1]
        })
        .collect();
    differences.sort_by(f64::total_cmp);
    Comparison {
        rows: data.row_count(),
        distinct_vectors: data.len() as u64,
        challenger: round_figures(&figures[0]),
        champion: round_figures(&figures[1]),
        challenger_false_positive_rate: rounded(rates[0]),
        champion_false_positive_rate: rounded(rates[1]),
        f1_difference: interval(figures[0].f1 - figures[1].f1, differences.iter().copied()),
        f1_difference_lower_bound: rounded(quantile(&differences, 0.05)),
    }
}

/// A number rounded to six decimals, and 0 where it is not finite: cards are for reading, and the last
/// digits of a sum may differ between processor families.
#[must_use]
pub fn rounded(value: f64) -> f64 {
    let rounded = (value * 1e6).round() / 1e6;
    if rounded.is_finite() { rounded + 0.0 } else { 0.0 }
}

/// Figures rounded to six decimals.
#[must_use]
pub fn round_figures(figures: &Figures) -> Figures {
    figures.map(rounded)
}

fn round_curve(curve: lurelight_model::Curve) -> lurelight_model::Curve {
    lurelight_model::Curve(curve.0.into_iter().map(|(x, y)| (rounded(x), rounded(y))).collect())
}

/// The metrics of each draw of as many vectors as there are, with replacement.
fn bootstrap(ranking: &Ranking, threshold: f64, seed: u64) -> Vec<Measured> {
    let n = ranking.len();
    (0..BOOTSTRAP_DRAWS)
        .into_par_iter()
        .map(|draw| {
            let mut rng = stream(seed, &[0x696e_7465_7276, draw]);
            let mut counts = vec![0.0; n];
            for _ in 0..n {
                counts[rng.random_range(0..n)] += 1.0;
            }
            ranking.measure_weighted(threshold, |place| counts[place])
        })
        .collect()
}

/// The 2.5 % and 97.5 % points of the draws in which the metric is defined.
pub(crate) fn interval(value: f64, draws: impl Iterator<Item = f64>) -> Estimate {
    let mut draws: Vec<f64> = draws.filter(|draw| draw.is_finite()).collect();
    draws.sort_by(f64::total_cmp);
    Estimate {
        value: rounded(value),
        low: rounded(quantile(&draws, 0.025)),
        high: rounded(quantile(&draws, 0.975)),
    }
}

/// The quantile of sorted values by linear interpolation, as NumPy's default.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = q * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// The 95 % point of the calibration error if the probabilities were true: labels are drawn from them, one for all rows
/// of a vector, because rows with the same features err together; a vector with both labels has its rows drawn one by one.
///
/// Drawn row by row for all of them, the point lies too low: in 24 grouped divisions of folds 3 to 9 of UCI's records
/// the error of a boosting calibrated on the learnt part was above it 11 times, and above this one once.
pub(crate) fn ece_null_p95(scored: &[Scored], ranking: &Ranking, seed: u64) -> f64 {
    let mut errors: Vec<f64> = (0..NULL_DRAWS)
        .into_par_iter()
        .map(|draw| {
            let mut rng = stream(seed, &[0x6563_655f_6e75, draw]);
            let drawn: Vec<[u32; 2]> = scored
                .iter()
                .map(|s| {
                    let rows = s.phishing + s.legitimate;
                    let mut is_phishing = || rng.random::<f64>() < s.probability;
                    let phishing = match (s.phishing, s.legitimate) {
                        (0, _) | (_, 0) => rows * u32::from(is_phishing()),
                        _ => (0..rows).filter(|_| is_phishing()).count() as u32,
                    };
                    [phishing, rows - phishing]
                })
                .collect();
            ranking.labelled(&drawn).measure(0.5).ece
        })
        .collect();
    errors.sort_by(f64::total_cmp);
    quantile(&errors, 0.95)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(n: u32) -> Vec<Scored> {
        (0..n)
            .map(|i| {
                let probability = (f64::from(i) + 0.5) / f64::from(n);
                Scored { probability, phishing: i * 7 / n + i % 2, legitimate: (n - i) * 5 / n + i % 3 }
            })
            .collect()
    }

    #[test]
    fn intervals_hold_the_value_and_repeat() {
        let evaluation = evaluate(&scored(200), 0.5, 1);
        assert_eq!(evaluation, evaluate(&scored(200), 0.5, 1));
        let m = evaluation.metrics.figures;
        for e in [m.accuracy, m.precision, m.recall, m.f1, m.roc_auc, m.pr_auc, m.log_loss, m.brier] {
            assert!(e.low < e.value && e.value < e.high, "{e:?}");
        }
        let narrower = evaluate(&scored(2000), 0.5, 1).metrics.figures.accuracy;
        assert!(narrower.high - narrower.low < 0.6 * (m.accuracy.high - m.accuracy.low));
    }

    #[test]
    fn one_label_alone_gives_finite_figures() {
        let rows = [Scored { probability: 0.7, phishing: 3, legitimate: 0 }];
        let m = evaluate(&rows, 0.5, 1).metrics.figures;
        assert_eq!((m.roc_auc.value, m.roc_auc.low, m.accuracy.value), (0.0, 0.0, 1.0));
    }

    #[test]
    fn a_true_probability_is_within_its_own_null() {
        // 1,000 vectors whose share of phishing is their probability, to the row.
        let rows: Vec<Scored> = (0..1000u32)
            .map(|i| Scored {
                probability: f64::from(i % 11) / 10.0,
                phishing: i % 11,
                legitimate: 10 - i % 11,
            })
            .collect();
        let evaluation = evaluate(&rows, 0.5, 1);
        assert_eq!(evaluation.metrics.ece.value, 0.0);
        assert!(evaluation.ece_null_p95 > 0.0);
    }

    #[test]
    fn errors_are_counted_from_the_threshold_on() {
        let rows = [(0.95, 3, 0), (0.5, 1, 1), (0.05, 1, 3)];
        let rows =
            rows.map(|(probability, phishing, legitimate)| Scored { probability, phishing, legitimate });
        let errors = threshold_errors(&rows, &rows[..2]);
        let rates = |at: usize| {
            let ThresholdErrors { threshold, out_of_fold: o, held_out: h } = errors[at];
            (threshold, [o, h].map(|rates| (rates.false_positive_rate, rates.false_negative_rate)))
        };
        assert_eq!(errors.len(), 19);
        assert_eq!(rates(0), (0.05, [(1.0, 0.0), (1.0, 0.0)]));
        assert_eq!(rates(9), (0.5, [(0.25, 0.2), (1.0, 0.0)]));
        assert_eq!(rates(10), (0.55, [(0.0, 0.4), (0.0, 0.25)]));
        assert_eq!(rates(18), (0.95, [(0.0, 0.4), (0.0, 0.25)]));
    }

    #[test]
    fn quantiles_are_numpys() {
        let table = [(0.0, 1.0), (0.5, 2.5), (0.95, 3.85), (1.0, 4.0)];
        for (q, expected) in table {
            assert!((quantile(&[1.0, 2.0, 3.0, 4.0], q) - expected).abs() < 1e-12);
        }
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}

//! Metrics of probabilities held against labels. Phishing is the positive class.
//!
//! The definitions are scikit-learn's; ties are one step of a curve.

use lurelight_model::{Confusion, Curve, Figures, ReliabilityBin};

use crate::DistinctRow;

/// How many bins the calibration error has.
pub const ECE_BINS: usize = 10;

/// Probabilities are moved this far from 0 and 1 before their logarithm is taken.
const LOG_LOSS_CLIP: f64 = 1e-15;

/// A distinct feature vector: its probability of phishing and how many rows of either label have it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// From 0 to 1.
    pub probability: f64,
    /// Rows labelled phishing.
    pub phishing: u32,
    /// Rows labelled legitimate.
    pub legitimate: u32,
}

impl Scored {
    /// A distinct vector with its probability.
    #[must_use]
    pub const fn new(row: &DistinctRow, probability: f64) -> Scored {
        Scored { probability, phishing: row.phishing, legitimate: row.legitimate }
    }
}

/// Scored vectors, ordered by falling probability.
#[derive(Clone, Debug)]
pub struct Ranking {
    points: Vec<Point>,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    /// Its place among what was ranked.
    source: u32,
    probability: f64,
    /// The verdict, where it does not follow from one threshold for all.
    called: Option<bool>,
    phishing: f64,
    legitimate: f64,
    /// −ln p and −ln(1 − p).
    losses: [f64; 2],
    /// Whether the next point has another probability, or there is none.
    ends_tie: bool,
}

/// What one pass over a ranking yields. Where there is no row of a label, what needs one is NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// All metrics but the calibration error.
    pub figures: Figures,
    /// The expected calibration error (Naeini, Cooper, Hauskrecht, 2015) over [`ECE_BINS`] bins of about equal
    /// count: the mean over rows of the gap between a bin's mean probability and its share of phishing.
    pub ece: f64,
    /// The bins behind it; a bin without rows is all zero.
    pub bins: [ReliabilityBin; ECE_BINS],
}

impl Ranking {
    /// Orders the vectors; those without a row are left out.
    #[must_use]
    pub fn new(scored: &[Scored]) -> Ranking {
        let mut order: Vec<u32> = (0..scored.len() as u32).collect();
        order.retain(|place| scored[*place as usize].phishing + scored[*place as usize].legitimate > 0);
        let probability = |place: u32| scored[place as usize].probability;
        order.sort_by(|a, b| probability(*b).total_cmp(&probability(*a)));
        let point = |(i, &source): (usize, &u32)| {
            let s = scored[source as usize];
            let p = s.probability.clamp(LOG_LOSS_CLIP, 1.0 - LOG_LOSS_CLIP);
            Point {
                source,
                probability: s.probability,
                called: None,
                phishing: f64::from(s.phishing),
                legitimate: f64::from(s.legitimate),
                losses: [-libm::log(p), -libm::log(1.0 - p)],
                ends_tie: order.get(i + 1).is_none_or(|next| probability(*next) != s.probability),
            }
        };
        Ranking { points: order.iter().enumerate().map(point).collect() }
    }

    /// The same with a verdict for each of what was ranked (true: phishing), which no threshold changes.
    #[must_use]
    pub fn decided(mut self, verdicts: &[bool]) -> Ranking {
        for point in &mut self.points {
            point.called = verdicts.get(point.source as usize).copied();
        }
        self
    }

    /// The same with other rows: phishing and legitimate ones by the place among what was ranked.
    #[must_use]
    pub(crate) fn labelled(&self, rows: &[[u32; 2]]) -> Ranking {
        let mut points = self.points.clone();
        for point in &mut points {
            [point.phishing, point.legitimate] = rows[point.source as usize].map(f64::from);
        }
        Ranking { points }
    }

    /// Each place's place among what was ranked.
    pub(crate) fn sources(&self) -> impl Iterator<Item = usize> + '_ {
        self.points.iter().map(|point| point.source as usize)
    }

    /// How many distinct vectors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The metrics of a verdict at `threshold`.
    #[must_use]
    pub fn measure(&self, threshold: f64) -> Measured {
        self.measure_weighted(threshold, |_| 1.0)
    }

    /// The same with the vector at each place counted `weight(place)` times.
    #[must_use]
    pub fn measure_weighted(&self, threshold: f64, weight: impl Fn(usize) -> f64) -> Measured {
        let (mut positives, mut negatives) = (0.0, 0.0);
        for (i, point) in self.points.iter().enumerate() {
            positives += weight(i) * point.phishing;
            negatives += weight(i) * point.legitimate;
        }
        let total = positives + negatives;
        let mut sums = Sums { total, ..Sums::default() };
        for (i, point) in self.points.iter().enumerate() {
            sums.add(point, weight(i), threshold);
        }
        sums.measured(positives, negatives)
    }

    /// The four counts of a verdict at `threshold`.
    #[must_use]
    pub fn confusion(&self, threshold: f64) -> Confusion {
        let mut confusion = Confusion::default();
        for point in &self.points {
            let (phishing, legitimate) = (point.phishing as u64, point.legitimate as u64);
            if point.called.unwrap_or(point.probability >= threshold) {
                confusion.true_positives += phishing;
                confusion.false_positives += legitimate;
            } else {
                confusion.false_negatives += phishing;
                confusion.true_negatives += legitimate;
            }
        }
        confusion
    }

    /// False positive rate and true positive rate as the threshold falls, from (0, 0) to (1, 1), thinned
    /// out to at most `most` points.
    #[must_use]
    pub fn roc(&self, most: usize) -> Curve {
        let steps = self.steps();
        let (tp_all, fp_all) = steps.last().copied().unwrap_or((1.0, 1.0));
        let points = steps.iter().map(|(tp, fp)| (fp / fp_all, tp / tp_all));
        thinned([(0.0, 0.0)].into_iter().chain(points).collect(), most)
    }

    /// Recall and precision as the threshold falls, thinned out to at most `most` points. It begins at recall
    /// 0 with the precision of the first step.
    #[must_use]
    pub fn precision_recall(&self, most: usize) -> Curve {
        let steps = self.steps();
        let all = steps.last().map_or(1.0, |last| last.0);
        let points = steps.iter().map(|(tp, fp)| (tp / all, tp / (tp + fp)));
        let start = points.clone().next().map(|(_, precision)| (0.0, precision));
        thinned(start.into_iter().chain(points).collect(), most)
    }

    /// Phishing and legitimate rows down to the end of each tie.
    fn steps(&self) -> Vec<(f64, f64)> {
        let mut steps = Vec::new();
        let (mut tp, mut fp) = (0.0, 0.0);
        for point in &self.points {
            tp += point.phishing;
            fp += point.legitimate;
            if point.ends_tie {
                steps.push((tp, fp));
            }
        }
        steps
    }
}

fn thinned(points: Vec<(f64, f64)>, most: usize) -> Curve {
    if points.len() <= most || most < 2 {
        return Curve(points);
    }
    let last = points.len() - 1;
    Curve((0..most).map(|i| points[i * last / (most - 1)]).collect())
}

#[derive(Clone, Copy, Default)]
struct Sums {
    total: f64,
    /// Rows called phishing, by label.
    called: [f64; 2],
    log_loss: f64,
    brier: f64,
    /// Rows down to the last tie, and since then, by label.
    above: [f64; 2],
    tied: [f64; 2],
    auc: f64,
    average_precision: f64,
    bins: [[f64; 3]; ECE_BINS],
}

impl Sums {
    fn add(&mut self, point: &Point, weight: f64, threshold: f64) {
        let (p, phishing, legitimate) =
            (point.probability, weight * point.phishing, weight * point.legitimate);
        if point.called.unwrap_or(p >= threshold) {
            self.called[0] += phishing;
            self.called[1] += legitimate;
        }
        self.log_loss += phishing * point.losses[0] + legitimate * point.losses[1];
        self.brier += phishing * (1.0 - p) * (1.0 - p) + legitimate * p * p;
        self.tied[0] += phishing;
        self.tied[1] += legitimate;
        if point.ends_tie {
            self.end_tie(p);
        }
    }

    fn end_tie(&mut self, probability: f64) {
        let [tp, fp] = self.tied;
        let rows = tp + fp;
        if rows == 0.0 {
            return;
        }
        self.auc += fp * (self.above[0] + tp / 2.0);
        // The bin in which the middle of the tie lies, so that it does not matter how ties are ordered.
        let middle = (self.above[0] + self.above[1] + rows / 2.0) / self.total;
        let bin = &mut self.bins[((middle * ECE_BINS as f64) as usize).min(ECE_BINS - 1)];
        bin[0] += rows;
        bin[1] += rows * probability;
        bin[2] += tp;
        self.above[0] += tp;
        self.above[1] += fp;
        self.average_precision += tp * self.above[0] / (self.above[0] + self.above[1]);
        self.tied = [0.0; 2];
    }

    fn measured(&self, positives: f64, negatives: f64) -> Measured {
        let total = self.total;
        let [tp, fp] = self.called;
        let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let figures = Figures {
            accuracy: (tp + negatives - fp) / total,
            precision: ratio(tp, tp + fp),
            recall: ratio(tp, positives),
            f1: ratio(2.0 * tp, tp + fp + positives),
            roc_auc: self.auc / (positives * negatives),
            pr_auc: self.average_precision / positives,
            log_loss: self.log_loss / total,
            brier: self.brier / total,
        };
        let ece = self.bins.iter().map(|bin| (bin[1] - bin[2]).abs()).sum::<f64>() / total;
        let bins = self.bins.map(|bin| ReliabilityBin {
            rows: bin[0] as u64,
            predicted: ratio(bin[1], bin[0]),
            observed: ratio(bin[2], bin[0]),
        });
        Measured { figures, ece, bins }
    }
}

/// The mean of figures, metric by metric.
#[must_use]
pub fn mean(all: &[Figures]) -> Figures {
    Figures::ACCESSORS.map(|metric| all.iter().map(metric).sum::<f64>() / all.len() as f64)
}

/// The standard deviation of two or more values, as of a sample: over one less than their count.
pub(crate) fn sample_deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking(table: &[(f64, u32, u32)]) -> Ranking {
        let scored = |&(probability, phishing, legitimate): &_| Scored { probability, phishing, legitimate };
        Ranking::new(&table.iter().map(scored).collect::<Vec<_>>())
    }

    #[test]
    fn curves_have_their_ends_and_ties_are_one_step() {
        let ranking = ranking(&[(0.9, 2, 0), (0.5, 1, 1), (0.5, 1, 0), (0.1, 0, 3)]);
        assert_eq!(ranking.roc(10).0, [(0.0, 0.0), (0.0, 0.5), (0.25, 1.0), (1.0, 1.0)]);
        assert_eq!(ranking.precision_recall(10).0, [(0.0, 1.0), (0.5, 1.0), (1.0, 0.8), (1.0, 0.5)]);
        assert_eq!(ranking.roc(2).0, [(0.0, 0.0), (1.0, 1.0)]);
    }

    #[test]
    fn a_sample_deviates_by_one_less_than_its_count() {
        assert_eq!(sample_deviation(&[2.0, 4.0, 6.0]), 2.0);
        assert_eq!(sample_deviation(&[1.5, 1.5]), 0.0);
    }

    #[test]
    fn the_calibration_error_is_the_mean_gap_of_the_bins() {
        // Ten equal bins, each ten rows that are called with 0.3 and of which one is phishing.
        let rows: Vec<(f64, u32, u32)> = (0..10).map(|i| (0.3 + f64::from(i) * 1e-9, 1, 9)).collect();
        let measured = ranking(&rows).measure(0.5);
        assert!((measured.ece - 0.2).abs() < 1e-6, "{}", measured.ece);
        assert!(measured.bins.iter().all(|bin| bin.rows == 10 && (bin.observed - 0.1).abs() < 1e-12));
        // All tied: one bin.
        let measured = ranking(&[(0.3, 1, 9), (0.3, 3, 7)]).measure(0.5);
        assert_eq!(measured.bins.iter().filter(|bin| bin.rows > 0).count(), 1);
        assert!((measured.ece - 0.1).abs() < 1e-12);
    }

    #[test]
    fn no_rows_and_rows_without_weight_are_no_rows() {
        assert!(ranking(&[]).is_empty());
        assert_eq!(ranking(&[(0.5, 0, 0), (0.2, 1, 0)]).len(), 1);
    }
}

//! AdaBoost: stumps that vote, each fitted to what those before it got wrong (SAMME; Zhu, Zou, Rosset, Hastie,
//! "Multi-class AdaBoost", 2009, for two classes).

use lurelight_model::{Classifier, Leaf, TreeNode, Trees};
use lurelight_schema::{FEATURE_COUNT, Feature, Label};
use serde::{Deserialize, Serialize};

use crate::best_split::{Best, Objective, Search, Sums};
use crate::decision_tree::Gini;
use crate::fields::{COMBINATIONS, Fields};
use crate::histogram::{Counter, Weight};
use crate::limits::Limits;
use crate::param::{ParamError, check_at_least, check_share};
use crate::{Dataset, FitError};

/// The parameters of AdaBoost, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaBoostParams {
    /// How many stumps, at most: fitting stops early where a stump makes no error, or no better a one than
    /// chance.
    pub n_estimators: usize,
    /// The share of each stump's weight that is taken, above 0 and at most 1.
    pub learning_rate: f64,
}

/// Parameters that can be fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidAdaBoostParams(AdaBoostParams);

impl Default for AdaBoostParams {
    /// 50 stumps at a learning rate of 1, as scikit-learn's default.
    fn default() -> AdaBoostParams {
        AdaBoostParams { n_estimators: 50, learning_rate: 1.0 }
    }
}

impl AdaBoostParams {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the parameter that is out of its range.
    pub fn check(self) -> Result<ValidAdaBoostParams, ParamError> {
        check_at_least("n_estimators", self.n_estimators as f64, 1.0)?;
        check_share("learning_rate", self.learning_rate, 1.0)?;
        Ok(ValidAdaBoostParams(self))
    }
}

/// A stump's weight where it makes no error: as scikit-learn's, so that it is its own weight's full share.
const PERFECT: f64 = 1.0;

impl ValidAdaBoostParams {
    /// Fits the stumps. Rows of one vector and label always have the same weight, so two weights a distinct
    /// vector are exact. Nothing is random.
    ///
    /// # Errors
    ///
    /// [`FitError::NoRows`], and [`FitError::OneClass`] because a stump that makes no error has nothing to
    /// vote against.
    ///
    /// # Examples
    ///
    /// ```
    /// use lurelight_learn::{AdaBoostParams, Dataset};
    /// use lurelight_schema::{Code, Feature, FeatureVector, Label, Record};
    ///
    /// let at = |code| FeatureVector::MISSING.with(Feature::ALL[7], code);
    /// let data = Dataset::new(&[
    ///     Record { vector: at(Code::Minus), label: Label::Phishing },
    ///     Record { vector: at(Code::Plus), label: Label::Legitimate },
    /// ]);
    /// let stumps = AdaBoostParams { n_estimators: 8, learning_rate: 0.5 }.check()?.fit(&data)?;
    /// assert_eq!(stumps.raw_score(at(Code::Minus)), 1.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fit(&self, data: &Dataset) -> Result<Classifier, FitError> {
        let rows = data.row_count();
        if rows == 0 {
            return Err(FitError::NoRows);
        }
        if data.count(Label::Phishing) == 0 || data.count(Label::Legitimate) == 0 {
            return Err(FitError::OneClass);
        }
        let fields = Fields::new(data);
        let mut round = Rounds::new(data, &fields);
        let mut stumps: Vec<(Stump, f64)> = Vec::new();
        while stumps.len() < self.0.n_estimators {
            let stump = round.stump();
            let error = stump.error();
            if error <= 0.0 {
                stumps.push((stump, PERFECT));
                break;
            }
            if error >= 0.5 && !stumps.is_empty() {
                break;
            }
            let weight = self.0.learning_rate * libm::log((1.0 - error) / error);
            round.reweigh(&stump, weight);
            stumps.push((stump, weight));
        }
        let total: f64 = stumps.iter().map(|(_, weight)| weight.abs()).sum();
        let trees: Vec<_> =
            stumps.iter().map(|(stump, weight)| stump.nodes(weight / total.max(f64::MIN_POSITIVE))).collect();
        Ok(Classifier::AdaBoost(Trees::new(&trees)?))
    }
}

/// The weights of a distinct vector's rows: those labelled phishing, and legitimate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Weights([f64; 2]);

impl Weight for Weights {
    #[inline(always)]
    fn plus(self, other: Weights) -> Weights {
        Weights([self.0[0] + other.0[0], self.0[1] + other.0[1]])
    }

    fn less(self, part: Weights) -> Weights {
        Weights([self.0[0] - part.0[0], self.0[1] - part.0[1]])
    }

    fn is_none(self) -> bool {
        self.0[0] + self.0[1] == 0.0
    }
}

/// Gini of weighted rows.
struct WeightedGini;

impl Objective for WeightedGini {
    type Weight = Weights;

    fn sums(&self, Weights([phishing, legitimate]): Weights) -> Sums {
        let second = phishing + legitimate;
        // Rows are always as many; where some have a weight there is one.
        Sums { first: phishing, second, rows: if second > 0.0 { f64::MAX } else { 0.0 } }
    }

    fn loss(&self, sums: Sums) -> f64 {
        Gini.loss(sums)
    }

    fn is_least(&self, loss: f64) -> bool {
        Gini.is_least(loss)
    }

    fn leaf(&self, sums: Sums) -> f64 {
        Gini.leaf(sums)
    }
}

/// A tree of one split, or of none, whose leaves vote for phishing or legitimate by the weight of their rows; for
/// legitimate where both weigh the same.
struct Stump {
    best: Option<Best<Weights>>,
    /// Of all rows.
    total: Weights,
    /// Of the leaves, in their order: the left one's and the right one's, or the only one's.
    rows: Vec<u32>,
}

impl Stump {
    /// Whether rows of these weights are taken for phishing.
    fn is_phishing(Weights([phishing, legitimate]): Weights) -> bool {
        phishing > legitimate
    }

    fn leaves(&self) -> Vec<Weights> {
        self.best.map_or_else(|| vec![self.total], |best| vec![best.left, best.right])
    }

    /// The weight of the rows that are voted wrongly, of all weight.
    fn error(&self) -> f64 {
        let wrong = |Weights([phishing, legitimate]): &Weights| phishing.min(*legitimate);
        self.leaves().iter().map(wrong).sum::<f64>() / (self.total.0[0] + self.total.0[1])
    }

    fn nodes(&self, weight: f64) -> Vec<TreeNode> {
        let leaf = |(weights, rows): (Weights, &u32)| {
            let value = if Stump::is_phishing(weights) { weight } else { -weight };
            TreeNode::Leaf(Leaf { value, rows: *rows })
        };
        let split = self.best.map(|best| TreeNode::Split(best.split));
        split.into_iter().chain(self.leaves().into_iter().zip(&self.rows).map(leaf)).collect()
    }
}

/// The rows, told in fields, with the weights that they have in a round.
struct Rounds<'a> {
    /// How many rows have each code of each feature, and how many there are.
    by_code: [[u32; 4]; FEATURE_COUNT],
    row_count: u32,
    fields: &'a Fields,
    counter: Counter<'a, Weights>,
    rows: Vec<(u64, Weights)>,
    /// The field that the last stump asked, and what it makes of each combination's weights.
    factors: (u32, [[f64; 2]; COMBINATIONS]),
}

impl<'a> Rounds<'a> {
    fn new(data: &'a Dataset, fields: &'a Fields) -> Rounds<'a> {
        let all = data.row_count() as f64;
        let even = |count: u32| f64::from(count) / all;
        let row = |row: &crate::DistinctRow| {
            (fields.number(row.vector), Weights([even(row.phishing), even(row.legitimate)]))
        };
        let rows = data.rows().iter().map(row).collect();
        let counts = [Label::Phishing, Label::Legitimate].map(|label| data.code_counts(label));
        let by_code = std::array::from_fn(|feature| {
            std::array::from_fn(|code| counts.iter().map(|counts| counts[feature][code] as u32).sum())
        });
        let row_count = data.row_count() as u32;
        Rounds {
            by_code,
            row_count,
            fields,
            counter: Counter::new(fields),
            rows,
            factors: (0, [[1.0; 2]; COMBINATIONS]),
        }
    }

    /// Applies what the last stump makes of the weights, and finds the next one, in one pass over the rows.
    fn stump(&mut self) -> Stump {
        let (shift, factors) = (self.factors.0, &self.factors.1);
        let mut total = Weights::default();
        let rows = self.rows.iter_mut().map(|(number, weights)| {
            let factors = &factors[(*number >> shift & 63) as usize];
            *weights = Weights([weights.0[0] * factors[0], weights.0[1] * factors[1]]);
            total = total.plus(*weights);
            (*number, *weights)
        });
        let counted = self.counter.count(rows);
        let mut search = Search::new(&WeightedGini, &Limits::FREE, WeightedGini.sums(total), 0);
        for feature in Feature::ALL {
            if let Some(search) = &mut search {
                search.try_feature(feature, &counted[feature.index()]);
            }
        }
        let best = search.and_then(|search| search.best);
        let rows = match best {
            None => vec![self.row_count],
            Some(best) => {
                let left: u32 = best
                    .split
                    .left
                    .iter()
                    .map(|code| self.by_code[best.split.feature.index()][code as usize])
                    .sum();
                vec![left, self.row_count - left]
            }
        };
        Stump { best, total, rows }
    }

    /// Makes rows that are voted wrongly heavier, and all weigh 1 together again.
    fn reweigh(&mut self, stump: &Stump, weight: f64) {
        let heavier = libm::exp(weight);
        let error = stump.error();
        let all = stump.total.0[0] + stump.total.0[1];
        let scale = 1.0 / (all * (1.0 - error + heavier * error));
        let factors = |weights: Weights| {
            if Stump::is_phishing(weights) { [scale, heavier * scale] } else { [heavier * scale, scale] }
        };
        let Some(best) = stump.best else {
            self.factors = (0, [factors(stump.total); COMBINATIONS]);
            return;
        };
        let question = self.fields.question(best.split);
        let [left, right] = [best.left, best.right].map(factors);
        let of = |combination: usize| if question.left() >> combination & 1 == 1 { left } else { right };
        self.factors = (question.shift(), std::array::from_fn(of));
    }
}

#[cfg(test)]
mod tests {
    use lurelight_schema::{Code, Feature, FeatureVector, Record};

    use super::*;

    #[test]
    fn a_perfect_stump_ends_the_fit() {
        let at = |code| FeatureVector::MISSING.with(Feature::ALL[7], code);
        let data = Dataset::new(&[
            Record { vector: at(Code::Minus), label: Label::Phishing },
            Record { vector: at(Code::Plus), label: Label::Legitimate },
        ]);
        let fitted = AdaBoostParams::default().check().unwrap().fit(&data).unwrap();
        assert_eq!(fitted.raw_score(at(Code::Minus)), 1.0);
        assert_eq!(fitted.raw_score(at(Code::Plus)), -1.0);
        let Classifier::AdaBoost(stumps) = fitted else { panic!("{fitted:?}") };
        assert_eq!(stumps.len(), 1);
    }
}

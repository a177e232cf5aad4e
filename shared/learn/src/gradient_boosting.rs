//! Gradient boosting of the logistic loss by Newton steps (Friedman, "Greedy function approximation", 2001; Chen and
//! Guestrin, "XGBoost", 2016), on rows drawn for each tree (Friedman, "Stochastic gradient boosting", 2002).

use lurelight_model::{Classifier, TreeNode, Trees, logit};
use lurelight_schema::Label;
use serde::{Deserialize, Serialize};

use crate::count_power::{all_rows, check_count_power, factors};
use crate::fields::Fields;
use crate::grow::Grower;
use crate::limits::Limits;
use crate::newton::{Newton, Scale, Steps};
use crate::param::{ParamError, check_at_least, check_share};
use crate::random::{shuffle_first, stream};
use crate::subsample::subsample;
use crate::walk::Walk;
use crate::{Dataset, DistinctRow, FitError};

/// The parameters of gradient boosting, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GradientBoostingParams {
    /// How many trees.
    pub n_estimators: usize,
    /// The share of each Newton step that is taken, above 0 and at most 1.
    pub learning_rate: f64,
    /// The share of the rows that each tree sees, drawn without replacement; above 0 and at most 1.
    pub subsample: f64,
    /// The weight of the squared leaf values in the loss (L2 regularisation).
    pub l2: f64,
    /// The sum of hessians in a leaf, at least.
    pub min_child_weight: f64,
    /// A vector that stands in n rows weighs n to this power; 0 to 1, where 1 is what the rows say.
    #[serde(default = "all_rows")]
    pub count_power: f64,
    /// How a tree grows, and where it stops.
    pub limits: Limits,
    /// Whether fitting ends where rows that are held back are judged no better; `None`: all trees are fitted.
    #[serde(default)]
    pub early_stopping: Option<EarlyStopping>,
}

/// Ends fitting where it helps no more: some of the distinct vectors, drawn by the seed, are held back, and the trees
/// are those up to the least log-loss on their rows (Prechelt, "Early stopping, but when?", 1998).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    /// The share of the distinct vectors that is held back, above 0 and at most one half. Nothing is fitted on them.
    pub validation_share: f64,
    /// How many trees in a row may be no better than the best before them.
    pub patience: usize,
}

/// Parameters that can be fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidGradientBoostingParams(GradientBoostingParams);

impl Default for GradientBoostingParams {
    /// 100 trees of depth 6 at a learning rate of 0.1 on all rows, leaves of 20 rows or more.
    fn default() -> GradientBoostingParams {
        let limits = Limits { max_depth: Some(6), min_samples_leaf: 20.0, ..Limits::FREE };
        GradientBoostingParams {
            n_estimators: 100,
            learning_rate: 0.1,
            subsample: 1.0,
            l2: 1.0,
            min_child_weight: 0.0,
            count_power: 1.0,
            limits,
            early_stopping: None,
        }
    }
}

impl GradientBoostingParams {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the parameter that is out of its range.
    pub fn check(self) -> Result<ValidGradientBoostingParams, ParamError> {
        check_at_least("n_estimators", self.n_estimators as f64, 1.0)?;
        check_share("learning_rate", self.learning_rate, 1.0)?;
        check_share("subsample", self.subsample, 1.0)?;
        check_at_least("l2", self.l2, 0.0)?;
        check_at_least("min_child_weight", self.min_child_weight, 0.0)?;
        check_count_power(self.count_power)?;
        if let Some(early) = self.early_stopping {
            check_share("validation_share", early.validation_share, 0.5)?;
            check_at_least("patience", early.patience as f64, 1.0)?;
        }
        self.limits.check()?;
        Ok(ValidGradientBoostingParams(self))
    }
}

impl ValidGradientBoostingParams {
    /// Fits the trees one after the other; the result depends on `data` and `seed` alone, and on `seed` only
    /// where rows, features or vectors to hold back are drawn.
    ///
    /// # Errors
    ///
    /// [`FitError::NoRows`], and [`FitError::OneClass`] because the log-odds of one class are infinite: in the data,
    /// or in what is left of it where vectors are held back.
    ///
    /// # Examples
    ///
    /// ```
    /// use lurelight_learn::{Dataset, GradientBoostingParams, Limits, Splits};
    /// use lurelight_schema::{Code, Feature, FeatureVector, Label, Record};
    ///
    /// let at = |code| FeatureVector::MISSING.with(Feature::ALL[7], code);
    /// let data = Dataset::new(&[
    ///     Record { vector: at(Code::Minus), label: Label::Phishing },
    ///     Record { vector: at(Code::Zero), label: Label::Legitimate },
    ///     Record { vector: at(Code::Plus), label: Label::Phishing },
    /// ]);
    /// // Leaf-wise trees that part −1 and 1 from 0 in one split.
    /// let limits = Limits { max_leaves: Some(31), splits: Splits::CodeSets, ..Limits::FREE };
    /// let params = GradientBoostingParams { n_estimators: 20, limits, ..Default::default() };
    /// let boosted = params.check()?.fit(&data, 42)?;
    /// assert!(boosted.probability(at(Code::Plus)) > 0.7 && boosted.probability(at(Code::Zero)) < 0.5);
    ///
    /// let error = GradientBoostingParams { learning_rate: 2.0, ..params }.check().unwrap_err();
    /// assert_eq!(error.to_string(), "learning_rate is 2, and it must be above 0 and at most 1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fit(&self, data: &Dataset, seed: u64) -> Result<Classifier, FitError> {
        let boost = |data: &Dataset, enough: &mut dyn FnMut(&Walk) -> bool| {
            let boosted = self.boost(&[self.0.learning_rate], data, seed, enough)?;
            boosted.into_iter().next().ok_or(FitError::NoRows)
        };
        let Some(early) = self.0.early_stopping else { return boost(data, &mut |_| false) };
        let mut places: Vec<usize> = (0..data.len()).collect();
        let count = (early.validation_share * data.len() as f64).ceil() as usize;
        shuffle_first(&mut places, count, &mut stream(seed, &[0x0065_6172_6c79]));
        let mut is_held_back = vec![false; data.len()];
        places[..count.min(data.len())].iter().for_each(|place| is_held_back[*place] = true);
        let part = |held_back| {
            let mut flags = is_held_back.iter();
            data.filter(|_| flags.next() == Some(&held_back))
        };
        let (held_back, rest) = (part(true), part(false));
        let mut watched = Watched::new(&held_back, base(&rest)?);
        let boosted = boost(&rest, &mut |tree| watched.is_enough(tree, early.patience))?;
        Ok(match boosted {
            Classifier::GradientBoosting { base, trees } => {
                let kept: Vec<_> = trees.iter().take(watched.best_trees.max(1)).collect();
                Classifier::GradientBoosting { base, trees: Trees::new(&kept)? }
            }
            other => other,
        })
    }

    /// What [`fit`](Self::fit) gives for each of some learning rates, which only have to draw rows once. There must be no
    /// early stopping.
    pub(crate) fn fit_rates(
        &self,
        learning_rates: &[f64],
        data: &Dataset,
        seed: u64,
    ) -> Result<Vec<Classifier>, FitError> {
        self.boost(learning_rates, data, seed, &mut |_| false)
    }

    /// For each learning rate, fits trees until there are as many as wanted, or until one is `enough`.
    fn boost(
        &self,
        learning_rates: &[f64],
        data: &Dataset,
        seed: u64,
        enough: &mut dyn FnMut(&Walk) -> bool,
    ) -> Result<Vec<Classifier>, FitError> {
        let params = &self.0;
        let base = base(data)?;
        let rows = data.row_count();
        let objective =
            Newton { scale: Scale::of(rows), l2: params.l2, min_child_weight: params.min_child_weight };
        let fields = Fields::new(data);
        let numbers: Vec<u64> = data.rows().iter().map(|row| fields.number(row.vector)).collect();
        let everyone: Vec<[u32; 2]> = data.rows().iter().map(|row| [row.phishing, row.legitimate]).collect();
        let drawn = (params.subsample * rows as f64).round().max(1.0) as u64;
        let factors = factors(data, params.count_power);
        let mut counts = Vec::new();
        let mut grower = Grower::new(&fields, params.limits);
        let boosted =
            |rate: &f64| Boosted { rate: *rate, log_odds: vec![base; data.len()], trees: Vec::new() };
        let mut boosted: Vec<Boosted> = learning_rates.iter().map(boosted).collect();
        'trees: for number in 0..params.n_estimators as u64 {
            let counts = if drawn < rows {
                subsample(&everyone, rows, drawn, &mut stream(seed, &[0x7375_6273, number]), &mut counts);
                &counts
            } else {
                &everyone
            };
            for Boosted { rate, log_odds, trees } in &mut boosted {
                let steps =
                    Steps { scale: objective.scale, numbers: &numbers, factors: &factors, log_odds, counts };
                steps.write(grower.samples());
                let mut nodes = grower.grow(&objective, &mut stream(seed, &[0x6662_6f6f_7374, number]));
                shrink(&mut nodes, *rate);
                let walk = Walk::new(&nodes);
                walk.add(data.rows(), log_odds);
                trees.push(nodes);
                if enough(&walk) {
                    break 'trees;
                }
            }
        }
        let finished =
            |boosted: Boosted| Ok(Classifier::GradientBoosting { base, trees: Trees::new(&boosted.trees)? });
        boosted.into_iter().map(finished).collect()
    }
}

/// What a learning rate has come to.
struct Boosted {
    rate: f64,
    /// Of each distinct vector, by the trees.
    log_odds: Vec<f64>,
    trees: Vec<Vec<TreeNode>>,
}

/// The log-odds of phishing among all rows.
fn base(data: &Dataset) -> Result<f64, FitError> {
    let (phishing, rows) = (data.count(Label::Phishing), data.row_count());
    match phishing {
        _ if rows == 0 => Err(FitError::NoRows),
        _ if phishing == 0 || phishing == rows => Err(FitError::OneClass),
        _ => Ok(logit(phishing as f64 / rows as f64)),
    }
}

/// Rows that are held back, and how well they are judged.
struct Watched<'a> {
    data: &'a Dataset,
    log_odds: Vec<f64>,
    trees: usize,
    /// The number of trees with the least loss.
    best_trees: usize,
    least: f64,
}

impl Watched<'_> {
    fn new(data: &Dataset, base: f64) -> Watched<'_> {
        Watched { data, log_odds: vec![base; data.len()], trees: 0, best_trees: 0, least: f64::INFINITY }
    }

    /// Judges the rows by one tree more; whether `patience` trees in a row were no better.
    fn is_enough(&mut self, tree: &Walk, patience: usize) -> bool {
        tree.add(self.data.rows(), &mut self.log_odds);
        self.trees += 1;
        let loss = |(row, log_odds): (&DistinctRow, &f64)| {
            let of = |count: u32, x: f64| f64::from(count) * softplus(x);
            of(row.phishing, -log_odds) + of(row.legitimate, *log_odds)
        };
        let loss: f64 = self.data.rows().iter().zip(&self.log_odds).map(loss).sum();
        if loss < self.least {
            (self.least, self.best_trees) = (loss, self.trees);
        }
        self.trees - self.best_trees >= patience
    }
}

/// ln(1 + e^x).
fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

fn shrink(nodes: &mut [TreeNode], learning_rate: f64) {
    for node in nodes {
        if let TreeNode::Leaf(leaf) = node {
            leaf.value *= learning_rate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::Statistics;

    #[test]
    fn fitting_ends_where_it_helps_no_more() {
        let records: Vec<_> = Statistics::built_in().unwrap().generate(3).take(3_000).collect();
        let data = Dataset::new(&records);
        let params = GradientBoostingParams { n_estimators: 400, learning_rate: 0.3, ..Default::default() };
        let fitted = |early_stopping| {
            let params = GradientBoostingParams { early_stopping, ..params };
            let Classifier::GradientBoosting { trees, .. } = params.check().unwrap().fit(&data, 9).unwrap()
            else {
                panic!("another family")
            };
            trees
        };
        let early = |patience| fitted(Some(EarlyStopping { validation_share: 0.2, patience }));
        assert_eq!(fitted(None).len(), 400);
        let (impatient, patient) = (early(1), early(30));
        assert!(impatient.len() <= patient.len() && patient.len() < 370, "{impatient:?} {patient:?}");
        // The same run, ended elsewhere.
        assert!(patient.iter().zip(impatient.iter()).all(|(a, b)| a == b));
        assert_eq!(early(30), patient);
    }

    #[test]
    fn parameters_out_of_range_are_named() {
        let good = GradientBoostingParams::default();
        let early = |validation_share, patience| GradientBoostingParams {
            early_stopping: Some(EarlyStopping { validation_share, patience }),
            ..good
        };
        let limited = |limits| GradientBoostingParams { limits, ..good };
        let table = [
            ("n_estimators", GradientBoostingParams { n_estimators: 0, ..good }),
            ("learning_rate", GradientBoostingParams { learning_rate: f64::NAN, ..good }),
            ("subsample", GradientBoostingParams { subsample: 1.5, ..good }),
            ("l2", GradientBoostingParams { l2: -1.0, ..good }),
            ("min_child_weight", GradientBoostingParams { min_child_weight: f64::INFINITY, ..good }),
            ("validation_share", early(0.6, 5)),
            ("patience", early(0.1, 0)),
            ("max_leaves", limited(Limits { max_leaves: Some(1), ..Limits::FREE })),
            ("max_depth", limited(Limits { max_depth: Some(0), ..Limits::FREE })),
            ("min_samples_leaf", limited(Limits { min_samples_leaf: 0.0, ..Limits::FREE })),
        ];
        for (name, params) in table {
            assert_eq!(params.check().unwrap_err().name, name);
        }
    }
}

//! How a tree grows, and where it stops.

use serde::{Deserialize, Serialize};

use crate::param::{ParamError, check_at_least};

/// How a tree grows, and where it stops.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Splits between the root and a leaf, at most; `None`: until the leaves are pure.
    pub max_depth: Option<usize>,
    /// Rows in a leaf, at least.
    pub min_samples_leaf: f64,
    /// Features drawn for each split; `None`: all of them.
    pub max_features: Option<usize>,
    /// How much less loss a split must leave, beyond rounding.
    pub min_gain: f64,
    /// Leaves, at most, the tree growing where it gains most (leaf-wise: Shi, "Best-first decision tree learning",
    /// 2007); `None`: without a limit, in whatever order.
    #[serde(default)]
    pub max_leaves: Option<usize>,
    /// Which splits are tried.
    #[serde(default)]
    pub splits: Splits,
}

/// Which splits of a feature are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Splits {
    /// Between two neighbouring codes, missing values on either side.
    #[default]
    Ordered,
    /// Into any two sets of codes, missing being a code as any other. The best one is found among the codes ordered
    /// by the mean of what the objective sums (Breiman, Friedman, Olshen, Stone, 1984, theorem 4.5), three splits at most.
    CodeSets,
}

impl Limits {
    /// None at all: a tree grows until its leaves are pure.
    pub const FREE: Limits = Limits {
        max_depth: None,
        min_samples_leaf: 1.0,
        max_features: None,
        min_gain: 0.0,
        max_leaves: None,
        splits: Splits::Ordered,
    };

    /// Checks each limit.
    ///
    /// # Errors
    ///
    /// Names the limit that is out of its range.
    pub fn check(&self) -> Result<(), ParamError> {
        check_at_least("min_samples_leaf", self.min_samples_leaf, 1.0)?;
        check_at_least("min_gain", self.min_gain, 0.0)?;
        check_at_least("max_depth", self.max_depth.map_or(1.0, |depth| depth as f64), 1.0)?;
        check_at_least("max_features", self.max_features.map_or(1.0, |count| count as f64), 1.0)?;
        check_at_least("max_leaves", self.max_leaves.map_or(2.0, |count| count as f64), 2.0)
    }

    /// Whether the children of a node at this depth are leaves in any case.
    pub(crate) fn ends_below(&self, depth: usize) -> bool {
        self.max_depth.is_some_and(|max| depth + 1 >= max)
    }
}

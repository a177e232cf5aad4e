//! The stages by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A stage of the pipeline, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A snapshot of the record store.
    Ingest,
    /// What the rows are like, and whether they have drifted.
    Validate,
    /// The split, and the imputer.
    Transform,
    /// One family's grid, searched and fitted.
    Fit,
    /// The best of the candidates, measured and registered.
    Evaluate,
    /// Whether it becomes the champion.
    Promote,
}

/// A name that no stage has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no stage {0:?}: ingest, validate, transform, fit, evaluate and promote are those that there are"
)]
pub struct UnknownStage(pub String);

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Stage; 6] =
        [Stage::Ingest, Stage::Validate, Stage::Transform, Stage::Fit, Stage::Evaluate, Stage::Promote];

    /// The lower-case word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::Ingest => "ingest",
            Stage::Validate => "validate",
            Stage::Transform => "transform",
            Stage::Fit => "fit",
            Stage::Evaluate => "evaluate",
            Stage::Promote => "promote",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Stage {
    type Err = UnknownStage;

    fn from_str(text: &str) -> Result<Stage, UnknownStage> {
        Stage::ALL
            .into_iter()
            .find(|stage| stage.as_str() == text)
            .ok_or_else(|| UnknownStage(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_read_as_it_is_written() {
        for stage in Stage::ALL {
            assert_eq!(stage.to_string().parse(), Ok(stage));
            assert_eq!(serde_json::to_string(&stage).unwrap(), format!("\"{stage}\""));
        }
        assert!("Fit".parse::<Stage>().is_err());
    }
}

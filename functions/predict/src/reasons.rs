//! Why a row got its score, in words.

use std::fmt::Write;

use lurelight_model::Model;
use lurelight_schema::{Code, Feature, FeatureVector};
use serde::Serialize;

/// The most reasons that one row can have: one a feature.
pub const MOST_REASONS: usize = lurelight_schema::FEATURE_COUNT;

/// What one feature contributes to the score of one row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// The feature's name.
    pub feature: &'static str,
    /// −1, 0 or 1; `None` where the value is missing.
    pub code: Option<i8>,
    /// What the code says of the site, in words.
    pub meaning: String,
    /// What it adds to the classifier's raw score, in its unit: positive towards phishing, negative towards
    /// legitimate.
    pub contribution: f64,
}

/// The `count` strongest reasons for a row's score, whichever way they point. None where the model cannot be
/// explained exactly ([`Model::explains`]), or where no feature moves its score.
#[must_use]
pub fn reasons(model: &Model, vector: FeatureVector, count: usize) -> Vec<Reason> {
    // To explain a row takes a thousand times as long as to score it.
    if count == 0 {
        return Vec::new();
    }
    let Ok(explanation) = model.explain(vector) else { return Vec::new() };
    let reason = |(feature, contribution): (Feature, f64)| {
        let code = vector.code(feature);
        // Six decimals say more than anybody reads, and keep the answer's bytes the same everywhere.
        let contribution = (contribution * 1e6).round() / 1e6;
        Reason { feature: feature.name(), code: code.value(), meaning: meaning(feature, code), contribution }
    };
    explanation.strongest(count).into_iter().map(reason).collect()
}

/// What a code says of the site, in words, also where it is missing or one that UCI's data never has.
#[must_use]
pub fn meaning(feature: Feature, code: Code) -> String {
    match feature.meaning(code) {
        Some(meaning) => meaning.to_owned(),
        None if code == Code::Missing => format!("{feature} is not known"),
        None => format!("{feature} is {code}, which UCI's data never has"),
    }
}

/// Reasons in one line: `over 67 % of the links lead elsewhere or nowhere (+2.13); …`.
#[must_use]
pub fn in_one_line(reasons: &[Reason]) -> String {
    let mut line = String::new();
    for reason in reasons {
        let separator = if line.is_empty() { "" } else { "; " };
        // A true minus, so that a spreadsheet does not take the cell for a formula.
        let sign = if reason.contribution < 0.0 { '−' } else { '+' };
        // Writing to a string cannot fail.
        let _ = write!(line, "{separator}{} ({sign}{:.2})", reason.meaning, reason.contribution.abs());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Context;

    #[test]
    fn the_strongest_reasons_add_up_to_the_score() {
        let context = Context::compiled_in().unwrap();
        let model = context.model();
        let vector = FeatureVector::new(&[Code::Minus; 30]).with(Feature::ALL[2], Code::Missing);
        let all = reasons(model, vector, MOST_REASONS);
        let explanation = model.explain(vector).unwrap();
        let sum: f64 = all.iter().map(|reason| reason.contribution).sum();
        assert!((explanation.base + sum - model.raw_score(vector)).abs() < 1e-4);
        assert!(all.is_sorted_by(|a, b| a.contribution.abs() >= b.contribution.abs()));
        assert_eq!(reasons(model, vector, 3), all[..3]);
        assert!(reasons(model, vector, 0).is_empty());
        let unknown = all.iter().find(|reason| reason.feature == "Shortining_Service");
        assert!(unknown.is_none_or(|reason| reason.meaning == "Shortining_Service is not known"));
    }

    #[test]
    fn a_line_gives_words_and_signs() {
        let reason = |meaning: &str, contribution| Reason {
            feature: "SFH",
            code: Some(-1),
            meaning: meaning.to_owned(),
            contribution,
        };
        assert_eq!(in_one_line(&[reason("a", 1.239), reason("b", -0.5)]), "a (+1.24); b (−0.50)");
        assert_eq!(in_one_line(&[]), "");
    }
}

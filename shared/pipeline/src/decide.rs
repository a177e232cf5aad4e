//! Whether a challenger becomes the champion, as conditions that are met or not.

use lurelight_learn::evaluate::Comparison;
use lurelight_model::Evaluation;
use serde::{Deserialize, Serialize};

use crate::PromotionRules;

/// Something that a challenger must reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// What is looked at.
    pub what: String,
    /// What was found.
    pub found: f64,
    /// What it is held against.
    pub limit: f64,
    /// Which side of the limit is right.
    pub rule: Rule,
    /// Whether it is there.
    pub met: bool,
}

/// Which side of a limit is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The limit or more.
    AtLeast,
    /// More than the limit.
    Above,
    /// The limit or less.
    AtMost,
}

impl Condition {
    fn new(what: &str, found: f64, rule: Rule, limit: f64) -> Condition {
        let met = match rule {
            Rule::AtLeast => found >= limit,
            Rule::Above => found > limit,
            Rule::AtMost => found <= limit,
        };
        Condition { what: what.to_owned(), found, limit, rule, met }
    }

    /// The condition in words: `F1 of phishing is 0.9551, and must be at least 0.9300`.
    #[must_use]
    pub fn words(&self) -> String {
        let Condition { what, found, limit, .. } = self;
        let side = match (self.rule, self.met) {
            (Rule::AtLeast, true) => "and must be at least",
            (Rule::Above, true) => "and must be above",
            (Rule::AtMost, true) => "and may be at most",
            (Rule::AtLeast, false) => "below the",
            (Rule::Above, false) => "not above the",
            (Rule::AtMost, false) => "above the",
        };
        let end = match (self.rule, self.met) {
            (_, true) => "",
            (Rule::AtMost, false) => " that is allowed",
            (_, false) => " that is needed",
        };
        // As many digits as tell the two apart.
        let alike =
            format!("{found:.4}").trim_start_matches('-') == format!("{limit:.4}").trim_start_matches('-');
        let digits = if alike { 6 } else { 4 };
        format!("{what} is {found:.digits$}, {side} {limit:.digits$}{end}")
    }
}

/// What is asked where there is no champion: the floors.
pub(crate) fn without_champion(decision: &Evaluation, rules: &PromotionRules) -> Vec<Condition> {
    let figures = &decision.metrics.figures;
    vec![
        Condition::new("F1 of phishing", figures.f1.value, Rule::AtLeast, rules.min_f1),
        Condition::new(
            "the area under the ROC curve",
            figures.roc_auc.value,
            Rule::AtLeast,
            rules.min_roc_auc,
        ),
    ]
}

/// What is asked where there is a champion: no loss that could matter, and few false alarms.
pub(crate) fn against_champion(comparison: &Comparison, rules: &PromotionRules) -> Vec<Condition> {
    vec![
        Condition::new(
            "the gain in F1 of phishing over the champion",
            comparison.f1_difference.value,
            Rule::AtLeast,
            0.0,
        ),
        Condition::new(
            "the lower 95 % bound of that gain",
            comparison.f1_difference_lower_bound,
            Rule::Above,
            -rules.max_f1_loss,
        ),
        Condition::new(
            "the false positive rate",
            comparison.challenger_false_positive_rate,
            Rule::AtMost,
            rules.max_false_positive_rate,
        ),
    ]
}

/// What the conditions come to, in a clause: what is not met, or everything where all is.
pub(crate) fn reason(conditions: &[Condition]) -> String {
    let unmet: Vec<String> = conditions.iter().filter(|c| !c.met).map(Condition::words).collect();
    if unmet.is_empty() {
        return conditions.iter().map(Condition::words).collect::<Vec<_>>().join("; ");
    }
    unmet.join("; ")
}

#[cfg(test)]
mod tests {
    use lurelight_model::{Estimate, Figures};

    use super::*;

    fn comparison(difference: f64, bound: f64, rate: f64) -> Comparison {
        let zero = Figures::ACCESSORS.map(|_| 0.0);
        Comparison {
            rows: 2_209,
            distinct_vectors: 1_000,
            challenger: zero,
            champion: zero,
            challenger_false_positive_rate: rate,
            champion_false_positive_rate: 0.03,
            f1_difference: Estimate { value: difference, low: bound, high: 0.1 },
            f1_difference_lower_bound: bound,
        }
    }

    #[test]
    fn a_challenger_must_not_lose_and_not_cry_wolf() {
        let rules = PromotionRules { max_false_positive_rate: 0.05, ..PromotionRules::default() };
        // (F1's difference, its lower bound, the false positive rate, whether it is promoted)
        let table = [
            (0.0, -0.0049, 0.05, true),
            (0.01, 0.002, 0.0, true),
            (-0.000_001, 0.0, 0.01, false),
            (0.001, -0.005, 0.01, false),
            (0.01, 0.002, 0.0501, false),
        ];
        for (difference, bound, rate, promoted) in table {
            let conditions = against_champion(&comparison(difference, bound, rate), &rules);
            assert_eq!(conditions.iter().all(|c| c.met), promoted, "{difference} {bound} {rate}");
        }
        let said = reason(&against_champion(&comparison(0.01, 0.002, 0.0501), &rules));
        assert_eq!(said, "the false positive rate is 0.0501, above the 0.0500 that is allowed");
        let said = reason(&against_champion(&comparison(-0.000_01, 0.0, 0.01), &rules));
        assert_eq!(
            said,
            "the gain in F1 of phishing over the champion is -0.000010, below the 0.000000 that is needed"
        );
        let said = reason(&against_champion(&comparison(-0.01, -0.02, 0.01), &rules));
        assert_eq!(
            said,
            "the gain in F1 of phishing over the champion is -0.0100, below the 0.0000 that is needed; the lower 95 % bound of that gain is -0.0200, not above the -0.0050 that is needed"
        );
    }
}

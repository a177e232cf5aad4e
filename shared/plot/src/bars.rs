//! Plots with a line of text and a horizontal bar for each of several things.

use lurelight_model::{FeatureImportance, ScoreUnit};

use crate::svg::{Escaped, put};

const LABELS: f64 = 190.0;
const BARS: f64 = 300.0;
/// Room for the figure behind a bar.
const FIGURES: f64 = 60.0;
const LINE: f64 = 20.0;
/// Room for the words at the reference line.
const FOOT: f64 = 18.0;

/// One bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// What it is of.
    pub label: String,
    /// Its length; less than 0 is no bar.
    pub value: f64,
}

/// What a plot of bars shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars<'a> {
    /// Read out in place of the picture.
    pub description: &'a str,
    /// A value with a line of its own, and what it is.
    pub reference: Option<(f64, &'a str)>,
    /// Decimals of the figures.
    pub decimals: usize,
}

impl Bars<'_> {
    /// The bars, in their order, the greatest as long as there is room.
    #[must_use]
    pub fn draw(&self, bars: &[Bar]) -> String {
        let greatest = self.greatest(bars);
        let along = |value: f64| BARS * (value / greatest).max(0.0);
        let foot = if self.reference.is_some() { FOOT } else { 0.0 };
        let field = LINE * bars.len() as f64;
        let mut svg = format!(
            "<svg class=\"plot wide\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">",
            LABELS + BARS + FIGURES,
            field + 4.0 + foot,
            Escaped(self.description)
        );
        for (i, bar) in bars.iter().enumerate() {
            let y = LINE * i as f64 + 3.0;
            let length = along(bar.value);
            put(
                &mut svg,
                format_args!(
                    "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
                     <rect class=\"bar-mark\" x=\"{LABELS}\" y=\"{y}\" width=\"{length:.1}\" height=\"14\" rx=\"2\"/>\
                     <text x=\"{:.1}\" y=\"{}\">{:.*}</text>",
                    LABELS - 8.0,
                    y + 11.0,
                    Escaped(&bar.label),
                    LABELS + length + 6.0,
                    y + 11.0,
                    self.decimals,
                    bar.value
                ),
            );
        }
        if let Some((value, words)) = self.reference {
            let x = LABELS + along(value);
            put(
                &mut svg,
                format_args!(
                    "<path class=\"reference\" d=\"M{x:.1} 0V{}\"/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                    field + 4.0,
                    field + FOOT,
                    Escaped(words)
                ),
            );
        }
        svg.push_str("</svg>");
        svg
    }

    fn greatest(&self, bars: &[Bar]) -> f64 {
        let values = bars.iter().map(|bar| bar.value);
        values.chain(self.reference.map(|reference| reference.0)).fold(f64::MIN_POSITIVE, f64::max)
    }
}

/// The loss without each feature, the first `count` of them.
#[must_use]
pub fn importance(features: &[FeatureImportance], count: usize) -> String {
    let bars: Vec<Bar> = features[..count.min(features.len())]
        .iter()
        .map(|feature| Bar { label: feature.feature.clone(), value: feature.log_loss_increase })
        .collect();
    let plot = Bars {
        description: "Rise of the log-loss when a feature is shuffled, the greatest first",
        reference: None,
        decimals: 4,
    };
    plot.draw(&bars)
}

/// How much each feature moves the score in the mean, the `count` that do so most; `None` where that is not known.
#[must_use]
pub fn contributions(features: &[FeatureImportance], unit: ScoreUnit, count: usize) -> Option<String> {
    let bar = |feature: &FeatureImportance| {
        Some(Bar { label: feature.feature.clone(), value: feature.mean_absolute_contribution? })
    };
    let mut bars = features.iter().map(bar).collect::<Option<Vec<Bar>>>().filter(|bars| !bars.is_empty())?;
    bars.sort_by(|a, b| b.value.total_cmp(&a.value));
    bars.truncate(count);
    let description = format!("Mean absolute contribution to the score, in {unit}, the greatest first");
    Some(Bars { description: &description, reference: None, decimals: 4 }.draw(&bars))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_or_the_reference_fills_the_room() {
        let bar = |value| Bar { label: "SFH".to_owned(), value };
        let mut plot = Bars { description: "d", reference: None, decimals: 3 };
        let svg = plot.draw(&[bar(0.2), bar(0.1), bar(-3.0)]);
        for width in ["300.0", "150.0", "0.0"] {
            assert!(svg.contains(&format!("width=\"{width}\"")), "{svg}");
        }
        plot.reference = Some((0.4, "limit"));
        assert!(plot.draw(&[bar(0.2)]).contains("width=\"150.0\""));
        assert!(!plot.draw(&[]).contains("NaN"));
    }

    #[test]
    fn contributions_are_drawn_where_they_are_known() {
        let feature = |name: &str, mean_absolute_contribution| FeatureImportance {
            feature: name.to_owned(),
            log_loss_increase: 0.5,
            mean_absolute_contribution,
        };
        let known = [feature("SFH", Some(0.25)), feature("port", Some(0.75)), feature("Iframe", Some(0.0))];
        let svg = contributions(&known, ScoreUnit::LogOdds, 2).unwrap();
        assert!(svg.find("port") < svg.find("SFH") && svg.contains("in log-odds of phishing"), "{svg}");
        assert!(!svg.contains("Iframe"));
        assert_eq!(contributions(&[feature("SFH", None)], ScoreUnit::LogOdds, 2), None);
        assert_eq!(contributions(&[], ScoreUnit::LogOdds, 2), None);
    }
}

//! Plots with a line of text and a horizontal bar for each of several things.

use lurelight_model::FeatureImportance;

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
    /// Its length; less than the scale's start is no bar.
    pub value: f64,
    /// A second figure of the same thing, shown as a ring.
    pub beside: Option<f64>,
}

/// What a plot of bars shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars<'a> {
    /// Read out in place of the picture.
    pub description: &'a str,
    /// Where the scale starts and ends; without it from 0 to the greatest value.
    pub scale: Option<(f64, f64)>,
    /// A value with a line of its own, and what it is.
    pub reference: Option<(f64, &'a str)>,
    /// Decimals of the figures.
    pub decimals: usize,
}

impl Bars<'_> {
    /// The bars, in their order.
    #[must_use]
    pub fn draw(&self, bars: &[Bar]) -> String {
        let (start, end) = self.scale.unwrap_or_else(|| (0.0, self.greatest(bars)));
        let along =
            |value: f64| BARS * ((value - start) / (end - start).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
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
                     <rect class=\"bar-mark\" x=\"{LABELS}\" y=\"{y}\" width=\"{length:.1}\" height=\"14\" rx=\"2\"/>",
                    LABELS - 8.0,
                    y + 11.0,
                    Escaped(&bar.label),
                ),
            );
            let mut reach = length;
            if let Some(beside) = bar.beside {
                let place = along(beside);
                reach = reach.max(place + 5.0);
                put(
                    &mut svg,
                    format_args!(
                        "<circle class=\"ring\" cx=\"{:.1}\" cy=\"{}\" r=\"4.5\"><title>{beside:.*}</title></circle>",
                        LABELS + place,
                        y + 7.0,
                        self.decimals
                    ),
                );
            }
            put(
                &mut svg,
                format_args!(
                    "<text x=\"{:.1}\" y=\"{}\">{:.*}</text>",
                    LABELS + reach + 6.0,
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
        let values = bars.iter().flat_map(|bar| [Some(bar.value), bar.beside]).flatten();
        values.chain(self.reference.map(|reference| reference.0)).fold(f64::MIN_POSITIVE, f64::max)
    }
}

/// The loss without each of the first `count` features.
#[must_use]
pub fn importance(features: &[FeatureImportance], count: usize) -> String {
    let bars: Vec<Bar> = features[..count.min(features.len())]
        .iter()
        .map(|feature| Bar { label: feature.feature.clone(), value: feature.log_loss_increase, beside: None })
        .collect();
    let plot = Bars {
        description: "Rise of the log-loss when a feature is shuffled, the greatest first",
        scale: None,
        reference: None,
        decimals: 4,
    };
    plot.draw(&bars)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(value: f64) -> Bar {
        Bar { label: "SFH".to_owned(), value, beside: None }
    }

    #[test]
    fn names_from_a_card_stay_text() {
        let feature = FeatureImportance { feature: "<script>&".to_owned(), log_loss_increase: -0.1 };
        let svg = importance(&[feature], 10);
        assert!(svg.contains("&lt;script>&amp;") && svg.contains("width=\"0.0\""));
    }

    #[test]
    fn bars_are_as_long_as_their_scale_says() {
        let mut bars = Bars { description: "d", scale: Some((0.9, 1.0)), reference: None, decimals: 3 };
        let svg = bars.draw(&[bar(0.95), bar(0.5), Bar { beside: Some(0.975), ..bar(0.95) }]);
        assert!(svg.contains("width=\"150.0\"") && svg.contains("width=\"0.0\""), "{svg}");
        assert!(svg.contains("cx=\"415.0\"") && svg.contains(">0.950</text>"), "{svg}");
        bars.scale = None;
        bars.reference = Some((2.0, "limit"));
        assert!(bars.draw(&[bar(1.0)]).contains("width=\"150.0\""));
        assert!(!bars.draw(&[]).contains("NaN"));
    }
}

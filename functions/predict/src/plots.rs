//! Plots as SVG, made on the server: no script, and colours from the stylesheet.

use std::fmt::Write;

use lurelight_model::{FeatureImportance, ReliabilityBin};

/// Side of a square plot's field, in SVG units.
const SIDE: f64 = 240.0;
/// Room for the axes.
const LEFT: f64 = 44.0;
const BOTTOM: f64 = 40.0;
const TOP: f64 = 10.0;
const RIGHT: f64 = 12.0;

/// What a square plot with axes from 0 to 1 shows.
pub(crate) struct Square<'a> {
    /// Read out in place of the picture.
    pub(crate) description: &'a str,
    pub(crate) x_label: &'a str,
    pub(crate) y_label: &'a str,
    /// The line that chance, or a perfectly calibrated model, would draw.
    pub(crate) reference: Option<[(f64, f64); 2]>,
}

impl Square<'_> {
    /// A line through points of the unit square.
    pub(crate) fn curve(&self, points: &[(f64, f64)]) -> String {
        let mut path = String::new();
        for (i, (x, y)) in points.iter().enumerate() {
            let command = if i == 0 { 'M' } else { 'L' };
            put(&mut path, format_args!("{command}{:.1} {:.1}", across(*x), down(*y)));
        }
        self.frame(&format!("<path class=\"curve\" d=\"{path}\"/>"))
    }

    /// Observed shares over predicted probabilities, the area of a dot by its rows.
    pub(crate) fn reliability(&self, bins: &[ReliabilityBin]) -> String {
        let most = bins.iter().map(|bin| bin.rows).max().unwrap_or(1).max(1) as f64;
        let mut dots = String::new();
        for bin in bins {
            let radius = 2.5 + 4.0 * (bin.rows as f64 / most).sqrt();
            put(
                &mut dots,
                format_args!(
                    "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\"><title>predicted {:.3}, observed {:.3}, {} rows</title></circle>",
                    across(bin.predicted),
                    down(bin.observed),
                    bin.predicted,
                    bin.observed,
                    bin.rows
                ),
            );
        }
        self.frame(&dots)
    }

    fn frame(&self, content: &str) -> String {
        let (width, height) = (LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM);
        let mut svg = format!(
            "<svg class=\"plot\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">",
            self.description
        );
        for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let (x, y) = (across(tick), down(tick));
            put(
                &mut svg,
                format_args!(
                    "<path class=\"grid\" d=\"M{x} {TOP}V{}M{LEFT} {y}H{}\"/>\
                     <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{tick}</text>\
                     <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{tick}</text>",
                    TOP + SIDE,
                    LEFT + SIDE,
                    TOP + SIDE + 15.0,
                    LEFT - 6.0,
                    y + 3.5
                ),
            );
        }
        if let Some([from, to]) = self.reference {
            put(
                &mut svg,
                format_args!(
                    "<path class=\"reference\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>",
                    across(from.0),
                    down(from.1),
                    across(to.0),
                    down(to.1)
                ),
            );
        }
        let (middle_x, middle_y) = (LEFT + SIDE / 2.0, TOP + SIDE / 2.0);
        put(
            &mut svg,
            format_args!(
                "{content}<text class=\"axis\" x=\"{middle_x}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
                 <text class=\"axis\" transform=\"translate(11 {middle_y}) rotate(-90)\" text-anchor=\"middle\">{}</text></svg>",
                height - 6.0,
                self.x_label,
                self.y_label
            ),
        );
        svg
    }
}

/// The loss without each of the first `count` features, as bars.
pub(crate) fn importance(features: &[FeatureImportance], count: usize) -> String {
    const LABELS: f64 = 190.0;
    const BARS: f64 = 300.0;
    const LINE: f64 = 20.0;
    let shown = &features[..count.min(features.len())];
    let most = shown.iter().map(|feature| feature.log_loss_increase).fold(f64::MIN_POSITIVE, f64::max);
    let height = LINE * shown.len() as f64 + 4.0;
    let mut svg = format!(
        "<svg class=\"plot wide\" viewBox=\"0 0 {} {height}\" role=\"img\" \
         aria-label=\"Rise of the log-loss when a feature is shuffled, the greatest first\">",
        LABELS + BARS + 60.0
    );
    for (i, feature) in shown.iter().enumerate() {
        let y = LINE * i as f64 + 3.0;
        let length = BARS * (feature.log_loss_increase / most).max(0.0);
        put(
            &mut svg,
            format_args!(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
                 <rect class=\"bar-mark\" x=\"{LABELS}\" y=\"{y}\" width=\"{length:.1}\" height=\"14\" rx=\"2\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{:.4}</text>",
                LABELS - 8.0,
                y + 11.0,
                Escaped(&feature.feature),
                LABELS + length + 6.0,
                y + 11.0,
                feature.log_loss_increase
            ),
        );
    }
    svg.push_str("</svg>");
    svg
}

struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '<' => f.write_str("&lt;"),
            '&' => f.write_str("&amp;"),
            other => f.write_char(other),
        })
    }
}

fn across(x: f64) -> f64 {
    LEFT + SIDE * x.clamp(0.0, 1.0)
}

fn down(y: f64) -> f64 {
    TOP + SIDE * (1.0 - y.clamp(0.0, 1.0))
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_a_card_stay_text() {
        let feature = FeatureImportance { feature: "<script>&".to_owned(), log_loss_increase: -0.1 };
        let svg = importance(&[feature], 10);
        assert!(svg.contains("&lt;script>&amp;") && svg.contains("width=\"0.0\""));
    }

    #[test]
    fn points_outside_the_square_stay_on_its_border() {
        let square = Square { description: "d", x_label: "x", y_label: "y", reference: None };
        assert!(square.curve(&[(0.0, 0.0), (2.0, 9.0)]).contains("M44.0 250.0L284.0 10.0"));
    }
}

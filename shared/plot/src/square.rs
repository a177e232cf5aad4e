//! Plots with both axes from 0 to 1.

use lurelight_model::ReliabilityBin;

use crate::svg::{Escaped, put};

/// Side of the field, in SVG units.
const SIDE: f64 = 240.0;
/// Room for the axes.
const LEFT: f64 = 44.0;
const BOTTOM: f64 = 40.0;
const TOP: f64 = 10.0;
const RIGHT: f64 = 12.0;

/// What a square plot with axes from 0 to 1 shows.
#[derive(Clone, Copy, Debug)]
pub struct Square<'a> {
    /// Read out in place of the picture.
    pub description: &'a str,
    /// What the horizontal axis counts.
    pub x_label: &'a str,
    /// What the vertical axis counts.
    pub y_label: &'a str,
    /// The line that chance, or a perfectly calibrated model, would draw.
    pub reference: Option<[(f64, f64); 2]>,
}

/// Where a point may lie by chance alone, at one place of the horizontal axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// The place.
    pub x: f64,
    /// The lower border.
    pub low: f64,
    /// The upper border.
    pub high: f64,
}

impl Square<'_> {
    /// A line through points of the unit square.
    #[must_use]
    pub fn curve(&self, points: &[(f64, f64)]) -> String {
        let mut path = String::new();
        for (i, (x, y)) in points.iter().enumerate() {
            let command = if i == 0 { 'M' } else { 'L' };
            put(&mut path, format_args!("{command}{:.1} {:.1}", across(*x), down(*y)));
        }
        self.frame(&format!("<path class=\"curve\" d=\"{path}\"/>"))
    }

    /// Observed shares over predicted probabilities, the area of a dot by its rows, above the band of what
    /// chance does to a perfectly calibrated model (none where `band` is empty).
    #[must_use]
    pub fn reliability(&self, bins: &[ReliabilityBin], band: &[Band]) -> String {
        let most = bins.iter().map(|bin| bin.rows).max().unwrap_or(1).max(1) as f64;
        let mut marks = area(band);
        for bin in bins {
            let radius = 2.5 + 4.0 * (bin.rows as f64 / most).sqrt();
            put(
                &mut marks,
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
        self.frame(&marks)
    }

    fn frame(&self, content: &str) -> String {
        let (width, height) = (LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM);
        let mut svg = format!(
            "<svg class=\"plot\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">",
            Escaped(self.description)
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
                Escaped(self.x_label),
                Escaped(self.y_label)
            ),
        );
        svg
    }
}

/// The band as one closed shape: along the upper border, and back along the lower one.
fn area(band: &[Band]) -> String {
    if band.is_empty() {
        return String::new();
    }
    let mut sorted = band.to_vec();
    sorted.sort_by(|a, b| a.x.total_cmp(&b.x));
    let mut path = String::from("<path class=\"band\" d=\"");
    let upper = sorted.iter().map(|place| (place.x, place.high));
    let lower = sorted.iter().rev().map(|place| (place.x, place.low));
    for (i, (x, y)) in upper.chain(lower).enumerate() {
        let command = if i == 0 { 'M' } else { 'L' };
        put(&mut path, format_args!("{command}{:.1} {:.1}", across(x), down(y)));
    }
    path.push_str("Z\"/>");
    path
}

fn across(x: f64) -> f64 {
    LEFT + SIDE * x.clamp(0.0, 1.0)
}

fn down(y: f64) -> f64 {
    TOP + SIDE * (1.0 - y.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: Square<'_> = Square { description: "d", x_label: "x", y_label: "y", reference: None };

    #[test]
    fn points_outside_the_square_stay_on_its_border() {
        assert!(SQUARE.curve(&[(0.0, 0.0), (2.0, 9.0)]).contains("M44.0 250.0L284.0 10.0"));
    }

    #[test]
    fn a_band_is_one_closed_shape_in_the_order_of_its_places() {
        let band = [Band { x: 1.0, low: 0.5, high: 1.0 }, Band { x: 0.0, low: 0.0, high: 0.5 }];
        let svg = SQUARE.reliability(&[], &band);
        assert!(svg.contains("class=\"band\" d=\"M44.0 130.0L284.0 10.0L284.0 130.0L44.0 250.0Z\""), "{svg}");
        assert!(!SQUARE.reliability(&[], &[]).contains("band"));
    }
}

//! Both errors along the threshold.

use lurelight_model::{ErrorRates, ThresholdErrors};

use crate::svg::{Escaped, put};

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 40.0;

/// Shares of either label that are called wrong on folds 0 to 2, over the threshold; a broken line where the model's own
/// threshold is.
#[must_use]
pub fn thresholds(errors: &[ThresholdErrors], own: f64) -> String {
    let rates =
        |of: fn(&ErrorRates) -> f64| errors.iter().map(move |error| (error.threshold, of(&error.held_out)));
    let (false_positives, false_negatives) =
        (rates(|rates| rates.false_positive_rate), rates(|rates| rates.false_negative_rate));
    let top = scale(false_positives.clone().chain(false_negatives.clone()).map(|(_, rate)| rate));
    let (across, down) = (|x: f64| LEFT + WIDTH * x, |y: f64| TOP + HEIGHT * (1.0 - y / top));
    let mut svg = format!(
        "<svg class=\"plot wide\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">",
        LEFT + WIDTH + RIGHT,
        TOP + HEIGHT + BOTTOM,
        Escaped(
            "Share of legitimate rows called phishing, and of phishing rows called legitimate, over the threshold"
        )
    );
    for fifth in 0..=5 {
        let share = f64::from(fifth) / 5.0;
        let (x, y) = (across(share), down(share * top));
        put(
            &mut svg,
            format_args!(
                "<path class=\"grid\" d=\"M{x:.1} {TOP}V{}M{LEFT} {y:.1}H{}\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{share:.1}</text>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{:.*}</text>",
                TOP + HEIGHT,
                LEFT + WIDTH,
                TOP + HEIGHT + 15.0,
                LEFT - 6.0,
                y + 3.5,
                if top < 0.1 { 3 } else { 2 },
                share * top,
            ),
        );
    }
    let x = across(own);
    put(&mut svg, format_args!("<path class=\"reference\" d=\"M{x:.1} {TOP}V{}\"/>", TOP + HEIGHT));
    let mut curve = |class: &str, points: &mut dyn Iterator<Item = (f64, f64)>| {
        let mut path = String::new();
        for (i, (x, y)) in points.enumerate() {
            let command = if i == 0 { 'M' } else { 'L' };
            put(&mut path, format_args!("{command}{:.1} {:.1}", across(x), down(y)));
        }
        put(&mut svg, format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
    };
    curve("curve", &mut false_positives.clone());
    curve("curve second", &mut false_negatives.clone());
    put(
        &mut svg,
        format_args!(
            "<path class=\"curve\" d=\"M{LEFT} 9H{}\"/><text x=\"{}\" y=\"13\">legitimate called phishing</text>\
             <path class=\"curve second\" d=\"M{} 9H{}\"/><text x=\"{}\" y=\"13\">phishing called legitimate</text>\
             <text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">threshold</text></svg>",
            LEFT + 24.0,
            LEFT + 30.0,
            LEFT + 200.0,
            LEFT + 224.0,
            LEFT + 230.0,
            LEFT + WIDTH / 2.0,
            TOP + HEIGHT + BOTTOM - 6.0,
        ),
    );
    svg
}

/// A round number that is not below any of these: its fifths are round as well.
fn scale(rates: impl Iterator<Item = f64>) -> f64 {
    let most = rates.fold(0.0, f64::max);
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.5].into_iter().find(|top| *top >= most).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_curves_stay_within_the_field() {
        let errors: Vec<ThresholdErrors> = [0.25, 0.5, 0.75]
            .into_iter()
            .map(|threshold| {
                let rates = ErrorRates {
                    false_positive_rate: 0.1 - 0.1 * threshold,
                    false_negative_rate: 0.1 * threshold,
                };
                ThresholdErrors { threshold, out_of_fold: rates, held_out: rates }
            })
            .collect();
        let svg = thresholds(&errors, 0.5);
        // The scale ends at .1: .075 lies at three quarters, .025 at one.
        assert!(svg.contains("class=\"curve\" d=\"M153.0 74.0L258.0 124.0L363.0 174.0\""), "{svg}");
        assert!(svg.contains("class=\"curve second\" d=\"M153.0 174.0L258.0 124.0L363.0 74.0\""), "{svg}");
        assert!(svg.contains("class=\"reference\" d=\"M258.0 24V224\""), "{svg}");
        assert!(!thresholds(&[], 0.5).contains("NaN"));
    }
}

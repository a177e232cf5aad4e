//! Plots with a line of text and one or two marks on a common scale for each of several things.

use crate::svg::{Escaped, put};

const LABELS: f64 = 190.0;
const FIELD: f64 = 320.0;
const RIGHT: f64 = 20.0;
const LINE: f64 = 22.0;
const AXIS: f64 = 20.0;
/// How many steps a scale has about.
const STEPS: f64 = 5.0;

/// One line of a plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Dot {
    /// What it is of.
    pub label: String,
    /// Where its dot is; none is drawn where it is not finite.
    pub value: f64,
    /// Where its ring is, if it has one.
    pub beside: Option<f64>,
    /// From where to where its dot might as well be: a line through it.
    pub range: Option<(f64, f64)>,
}

/// Lines with a dot and a ring each, on a scale that fits them: places can be compared, lengths from 0 cannot. A
/// `reference` is a value with a line of its own.
#[must_use]
pub fn dots(description: &str, lines: &[Dot], reference: Option<f64>) -> String {
    let ends = |line: &Dot| [line.range.map(|range| range.0), line.range.map(|range| range.1)];
    let values = lines.iter().flat_map(|line| [Some(line.value), line.beside].into_iter().chain(ends(line)));
    let scale = Scale::over(values.chain([reference]).flatten());
    let along = |value: f64| LABELS + FIELD * scale.share(value);
    let foot = LINE * lines.len() as f64 + 4.0;
    let mut svg = format!(
        "<svg class=\"plot wide\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">",
        LABELS + FIELD + RIGHT,
        foot + AXIS,
        Escaped(description)
    );
    for tick in scale.ticks() {
        put(
            &mut svg,
            format_args!(
                "<path class=\"grid\" d=\"M{x:.1} 0V{foot}\"/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{tick:.*}</text>",
                foot + 14.0,
                scale.decimals(),
                x = along(tick),
            ),
        );
    }
    if let Some(value) = reference {
        put(&mut svg, format_args!("<path class=\"reference\" d=\"M{:.1} 0V{foot}\"/>", along(value)));
    }
    for (i, line) in lines.iter().enumerate() {
        let y = LINE * i as f64 + 13.0;
        put(
            &mut svg,
            format_args!(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
                LABELS - 12.0,
                y + 4.0,
                Escaped(&line.label)
            ),
        );
        put(&mut svg, format_args!("<path class=\"grid\" d=\"M{LABELS} {y}H{}\"/>", LABELS + FIELD));
        if let Some((low, high)) = line.range {
            put(
                &mut svg,
                format_args!("<path class=\"range\" d=\"M{:.1} {y}H{:.1}\"/>", along(low), along(high)),
            );
        }
        for (class, radius, value) in [("ring", 5.5, line.beside), ("dot", 4.0, Some(line.value))] {
            if let Some(value) = value.filter(|value| value.is_finite()) {
                put(
                    &mut svg,
                    format_args!(
                        "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{y}\" r=\"{radius}\"><title>{value:.4}</title></circle>",
                        along(value)
                    ),
                );
            }
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Round numbers around values.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale {
    first: i64,
    last: i64,
    /// A power of ten, or two or five times one.
    step: f64,
}

impl Scale {
    fn over(values: impl Iterator<Item = f64>) -> Scale {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return Scale { first: 0, last: 1, step: 1.0 };
        }
        let about = ((high - low) / STEPS).max(1e-4);
        let power = 10f64.powi(about.log10().floor() as i32);
        let step = [1.0, 2.0, 5.0].map(|times| times * power).into_iter().find(|step| *step >= about);
        let step = step.unwrap_or(10.0 * power);
        Scale { first: (low / step).floor() as i64, last: (high / step).floor() as i64 + 1, step }
    }

    fn share(self, value: f64) -> f64 {
        ((value / self.step - self.first as f64) / (self.last - self.first) as f64).clamp(0.0, 1.0)
    }

    fn ticks(self) -> impl Iterator<Item = f64> {
        (self.first..=self.last).map(move |tick| tick as f64 * self.step)
    }

    fn decimals(self) -> usize {
        (-self.step.log10().floor()).max(0.0) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_has_round_ends_around_its_values() {
        // (values, first tick, last tick, decimals)
        let table: [(&[f64], f64, f64, usize); 4] = [
            (&[0.912, 0.957], 0.91, 0.96, 2),
            (&[0.5], 0.5, 0.5002, 4),
            (&[0.0, 1.0], 0.0, 1.2, 1),
            (&[], 0.0, 1.0, 0),
        ];
        for (values, first, last, decimals) in table {
            let scale = Scale::over(values.iter().copied());
            let ticks: Vec<f64> = scale.ticks().collect();
            assert!((ticks[0] - first).abs() < 1e-9, "{values:?}: {ticks:?}");
            assert!((ticks[ticks.len() - 1] - last).abs() < 1.1e-4, "{values:?}: {ticks:?}");
            assert_eq!(scale.decimals(), decimals, "{values:?}");
            assert!(ticks.len() <= 8, "{ticks:?}");
        }
    }

    #[test]
    fn every_mark_is_within_the_field() {
        let line = |value, beside, range| Dot { label: "<forest>".to_owned(), value, beside, range };
        let lines = [line(0.91, Some(0.96), Some((0.9, 0.92))), line(f64::NAN, None, None)];
        let svg = dots("d", &lines, Some(0.97));
        assert!(svg.contains("&lt;forest>") && !svg.contains("NaN"), "{svg}");
        // The scale goes from .9 to .98: 320 units, and 190 before them for the words.
        assert!(svg.contains("class=\"range\" d=\"M190.0 13H270.0\""), "{svg}");
        assert!(svg.contains("class=\"reference\" d=\"M470.0 0V48\""), "{svg}");
        assert!(dots("d", &[], None).ends_with("</svg>"));
    }
}

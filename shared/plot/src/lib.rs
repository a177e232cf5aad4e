//! Plots as SVG, made where the page is made: no script, and colours from the page's stylesheet.
//!
//! A plot is text to be put into a page as it is: what comes from elsewhere is escaped here. The page's stylesheet
//! gives `plot`, `grid`, `axis`, `reference`, `curve` (a `second` one beside it), `band`, `dot`, `ring`, `range` and `bar-mark` their looks.

mod bars;
mod dots;
mod evaluation;
mod square;
mod svg;
mod thresholds;

pub use bars::{Bar, Bars, contributions, importance};
pub use dots::{Dot, dots};
pub use evaluation::{metrics, parameters, precision_recall, reliability, roc};
pub use square::{Band, Square};
pub use thresholds::thresholds;

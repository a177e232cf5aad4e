//! How many rows were called what.

use lurelight_schema::Label;

/// Verdicts by kind, and how many agree with labels that came with the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Usable rows called phishing.
    pub phishing: u64,
    /// Usable rows called legitimate.
    pub legitimate: u64,
    /// Usable rows that came with a label.
    pub labelled: u64,
    /// Those whose label the verdict agrees with.
    pub agreeing: u64,
}

impl Counts {
    /// Adds a row by its verdict and by the label that it came with, if it did.
    pub fn add(&mut self, verdict: Label, given: Option<Label>) {
        match verdict {
            Label::Phishing => self.phishing += 1,
            Label::Legitimate => self.legitimate += 1,
        }
        if let Some(given) = given {
            self.labelled += 1;
            self.agreeing += u64::from(given == verdict);
        }
    }
}

//! Progress bars on standard error; nothing where it is no terminal.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use lurelight_learn::{Progress, Stage};
use lurelight_model::Family;

/// Shows the stages of a training and keeps the seconds of each candidate.
pub struct TrainingProgress {
    bar: ProgressBar,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<(Stage, Instant)>,
    seconds: Vec<(Family, f64)>,
}

impl TrainingProgress {
    /// A bar that nothing has moved yet.
    pub fn new() -> TrainingProgress {
        TrainingProgress { bar: steps(), state: Mutex::default() }
    }

    /// Takes the bar away and returns the seconds that each candidate took.
    pub fn finish(self) -> Vec<(Family, f64)> {
        self.bar.finish_and_clear();
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.end_stage();
        state.seconds
    }
}

impl Progress for TrainingProgress {
    fn begin(&self, stage: Stage, count: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.end_stage();
        state.current = Some((stage, Instant::now()));
        self.bar.set_message(match stage {
            Stage::Candidate(family) => family.as_str(),
            Stage::Evaluate => "intervals on the held-out folds",
            Stage::RandomSplit => "the random split, for comparison",
            Stage::Importance => "importance of the features",
            Stage::Protocol(protocol) => protocol.as_str(),
            Stage::Intervals => "intervals",
            Stage::Holes => "rows with holes",
        });
        self.bar.set_length(count);
        self.bar.set_position(0);
    }

    fn advance(&self) {
        self.bar.inc(1);
    }
}

impl State {
    fn end_stage(&mut self) {
        if let Some((Stage::Candidate(family), begun)) = self.current.take() {
            self.seconds.push((family, begun.elapsed().as_secs_f64()));
        }
    }
}

/// A bar over counted steps, with a message before it.
pub fn steps() -> ProgressBar {
    styled(ProgressBar::new(0), "{msg:34} {bar:30} {pos}/{len} {elapsed}")
}

/// A bar over the bytes of a file, or a counter of bytes where the length is not known.
pub fn bytes(length: Option<u64>) -> ProgressBar {
    match length {
        Some(length) => styled(ProgressBar::new(length), "{msg:34} {bar:30} {bytes}/{total_bytes} {eta}"),
        None => styled(ProgressBar::new_spinner(), "{msg:34} {spinner} {bytes} {elapsed}"),
    }
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// A bar over rows to be made.
pub fn rows(count: u64) -> ProgressBar {
    let bar = styled(ProgressBar::new(count), "{msg:34} {bar:30} {human_pos}/{human_len} {eta}");
    bar.set_message("making rows");
    bar
}

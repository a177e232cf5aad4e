//! Showing on standard error how a run goes: a bar on a terminal, and a line for each thing that has ended.

use std::io::IsTerminal as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use indicatif::ProgressBar;
use lurelight_model::Family;
use lurelight_pipeline::{Progress, Stage};

use crate::{output, progress};

/// Shows how a run goes, and keeps the seconds of each candidate.
pub struct Heard {
    bar: ProgressBar,
    on_terminal: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stage_began: Option<(Stage, Instant)>,
    candidate_began: Option<Instant>,
    families: u64,
    families_done: u64,
    seconds: Vec<(Family, f64)>,
}

impl Heard {
    /// Nothing is heard yet.
    pub fn new() -> Heard {
        Heard {
            bar: progress::steps(),
            on_terminal: std::io::stderr().is_terminal(),
            state: Mutex::default(),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// The seconds that each candidate took.
    pub fn seconds(&self) -> Vec<(Family, f64)> {
        self.state().seconds.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a bar anew.
    fn show(&self, message: String, steps: u64) {
        self.bar.set_message(message);
        self.bar.set_position(0);
        self.bar.set_length(steps);
    }

    /// A line that stays, above the bar where there is one.
    fn say(&self, stage: Stage, rest: &str) {
        let line = format!("{stage:9} {rest}");
        if self.on_terminal {
            self.bar.println(line.trim_end());
        } else {
            output::say(line.trim_end());
        }
    }
}

impl Progress for Heard {
    fn stage_begins(&self, stage: Stage, steps: u64) {
        let mut state = self.state();
        state.stage_began = Some((stage, Instant::now()));
        if stage == Stage::Fit {
            (state.families, state.families_done) = (steps, 0);
        }
        self.show(format!("{stage}: {}", doing(stage)), steps);
    }

    fn stage_advances(&self, stage: Stage, steps: u64) {
        if stage == Stage::Fit {
            // Its bar is that of the candidate.
            self.state().families_done += steps;
        } else {
            self.bar.inc(steps);
        }
    }

    fn stage_ends(&self, stage: Stage) {
        let began = self.state().stage_began.take().filter(|(began, _)| *began == stage);
        match began {
            Some((_, began)) => self.say(stage, &format!("done in {}", seconds(began))),
            // A run that is taken up again has read its records before.
            None => self.say(stage, "done before"),
        }
    }

    fn candidate_begins(&self, family: Family, steps: u64) {
        let mut state = self.state();
        state.candidate_began = Some(Instant::now());
        let (number, all) = (state.families_done + 1, state.families);
        drop(state);
        self.show(format!("fit: {family} ({number} of {all})"), steps);
    }

    fn candidate_advances(&self, _family: Family) {
        self.bar.inc(1);
    }

    fn candidate_ends(&self, family: Family, failure: Option<&str>) {
        let began = self.state().candidate_began.take();
        let took = began.map(|began| format!(" in {}", seconds(began))).unwrap_or_default();
        if let Some(began) = began {
            self.state().seconds.push((family, began.elapsed().as_secs_f64()));
        }
        match failure {
            None => self.say(Stage::Fit, &format!("{family}{took}")),
            Some(failure) => self.say(Stage::Fit, &format!("{family} could not be fitted: {failure}")),
        }
    }
}

const fn doing(stage: Stage) -> &'static str {
    match stage {
        Stage::Ingest => "reading the records",
        Stage::Validate => "looking at the rows",
        Stage::Transform => "splitting the rows",
        Stage::Fit => "trying the families",
        Stage::Evaluate => "measuring the best",
        Stage::Promote => "comparing with the champion",
    }
}

fn seconds(began: Instant) -> String {
    format!("{:.1} s", began.elapsed().as_secs_f64())
}

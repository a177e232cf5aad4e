//! Hearing how a run goes.

use std::sync::Arc;

use lurelight_model::Family;

use crate::Stage;

/// Hears how a run goes. `()` listens to nothing. Steps are of equal weight only roughly; they are for a bar.
pub trait Progress: Send + Sync {
    /// A stage begins. `steps` is how many it has, and 0 where that is not known before.
    fn stage_begins(&self, _stage: Stage, _steps: u64) {}

    /// So many steps of the stage are done.
    fn stage_advances(&self, _stage: Stage, _steps: u64) {}

    /// A stage has ended well.
    fn stage_ends(&self, _stage: Stage) {}

    /// A family's search begins; it has so many steps.
    fn candidate_begins(&self, _family: Family, _steps: u64) {}

    /// A step of a family's search is done. Called from several threads.
    fn candidate_advances(&self, _family: Family) {}

    /// A family's search has ended, with what was wrong where it failed.
    fn candidate_ends(&self, _family: Family, _failure: Option<&str>) {}
}

impl Progress for () {}

/// A listener that stages may take with them to other threads.
pub type Listener = Arc<dyn Progress>;

/// The listener that hears nothing.
#[must_use]
pub fn silent() -> Listener {
    Arc::new(())
}

//! What handlers work on.

use std::sync::Arc;

use lurelight_store::{ArtifactStore, ModelRegistry, TrainingRunner};

use crate::error::Error;

/// The stores, and whatever runs the pipeline. Clones share all.
#[derive(Clone, Debug)]
pub struct Administration {
    artifacts: Arc<dyn ArtifactStore>,
    runner: Option<Arc<dyn TrainingRunner>>,
}

impl Administration {
    /// Over these artifacts; without a runner nothing can be trained, and whoever tries is told why.
    #[must_use]
    pub fn new(artifacts: Arc<dyn ArtifactStore>, runner: Option<Arc<dyn TrainingRunner>>) -> Administration {
        Administration { artifacts, runner }
    }

    pub(crate) fn artifacts(&self) -> &Arc<dyn ArtifactStore> {
        &self.artifacts
    }

    pub(crate) fn registry(&self) -> ModelRegistry {
        ModelRegistry::new(Arc::clone(&self.artifacts))
    }

    pub(crate) fn runner(&self) -> Option<&Arc<dyn TrainingRunner>> {
        self.runner.as_ref()
    }

    pub(crate) fn needed_runner(&self) -> Result<&Arc<dyn TrainingRunner>, Error> {
        self.runner.as_ref().ok_or(Error::NoRunner)
    }
}

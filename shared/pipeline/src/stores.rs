//! What the stages read from and write to.

use std::sync::Arc;

use lurelight_store::{ArtifactStore, ModelRegistry, RecordStore};

/// The stores of one installation.
#[derive(Clone, Debug)]
pub struct Stores {
    /// Keeps snapshots, reports and models.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// Keeps labelled records.
    pub records: Arc<dyn RecordStore>,
}

impl Stores {
    /// The versions and the champion, which the artifacts hold.
    #[must_use]
    pub fn registry(&self) -> ModelRegistry {
        ModelRegistry::new(Arc::clone(&self.artifacts))
    }
}

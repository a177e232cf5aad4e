//! What is kept outside a process: artifacts, records, secrets, runs. Each contract is a trait whose
//! homes lie side by side; those in this crate are a directory and the process itself. Whatever a home promises is
//! written as a suite in [`conformance`](crate), which the tests of every home call.

mod artifacts;
mod error;
mod key;
mod records;
mod registry;

pub use artifacts::{ArtifactStore, ETag, Entry, Object};
pub use error::{Error, ErrorKind};
pub use key::{InvalidKey, Key, RunId};
pub use records::{Batch, BatchId, Closing, PushOutcome, Pushed, RecordStore, push};
pub use registry::{Event, EventKind, ModelRegistry, NewEvent, NewVersion, Version};

//! The homes in a directory of this machine.
//!
//! Every file is written aside, brought to the disk and only then given its name, so that it is seen whole or not
//! at all. A home keeps to one folder, which it makes with the first write:
//!
//! | in the folder | what |
//! |---|---|
//! | `.lock` | held for the moment of a change, by threads and processes alike; never taken away |
//! | `.aside/` | files that are being written, each locked by its writer |
//! | the rest | what is kept |
//!
//! A process that dies leaves its files in `.aside/`, and its lock on them ends with it: the first write through
//! each opened home takes away all that nobody holds.

mod artifacts;
mod batch;
mod packed;
mod part;
mod place;
mod records;

pub use artifacts::DirectoryArtifacts;
pub use records::DirectoryRecords;

use crate::{Error, ErrorKind};

/// Does file work where it holds nobody up.
async fn blocking<T: Send + 'static>(
    place: String,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => {
            let message = "the program is ending, and this was not begun";
            Err(Error::new(ErrorKind::Unavailable, place, message).because(error))
        }
    }
}

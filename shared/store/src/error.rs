//! One error for every store: a kind that code can act on, what was touched, and the cause.

use std::fmt;
use std::io;
use std::path::Path;

/// What went wrong, as far as a caller can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is nothing of that name.
    NotFound,
    /// It was to be created and is there already.
    AlreadyExists,
    /// It changed since it was read: read it again and decide anew.
    Conflict,
    /// The home does not let this process do it.
    PermissionDenied,
    /// No space is left.
    Full,
    /// What is there is not what was written.
    Damaged,
    /// The home cannot be reached, now.
    Unavailable,
    /// The request itself makes no sense.
    Invalid,
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {message}")]
pub struct Error {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// The key, batch or place that was touched.
    pub what: String,
    /// What happened and what to do about it.
    pub message: String,
    /// The cause below.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error without a cause below it.
    pub fn new(kind: ErrorKind, what: impl fmt::Display, message: impl Into<String>) -> Error {
        Error { kind, what: what.to_string(), message: message.into(), source: None }
    }

    /// The same with its cause.
    #[must_use]
    pub fn because(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error { source: Some(source.into()), ..self }
    }

    /// What the file system said about `path`; `failed` says what could not be done with it.
    pub(crate) fn of_file(path: &Path, failed: &str, error: io::Error) -> Error {
        use io::ErrorKind as Io;
        let (kind, message) = match error.kind() {
            Io::NotFound => (ErrorKind::NotFound, "there is no such file".to_owned()),
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => (
                ErrorKind::Full,
                format!(
                    "{failed}: no space is left for it; free some, or use a home on another disk, then do it again"
                ),
            ),
            Io::PermissionDenied | Io::ReadOnlyFilesystem => (
                ErrorKind::PermissionDenied,
                format!(
                    "{failed}: {}; let this user do it, or use another home",
                    if error.kind() == Io::ReadOnlyFilesystem {
                        "its file system is mounted read-only"
                    } else {
                        "this user may not"
                    }
                ),
            ),
            Io::NotADirectory | Io::IsADirectory | Io::InvalidFilename => (
                ErrorKind::Invalid,
                format!(
                    "{failed}: {error}; a file stands where a folder belongs or the other way round, or the name is too long: use another home"
                ),
            ),
            Io::CrossesDevices => (
                ErrorKind::Invalid,
                format!("{failed}: a folder below the home is on another file system; keep all of it on one"),
            ),
            _ => (ErrorKind::Unavailable, format!("{failed}: {error}")),
        };
        Error::new(kind, path.display(), message).because(error)
    }
}

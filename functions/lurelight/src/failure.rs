//! What ends a command early.

use std::fmt;
use std::process::ExitCode;

/// Why a command did not finish, by what the caller can do about it.
#[derive(Debug)]
pub enum Failure {
    /// The rows cannot be used.
    Rows(anyhow::Error),
    /// The model file cannot be used.
    Model(anyhow::Error),
    /// Something could not be read, written or started.
    Other(anyhow::Error),
}

impl Failure {
    /// The documented exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Other(_) => 1,
            Failure::Rows(_) => 3,
            Failure::Model(_) => 4,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Rows(error) | Failure::Model(error) | Failure::Other(error)) = self;
        write!(f, "{error:#}")
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Other(error)
    }
}

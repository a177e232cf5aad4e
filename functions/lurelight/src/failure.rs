//! What ends a command early.

use std::fmt;
use std::process::ExitCode;

use anyhow::anyhow;
use lurelight_store::ErrorKind;

/// Why a command did not finish, by what the caller can do about it.
#[derive(Debug)]
pub enum Failure {
    /// The arguments make no sense together.
    Usage(anyhow::Error),
    /// The rows cannot be used.
    Rows(anyhow::Error),
    /// A model, or what a home keeps, cannot be used.
    Model(anyhow::Error),
    /// Something could not be read, written or started.
    Other(anyhow::Error),
    /// Whoever started it wanted it to end.
    BrokenOff(anyhow::Error),
}

impl Failure {
    /// The same with what was to be done before it.
    #[must_use]
    pub fn context(self, doing: String) -> Failure {
        match self {
            Failure::Usage(error) => Failure::Usage(error.context(doing)),
            Failure::Rows(error) => Failure::Rows(error.context(doing)),
            Failure::Model(error) => Failure::Model(error.context(doing)),
            Failure::Other(error) => Failure::Other(error.context(doing)),
            Failure::BrokenOff(error) => Failure::BrokenOff(error.context(doing)),
        }
    }

    /// The documented exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Other(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Rows(_) => 3,
            Failure::Model(_) => 4,
            Failure::BrokenOff(_) => 130,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Usage(error)
        | Failure::Rows(error)
        | Failure::Model(error)
        | Failure::Other(error)
        | Failure::BrokenOff(error)) = self;
        write!(f, "{error:#}")
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Other(error)
    }
}

impl From<lurelight_store::Error> for Failure {
    /// A store's sentence holds what its cause says, so the cause is not said again.
    fn from(error: lurelight_store::Error) -> Failure {
        let said = anyhow!("{error}");
        if error.kind == ErrorKind::Damaged { Failure::Model(said) } else { Failure::Other(said) }
    }
}

impl From<lurelight_pipeline::Error> for Failure {
    fn from(error: lurelight_pipeline::Error) -> Failure {
        use lurelight_pipeline::Error;
        match error {
            Error::Store(error) => error.into(),
            Error::Damaged { .. } => Failure::Model(anyhow!("{error}")),
            Error::Empty { .. }
            | Error::NothingUsable { .. }
            | Error::OneClass { .. }
            | Error::NoCandidate(_)
            | Error::Train(_) => Failure::Rows(anyhow!("{error}")),
            Error::RunTaken { .. } => Failure::Usage(anyhow!("{error}")),
            other => Failure::Other(anyhow!("{other}")),
        }
    }
}

//! Whether repeating a stage may help.

use lurelight_pipeline::Error;
use lurelight_runtime::Failure;
use lurelight_store::ErrorKind;

/// The failure that Lambda and the state machine are told of.
pub(crate) fn of(error: &Error) -> Failure {
    let retryable = match error {
        // What two runs do at once is decided anew when it is done again.
        Error::Store(error) => matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Conflict),
        _ => false,
    };
    Failure { retryable, message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_by_itself_is_tried_again() {
        let table = [
            (ErrorKind::Unavailable, true),
            (ErrorKind::Conflict, true),
            (ErrorKind::PermissionDenied, false),
            (ErrorKind::NotFound, false),
            (ErrorKind::Damaged, false),
            (ErrorKind::Invalid, false),
        ];
        for (kind, expected) in table {
            let failure = of(&Error::Store(lurelight_store::Error::new(kind, "runs/a/b", "it is so")));
            assert_eq!(failure.retryable, expected, "{kind:?}");
            assert_eq!(failure.message, "runs/a/b: it is so");
        }
        assert!(!of(&Error::NoCandidate(Vec::new())).retryable);
    }
}

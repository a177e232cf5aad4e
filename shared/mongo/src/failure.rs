//! What the driver's errors mean to whoever called a store. No text shows the connection string.

use std::time::Duration;

use lurelight_store::{Error, ErrorKind};
use mongodb::error::{Error as DriverError, ErrorKind as Said, WriteFailure};

/// What is said of a failure that stays until somebody does something about it.
pub(crate) const UNTIL_THEN: &str = "; until then doing it again does not help";

/// Why something could not be done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The driver failed, or the server told it why.
    Driver(DriverError),
    /// There was no answer in this time.
    Silence(Duration),
    /// We know it ourselves.
    Known(ErrorKind, String),
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Failure {
        Failure::Driver(error)
    }
}

/// The server that failed, as far as it is told to people.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    /// Its addresses.
    pub(crate) hosts: String,
    /// Where the connection string is kept.
    pub(crate) secret: String,
    pub(crate) database: String,
}

/// Codes of MongoDB: <https://www.mongodb.com/docs/manual/reference/error-codes/>, and 8000, which Atlas puts before
/// texts of its own.
pub(crate) mod code {
    pub(crate) const UNAUTHORIZED: i32 = 13;
    pub(crate) const AUTHENTICATION_FAILED: i32 = 18;
    pub(crate) const NAMESPACE_NOT_FOUND: i32 = 26;
    pub(crate) const NAMESPACE_EXISTS: i32 = 48;
    pub(crate) const MAX_TIME_EXPIRED: i32 = 50;
    pub(crate) const INDEX_OPTIONS_CONFLICT: i32 = 85;
    pub(crate) const INDEX_KEY_SPECS_CONFLICT: i32 = 86;
    pub(crate) const DOCUMENT_VALIDATION: i32 = 121;
    pub(crate) const OUT_OF_DISK_SPACE: i32 = 14_031;
    pub(crate) const ATLAS: i32 = 8_000;
    pub(crate) const DUPLICATE_KEY: i32 = 11_000;
    /// Not primary, shutting down, stepped down, interrupted, network trouble between servers, a full queue.
    pub(crate) const PASSING: [i32; 15] =
        [6, 7, 89, 91, 134, 189, 202, 262, 462, 9_001, 10_107, 11_600, 11_602, 13_435, 13_436];
}

impl Failure {
    /// Our own words about something that is not as it must be.
    pub(crate) fn damaged(message: impl Into<String>) -> Failure {
        Failure::Known(ErrorKind::Damaged, message.into())
    }

    /// The server's code, where it gave one. Of several, the first that is no duplicate key.
    pub(crate) fn code(&self) -> Option<i32> {
        match self {
            Failure::Driver(error) => code_and_text(error).map(|(code, _)| code),
            _ => None,
        }
    }

    /// Whether the server refused this user or his password, so that a newer connection string may help.
    pub(crate) fn is_refusal(&self) -> bool {
        let Failure::Driver(error) = self else { return false };
        match &*error.kind {
            Said::Authentication { .. } => true,
            Said::ConnectionPoolCleared { message, .. } => is_about_authentication(message),
            _ => match code_and_text(error) {
                Some((code::UNAUTHORIZED | code::AUTHENTICATION_FAILED, _)) => true,
                Some((code::ATLAS, text)) => is_about_authentication(&text),
                _ => false,
            },
        }
    }

    /// The store's error. `what` was touched, `failed` says what could not be done with it.
    pub(crate) fn error(self, what: &str, failed: &str, reach: &Reach) -> Error {
        let (kind, reason) = match &self {
            Failure::Driver(error) => judged(error, reach),
            Failure::Silence(waited) => (
                ErrorKind::Unavailable,
                format!(
                    "{} did not answer within {} s; see whether it is overloaded, and do it again",
                    reach.hosts,
                    waited.as_secs_f32()
                ),
            ),
            Failure::Known(kind, message) => return Error::new(*kind, what, message.clone()),
        };
        let error = Error::new(kind, what, format!("{failed}: {reason}"));
        match self {
            // These carry documents.
            Failure::Driver(driver) if !matches!(*driver.kind, Said::InsertMany(_) | Said::Write(_)) => {
                error.because(driver)
            }
            _ => error,
        }
    }
}

fn judged(error: &DriverError, reach: &Reach) -> (ErrorKind, String) {
    let Reach { hosts, secret, .. } = reach;
    match &*error.kind {
        Said::Authentication { message, .. } => (ErrorKind::PermissionDenied, refused(message, reach)),
        Said::ConnectionPoolCleared { message, .. } if is_about_authentication(message) => {
            (ErrorKind::PermissionDenied, refused(message, reach))
        }
        Said::ServerSelection { message, .. } => {
            let reasons = reasons(message);
            tls(&reasons, reach).unwrap_or_else(|| {
                let reason = if reasons.is_empty() { reasons } else { format!(" ({reasons})") };
                (
                    ErrorKind::Unavailable,
                    format!(
                        "no server that takes writes answers at {hosts}{reason}; see that it runs and lets this address in, then do it again"
                    ),
                )
            })
        }
        Said::Io(io) => tls(&io.to_string(), reach).unwrap_or_else(|| {
            (
                ErrorKind::Unavailable,
                format!("the connection to {hosts} broke ({io}); doing it again may help"),
            )
        }),
        Said::ConnectionPoolCleared { message, .. } => tls(message, reach).unwrap_or_else(|| {
            (ErrorKind::Unavailable, format!("the connections to {hosts} broke; doing it again may help"))
        }),
        Said::DnsResolve { message, .. } => (
            ErrorKind::Unavailable,
            format!(
                "the name in {secret} cannot be looked up ({message}); check it and the network, then do it again"
            ),
        ),
        Said::InvalidTlsConfig { message, .. } => (
            ErrorKind::Invalid,
            format!("TLS cannot be set up ({message}); mend the tls options in {secret}{UNTIL_THEN}"),
        ),
        Said::InvalidResponse { message, .. } => (
            ErrorKind::Unavailable,
            format!("{hosts} answered nonsense ({message}); see what listens there, and do it again"),
        ),
        _ => match code_and_text(error) {
            Some((code, text)) => told(code, &text, reach),
            None => (ErrorKind::Invalid, format!("the driver refused it ({})", error.kind)),
        },
    }
}

/// What a code of the server means.
fn told(code: i32, text: &str, reach: &Reach) -> (ErrorKind, String) {
    let Reach { hosts, database, secret } = reach;
    match code {
        code::AUTHENTICATION_FAILED => (ErrorKind::PermissionDenied, refused(text, reach)),
        code::ATLAS if is_about_authentication(text) => (ErrorKind::PermissionDenied, refused(text, reach)),
        code::ATLAS if text.contains("quota") => {
            (ErrorKind::Full, format!("{text}; delete batches, or take a larger cluster"))
        }
        code::UNAUTHORIZED | code::ATLAS => (
            ErrorKind::PermissionDenied,
            format!(
                "the user in {secret} is not allowed to ({text}); give this user the role readWrite on the database {database}{UNTIL_THEN}"
            ),
        ),
        code::OUT_OF_DISK_SPACE => {
            (ErrorKind::Full, format!("{hosts} has no space left ({text}); free some, then do it again"))
        }
        code::DOCUMENT_VALIDATION => (
            ErrorKind::Invalid,
            format!(
                "the collection's validator refuses our documents ({text}); use the validator of this program"
            ),
        ),
        code::INDEX_OPTIONS_CONFLICT | code::INDEX_KEY_SPECS_CONFLICT => (
            ErrorKind::Invalid,
            format!("there is another index over batch and row ({text}); drop it, or make it unique"),
        ),
        code::MAX_TIME_EXPIRED => {
            (ErrorKind::Unavailable, format!("{hosts} took too long ({text}); doing it again may help"))
        }
        code if code::PASSING.contains(&code) => {
            (ErrorKind::Unavailable, format!("{hosts} cannot do it now ({text}); doing it again may help"))
        }
        _ => (ErrorKind::Invalid, format!("{hosts} refused it with code {code} ({text})")),
    }
}

fn refused(text: &str, reach: &Reach) -> String {
    format!(
        "{} refused the user or the password of {} ({text}); put the right ones there, and authSource where the user is kept in another database than admin{UNTIL_THEN}",
        reach.hosts, reach.secret
    )
}

/// A failure of TLS, where these words are about one.
fn tls(text: &str, reach: &Reach) -> Option<(ErrorKind, String)> {
    let Reach { hosts, secret, .. } = reach;
    let message = if text.contains("UnknownIssuer") {
        format!(
            "the TLS certificate of {hosts} is signed by nobody whom this program knows ({text}); put tlsCAFile, the file with the right authority, into {secret}"
        )
    } else if text.contains("not valid for name") || text.contains("NotValidForName") {
        format!(
            "the TLS certificate of {hosts} is for another name ({text}); use a name in {secret} that the certificate has"
        )
    } else if text.contains("certificate") {
        format!("the TLS certificate of {hosts} cannot be used ({text}); renew or replace it")
    } else if text.contains("fatal alert") {
        format!(
            "{hosts} ended the TLS handshake ({text}); Atlas does so where its list of network access lacks this address"
        )
    } else if text.contains("corrupt message") || text.contains("InvalidContentType") {
        format!("{hosts} speaks no TLS ({text}); use TLS there, or take tls=true out of {secret}")
    } else {
        return None;
    };
    Some((ErrorKind::PermissionDenied, message + UNTIL_THEN))
}

fn is_about_authentication(text: &str) -> bool {
    text.contains("SCRAM failure") || text.contains("bad auth") || text.contains("uthentication failed")
}

/// The code and the words with which the server refused something.
fn code_and_text(error: &DriverError) -> Option<(i32, String)> {
    match &*error.kind {
        Said::Command(command) => Some((command.code, command.message.clone())),
        Said::Write(WriteFailure::WriteError(write)) => Some((write.code, write.message.clone())),
        Said::Write(WriteFailure::WriteConcernError(concern)) => {
            Some((concern.code, concern.message.clone()))
        }
        Said::InsertMany(insert) => {
            let errors = insert.write_errors.iter().flatten();
            let first = errors.min_by_key(|error| error.code == code::DUPLICATE_KEY);
            let concern = insert.write_concern_error.as_ref();
            concern
                .map(|concern| (concern.code, concern.message.clone()))
                .or_else(|| first.map(|error| (error.code, error.message.clone())))
        }
        _ => None,
    }
}

/// The causes that the driver lists in its long text about servers, each once.
fn reasons(text: &str) -> String {
    let mut reasons: Vec<&str> = Vec::new();
    for part in text.split("Kind: ").skip(1) {
        let reason = part.split(", labels:").next().unwrap_or(part).trim();
        let reason = reason.strip_prefix("I/O error: ").unwrap_or(reason);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach() -> Reach {
        Reach {
            hosts: "db.example:27017".to_owned(),
            secret: "the secret mongodb-uri in the environment".to_owned(),
            database: "lurelight".to_owned(),
        }
    }

    #[test]
    fn codes_are_judged_by_what_the_caller_can_do() {
        let table = [
            (13, "not authorized", ErrorKind::PermissionDenied, "readWrite"),
            (18, "Authentication failed.", ErrorKind::PermissionDenied, "mongodb-uri"),
            (8000, "bad auth : authentication failed", ErrorKind::PermissionDenied, "mongodb-uri"),
            (8000, "user is not allowed to do action [insert]", ErrorKind::PermissionDenied, "readWrite"),
            (8000, "you are over your space quota", ErrorKind::Full, "cluster"),
            (14031, "disk full", ErrorKind::Full, "space"),
            (121, "Document failed validation", ErrorKind::Invalid, "validator"),
            (85, "index options", ErrorKind::Invalid, "unique"),
            (50, "operation exceeded time limit", ErrorKind::Unavailable, "may help"),
            (189, "primary stepped down", ErrorKind::Unavailable, "may help"),
            (2, "bad value", ErrorKind::Invalid, "code 2"),
        ];
        for (code, text, kind, word) in table {
            let (judged, reason) = told(code, text, &reach());
            assert_eq!(judged, kind, "{code} {text}");
            assert!(reason.contains(word), "{code} {text}: {reason}");
        }
    }

    #[test]
    fn tls_is_told_apart() {
        let table = [
            ("invalid peer certificate: UnknownIssuer", Some("tlsCAFile")),
            ("invalid peer certificate: certificate not valid for name \"a\"", Some("another name")),
            ("invalid peer certificate: certificate expired: verification time 1", Some("renew")),
            ("received fatal alert: InternalError", Some("network access")),
            ("received corrupt message of type InvalidContentType", Some("no TLS")),
            ("Connection refused (os error 111)", None),
        ];
        for (text, word) in table {
            let found = tls(text, &reach());
            assert_eq!(found.is_some(), word.is_some(), "{text}");
            if let (Some((kind, reason)), Some(word)) = (found, word) {
                assert_eq!(kind, ErrorKind::PermissionDenied);
                assert!(reason.contains(word), "{text}: {reason}");
            }
        }
    }

    #[test]
    fn causes_are_found_in_the_long_text_once() {
        let text = "Server selection timeout: No available servers. Topology: { Type: Unknown, Servers: [ { \
                    Address: a:1, Type: Unknown, Error: Kind: I/O error: refused, labels: {} }, { Address: b:1, \
                    Type: Unknown, Error: Kind: I/O error: refused, labels: {} } ] }";
        assert_eq!(reasons(text), "refused");
        assert_eq!(reasons("nothing of the kind"), "");
    }
}

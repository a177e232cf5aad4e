//! The contract of whatever knows secrets, and its home in the environment.

use std::env::{self, VarError};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;

use async_trait::async_trait;

use crate::{Error, ErrorKind};

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What a secret is called, whatever keeps it: lower-case letters, digits and `-`, a letter first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName(String);

/// Text that names no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no secret: lower-case letters, digits and '-', a letter first, 64 bytes at most")]
pub struct InvalidSecretName(pub String);

/// Knows secrets. No error shows a value.
#[async_trait]
pub trait Secrets: fmt::Debug + Send + Sync {
    /// Where this is, for messages.
    fn place(&self) -> String;

    /// A secret, which may be remembered from an earlier call.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) where there is none of that name or it is empty,
    /// [`Invalid`](crate::ErrorKind::Invalid) where it is no text.
    async fn get(&self, name: &SecretName) -> Result<Secret, Error>;

    /// The secret as it is now: for whoever was refused with the value that he had, since it may have been
    /// rotated. A home that remembers remembers this one.
    ///
    /// # Errors
    ///
    /// As [`Secrets::get`].
    async fn refresh(&self, name: &SecretName) -> Result<Secret, Error>;
}

/// Secrets in variables of this process's environment, or in files that variables name: `mongodb-uri` is in
/// `MONGODB_URI`, or in the file of `MONGODB_URI_FILE`, without the line's end. A file is read each time, so that what is
/// written there later needs no restart.
#[derive(Clone, Copy, Debug, Default)]
pub struct EnvironmentSecrets;

/// What the variable of a secret is called with this behind it, where it names a file.
const FILE: &str = "_FILE";
/// The most that a file of a secret may hold.
const FILE_BYTES_MAX: u64 = 64 * 1024;

impl Secret {
    /// Hides a value.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Secret {
        Secret(value.into())
    }

    /// The value, for the one place that uses it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl SecretName {
    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The variable in which [`EnvironmentSecrets`] looks.
    #[must_use]
    pub fn variable(&self) -> String {
        self.0.to_ascii_uppercase().replace('-', "_")
    }
}

impl FromStr for SecretName {
    type Err = InvalidSecretName;

    fn from_str(text: &str) -> Result<SecretName, InvalidSecretName> {
        let fits = text.len() <= 64
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if fits { Ok(SecretName(text.to_owned())) } else { Err(InvalidSecretName(text.to_owned())) }
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[async_trait]
impl Secrets for EnvironmentSecrets {
    fn place(&self) -> String {
        "the environment".to_owned()
    }

    async fn get(&self, name: &SecretName) -> Result<Secret, Error> {
        let variable = name.variable();
        let file = format!("{variable}{FILE}");
        let text = match (value_of(&variable)?, value_of(&file)?) {
            (Some(_), Some(_)) => {
                let message = format!("this variable is set, and so is {file}: take one of them away");
                return Err(Error::new(ErrorKind::Invalid, variable, message));
            }
            (Some(value), None) => value,
            (None, Some(path)) => return read_file(&file, Path::new(&path)),
            (None, None) => {
                let message = format!(
                    "this variable is not set: set it to the secret, or {file} to a file that holds it"
                );
                return Err(Error::new(ErrorKind::NotFound, variable, message));
            }
        };
        if text.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                variable,
                "this variable is empty: set it to the secret",
            ));
        }
        Ok(Secret(text))
    }

    async fn refresh(&self, name: &SecretName) -> Result<Secret, Error> {
        self.get(name).await
    }
}

/// What a variable holds, which may be nothing.
fn value_of(variable: &str) -> Result<Option<String>, Error> {
    match env::var(variable) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        // Its source would show the value.
        Err(VarError::NotUnicode(_)) => Err(Error::new(
            ErrorKind::Invalid,
            variable,
            "the value of this variable is no UTF-8 text: set it anew",
        )),
    }
}

/// The secret in a file, which `variable` names.
fn read_file(variable: &str, path: &Path) -> Result<Secret, Error> {
    let what = format!("{variable}={}", path.display());
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    if let Err(error) = read {
        use std::io::ErrorKind as Io;
        let (kind, message) = match error.kind() {
            Io::NotFound => (ErrorKind::NotFound, "there is no such file: write the secret to it".to_owned()),
            Io::PermissionDenied => {
                (ErrorKind::PermissionDenied, "this user may not read the file: let it".to_owned())
            }
            Io::InvalidData => (ErrorKind::Invalid, "the file is no UTF-8 text: write it anew".to_owned()),
            _ => (ErrorKind::Unavailable, format!("the file cannot be read: {error}")),
        };
        return Err(Error::new(kind, what, message));
    }
    if text.len() as u64 > FILE_BYTES_MAX {
        let message = format!("the file holds more than {FILE_BYTES_MAX} bytes, which no secret does");
        return Err(Error::new(ErrorKind::Invalid, what, message));
    }
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, what, "the file is empty: write the secret to it"));
    }
    Ok(Secret(secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some([&secret])), "Secret(hidden) Some([Secret(hidden)])");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn names_are_read_or_refused_and_have_a_variable() {
        let table = [
            ("mongodb-uri", Some("MONGODB_URI")),
            ("a1", Some("A1")),
            ("", None),
            ("MONGODB_URI", None),
            ("1a", None),
            ("-a", None),
            ("a/b", None),
            ("a=b", None),
            ("a\0", None),
        ];
        for (text, expected) in table {
            let variable = text.parse::<SecretName>().ok().map(|name| name.variable());
            assert_eq!(variable.as_deref(), expected, "{text:?}");
        }
    }
}

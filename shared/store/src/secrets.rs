//! The contract of whatever knows secrets, and its home in the environment.

use std::env::{self, VarError};
use std::fmt;
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

/// Secrets in variables of this process's environment. `mongodb-uri` is in `MONGODB_URI`.
#[derive(Clone, Copy, Debug, Default)]
pub struct EnvironmentSecrets;

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
        match env::var(&variable) {
            Ok(value) if !value.is_empty() => Ok(Secret(value)),
            Ok(_) => {
                Err(Error::new(ErrorKind::NotFound, variable, "this variable is empty: set it to the secret"))
            }
            Err(VarError::NotPresent) => Err(Error::new(
                ErrorKind::NotFound,
                variable,
                "this variable is not set: set it to the secret",
            )),
            // Its source would show the value.
            Err(VarError::NotUnicode(_)) => Err(Error::new(
                ErrorKind::Invalid,
                variable,
                "the value of this variable is no UTF-8 text: set it anew",
            )),
        }
    }

    async fn refresh(&self, name: &SecretName) -> Result<Secret, Error> {
        self.get(name).await
    }
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

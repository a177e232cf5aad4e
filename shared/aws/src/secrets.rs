//! Secrets in Secrets Manager.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use lurelight_store::{Error, ErrorKind, Secret, SecretName, Secrets};
use serde_json::Value;

use crate::failure::{UNTIL_THEN, failure};

/// Secrets of Secrets Manager below a prefix: `mongodb-uri` below `lurelight/prod` is the secret `lurelight/prod/mongodb-uri`.
///
/// A secret's text is the value itself, or, as the console makes them, a JSON object that holds it under the secret's
/// own name or as its only entry. A value is asked for once and remembered until somebody was refused with it.
pub struct ManagedSecrets {
    client: Client,
    prefix: String,
    remembered: Mutex<HashMap<SecretName, Secret>>,
}

/// Text that is no prefix of secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPrefix(pub String);

impl fmt::Display for InvalidPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no prefix of secrets: letters, digits and any of /_+=.@- are, without a slash at either end",
            self.0
        )
    }
}

impl std::error::Error for InvalidPrefix {}

impl ManagedSecrets {
    /// The secrets below a prefix. Nothing is sent.
    ///
    /// # Errors
    ///
    /// Where no secret can have a name that begins so.
    pub fn new(settings: &SdkConfig, prefix: impl Into<String>) -> Result<ManagedSecrets, InvalidPrefix> {
        let prefix = prefix.into();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte);
        if prefix.is_empty()
            || prefix.len() > 400
            || prefix.starts_with('/')
            || prefix.ends_with('/')
            || !prefix.bytes().all(fits)
        {
            return Err(InvalidPrefix(prefix));
        }
        Ok(ManagedSecrets { client: Client::new(settings), prefix, remembered: Mutex::default() })
    }

    fn id(&self, name: &SecretName) -> String {
        format!("{}/{name}", self.prefix)
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<SecretName, Secret>> {
        // Entries are each whole.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Secrets for ManagedSecrets {
    fn place(&self) -> String {
        format!("Secrets Manager, below {}", self.prefix)
    }

    async fn get(&self, name: &SecretName) -> Result<Secret, Error> {
        let remembered = self.remembered().get(name).cloned();
        match remembered {
            Some(secret) => Ok(secret),
            None => self.refresh(name).await,
        }
    }

    async fn refresh(&self, name: &SecretName) -> Result<Secret, Error> {
        let id = self.id(name);
        let what = format!("secret {id}");
        let answer = self.client.get_secret_value().secret_id(&id).send().await;
        let answer = answer.map_err(|error| {
            // Of a request with nothing but a name in it: the secret is waiting for its deletion.
            let is_deleted =
                error.as_service_error().is_some_and(GetSecretValueError::is_invalid_request_exception);
            let error = failure(&what, "cannot be read", error);
            if is_deleted {
                return Error {
                    message: format!(
                        "{}; bring it back by `aws secretsmanager restore-secret --secret-id {id}`{UNTIL_THEN}",
                        error.message
                    ),
                    ..error
                };
            }
            if error.kind == ErrorKind::NotFound {
                return Error {
                    message: format!(
                        "there is none; create it, with the value as its text: {}",
                        error.message
                    ),
                    ..error
                };
            }
            error
        })?;
        let text = answer.secret_string.unwrap_or_default();
        let value = value(name, &text)
            .map_err(|(kind, reason)| Error::new(kind, what, format!("{reason}{UNTIL_THEN}")))?;
        let secret = Secret::new(value);
        self.remembered().insert(name.clone(), secret.clone());
        Ok(secret)
    }
}

/// The value in a secret's text. No reason shows any of it.
fn value(name: &SecretName, text: &str) -> Result<String, (ErrorKind, &'static str)> {
    let text = text.trim();
    if text.is_empty() {
        return Err((ErrorKind::NotFound, "has no text, or an empty one: set it to the value"));
    }
    if !text.starts_with('{') {
        return Ok(text.to_owned());
    }
    let Ok(Value::Object(entries)) = serde_json::from_str(text) else {
        return Err((
            ErrorKind::Invalid,
            "begins like a JSON object and is none: set it to the value itself, or mend it",
        ));
    };
    let entry = entries.get(name.as_str()).or_else(|| entries.values().next().filter(|_| entries.len() == 1));
    match entry {
        Some(Value::String(value)) if !value.trim().is_empty() => Ok(value.trim().to_owned()),
        Some(Value::String(_)) => Err((ErrorKind::NotFound, "holds an empty value: set it")),
        Some(_) => {
            Err((ErrorKind::Invalid, "holds something else than a text as its value: set it to a text"))
        }
        None => Err((
            ErrorKind::Invalid,
            "is a JSON object of several entries, none of them called as the secret is",
        )),
    }
}

impl fmt::Debug for ManagedSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedSecrets").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_in_whatever_people_store() {
        let name: SecretName = "mongodb-uri".parse().unwrap();
        let table = [
            ("mongodb://u:p@h/", Ok("mongodb://u:p@h/")),
            (" mongodb://u:p@h/\n", Ok("mongodb://u:p@h/")),
            (r#"{"mongodb-uri": "mongodb://h/", "note": "x"}"#, Ok("mongodb://h/")),
            (r#"{"uri": "mongodb://h/"}"#, Ok("mongodb://h/")),
            (r#"{"uri": "mongodb://h/", "note": "x"}"#, Err(ErrorKind::Invalid)),
            (r#"{"uri": "mongodb"#, Err(ErrorKind::Invalid)),
            (r#"{"uri": 7}"#, Err(ErrorKind::Invalid)),
            (r#"{"uri": ""}"#, Err(ErrorKind::NotFound)),
            ("", Err(ErrorKind::NotFound)),
            (" \n", Err(ErrorKind::NotFound)),
        ];
        for (text, expected) in table {
            let found = value(&name, text).map_err(|(kind, _)| kind);
            assert_eq!(found, expected.map(str::to_owned), "{text:?}");
        }
    }
}

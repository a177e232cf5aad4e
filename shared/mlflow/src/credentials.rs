//! Who asks: Basic or Bearer, from the environment or from a secret.

use std::env;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use lurelight_store::{Error, ErrorKind, Secret, SecretName, Secrets};

/// `user:password`, or a token.
const SECRET: &str = "mlflow-credentials";

/// The value of the header `Authorization`; `None` where nobody is to be named. `refused` says that what was
/// known was refused, so that a rotated secret is fetched.
///
/// # Errors
///
/// Those of the secrets, where one is there and cannot be read.
pub(crate) async fn authorization(
    secrets: &dyn Secrets,
    refused: bool,
) -> Result<Option<HeaderValue>, Error> {
    if let Some(secret) = from_environment(|name| env::var(name).ok()) {
        return header("the environment", &secret).map(Some);
    }
    let name: SecretName =
        SECRET.parse().map_err(|error| Error::new(ErrorKind::Invalid, SECRET, format!("{error}")))?;
    let found = if refused { secrets.refresh(&name).await } else { secrets.get(&name).await };
    match found {
        Ok(secret) => header(&format!("{SECRET} of {}", secrets.place()), &secret).map(Some),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What MLflow's own client reads: a user with a password before a token.
fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Option<Secret> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    match (set("MLFLOW_TRACKING_USERNAME"), set("MLFLOW_TRACKING_PASSWORD")) {
        (Some(user), Some(password)) => Some(Secret::new(format!("{user}:{password}"))),
        _ => set("MLFLOW_TRACKING_TOKEN").map(Secret::new),
    }
}

fn header(place: &str, secret: &Secret) -> Result<HeaderValue, Error> {
    let text = secret.expose().trim();
    let value = if text.contains(':') {
        format!("Basic {}", STANDARD.encode(text))
    } else {
        format!("Bearer {text}")
    };
    // The cause is not kept: it would show the value.
    let mut value = HeaderValue::from_str(&value).map_err(|_| {
        let message =
            "is neither `user:password` nor a token in plain characters: mend it; until then doing it again does not help";
        Error::new(ErrorKind::Invalid, place, message)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_with_a_password_comes_before_a_token() {
        let all = [
            ("MLFLOW_TRACKING_USERNAME", "dora"),
            ("MLFLOW_TRACKING_PASSWORD", "pass:word"),
            ("MLFLOW_TRACKING_TOKEN", "token"),
        ];
        let of = |names: &[usize]| {
            let known: Vec<_> = names.iter().map(|i| all[*i]).collect();
            from_environment(|name| {
                known.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
            .map(|secret| header("", &secret).unwrap().to_str().unwrap().to_owned())
        };
        assert_eq!(of(&[0, 1, 2]).as_deref(), Some("Basic ZG9yYTpwYXNzOndvcmQ="));
        assert_eq!(of(&[0, 2]).as_deref(), Some("Bearer token"));
        assert_eq!(of(&[1]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn nothing_shows_the_value() {
        let error = header("somewhere", &Secret::new("hunter2\n2")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(!format!("{error:?} {error}").contains("hunter2"));
        let value = header("somewhere", &Secret::new(" hunter2\n")).unwrap();
        assert_eq!(value.to_str().unwrap(), "Bearer hunter2");
        assert!(!format!("{value:?}").contains("hunter2"));
    }
}

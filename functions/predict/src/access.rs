//! Who may ask for predictions: everybody, unless `LURELIGHT_PREDICTION_ACCESS` says that a token is needed.

use std::sync::Arc;

use async_trait::async_trait;
use lurelight_aws::ManagedSecrets;
use lurelight_runtime::Error;
use lurelight_store::{EnvironmentSecrets, ErrorKind, SecretName, Secrets};
use lurelight_web::access::{Access, SecretSource};

const ACCESS: &str = "LURELIGHT_PREDICTION_ACCESS";
const PREFIX: &str = "LURELIGHT_SECRETS_PREFIX";

/// What the variables of this process say: `open`, which is the default, or `token`. The secrets `prediction-tokens` and
/// `session-key` are then in Secrets Manager below `LURELIGHT_SECRETS_PREFIX`, or else in variables.
///
/// # Errors
///
/// Names the variable that cannot be understood.
pub(crate) async fn from_env() -> Result<Access, Error> {
    if !token_needed()? {
        return Ok(Access::open());
    }
    let secrets: Arc<dyn Secrets> = match variable(PREFIX) {
        None => Arc::new(EnvironmentSecrets),
        Some(prefix) => {
            let settings = lurelight_aws::settings().await;
            let expected = "the beginning of the secrets' names, such as lurelight/dev";
            let managed = ManagedSecrets::new(&settings, prefix.clone());
            Arc::new(managed.map_err(|_| Error::Variable { variable: PREFIX, value: prefix, expected })?)
        }
    };
    Ok(Access::prediction(&(Arc::new(StoredSecrets(secrets)) as Arc<dyn SecretSource>)))
}

/// Whether `LURELIGHT_PREDICTION_ACCESS` asks for a token.
///
/// # Errors
///
/// Where it is neither `open` nor `token`.
pub fn token_needed() -> Result<bool, Error> {
    match variable(ACCESS).as_deref() {
        None | Some("open") => Ok(false),
        Some("token") => Ok(true),
        Some(other) => {
            Err(Error::Variable { variable: ACCESS, value: other.to_owned(), expected: "open or token" })
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Secrets of any home, as the room of the web asks for them.
#[derive(Debug)]
struct StoredSecrets(Arc<dyn Secrets>);

#[async_trait]
impl SecretSource for StoredSecrets {
    fn place(&self) -> String {
        self.0.place()
    }

    async fn read(&self, name: &str) -> Result<Option<String>, String> {
        let name: SecretName = name.parse().map_err(|error| format!("{error}"))?;
        match self.0.refresh(&name).await {
            Ok(secret) => Ok(Some(secret.expose().to_owned())),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}

//! A store's secrets, as the room of the web asks for them.

use std::sync::Arc;

use async_trait::async_trait;
use lurelight_store::{ErrorKind, SecretName, Secrets};
use lurelight_web::access::SecretSource;

/// Secrets of any home, for [`Access`](lurelight_web::access::Access).
#[derive(Clone, Debug)]
pub struct StoredSecrets(pub Arc<dyn Secrets>);

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

//! Where tokens and keys come from, as far as this room knows.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use super::SESSION_KEY;

/// Reads secrets. Whoever wires a program gives one over the store of secrets that it has.
#[async_trait]
pub trait SecretSource: fmt::Debug + Send + Sync {
    /// Where this is, for messages.
    fn place(&self) -> String;

    /// A secret as it is now, not as it was remembered; `None` where there is none of this name.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, in words that show nothing of it.
    async fn read(&self, name: &str) -> Result<Option<String>, String>;
}

/// A source that makes a session key of its own where there is none: for a server on one machine, whose sessions end
/// when it does.
pub struct FreshKey {
    source: Arc<dyn SecretSource>,
    key: String,
}

impl FreshKey {
    /// Puts a new key behind a source.
    ///
    /// # Errors
    ///
    /// Where the system gives no random bytes.
    pub fn behind(source: Arc<dyn SecretSource>) -> Result<FreshKey, String> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| format!("the system gives no random bytes: {error}"))?;
        Ok(FreshKey { source, key: BASE64.encode(key) })
    }
}

#[async_trait]
impl SecretSource for FreshKey {
    fn place(&self) -> String {
        self.source.place()
    }

    async fn read(&self, name: &str) -> Result<Option<String>, String> {
        let found = self.source.read(name).await?;
        Ok(if name == SESSION_KEY { found.or_else(|| Some(self.key.clone())) } else { found })
    }
}

impl fmt::Debug for FreshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreshKey").field("source", &self.source).finish_non_exhaustive()
    }
}

//! A secret that is remembered for a while.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::source::SecretSource;

/// How old what is remembered may be: a token that was taken away is refused after this time at the latest.
pub(super) const FRESH: Duration = Duration::from_secs(5 * 60);
/// The shortest time from one question to the next, whatever is asked of us: wrong tokens shall not become a flood of
/// questions to whatever keeps secrets.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(10);
/// How long an answer is waited for.
const WAIT: Duration = Duration::from_secs(8);

/// Reads the text of a secret, or says in words that show none of it why that cannot be.
type Parse<T> = fn(&str) -> Result<T, &'static str>;

/// A secret with what was read of it last.
pub(super) struct Remembered<T> {
    name: &'static str,
    source: Arc<dyn SecretSource>,
    parse: Parse<T>,
    /// Held while the secret is read, so that those who ask at the same time ask once.
    last: Mutex<Last<T>>,
}

struct Last<T> {
    asked: Option<Instant>,
    value: Option<Arc<T>>,
    failure: Option<String>,
}

impl<T> Remembered<T> {
    pub(super) fn new(name: &'static str, source: &Arc<dyn SecretSource>, parse: Parse<T>) -> Remembered<T> {
        let last = Mutex::new(Last { asked: None, value: None, failure: None });
        Remembered { name, source: Arc::clone(source), parse, last }
    }

    /// The secret as it was at most `age` ago, or as long ago as it may be asked for anew; `None` where there is none.
    ///
    /// Where it could be read before and cannot now, what is remembered goes on to be good, and the log says so.
    ///
    /// # Errors
    ///
    /// Why it cannot be read.
    pub(super) async fn get(&self, age: Duration) -> Result<Option<Arc<T>>, String> {
        let mut last = self.last.lock().await;
        let age = if last.value.is_some() && last.failure.is_none() { age } else { ASK_AGAIN };
        if last.asked.is_none_or(|asked| asked.elapsed() >= age) {
            last.asked = Some(Instant::now());
            match self.read().await {
                Ok(value) => (last.value, last.failure) = (value.map(Arc::new), None),
                Err(reason) => {
                    let kept = last.value.is_some();
                    tracing::error!(secret = self.name, reason, kept, "a secret cannot be read");
                    last.failure = Some(reason);
                }
            }
        }
        match (&last.value, &last.failure) {
            (Some(value), _) => Ok(Some(Arc::clone(value))),
            (None, Some(reason)) => Err(reason.clone()),
            (None, None) => Ok(None),
        }
    }

    async fn read(&self) -> Result<Option<T>, String> {
        let late = |_| Err(format!("{} did not answer within {} s", self.source.place(), WAIT.as_secs()));
        let text = timeout(WAIT, self.source.read(self.name)).await.unwrap_or_else(late)?;
        let value = text.as_deref().map(self.parse).transpose();
        value.map_err(|reason| format!("{} in {} {reason}", self.name, self.source.place()))
    }
}

impl<T> fmt::Debug for Remembered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remembered")
            .field("name", &self.name)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

//! Which model answers a request: always the same one, or the champion of a registry.
//!
//! The champion's pointer is looked at beside a request, because on Lambda nothing runs between requests. A look is
//! a task of its own that the request waits for a moment at most: where the store is slow, the request is answered
//! by the last good model, and the look goes on. There is one look at a time.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use lurelight_store::{Champion, ETag, Error, ErrorKind, ModelRegistry};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{Context, Source};

/// How often the champion is looked up, and how long for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The time from one look to the next; none for a look beside each request.
    /// `LURELIGHT_CHAMPION_SECONDS`, default 5.
    pub every: Duration,
    /// How long a request waits for a look, counted from the look's beginning.
    /// `LURELIGHT_CHAMPION_WAIT_MILLISECONDS`, default 200.
    pub wait: Duration,
    /// How long the start waits for the first look.
    /// `LURELIGHT_CHAMPION_START_MILLISECONDS`, default 3000.
    pub start: Duration,
    /// How long the store may take for one thing, after which a look has failed.
    pub limit: Duration,
    /// The time until a model that could not be loaded is asked for again while the pointer stays.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            every: Duration::from_secs(5),
            wait: Duration::from_millis(200),
            start: Duration::from_secs(3),
            limit: Duration::from_secs(30),
            retry: Duration::from_secs(10),
        }
    }
}

impl Timing {
    /// Reads the variables of this process.
    ///
    /// # Errors
    /// Names the first variable that cannot be understood, and says what it may hold.
    pub fn from_env() -> Result<Timing, lurelight_runtime::Error> {
        Timing::read(|name| std::env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Timing, lurelight_runtime::Error> {
        let number = |variable_name: &'static str, expected: &'static str| {
            let value = variable(variable_name).filter(|value| !value.is_empty());
            let parsed = value.map(|value| {
                value.parse::<u64>().map_err(|_| lurelight_runtime::Error::Variable {
                    variable: variable_name,
                    value,
                    expected,
                })
            });
            parsed.transpose()
        };
        let default = Timing::default();
        let every = number("LURELIGHT_CHAMPION_SECONDS", "a whole number of seconds, 0 for each request")?;
        let wait = number("LURELIGHT_CHAMPION_WAIT_MILLISECONDS", "a whole number of milliseconds")?;
        let start = number("LURELIGHT_CHAMPION_START_MILLISECONDS", "a whole number of milliseconds")?;
        Ok(Timing {
            start: start.map_or(default.start, Duration::from_millis),
            every: every.map_or(default.every, Duration::from_secs),
            wait: wait.map_or(default.wait, Duration::from_millis),
            ..default
        })
    }
}

/// Gives each request the model that answers it. Clones share all.
#[derive(Clone, Debug)]
pub struct Serving(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Fixed(Arc<Context>),
    Following(Arc<Following>),
}

/// The model that answers the request at hand.
pub(crate) struct Answering(pub(crate) Arc<Context>);

impl FromRequestParts<Serving> for Answering {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, serving: &Serving) -> Result<Answering, Infallible> {
        Ok(Answering(serving.context().await))
    }
}

impl Serving {
    /// One model for ever.
    #[must_use]
    pub fn fixed(context: Context) -> Serving {
        Serving(Kind::Fixed(Arc::new(context)))
    }

    /// The champion of a registry, a later one as soon as it is seen; `last_resort` while there is no good one.
    #[must_use]
    pub fn following(registry: ModelRegistry, last_resort: &Context, timing: Timing) -> Serving {
        Serving::following_with(registry, last_resort, timing, None)
    }

    /// The same, where the registry was asked for its champion before there was a model to answer with.
    pub(crate) fn following_asked(
        registry: ModelRegistry,
        last_resort: &Context,
        timing: Timing,
        asked: AskedBefore,
    ) -> Serving {
        Serving::following_with(registry, last_resort, timing, Some(asked))
    }

    fn following_with(
        registry: ModelRegistry,
        last_resort: &Context,
        timing: Timing,
        asked: Option<AskedBefore>,
    ) -> Serving {
        let context = Mutex::new(Arc::new(last_resort.with_source(Source::Awaited)));
        let (look, known) = (Mutex::default(), Mutex::default());
        let asked = Mutex::new(asked);
        Serving(Kind::Following(Arc::new(Following { registry, timing, context, look, known, asked })))
    }

    /// Looks for the champion before the first request, and waits longer for it than a request would.
    pub async fn start(&self) {
        if let Kind::Following(following) = &self.0 {
            following.look(following.timing.start).await;
        }
    }

    /// The model that answers a request that comes now.
    pub async fn context(&self) -> Arc<Context> {
        match &self.0 {
            Kind::Fixed(context) => Arc::clone(context),
            Kind::Following(following) => {
                following.look(following.timing.wait).await;
                following.context()
            }
        }
    }

    /// The model as it was last seen, without looking.
    #[must_use]
    pub fn last(&self) -> Arc<Context> {
        match &self.0 {
            Kind::Fixed(context) => Arc::clone(context),
            Kind::Following(following) => following.context(),
        }
    }
}

/// Follows a registry's champion.
#[derive(Debug)]
struct Following {
    registry: ModelRegistry,
    timing: Timing,
    /// The model that answers.
    context: Mutex<Arc<Context>>,
    /// The last look, which may be under way.
    look: Mutex<Option<Look>>,
    /// What the last look found; changed by the one look that is under way.
    known: Mutex<Known>,
    /// What the first look need not ask any more.
    asked: Mutex<Option<AskedBefore>>,
}

/// The answer to come of a registry that was asked for its champion.
#[derive(Debug)]
pub(crate) struct AskedBefore(JoinHandle<Result<Option<Champion>, Error>>);

impl AskedBefore {
    /// Asks, and does not wait.
    pub(crate) fn ask(registry: ModelRegistry) -> AskedBefore {
        AskedBefore(tokio::spawn(async move { registry.champion().await }))
    }

    async fn answered(self) -> Result<Option<Champion>, Error> {
        self.0.await.unwrap_or_else(|stopped| {
            let message = format!("the question for it was broken off ({stopped}); doing it again may help");
            Err(Error::new(ErrorKind::Unavailable, "the champion", message))
        })
    }
}

/// A look at the registry.
#[derive(Clone, Debug)]
struct Look {
    began: Instant,
    /// Its sender is dropped when the look has ended, in whatever way.
    ended: watch::Receiver<()>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    pointer: Option<Champion>,
    failure: Option<Failure>,
}

/// Why what the pointer names does not answer.
#[derive(Clone, Debug)]
struct Failure {
    message: String,
    /// The pointer whose model could not be loaded; `None` where the pointer itself could not be read.
    pointer: Option<ETag>,
    at: Instant,
}

impl Following {
    fn context(&self) -> Arc<Context> {
        Arc::clone(&lock(&self.context))
    }

    fn answer_with(&self, context: Context) {
        *lock(&self.context) = Arc::new(context);
    }

    /// Sees to it that the champion is looked up where that is due, and waits until the look has ended or has
    /// taken `wait`.
    async fn look(self: &Arc<Self>, wait: Duration) {
        let Some(mut look) = self.due() else { return };
        let left = wait.saturating_sub(look.began.elapsed());
        if !left.is_zero() {
            // Nothing is ever sent: it is an error when the sender is gone, and that is what is waited for.
            let _ended_or_too_slow = timeout(left, look.ended.changed()).await;
        }
    }

    /// The look that is under way, or a new one if it is time for it.
    fn due(self: &Arc<Self>) -> Option<Look> {
        let mut last = lock(&self.look);
        if let Some(look) = &*last {
            if look.ended.has_changed().is_ok() {
                return Some(look.clone());
            }
            if look.began.elapsed() < self.timing.every {
                return None;
            }
        }
        let (under_way, ended) = watch::channel(());
        let following = Arc::clone(self);
        tokio::spawn(async move {
            let _until_the_end = under_way;
            following.look_up().await;
        });
        *last = Some(Look { began: Instant::now(), ended });
        last.clone()
    }

    async fn look_up(&self) {
        let mut known = lock(&self.known).clone();
        match self.pointer(known.pointer.as_ref()).await {
            Ok(None) => self.settle(&mut known, Source::NoChampion),
            Ok(Some(champion)) => {
                self.take(&mut known, &champion).await;
                known.pointer = Some(champion);
            }
            Err(error) => self.fail(&mut known, None, &error),
        }
        *lock(&self.known) = known;
    }

    /// The pointer as it is now, read anew only where it has changed.
    async fn pointer(&self, known: Option<&Champion>) -> Result<Option<Champion>, Error> {
        let Some(known) = known else {
            let asked = lock(&self.asked).take();
            return match asked {
                Some(asked) => self.within_limit(asked.answered()).await,
                None => self.within_limit(self.registry.champion()).await,
            };
        };
        let changed = self.within_limit(self.registry.champion_if_changed(&known.etag)).await?;
        Ok(Some(changed.unwrap_or_else(|| known.clone())))
    }

    /// Lets the champion answer, and loads it if it does not do so already.
    async fn take(&self, known: &mut Known, champion: &Champion) {
        let details = &champion.event.details;
        let source = Source::Champion(details.version);
        let current = self.context();
        if current.source().registered().is_some() && current.sha256() == details.model {
            return self.settle(known, source);
        }
        let failed_just_now = known.failure.as_ref().is_some_and(|failure| {
            failure.pointer.as_ref() == Some(&champion.etag) && failure.at.elapsed() < self.timing.retry
        });
        if failed_just_now {
            return;
        }
        match self.within_limit(Context::load(&self.registry, &details.model, source)).await {
            Ok(context) => {
                tracing::info!(version = details.version, model = details.model, "a champion was loaded");
                known.failure = None;
                self.answer_with(context);
            }
            Err(error) => self.fail(known, Some(champion), &error),
        }
    }

    async fn within_limit<T>(&self, asked: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        timeout(self.timing.limit, asked).await.unwrap_or_else(|_| {
            let message = format!("did not answer within {} s", self.timing.limit.as_secs());
            Err(Error::new(ErrorKind::Unavailable, "the store", message))
        })
    }

    /// The model that answers is the right one.
    fn settle(&self, known: &mut Known, source: Source) {
        if known.failure.take().is_some() {
            tracing::info!(%source, "the registry can be read again");
        }
        let current = self.context();
        if *current.source() != source {
            self.answer_with(current.with_source(source));
        }
    }

    /// The model that answers stays, and says why; the log says more, once for each failure that is another.
    fn fail(&self, known: &mut Known, champion: Option<&Champion>, error: &Error) {
        let wanted = champion.map(|champion| champion.event.details.version);
        let current = self.context();
        let source = match current.source().registered() {
            Some(version) => Source::Kept { version, instead_of: wanted },
            None => Source::LastResort,
        };
        let message = error.to_string();
        if known.failure.as_ref().is_none_or(|failure| failure.message != message) {
            tracing::error!(error = message, version = wanted, answers = %source, "the champion could not be loaded");
        }
        let pointer = champion.map(|champion| champion.etag.clone());
        known.failure = Some(Failure { message, pointer, at: Instant::now() });
        if *current.source() != source {
            self.answer_with(current.with_source(source));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whatever is behind these locks is replaced whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_from_variables() {
        let read = |variables: &'static [(&str, &str)]| {
            Timing::read(|name| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(read(&[("LURELIGHT_CHAMPION_SECONDS", "")]).unwrap(), Timing::default());
        let timing = read(&[
            ("LURELIGHT_CHAMPION_SECONDS", "0"),
            ("LURELIGHT_CHAMPION_WAIT_MILLISECONDS", "50"),
            ("LURELIGHT_CHAMPION_START_MILLISECONDS", "70"),
        ]);
        let timing = timing.unwrap();
        assert_eq!((timing.every, timing.wait), (Duration::ZERO, Duration::from_millis(50)));
        assert_eq!(timing.start, Duration::from_millis(70));
        let error = read(&[("LURELIGHT_CHAMPION_SECONDS", "often")]).unwrap_err().to_string();
        assert!(error.starts_with("LURELIGHT_CHAMPION_SECONDS is \"often\": a whole number"), "{error}");
    }
}

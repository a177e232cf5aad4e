//! The pointer and its history.

use super::{Champion, Event, ModelRegistry, NewEvent};
use crate::{ETag, Error, ErrorKind, Key, Object};

impl ModelRegistry {
    /// The pointer; `None` where nothing was ever promoted.
    ///
    /// # Errors
    ///
    /// [`Damaged`](ErrorKind::Damaged), and those of the home.
    pub async fn champion(&self) -> Result<Option<Champion>, Error> {
        Ok(self.pointer().await?.map(|(champion, _)| champion))
    }

    /// The pointer unless it is still in the state `known`; `None` where it is.
    ///
    /// # Errors
    ///
    /// As [`ModelRegistry::champion`], and [`NotFound`](ErrorKind::NotFound) where the pointer is gone.
    pub async fn champion_if_changed(&self, known: &ETag) -> Result<Option<Champion>, Error> {
        let key = Key::champion();
        match self.artifacts.get_if_changed(&key, known).await? {
            None => Ok(None),
            Some(Object { bytes, etag }) => Ok(Some(Champion { event: self.parse(&key, &bytes)?, etag })),
        }
    }

    /// Moves the pointer, if it is still as `expected`, and returns how it stands then.
    ///
    /// # Errors
    ///
    /// [`Conflict`](ErrorKind::Conflict), with who moved it meanwhile; [`NotFound`](ErrorKind::NotFound) or
    /// [`Invalid`](ErrorKind::Invalid) where there is no such version or it is another model.
    pub async fn move_champion(
        &self,
        expected: Option<&Champion>,
        details: NewEvent,
    ) -> Result<Champion, Error> {
        let key = Key::champion();
        let version = self.version(details.version).await?;
        if version.details.model != details.model {
            let message = format!(
                "is model {}, and {} was to be made champion: name the version that you mean",
                version.details.model, details.model
            );
            return Err(self.error(ErrorKind::Invalid, &Key::version(version.number), message));
        }
        let Some(expected) = expected else {
            let event = Event { sequence: 1, previous: None, details };
            return match self.artifacts.create(&key, self.json(&key, &event)?).await {
                Ok(etag) => Ok(Champion { event, etag }),
                Err(error) if error.kind == ErrorKind::AlreadyExists => Err(self.moved(None).await?),
                Err(error) => Err(error),
            };
        };
        let (current, object) = match self.pointer().await? {
            Some(pointer) if pointer.0.etag == expected.etag => pointer,
            _ => return Err(self.moved(Some(expected)).await?),
        };
        // Before the pointer forgets its event. Whoever moves it at the same time writes the same bytes.
        self.keep_event(current.event.sequence, &object).await?;
        let event = Event {
            sequence: current.event.sequence + 1,
            previous: Some(current.event.details.version),
            details,
        };
        match self.artifacts.replace(&key, self.json(&key, &event)?, &current.etag).await {
            Ok(etag) => Ok(Champion { event, etag }),
            Err(error) if matches!(error.kind, ErrorKind::Conflict | ErrorKind::NotFound) => {
                Err(self.moved(Some(expected)).await?)
            }
            Err(error) => Err(error),
        }
    }

    /// All moves of the pointer, in their order.
    ///
    /// # Errors
    ///
    /// [`Damaged`](ErrorKind::Damaged) where one is absent or not what was written.
    pub async fn events(&self) -> Result<Vec<Event>, Error> {
        // The pointer first: whatever came before its event is in its place already.
        let Some(champion) = self.champion().await? else { return Ok(Vec::new()) };
        let mut events = Vec::new();
        for sequence in 1..champion.event.sequence {
            let event = self.event(sequence).await.map_err(|error| match error.kind {
                ErrorKind::NotFound => {
                    let message =
                        "this event is gone from the history; restore it from a copy of the registry";
                    self.error(ErrorKind::Damaged, &Key::event(sequence), message).because(error)
                }
                _ => error,
            })?;
            events.push(event);
        }
        events.push(champion.event);
        Ok(events)
    }

    pub(super) async fn event(&self, sequence: u64) -> Result<Event, Error> {
        let key = Key::event(sequence);
        let event: Event = self.parse(&key, &self.artifacts.get(&key).await?.bytes)?;
        if event.sequence != sequence {
            let message = format!("is damaged: it says that it is event {}; restore it", event.sequence);
            return Err(self.error(ErrorKind::Damaged, &key, message));
        }
        Ok(event)
    }

    async fn pointer(&self) -> Result<Option<(Champion, Object)>, Error> {
        let key = Key::champion();
        match self.artifacts.get(&key).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(object) => {
                let champion =
                    Champion { event: self.parse(&key, &object.bytes)?, etag: object.etag.clone() };
                Ok(Some((champion, object)))
            }
        }
    }

    async fn keep_event(&self, sequence: u64, pointer: &Object) -> Result<(), Error> {
        let key = Key::event(sequence);
        match self.artifacts.create(&key, pointer.bytes.clone()).await {
            Err(error) if error.kind == ErrorKind::AlreadyExists => {
                if self.artifacts.get(&key).await?.bytes == pointer.bytes {
                    return Ok(());
                }
                let message = "is damaged: it is another event than the pointer's of the same number; see which of the \
                               two is right, and restore the other";
                Err(self.error(ErrorKind::Damaged, &key, message))
            }
            created => created.map(drop),
        }
    }

    /// The error for a pointer that is not as it was expected.
    async fn moved(&self, expected: Option<&Champion>) -> Result<Error, Error> {
        let expectation = expected.map_or_else(
            || "no champion was expected".to_owned(),
            |champion| {
                format!(
                    "version {} of event {} was expected",
                    champion.event.details.version, champion.event.sequence
                )
            },
        );
        let meanwhile = match self.champion().await? {
            None => "there is none any more".to_owned(),
            Some(Champion { event: Event { sequence, details, .. }, .. }) => format!(
                "{} made version {} the champion (event {sequence}, {}: {})",
                details.actor, details.version, details.at, details.reason
            ),
        };
        let message =
            format!("was moved meanwhile: {expectation}, and {meanwhile}; look at it and decide anew");
        Ok(self.error(ErrorKind::Conflict, &Key::champion(), message))
    }
}

//! Whether the registry is whole.

use std::collections::{BTreeMap, BTreeSet};

use lurelight_schema::Digest;

use super::{EVENTS, Event, ModelRegistry, VERSIONS, Version};
use crate::key::parse_digest;
use crate::{Error, ErrorKind, Key};

impl ModelRegistry {
    /// Reads all models, versions and events and the pointer, and says in words what is wrong with them; nothing
    /// where all is well.
    ///
    /// # Errors
    ///
    /// Those of the home, where it cannot be read at all.
    pub async fn verify(&self) -> Result<Vec<String>, Error> {
        let mut problems = Vec::new();
        // What points before what is pointed at, so that whoever registers or promotes meanwhile does no harm.
        let events = self.verify_events(&mut problems).await?;
        let versions = self.verify_versions(&mut problems).await?;
        let (pointer, kept) = events.split_last().map_or((None, &[][..]), |(last, kept)| (Some(last), kept));
        for event in kept {
            self.verify_target(&Key::event(event.sequence), event, &versions, &mut problems);
        }
        if let Some(event) = pointer {
            self.verify_target(&Key::champion(), event, &versions, &mut problems);
        }
        self.verify_models(&versions, &mut problems).await?;
        Ok(problems)
    }

    /// The events that can be read, the pointer's last.
    async fn verify_events(&self, problems: &mut Vec<String>) -> Result<Vec<Event>, Error> {
        let Some(pointer) = found(self.champion().await, problems)? else { return Ok(Vec::new()) };
        let kept = self.numbers(EVENTS).await?;
        let at = pointer.as_ref().map_or(0, |champion| champion.event.sequence);
        if let Some(last) = kept.last().filter(|last| **last > at) {
            // Was it moved since it was read?
            let now = self.champion().await?.map_or(0, |champion| champion.event.sequence);
            if now < *last {
                let message =
                    format!("is at event {now}, and event {last} came after that: restore the pointer");
                problems.push(self.damage(&Key::champion(), message));
            }
        }
        let Some(pointer) = pointer.map(|champion| champion.event) else { return Ok(Vec::new()) };
        let mut events = Vec::<Event>::new();
        let mut next = 1;
        for sequence in kept.into_iter().filter(|sequence| *sequence <= at) {
            if next < sequence {
                problems.push(self.damage(&Key::event(next), absent("event", next, sequence)));
            }
            events.extend(found(self.event(sequence).await, problems)?);
            next = sequence + 1;
        }
        if next < at {
            problems.push(self.damage(&Key::event(next), absent("event", next, at)));
        }
        if let Some(same) = events.pop_if(|last| last.sequence == at).filter(|last| *last != pointer) {
            let message = "is another event than the pointer's of the same number".to_owned();
            problems.push(self.damage(&Key::event(same.sequence), message));
        }
        events.push(pointer);
        for (before, after) in events.iter().zip(events.iter().skip(1)) {
            let served = before.details.version;
            if before.sequence + 1 == after.sequence && after.previous != Some(served) {
                let previous =
                    after.previous.map_or("nothing".to_owned(), |number| format!("version {number}"));
                let message = format!(
                    "says that {previous} served before, and by event {} that was version {served}",
                    before.sequence
                );
                problems.push(self.damage(&Key::event(after.sequence), message));
            }
        }
        Ok(events)
    }

    /// The versions that can be read, by number.
    async fn verify_versions(&self, problems: &mut Vec<String>) -> Result<BTreeMap<u64, Version>, Error> {
        let mut versions = BTreeMap::new();
        let mut next = 1;
        for number in self.numbers(VERSIONS).await? {
            if next < number {
                problems.push(self.damage(&Key::version(next), absent("version", next, number)));
            }
            versions.extend(found(self.version(number).await, problems)?.map(|version| (number, version)));
            next = number.saturating_add(1);
        }
        Ok(versions)
    }

    fn verify_target(
        &self,
        key: &Key,
        event: &Event,
        versions: &BTreeMap<u64, Version>,
        problems: &mut Vec<String>,
    ) {
        let details = &event.details;
        let message = match versions.get(&details.version) {
            None => format!("points to version {}, which cannot be read", details.version),
            Some(version) if version.details.model != details.model => format!(
                "points to version {} as model {}, and that version is model {}",
                details.version, details.model, version.details.model
            ),
            Some(_) => return,
        };
        problems.push(self.damage(key, message));
    }

    fn damage(&self, key: &Key, message: String) -> String {
        self.error(ErrorKind::Damaged, key, message).to_string()
    }

    /// Every model that a version names or that is kept.
    async fn verify_models(
        &self,
        versions: &BTreeMap<u64, Version>,
        problems: &mut Vec<String>,
    ) -> Result<(), Error> {
        let mut models = BTreeSet::<Digest>::new();
        for version in versions.values() {
            match parse_digest(&version.details.model) {
                Ok(model) => drop(models.insert(model)),
                Err(error) => {
                    let key = Key::version(version.number);
                    problems.push(self.damage(&key, error.to_string()));
                }
            }
        }
        // A card alone is what a process left that died before the model: nothing is wrong with that.
        let kept = self.artifacts.list("models/").await?;
        let model_of =
            |key: &str| parse_digest(key.strip_prefix("models/")?.strip_suffix("/model.lure")?).ok();
        models.extend(kept.iter().filter_map(|entry| model_of(entry.key.as_str())));
        for model in models {
            found(self.artifact(model).await, problems)?;
            found(self.card(model).await, problems)?;
        }
        Ok(())
    }
}

/// What is said of numbers from `first` to before `next`.
fn absent(what: &str, first: u64, next: u64) -> String {
    match next - first {
        1 => format!("{what} {first} is absent: restore it"),
        _ => format!("{what}s {first} to {} are absent: restore them", next - 1),
    }
}

/// What was read. What is wrong with an object is a problem, what is wrong with its home is an error.
fn found<T>(read: Result<T, Error>, problems: &mut Vec<String>) -> Result<Option<T>, Error> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Damaged | ErrorKind::Invalid) => {
            problems.push(error.to_string());
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

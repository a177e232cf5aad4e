//! Versions: numbered from 1, written once.

use super::{ModelRegistry, NewVersion, VERSIONS, Version};
use crate::key::parse_digest;
use crate::{Error, ErrorKind, Key};

/// How many others may take the number that was just free.
const REGISTER_ATTEMPTS: usize = 1000;

impl ModelRegistry {
    /// Gives a model the next free number. A run that registers the same model again gets the version that it
    /// has.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) where the model is not kept here, [`Invalid`](ErrorKind::Invalid) where
    /// its name is no digest.
    pub async fn register(&self, new: NewVersion) -> Result<Version, Error> {
        let model = parse_digest(&new.model)
            .map_err(|error| Error::new(ErrorKind::Invalid, &new.model, error.to_string()).because(error))?;
        // The model must be there before its number; one byte of it proves that.
        self.artifacts.get_range(&Key::model(model), 0..1).await?;
        let mut known = Vec::<Version>::new();
        for _ in 0..REGISTER_ATTEMPTS {
            for number in self.numbers(VERSIONS).await? {
                if known.last().is_none_or(|last| last.number < number) {
                    known.push(self.version(number).await?);
                }
            }
            let same = |old: &&Version| old.details.run == new.run && old.details.model == new.model;
            if let Some(old) = known.iter().find(same) {
                return Ok(old.clone());
            }
            let number = known.last().map_or(1, |last| last.number.saturating_add(1));
            let version = Version { number, details: new.clone() };
            let key = Key::version(number);
            match self.artifacts.create(&key, self.json(&key, &version)?).await {
                Ok(_) => return Ok(version),
                Err(error) if error.kind == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        let message = format!(
            "{REGISTER_ATTEMPTS} times somebody else took the number that was free: do it again when that has ended"
        );
        Err(Error::new(ErrorKind::Conflict, self.artifacts.place(), message))
    }

    /// All versions in the order of their numbers.
    ///
    /// # Errors
    ///
    /// [`Damaged`](ErrorKind::Damaged), and those of the home.
    pub async fn versions(&self) -> Result<Vec<Version>, Error> {
        let mut versions = Vec::new();
        for number in self.numbers(VERSIONS).await? {
            versions.push(self.version(number).await?);
        }
        Ok(versions)
    }

    /// One version.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), [`Damaged`](ErrorKind::Damaged).
    pub async fn version(&self, number: u64) -> Result<Version, Error> {
        let key = Key::version(number);
        let object = self.artifacts.get(&key).await.map_err(|error| match error.kind {
            ErrorKind::NotFound => {
                let message =
                    format!("there is no version {number}; list the versions to see which there are");
                self.error(ErrorKind::NotFound, &key, message).because(error)
            }
            _ => error,
        })?;
        let version: Version = self.parse(&key, &object.bytes)?;
        if version.number != number {
            let message = format!("is damaged: it says that it is version {}; restore it", version.number);
            return Err(self.error(ErrorKind::Damaged, &key, message));
        }
        Ok(version)
    }
}

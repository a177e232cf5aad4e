//! Models and their cards, kept under the SHA-256 of the artifact.

use lurelight_model::{Artifact, Card};
use lurelight_schema::Digest;
use sha2::{Digest as _, Sha256};

use super::ModelRegistry;
use crate::{Error, ErrorKind, Key};

impl ModelRegistry {
    /// Keeps a model and its card for ever. Doing it again changes nothing: where another run made the same
    /// model with other candidates beside it, the first card stays.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) where the card describes another model, [`Damaged`](ErrorKind::Damaged)
    /// where something else is kept under the model's name.
    pub async fn put_model(&self, artifact: &Artifact, card: &Card) -> Result<(), Error> {
        let model = artifact.digest();
        let key = Key::card(model);
        if card.model != model.to_string() {
            let message = format!("the card describes model {}: give each model its own", card.model);
            return Err(self.error(ErrorKind::Invalid, &key, message));
        }
        let text = card.to_json().map_err(|error| {
            self.error(ErrorKind::Invalid, &key, "cannot be written as JSON").because(error)
        })?;
        // The model last: where it is, its card is.
        match self.artifacts.create(&key, text.into()).await {
            Err(error) if error.kind == ErrorKind::AlreadyExists => drop(self.card(model).await?),
            created => drop(created?),
        }
        match self.artifacts.create(&Key::model(model), artifact.to_bytes().into()).await {
            Err(error) if error.kind == ErrorKind::AlreadyExists => drop(self.artifact(model).await?),
            created => drop(created?),
        }
        Ok(())
    }

    /// A model, after its hash was checked.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound); [`Damaged`](ErrorKind::Damaged) where the bytes are others than the name
    /// says; [`Invalid`](ErrorKind::Invalid) where this program cannot read them, though they are right.
    pub async fn artifact(&self, model: Digest) -> Result<Artifact, Error> {
        let key = Key::model(model);
        let bytes = self.artifacts.get(&key).await?.bytes;
        let found = Digest(Sha256::digest(&bytes).into());
        if found != model {
            let message = format!(
                "is damaged: its SHA-256 is {found}; reading it again does not help: restore it, or move it away and train \
                 again with the same data, configuration and seed, which makes the same bytes"
            );
            return Err(self.error(ErrorKind::Damaged, &key, message));
        }
        Artifact::from_bytes(Vec::from(bytes)).map_err(|error| {
            self.error(ErrorKind::Invalid, &key, format!("cannot be used: {error}")).because(error)
        })
    }

    /// A model's card.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound); [`Damaged`](ErrorKind::Damaged) where it is no card, or that of another
    /// model.
    pub async fn card(&self, model: Digest) -> Result<Card, Error> {
        let key = Key::card(model);
        let card: Card = self.parse(&key, &self.artifacts.get(&key).await?.bytes)?;
        if card.model != model.to_string() {
            let message = format!("is damaged: it describes model {}; restore it", card.model);
            return Err(self.error(ErrorKind::Damaged, &key, message));
        }
        Ok(card)
    }
}

//! A model file and the card beside it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use lurelight_model::{Artifact, Card, MAX_ARTIFACT_BYTES};

use crate::failure::Failure;
use crate::files;

const MAX_CARD_BYTES: usize = 16 << 20;

/// Where the card of a model lies: `card.json` beside `model.lure`, `NAME.card.json` beside `NAME.lure`.
pub fn card_path(model: &Path) -> PathBuf {
    if model.file_name().is_some_and(|name| name == "model.lure") {
        model.with_file_name("card.json")
    } else {
        model.with_extension("card.json")
    }
}

/// Reads a model.
///
/// # Errors
///
/// [`Failure::Model`], with the file's name.
pub fn read(path: &Path) -> Result<Artifact, Failure> {
    let read = || -> anyhow::Result<Artifact> {
        let bytes = files::read(path, MAX_ARTIFACT_BYTES)?;
        Artifact::from_bytes(bytes).with_context(|| format!("{} is no usable model", path.display()))
    };
    read().map_err(Failure::Model)
}

/// Reads the card that lies beside a model, if one does and it is that model's.
///
/// # Errors
///
/// [`Failure::Model`] where a card is there and cannot be read.
pub fn read_card(path: &Path, artifact: &Artifact) -> Result<Option<Card>, Failure> {
    let card_path = card_path(path);
    if !card_path.exists() {
        return Ok(None);
    }
    let read = || -> anyhow::Result<Card> {
        let bytes = files::read(&card_path, MAX_CARD_BYTES)?;
        Card::from_json(&bytes).with_context(|| format!("{} is no model card", card_path.display()))
    };
    let card = read().map_err(Failure::Model)?;
    Ok((card.model == artifact.digest().to_string()).then_some(card))
}

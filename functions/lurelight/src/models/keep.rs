//! Whether what the registry keeps is whole, and a copy of it in a file.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use serde::Serialize;

use super::{Registered, model_of};
use crate::failure::Failure;
use crate::files::Aside;
use crate::wording::counted;
use crate::{layout, model_file};

#[derive(Serialize)]
struct Verified {
    /// None where they could not be counted.
    versions: Option<u64>,
    events: Option<u64>,
    problems: Vec<String>,
}

/// Says whether all is whole.
pub(super) async fn verify(all: &Registered<'_>) -> Result<(), Failure> {
    let problems = all.registry.verify().await?;
    // Where something is damaged, they may be past counting.
    let versions = all.registry.versions().await.ok().map(|versions| versions.len() as u64);
    let events = all.registry.events().await.ok().map(|events| events.len() as u64);
    let verified = Verified { versions, events, problems };
    if (verified.versions, verified.events) == (Some(0), Some(0)) && verified.problems.is_empty() {
        // Whoever checks a copy should learn that it is none.
        return Err(Failure::Other(anyhow!("{}", all.nothing_registered())));
    }
    all.print(&verified, || {
        let lines: String = verified.problems.iter().map(|problem| format!("{problem}\n")).collect();
        match (verified.versions, verified.events) {
            (Some(versions), Some(events)) if verified.problems.is_empty() => {
                format!("{}, {}: all whole\n", counted(versions, "version"), counted(events, "event"))
            }
            _ => lines,
        }
    })?;
    match verified.problems.len() as u64 {
        0 => Ok(()),
        found => Err(Failure::Model(anyhow!(
            "what {} keeps is damaged: {}, each said above with what to do",
            all.place(),
            counted(found, "problem")
        ))),
    }
}

/// Writes a version's model and card.
pub(super) async fn export(all: &Registered<'_>, number: u64, out: &Path) -> Result<(), Failure> {
    let version = all.version(number).await?;
    let model = model_of(&version)?;
    let artifact = all.registry.artifact(model).await?;
    let card = all.registry.card(model).await?.to_json().context("the card cannot be written as JSON")?;
    let card_path = model_file::card_path(out);
    // The card first: a card beside another model is noticed by the digest in it, and left out.
    let (card_file, model_file) = (Aside::new(&card_path)?, Aside::new(out)?);
    write(card_file, card.as_bytes())?;
    write(model_file, &artifact.to_bytes())?;
    #[derive(Serialize)]
    struct Exported<'a> {
        version: u64,
        model: &'a str,
        file: String,
        card_file: String,
    }
    let exported = Exported {
        version: number,
        model: &version.details.model,
        file: out.display().to_string(),
        card_file: card_path.display().to_string(),
    };
    all.print(&exported, || {
        let words =
            format!("Version {number} is in {} with {} beside it.", exported.file, exported.card_file);
        layout::paragraph(&words, all.width)
    })
}

fn write(mut file: Aside, bytes: &[u8]) -> Result<(), Failure> {
    file.write_all(bytes).context("the disk does not take the model")?;
    Ok(file.finish()?)
}

//! One version.

use anyhow::anyhow;
use lurelight_model::Card;
use lurelight_store::{Event, Key, Version};
use serde::Serialize;

use super::{Registered, model_of};
use crate::card;
use crate::failure::Failure;
use crate::wording::moment;

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    version: &'a Version,
    champion: bool,
    file: String,
    card_file: String,
    card: &'a Card,
}

/// Shows a version, or the champion.
pub(super) async fn show(all: &Registered<'_>, asked: Option<u64>) -> Result<(), Failure> {
    let champion = all.registry.champion().await?.map(|champion| champion.event);
    let version = match (asked, &champion) {
        (Some(number), _) => all.version(number).await?,
        (None, Some(event)) => all.version(event.details.version).await?,
        (None, None) if all.registry.versions().await?.is_empty() => {
            return Err(Failure::Other(anyhow!("{}", all.nothing_registered())));
        }
        (None, None) => {
            return Err(Failure::Other(anyhow!(
                "no version serves in {} yet: say which one you mean, as in `lurelight models show 1`",
                all.place()
            )));
        }
    };
    let model = model_of(&version)?;
    let card = all.registry.card(model).await.map_err(|error| Failure::Model(anyhow!("{error}")))?;
    let serving = champion.filter(|event| event.details.version == version.number);
    let shown = Shown {
        version: &version,
        champion: serving.is_some(),
        file: all.file(&Key::model(model)),
        card_file: all.file(&Key::card(model)),
        card: &card,
    };
    all.print(&shown, || {
        let details = &version.details;
        let made =
            format!("{} by run {}, program {}", moment(details.registered_at), details.run, details.program);
        let version = format!("{}{}", version.number, standing(serving.as_ref()));
        card::described(vec![("Version", version), ("Made", made), ("File", shown.file.clone())], &card)
    })
}

fn standing(serving: Option<&Event>) -> String {
    match serving {
        Some(Event { details, .. }) => {
            format!(", the champion since {}, by {}: {}", moment(details.at), details.actor, details.reason)
        }
        None => ", which does not serve".to_owned(),
    }
}

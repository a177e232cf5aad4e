//! The versions, and the moves of the champion.

use lurelight_model::Card;
use lurelight_store::{Event, EventKind, Version};
use serde::Serialize;

use super::{Registered, model_of};
use crate::failure::Failure;
use crate::layout::{self, number, prose, word};
use crate::output;
use crate::wording::{counted, figure, minute, moment};

#[derive(Serialize)]
struct Listing<'a> {
    champion: Option<&'a Event>,
    versions: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    version: &'a Version,
    champion: bool,
    /// On folds 0 to 2, which no version is trained on; none where the card cannot be read.
    f1: Option<f64>,
    roc_auc: Option<f64>,
}

/// Lists the versions.
pub(super) async fn list(all: &Registered<'_>) -> Result<(), Failure> {
    let champion = all.registry.champion().await?.map(|champion| champion.event);
    let versions = all.registry.versions().await?;
    let serving = champion.as_ref().map(|event| event.details.version);
    let mut listed = Vec::new();
    let mut datasets: Vec<String> = Vec::new();
    for version in &versions {
        let card = card(all, version).await;
        datasets.extend(card.iter().map(|card| card.data.digest.clone()));
        let figures = card.map(|card| card.held_out.all.metrics.figures);
        listed.push(Listed {
            version,
            champion: serving == Some(version.number),
            f1: figures.as_ref().map(|figures| figures.f1.value),
            roc_auc: figures.as_ref().map(|figures| figures.roc_auc.value),
        });
    }
    datasets.dedup();
    let listing = Listing { champion: champion.as_ref(), versions: listed };
    all.print(&listing, || {
        if versions.is_empty() {
            let mut text = all.nothing_registered();
            text.replace_range(..1, "T");
            return layout::paragraph(&(text + "."), all.width);
        }
        text(all, &listing, datasets.len() > 1)
    })
}

/// A version's card; what is wrong with it is said, and the rest still listed.
async fn card(all: &Registered<'_>, version: &Version) -> Option<Card> {
    let read = async { Ok::<_, Failure>(all.registry.card(model_of(version)?).await?) };
    read.await
        .map_err(|failure| output::say(&format!("lurelight: version {}: {failure}", version.number)))
        .ok()
}

fn text(all: &Registered<'_>, listing: &Listing<'_>, several_datasets: bool) -> String {
    let columns = [
        word("version"),
        word("family"),
        word("registered, UTC").spare(1),
        word("run"),
        number("F1"),
        number("AUC"),
    ];
    let rows: Vec<Vec<String>> = listing
        .versions
        .iter()
        .map(|listed| {
            let Version { number, details } = listed.version;
            let shown = |value: Option<f64>| value.map_or_else(|| "no card".to_owned(), figure);
            vec![
                if listed.champion { format!("{number} champion") } else { number.to_string() },
                details.family.clone(),
                minute(details.registered_at),
                details.run.to_string(),
                shown(listed.f1),
                shown(listed.roc_auc),
            ]
        })
        .collect();
    let (table, _) = layout::table(&columns, &rows, all.width);
    let rows_differ = if several_datasets {
        " Not all versions were measured on the same records: `lurelight models diff A B` measures two on the same rows."
    } else {
        ""
    };
    let serving = match listing.champion {
        None => "No version serves yet: `lurelight models promote VERSION` lets one.".to_owned(),
        Some(event) => format!(
            "Version {} serves since {}, {} by {}: {}.",
            event.details.version,
            moment(event.details.at),
            done(event),
            event.details.actor,
            event.details.reason.trim_end_matches('.')
        ),
    };
    let note = format!(
        "F1 of phishing and area under the ROC curve on folds 0 to 2, on which no version is trained.{rows_differ}"
    );
    format!("{table}\n{}{}", layout::paragraph(&note, all.width), layout::paragraph(&serving, all.width))
}

fn done(event: &Event) -> &'static str {
    match event.details.kind {
        EventKind::Promoted => "promoted",
        EventKind::RolledBack => "after a roll-back",
    }
}

/// Shows the moves of the champion.
pub(super) async fn log(all: &Registered<'_>) -> Result<(), Failure> {
    let events = all.registry.events().await?;
    all.print(&events, || {
        if events.is_empty() {
            return format!("No version ever served in {}.\n", all.place());
        }
        let columns = [
            number("event"),
            word("when, UTC"),
            word("champion"),
            word("before").spare(2),
            word("by").spare(1),
            prose("why"),
        ];
        let rows: Vec<Vec<String>> = events
            .iter()
            .map(|event| {
                let before = event.previous.map_or_else(|| "none".to_owned(), |before| before.to_string());
                vec![
                    event.sequence.to_string(),
                    minute(event.details.at),
                    match event.details.kind {
                        EventKind::Promoted => event.details.version.to_string(),
                        EventKind::RolledBack => format!("{} rolled back", event.details.version),
                    },
                    before,
                    event.details.actor.clone(),
                    event.details.reason.clone(),
                ]
            })
            .collect();
        let (table, absent) = layout::table(&columns, &rows, all.width);
        let moves = counted(events.len() as u64, "move");
        let hint = if absent.is_empty() { "" } else { "; a wider terminal or --json shows more of each" };
        format!("{table}\n{moves} of the champion{hint}.\n")
    })
}

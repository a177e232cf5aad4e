//! `GET /models`: the versions, and which of them serves.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use lurelight_store::{
    ArtifactStore, Error as StoreError, ErrorKind, Event, EventKind, Key, Version, parse_digest,
};
use lurelight_web::BasePath;
use lurelight_web::layout::Page;
use serde::Serialize;

use super::page_or_json;
use crate::Administration;
use crate::error::Error;
use crate::run_reports::Card;

/// Most versions whose cards are read, the newest.
const CARDS_MAX: usize = 100;
/// Most moves of the champion on the page, the newest.
const MOVES_SHOWN: usize = 20;

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    version: Version,
    champion: bool,
    /// Whether it served before.
    served: bool,
    /// On folds 0 to 2; none where the card was not read.
    f1: Option<f64>,
    roc_auc: Option<f64>,
    log_loss: Option<f64>,
    /// What is wrong with its card.
    damage: Option<String>,
}

#[derive(Serialize)]
struct Listing {
    /// The last move of the champion; none where no version ever served.
    champion: Option<Event>,
    /// The newest first.
    versions: Vec<Listed>,
    /// All moves of the champion, the newest first.
    moves: Vec<Event>,
}

#[derive(Template)]
#[template(path = "models.html")]
struct ModelsPage<'a> {
    base_path: &'a BasePath,
    listing: &'a Listing,
}

impl ModelsPage<'_> {
    /// The number of the last move, which a promotion is held against.
    fn seen(&self) -> u64 {
        self.listing.champion.as_ref().map_or(0, |event| event.sequence)
    }

    fn moves(&self) -> &[Event] {
        &self.listing.moves[..self.listing.moves.len().min(MOVES_SHOWN)]
    }

    fn is_back(&self, event: &Event) -> bool {
        event.details.kind == EventKind::RolledBack
    }

    /// What the button of a version says.
    fn verb(&self, listed: &Listed) -> &'static str {
        let serving = self.listing.champion.as_ref().map_or(0, |event| event.details.version);
        if listed.served && listed.version.number < serving { "Roll back" } else { "Promote" }
    }
}

/// `GET /models`
pub(crate) async fn models(
    State(administration): State<Administration>,
    base_path: BasePath,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let registry = administration.registry();
    let (versions, mut moves) = tokio::try_join!(registry.versions(), registry.events())?;
    moves.reverse();
    let champion = moves.first().cloned();
    let mut listed = Vec::new();
    for (i, version) in versions.into_iter().rev().enumerate() {
        let (card, damage) =
            if i < CARDS_MAX { card(&administration, &version).await? } else { (None, None) };
        let figures = card.as_ref().map(Card::figures);
        listed.push(Listed {
            champion: champion.as_ref().is_some_and(|event| event.details.version == version.number),
            served: moves.iter().any(|event| event.details.version == version.number),
            f1: figures.map(|figures| figures.f1.value),
            roc_auc: figures.map(|figures| figures.roc_auc.value),
            log_loss: figures.map(|figures| figures.log_loss.value),
            version,
            damage,
        });
    }
    let listing = Listing { champion, versions: listed, moves };
    let page = || {
        let content = ModelsPage { base_path: &base_path, listing: &listing };
        Page::new(&base_path, "Versions").section("/models").render(&content)
    };
    page_or_json(&headers, page, &listing)
}

/// A version's card, or what is wrong with it.
async fn card(
    administration: &Administration,
    version: &Version,
) -> Result<(Option<Card>, Option<String>), StoreError> {
    match read_card(&**administration.artifacts(), &version.details.model).await {
        Ok(card) => Ok((Some(card), None)),
        Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Damaged | ErrorKind::Invalid) => {
            Ok((None, Some(error.to_string())))
        }
        Err(error) => Err(error),
    }
}

async fn read_card(artifacts: &dyn ArtifactStore, model: &str) -> Result<Card, StoreError> {
    let digest = parse_digest(model)
        .map_err(|error| StoreError::new(ErrorKind::Damaged, "the version's model", error.to_string()))?;
    let key = Key::card(digest);
    let damaged = |message: String| {
        StoreError::new(ErrorKind::Damaged, format!("{}/{key}", artifacts.place()), message)
    };
    let card: Card = serde_json::from_slice(&artifacts.get(&key).await?.bytes)
        .map_err(|error| damaged(format!("is damaged: {error}; restore it")))?;
    if card.model == model {
        Ok(card)
    } else {
        Err(damaged(format!("is damaged: it describes model {}; restore it", card.model)))
    }
}

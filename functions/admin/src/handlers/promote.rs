//! `POST /models/{version}/promote`: lets a version serve, a newer or an older one.

use axum::Json;
use axum::extract::{Extension, Path, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use lurelight_store::{
    Champion, Error as StoreError, ErrorKind, Event, EventKind, ModelRegistry, NewEvent, Version,
    parse_digest,
};
use lurelight_web::access::Identity;
use lurelight_web::{BasePath, Fields, negotiate};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{number, reason};
use crate::Administration;
use crate::error::Error;
use crate::runs::minute;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    reason: String,
    /// The number of the last move that whoever asks has seen; 0 where there was none.
    expected: Option<Value>,
}

#[derive(Serialize)]
struct Moved<'a> {
    /// Whether the champion is another one now.
    changed: bool,
    /// The last move, which is this one where there was one.
    event: &'a Event,
}

/// `POST /models/{version}/promote`
pub(crate) async fn promote(
    State(administration): State<Administration>,
    Extension(identity): Extension<Identity>,
    Path(name): Path<String>,
    base_path: BasePath,
    request: Request,
) -> Result<Response, Error> {
    let wants_page = negotiate::wants_page(request.headers());
    let asked: Asked = Fields::read(request).await?.parse()?;
    let reason = reason(&asked.reason)?;
    if reason.is_empty() {
        return Err(Error::Field(
            "reason",
            "say why, in words: it stands in the log of the champion".to_owned(),
        ));
    }
    let expected = number("expected", asked.expected.as_ref())?;
    let registry = administration.registry();
    let wanted = name.parse().map_err(|_| {
        let message = "this is no number of a version; GET /models lists those that there are";
        StoreError::new(ErrorKind::NotFound, "the version", message)
    })?;
    let (champion, version) = tokio::try_join!(registry.champion(), registry.version(wanted))?;
    check_seen(champion.as_ref(), expected)?;
    let serves = champion.as_ref().filter(|champion| champion.event.details.version == version.number);
    let (changed, event) = match serves {
        Some(champion) => (false, champion.event.clone()),
        None => {
            check_fit(&registry, &version, champion.as_ref()).await?;
            let details = NewEvent {
                kind: kind(&registry, &version, champion.as_ref()).await?,
                version: version.number,
                model: version.details.model.clone(),
                reason,
                actor: identity.to_string(),
                at: Timestamp::now(),
            };
            let moved = registry.move_champion(champion.as_ref(), details).await?;
            tracing::info!(version = version.number, event = moved.event.sequence, actor = %identity, "the champion was moved");
            (true, moved.event)
        }
    };
    if wants_page {
        return Ok(Redirect::to(&format!("{base_path}/models")).into_response());
    }
    Ok(Json(Moved { changed, event: &event }).into_response())
}

/// Whether the champion is still as whoever asks saw it, if they said how that was.
fn check_seen(champion: Option<&Champion>, expected: Option<u64>) -> Result<(), Error> {
    let now = champion.map_or(0, |champion| champion.event.sequence);
    if expected.is_none_or(|expected| expected == now) {
        return Ok(());
    }
    let meanwhile = champion.map_or_else(
        || "there is no champion any more".to_owned(),
        |Champion { event, .. }| {
            let details = &event.details;
            format!(
                "{} made version {} the champion at {} ({})",
                details.actor,
                details.version,
                minute(&details.at),
                details.reason.trim_end_matches('.')
            )
        },
    );
    Err(Error::Conflict(format!("the champion was moved meanwhile: {meanwhile}; nothing was changed now")))
}

/// Whether a version can serve: its model is whole and can be read by this program, and so is its card.
async fn check_fit(
    registry: &ModelRegistry,
    version: &Version,
    champion: Option<&Champion>,
) -> Result<(), Error> {
    let read = async {
        let model = parse_digest(&version.details.model)
            .map_err(|error| StoreError::new(ErrorKind::Damaged, "the version's model", error.to_string()))?;
        tokio::try_join!(registry.artifact(model), registry.card(model)).map(drop)
    };
    let Err(error) = read.await else { return Ok(()) };
    if !matches!(error.kind, ErrorKind::NotFound | ErrorKind::Damaged | ErrorKind::Invalid) {
        return Err(error.into());
    }
    let stays = champion.map_or_else(
        || "no version serves".to_owned(),
        |champion| format!("version {} still serves", champion.event.details.version),
    );
    Err(Error::Unfit(format!("version {} cannot serve, and {stays}: {error}", version.number)))
}

/// Back is to an older version that served before.
async fn kind(
    registry: &ModelRegistry,
    version: &Version,
    champion: Option<&Champion>,
) -> Result<EventKind, StoreError> {
    let older = champion.is_some_and(|champion| version.number < champion.event.details.version);
    let served =
        older && registry.events().await?.iter().any(|event| event.details.version == version.number);
    Ok(if served { EventKind::RolledBack } else { EventKind::Promoted })
}

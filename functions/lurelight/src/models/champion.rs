//! Moving the champion.

use anyhow::anyhow;
use jiff::Timestamp;
use lurelight_store::{Champion, ErrorKind, Event, EventKind, NewEvent, Version};
use serde::Serialize;

use super::{Registered, model_of};
use crate::failure::Failure;
use crate::home::actor;
use crate::layout;
use crate::mlflow::{Beside, LIMIT_SECONDS};
use crate::wording::moment;

/// What is printed of a move.
#[derive(Serialize)]
struct Moved<'a> {
    /// Whether the pointer moved.
    changed: bool,
    /// The last move, which is this one where there was one.
    event: &'a Event,
}

/// Lets a version serve.
pub(super) async fn promote(all: &Registered<'_>, number: u64, reason: &str) -> Result<(), Failure> {
    let champion = all.registry.champion().await?;
    let version = all.version(number).await?;
    move_to(all, champion, &version, EventKind::Promoted, reason).await
}

/// Lets a version that served before serve again.
pub(super) async fn roll_back(all: &Registered<'_>, asked: Option<u64>, reason: &str) -> Result<(), Failure> {
    let Some(champion) = all.registry.champion().await? else {
        return Err(Failure::Other(anyhow!(
            "no version ever served in {}, so there is nothing to roll back to: `lurelight models promote VERSION` lets \
             one serve",
            all.place()
        )));
    };
    let serving = champion.event.details.version;
    // The history up to the pointer that was just read, and will be compared with.
    let mut events = all.registry.events().await?;
    events.retain(|event| event.sequence <= champion.event.sequence);
    let number = match asked {
        None => before(&events).ok_or_else(|| {
            Failure::Other(anyhow!(
                "before version {serving} none served that was not rolled back from, so there is nothing to roll back \
                 to: name a version, `lurelight models log` shows which served"
            ))
        })?,
        Some(number) => {
            let version = all.version(number).await?;
            if !events.iter().any(|event| event.details.version == version.number) {
                return Err(Failure::Other(anyhow!(
                    "version {number} has never served, so nothing can be rolled back to it: `lurelight models promote \
                     {number}` lets it serve"
                )));
            }
            number
        }
    };
    let version = all.version(number).await?;
    move_to(all, Some(champion), &version, EventKind::RolledBack, reason).await
}

/// The version to which rolling back leads.
fn before(events: &[Event]) -> Option<u64> {
    let standing = standing(events);
    let (serving, earlier) = standing.split_last()?;
    earlier.iter().rev().find(|version| *version != serving).copied()
}

/// The versions that served one upon the other, without those that were rolled back from. The last one serves.
fn standing(events: &[Event]) -> Vec<u64> {
    let mut standing = Vec::new();
    for Event { details: NewEvent { kind, version, .. }, .. } in events {
        match kind {
            EventKind::Promoted => standing.push(*version),
            EventKind::RolledBack => {
                match standing.iter().rposition(|earlier| earlier == version) {
                    Some(place) => standing.truncate(place),
                    // To one that had been rolled back from itself.
                    None => drop(standing.pop()),
                }
                standing.push(*version);
            }
        }
    }
    standing
}

async fn move_to(
    all: &Registered<'_>,
    champion: Option<Champion>,
    version: &Version,
    kind: EventKind,
    reason: &str,
) -> Result<(), Failure> {
    if let Some(Champion { event, .. }) = champion.as_ref().filter(|champion| serves(champion, version)) {
        return all.print(&Moved { changed: false, event }, || {
            let words = format!(
                "No change: version {} serves already, since {}.",
                version.number,
                moment(event.details.at)
            );
            layout::paragraph(&words, all.width)
        });
    }
    check(all, version, champion.as_ref()).await?;
    let event = NewEvent {
        kind,
        version: version.number,
        model: version.details.model.clone(),
        reason: reason.to_owned(),
        actor: actor(),
        at: Timestamp::now(),
    };
    let moved =
        all.registry.move_champion(champion.as_ref(), event).await.map_err(|error| match error.kind {
            ErrorKind::Conflict => Failure::Other(anyhow!(
                "{error}; nothing was changed, `lurelight models log` shows every move"
            )),
            _ => error.into(),
        })?;
    Beside::new(None, LIMIT_SECONDS).champion(&all.stores).await;
    all.print(&Moved { changed: true, event: &moved.event }, || {
        let Event { sequence, previous, .. } = moved.event;
        let place = previous.map_or_else(
            || "the first champion".to_owned(),
            |before| format!("in place of version {before}"),
        );
        let back = if kind == EventKind::RolledBack { " again" } else { "" };
        let family = &version.details.family;
        let words =
            format!("Version {} ({family}) serves{back} now, {place} (event {sequence}).", version.number);
        layout::paragraph(&words, all.width)
    })
}

fn serves(champion: &Champion, version: &Version) -> bool {
    champion.event.details.version == version.number
}

/// Whether a version can serve: its model is whole and can be read by this program, and so is its card.
async fn check(all: &Registered<'_>, version: &Version, champion: Option<&Champion>) -> Result<(), Failure> {
    let model = model_of(version)?;
    let read = async {
        all.registry.artifact(model).await?;
        all.registry.card(model).await.map(drop)
    };
    read.await.map_err(|error| {
        let stays = champion.map_or_else(
            || "no version serves".to_owned(),
            |champion| format!("version {} still serves", champion.event.details.version),
        );
        let what = match error.kind {
            ErrorKind::NotFound => format!("{} is gone; restore it from a copy of the registry", error.what),
            _ => error.to_string(),
        };
        let said = anyhow!("version {} cannot serve, and {stays}: {what}", version.number);
        match error.kind {
            ErrorKind::NotFound | ErrorKind::Damaged | ErrorKind::Invalid => Failure::Model(said),
            _ => Failure::Other(said),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `p3` promotes version 3, `b2` rolls back to version 2.
    fn history(moves: &str) -> Vec<Event> {
        let mut previous = None;
        let event = |(i, text): (usize, &str)| {
            let (kind, version) = text.split_at(1);
            let kind = if kind == "p" { EventKind::Promoted } else { EventKind::RolledBack };
            let version = version.parse().unwrap();
            let details = NewEvent {
                kind,
                version,
                model: String::new(),
                reason: String::new(),
                actor: String::new(),
                at: Timestamp::UNIX_EPOCH,
            };
            Event { sequence: i as u64 + 1, previous: previous.replace(version), details }
        };
        moves.split_whitespace().enumerate().map(event).collect()
    }

    #[test]
    fn rolling_back_leads_to_what_served_before_and_never_to_what_was_rolled_back_from() {
        let table = [
            ("", None),
            ("p1", None),
            ("p1 p2", Some(1)),
            ("p1 p2 p3", Some(2)),
            ("p1 p2 p3 b2", Some(1)),
            ("p1 p2 p3 b2 b1", None),
            // Something new was promoted after a roll-back.
            ("p1 p2 p3 b2 p4", Some(2)),
            ("p1 p2 p3 b2 p3", Some(2)),
            // Two steps at once.
            ("p1 p2 p3 b1", None),
            // An older version that was promoted by hand.
            ("p1 p2 p3 p1", Some(3)),
            ("p1 p2 p3 p1 b3", Some(2)),
            // Back to what had been rolled back from: what served meanwhile is what is left now.
            ("p1 p2 p3 b2 b3", Some(1)),
            ("p1 p2 b1 b2", None),
            // The same one twice.
            ("p1 p2 p2", Some(1)),
        ];
        for (moves, expected) in table {
            assert_eq!(before(&history(moves)), expected, "{moves}");
        }
    }
}

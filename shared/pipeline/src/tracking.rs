//! Telling a tracker of runs that have ended, and of the champion.
//!
//! What a tracker is told stands in the run's own reports, so nothing is lost where it cannot be told: `tracked.json` of
//! the run says what is still to be sent, and [`sync`] sends it. A run never fails because of its tracker, and never
//! waits for it longer than it is let.

mod contents;
mod ended;
mod measured;
mod note;

use std::time::Duration;

use jiff::Timestamp;
use lurelight_store::{ErrorKind, RunId, Tracker};
use serde::Serialize;
use tokio::time::timeout;

use crate::{Error, Stores, reports};

use self::ended::Ended;
pub use self::note::Tracked;

/// How often the pointer may be moved by others while a tracker is told of it.
const MOVES: usize = 5;

/// What a tracker was told of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The run.
    pub run: RunId,
    /// What came of it.
    #[serde(flatten)]
    pub state: ToldState,
    /// Why the tracker was not told of the champion after it, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub champion_kept: Option<String>,
}

/// What came of telling a tracker of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ToldState {
    /// It is there.
    Shown {
        /// Where a person can look at it.
        address: Option<String>,
        /// What the tracker cannot show, in words.
        left_out: Option<String>,
    },
    /// It was there before.
    ShownBefore {
        /// Where a person can look at it.
        address: Option<String>,
    },
    /// It has not ended, so there is nothing to tell yet.
    NotEnded,
    /// It is not there, or not all of it; what is to be told is kept.
    Kept {
        /// Why, in words.
        reason: String,
    },
}

/// What came of a [`sync`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Synced {
    /// The tracker.
    pub place: String,
    /// Every run, the oldest first.
    pub runs: Vec<Told>,
    /// The champion that the tracker shows now.
    pub champion: Option<u64>,
    /// Why it does not show the one that serves, where that is so.
    pub champion_kept: Option<String>,
}

impl Told {
    fn of(run: &RunId, state: ToldState) -> Told {
        Told { run: run.clone(), state, champion_kept: None }
    }
}

impl Synced {
    /// Whether the tracker shows all there is to show.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let kept = |told: &Told| matches!(told.state, ToldState::Kept { .. });
        self.champion_kept.is_none() && !self.runs.iter().any(kept)
    }
}

/// Tells a tracker of a run that has just ended, of the champion, and then of runs that it could not be told of
/// before. Takes no longer than `limit` and never fails: what could not be told is kept.
pub async fn track(
    run: &RunId,
    ended_at: Timestamp,
    stores: &Stores,
    tracker: &dyn Tracker,
    limit: Duration,
) -> Told {
    let telling = Telling { stores, tracker };
    let (mut first, mut champion) = (None, None);
    // What was done stays done where time is over before the rest.
    let in_time = timeout(limit, async {
        let told = first.insert(telling.run(run, Some(ended_at)).await);
        if !matches!(told.state, ToldState::Kept { .. }) {
            champion = Some(telling.champion().await);
            telling.backlog(run).await;
        }
    });
    let in_time = in_time.await.is_ok();
    let late = || format!("{} did not take it within {} s", tracker.place(), limit.as_secs_f64());
    let Some(told) = first else { return Told::of(run, ToldState::Kept { reason: late() }) };
    let champion_kept = match champion {
        Some(champion) => champion.err().map(|error| error.to_string()),
        None => (!in_time).then(late),
    };
    Told { champion_kept, ..told }
}

/// Tells a tracker where the pointer to the champion is. Takes no longer than `limit`.
///
/// # Errors
///
/// Why the tracker does not show it; the next [`track`] or [`sync`] tells it again.
pub async fn track_champion(
    stores: &Stores,
    tracker: &dyn Tracker,
    limit: Duration,
) -> Result<Option<u64>, Error> {
    match timeout(limit, Telling { stores, tracker }.champion()).await {
        Ok(told) => told,
        Err(_) => {
            let message = format!("it was not told of the champion within {} s", limit.as_secs_f64());
            Err(lurelight_store::Error::new(ErrorKind::Unavailable, tracker.place(), message).into())
        }
    }
}

/// Tells a tracker of every run that has ended and of which it was not told all, and of the champion. `heard` hears of
/// each run as it is done. Where the tracker cannot be reached it stops asking.
///
/// # Errors
///
/// Those of the stores; those of the tracker stand beside the runs.
pub async fn sync(
    stores: &Stores,
    tracker: &dyn Tracker,
    heard: &(dyn Fn(&Told) + Sync),
) -> Result<Synced, Error> {
    let telling = Telling { stores, tracker };
    let mut runs = Vec::new();
    for run in reports::runs(stores).await? {
        let read = Ended::read(&run, stores).await;
        let begun = read.as_ref().ok().and_then(Ended::started_at);
        runs.push((begun, run, read));
    }
    // The oldest first, so that versions get their numbers there in the order in which they were made.
    runs.sort_by_key(|(begun, ..)| *begun);
    let mut synced = Synced { place: tracker.place(), runs: Vec::new(), champion: None, champion_kept: None };
    let mut unreachable: Option<String> = None;
    for (_, run, read) in runs {
        let state = match (read, &unreachable) {
            (Err(error), _) => ToldState::Kept { reason: error.to_string() },
            (Ok(ended), _) if !ended.has_ended() => ToldState::NotEnded,
            (Ok(ended), _) if ended.is_shown(&synced.place) => {
                ToldState::ShownBefore { address: ended.tracked.and_then(|tracked| tracked.address) }
            }
            (Ok(_), Some(reason)) => ToldState::Kept { reason: reason.clone() },
            (Ok(ended), None) => match telling.ended(&run, ended, None).await {
                Ok(state) => state,
                Err(error) => {
                    if stops(&error) {
                        unreachable = Some(error.to_string());
                    }
                    ToldState::Kept { reason: error.to_string() }
                }
            },
        };
        let told = Told { run, state, champion_kept: None };
        heard(&told);
        synced.runs.push(told);
    }
    match unreachable {
        Some(reason) => synced.champion_kept = Some(reason),
        None => match telling.champion().await {
            Ok(champion) => synced.champion = champion,
            Err(error) => synced.champion_kept = Some(error.to_string()),
        },
    }
    Ok(synced)
}

/// Whether the next run would fare the same.
fn stops(error: &Error) -> bool {
    use ErrorKind::{PermissionDenied, Unavailable};
    matches!(error, Error::Store(error) if matches!(error.kind, PermissionDenied | Unavailable))
}

struct Telling<'a> {
    stores: &'a Stores,
    tracker: &'a dyn Tracker,
}

impl Telling<'_> {
    async fn run(&self, run: &RunId, ended_at: Option<Timestamp>) -> Told {
        let told = match Ended::read(run, self.stores).await {
            Ok(ended) if !ended.has_ended() => Ok(ToldState::NotEnded),
            Ok(ended) => self.ended(run, ended, ended_at).await,
            Err(error) => Err(error),
        };
        let state = told.unwrap_or_else(|error| ToldState::Kept { reason: error.to_string() });
        Told::of(run, state)
    }

    /// Tells of a run that has ended, and notes what came of it.
    async fn ended(
        &self,
        run: &RunId,
        ended: Ended,
        ended_at: Option<Timestamp>,
    ) -> Result<ToldState, Error> {
        // When it ended is known now, and would be forgotten; and whatever happens, it is known that it is to be told.
        let mut note = Tracked {
            place: self.tracker.place(),
            address: None,
            ended_at: ended.ended_at(ended_at),
            succeeded: ended.succeeded(),
            left_out: None,
            unsent: Some("the program ended, or its time was over, while it told of the run".to_owned()),
        };
        if ended.tracked.as_ref() != Some(&note) {
            note.write(run, self.stores).await?;
        }
        let shown = match contents::of(run, &ended, note.ended_at, self.stores).await {
            Ok(finished) => self.tracker.record(&finished).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        match shown {
            Ok(shown) => {
                note.address.clone_from(&shown.address);
                note.left_out.clone_from(&shown.left_out);
                note.unsent = None;
                note.write(run, self.stores).await?;
                Ok(ToldState::Shown { address: shown.address, left_out: shown.left_out })
            }
            Err(error) => {
                note.unsent = Some(error.to_string());
                note.write(run, self.stores).await?;
                Err(error)
            }
        }
    }

    /// Tells of the pointer until it is where it was when it was looked at. Returns the version.
    async fn champion(&self) -> Result<Option<u64>, Error> {
        let registry = self.stores.registry();
        let mut told: Option<(u64, u64)> = None;
        for _ in 0..MOVES {
            let Some(champion) = registry.champion().await? else { return Ok(None) };
            let event = champion.event;
            if told.is_some_and(|(sequence, _)| sequence == event.sequence) {
                break;
            }
            match self.tracker.moved(&event).await {
                // Its run ended before there was a tracker.
                Err(error) if error.kind == ErrorKind::NotFound => {
                    let version = registry.version(event.details.version).await?;
                    let run = &version.details.run;
                    self.ended(run, Ended::read(run, self.stores).await?, None).await?;
                    self.tracker.moved(&event).await?;
                }
                moved => moved?,
            }
            told = Some((event.sequence, event.details.version));
        }
        Ok(told.map(|(_, version)| version))
    }

    /// Tells of the runs that are noted as not told.
    async fn backlog(&self, but: &RunId) {
        let Ok(noted) = note::noted(self.stores).await else { return };
        for run in noted.iter().filter(|run| *run != but) {
            let unsent =
                matches!(Tracked::find(run, self.stores).await, Ok(Some(note)) if note.unsent.is_some());
            if unsent && matches!(self.run(run, None).await.state, ToldState::Kept { .. }) {
                return;
            }
        }
    }
}

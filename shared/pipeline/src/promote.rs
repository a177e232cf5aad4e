//! Promote: whether the version of a run becomes the champion.

use lurelight_learn::evaluate::{Comparison, compare};
use lurelight_learn::split::{DECISION_FOLDS, in_folds};
use lurelight_model::Artifact;
use lurelight_store::{
    Champion, ErrorKind, Event, EventKind, ModelRegistry, NewEvent, RunId, Version, parse_digest,
};
use serde::{Deserialize, Serialize};

use crate::decide::{Condition, against_champion, reason, without_champion};
use crate::evaluate::EvaluateReport;
use crate::ingest::{IngestReport, ServingVersion};
use crate::run_folder::RunFolder;
use crate::transform::{TransformReport, read_part};
use crate::work::calculate;
use crate::{Error, Listener, Stage, Stores, pages, reports};

/// How often the pointer may be moved by others while this run decides.
const ATTEMPTS: usize = 20;

/// `promote.json`: how the run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromoteReport {
    /// The run.
    pub run: RunId,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in words.
    pub reason: String,
    /// The version of the run; none where it ended before there was one.
    pub version: Option<u64>,
    /// The champion with which it was compared.
    pub champion: Option<ServingVersion>,
    /// What was asked of it, on folds 0 and 1.
    pub conditions: Vec<Condition>,
    /// The two on the same rows.
    pub comparison: Option<Comparison>,
    /// How many versions were measured on these folds so far, this one included: the more there are, the more
    /// likely that the best of them is best by chance.
    pub measured_versions: u64,
    /// The number of the event that made it the champion.
    pub event: Option<u64>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its version is the champion.
    Promoted,
    /// There is a version, and the champion, or the lack of one, stays.
    Kept,
    /// There was nothing to learn.
    NoChange,
}

impl Outcome {
    /// In words: `promoted`, `kept`, `no change`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Promoted => "promoted",
            Outcome::Kept => "kept",
            Outcome::NoChange => "no change",
        }
    }
}

impl PromoteReport {
    /// The outcome in one sentence.
    #[must_use]
    pub fn words(&self) -> String {
        match (self.outcome, self.version, &self.champion) {
            (Outcome::NoChange, ..) => format!("No change: {}.", self.reason),
            (Outcome::Promoted, Some(version), Some(champion)) => {
                format!(
                    "Version {version} is the champion, in place of version {}: {}.",
                    champion.version, self.reason
                )
            }
            (Outcome::Promoted, version, _) => {
                format!("Version {} is the first champion: {}.", version.unwrap_or(0), self.reason)
            }
            (Outcome::Kept, version, Some(champion)) => format!(
                "The champion, version {}, stays, and version {} is kept beside it: {}.",
                champion.version,
                version.unwrap_or(0),
                self.reason
            ),
            (Outcome::Kept, version, None) => {
                format!(
                    "There is no champion yet, and version {} does not become it: {}.",
                    version.unwrap_or(0),
                    self.reason
                )
            }
        }
    }
}

/// Decides whether the version of a run becomes the champion, and makes it that. Where another run moves the pointer
/// meanwhile, it decides again. A run decides once: doing it again afterwards gives the same report, whoever
/// serves by then.
///
/// # Errors
///
/// Those of the stores; a champion that cannot be read among them.
pub async fn promote(run: &RunId, stores: &Stores, listener: &Listener) -> Result<PromoteReport, Error> {
    listener.stage_begins(Stage::Promote, 2);
    let folder = RunFolder::new(&*stores.artifacts, run);
    let ingested: IngestReport = folder.report(Stage::Ingest).await?;
    let evaluated: EvaluateReport = folder.report(Stage::Evaluate).await?;
    let decided = folder.find_report::<PromoteReport>(Stage::Promote).await?;
    if let Some(report) = decided.filter(|report| report.version == Some(evaluated.version)) {
        listener.stage_ends(Stage::Promote);
        return Ok(report);
    }
    let challenge =
        Challenge { ingested: &ingested, evaluated: &evaluated, stores, registry: stores.registry() };
    let report = challenge.decide().await?;
    listener.stage_advances(Stage::Promote, 1);
    // The page first: where the report is, all of the run is.
    let all = reports::of_run(run, stores).await?;
    folder.put("report.html", pages::run_page(&all, &report)?).await?;
    folder.put_report(Stage::Promote, &report).await?;
    listener.stage_ends(Stage::Promote);
    Ok(report)
}

/// Ends a run that can learn nothing.
pub(crate) async fn end_without_change(
    ingested: &IngestReport,
    reason: &str,
    stores: &Stores,
) -> Result<(), Error> {
    let run = &ingested.request.run;
    let folder = RunFolder::new(&*stores.artifacts, run);
    let report = PromoteReport {
        run: run.clone(),
        outcome: Outcome::NoChange,
        reason: reason.to_owned(),
        version: None,
        champion: None,
        conditions: Vec::new(),
        comparison: None,
        measured_versions: 0,
        event: None,
    };
    let all = reports::of_run(run, stores).await?;
    folder.put("report.html", pages::run_page(&all, &report)?).await?;
    folder.put_report(Stage::Promote, &report).await?;
    Ok(())
}

struct Challenge<'a> {
    ingested: &'a IngestReport,
    evaluated: &'a EvaluateReport,
    stores: &'a Stores,
    registry: ModelRegistry,
}

impl Challenge<'_> {
    async fn decide(&self) -> Result<PromoteReport, Error> {
        let mut conflict = None;
        for _ in 0..ATTEMPTS {
            let champion = self.registry.champion().await?;
            if let Some(event) = self.own_event().await? {
                // This run moved the pointer and died before it could say so.
                let mut report = self.judge(event.previous).await?;
                report.outcome = Outcome::Promoted;
                report.event = Some(event.sequence);
                return Ok(report);
            }
            let mut report =
                self.judge(champion.as_ref().map(|champion| champion.event.details.version)).await?;
            if report.outcome != Outcome::Promoted {
                return Ok(report);
            }
            match self.move_pointer(champion.as_ref(), &report).await {
                Ok(moved) => {
                    report.event = Some(moved.event.sequence);
                    return Ok(report);
                }
                Err(error) if error.kind == ErrorKind::Conflict => conflict = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(conflict
            .map_or_else(|| Error::BrokenOff { stage: Stage::Promote, reason: String::new() }, Error::Store))
    }

    async fn move_pointer(
        &self,
        champion: Option<&Champion>,
        report: &PromoteReport,
    ) -> Result<Champion, lurelight_store::Error> {
        let request = &self.ingested.request;
        let event = NewEvent {
            kind: EventKind::Promoted,
            version: self.evaluated.version,
            model: self.evaluated.model.clone(),
            reason: format!("run {}: {}", request.run, report.reason),
            actor: request.actor.clone(),
            at: request.at,
        };
        self.registry.move_champion(champion, event).await
    }

    /// The event by which this run made its version the champion.
    async fn own_event(&self) -> Result<Option<Event>, Error> {
        let request = &self.ingested.request;
        let prefix = format!("run {}: ", request.run);
        let own = |event: &Event| {
            event.details.version == self.evaluated.version
                && event.details.kind == EventKind::Promoted
                && event.details.reason.starts_with(&prefix)
        };
        Ok(self.registry.events().await?.into_iter().find(own))
    }

    /// The judgement where this version serves, or nothing does.
    async fn judge(&self, champion: Option<u64>) -> Result<PromoteReport, Error> {
        let number = self.evaluated.version;
        let mut report = PromoteReport {
            run: self.ingested.request.run.clone(),
            outcome: Outcome::NoChange,
            reason: String::new(),
            version: Some(number),
            champion: None,
            conditions: Vec::new(),
            comparison: None,
            measured_versions: self.registry.versions().await?.iter().filter(|v| v.number <= number).count()
                as u64,
            event: None,
        };
        let rules = &self.ingested.request.promotion;
        report.conditions = match champion {
            None => without_champion(&self.evaluated.card.held_out.decision, rules),
            Some(champion) => {
                let champion = self.registry.version(champion).await?;
                let serving =
                    ServingVersion { version: champion.number, model: champion.details.model.clone() };
                report.champion = Some(serving);
                if let Some(reason) = self.nothing_new(&champion).await? {
                    return Ok(PromoteReport { reason, ..report });
                }
                let comparison = self.compare(&champion).await?;
                report.comparison = Some(comparison);
                against_champion(&comparison, rules)
            }
        };
        let met = report.conditions.iter().all(|condition| condition.met);
        report.outcome = if met { Outcome::Promoted } else { Outcome::Kept };
        report.reason = reason(&report.conditions);
        Ok(report)
    }

    /// Why the version is no challenger, where it is none.
    async fn nothing_new(&self, champion: &Version) -> Result<Option<String>, Error> {
        let number = champion.number;
        if champion.details.model == self.evaluated.model {
            return Ok(Some(format!("the same model, byte for byte, serves already as version {number}")));
        }
        if champion.details.dataset != self.ingested.dataset {
            return Ok(None);
        }
        let folder = RunFolder::new(&*self.stores.artifacts, &champion.details.run);
        let before = folder.find_report::<IngestReport>(Stage::Ingest).await?;
        let same = before.is_some_and(|before| before.request.trains_as(&self.ingested.request));
        Ok(same.then(|| {
            format!("the champion, version {number}, was made of these records with these options; another seed alone makes no challenger")
        }))
    }

    /// Both models on folds 0 and 1 of this run's records.
    async fn compare(&self, champion: &Version) -> Result<Comparison, Error> {
        let folder = RunFolder::new(&*self.stores.artifacts, &self.ingested.request.run);
        let transformed: TransformReport = folder.report(Stage::Transform).await?;
        let test = read_part(folder, &transformed.test).await?;
        let ours = self.artifact(&self.evaluated.model).await?;
        let theirs = self.artifact(&champion.details.model).await?;
        let seed = self.ingested.request.training.seed;
        calculate(Stage::Promote, move || {
            let data = in_folds(&test, DECISION_FOLDS);
            Ok(compare(ours.model(), theirs.model(), &data, seed))
        })
        .await
    }

    async fn artifact(&self, model: &str) -> Result<Artifact, Error> {
        let digest = parse_digest(model).map_err(|error| {
            lurelight_store::Error::new(ErrorKind::Damaged, model, error.to_string()).because(error)
        })?;
        Ok(self.registry.artifact(digest).await?)
    }
}

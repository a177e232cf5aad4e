//! One stage for each event.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use lurelight_model::Family;
use lurelight_pipeline::tracking::{self, ToldState};
use lurelight_pipeline::{
    Error, FitOutcome as Fit, IngestReport, RunFailure, Stage, Stores, evaluate, fit, ingest, promote,
    record_failure, silent, transform, validate,
};
use lurelight_runtime::metrics::Unit;
use lurelight_runtime::{Failure, Invocation};
use lurelight_store::{RunId, Tracker};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::event::{
    self, Answer, Begin, Begun, Broken, Done, End, Ended, FitOutcome, Fitness, Go, Ingested, Recorded,
    Validated,
};
use crate::failure;

/// The longest that a tracker is waited for.
const TRACKER_LIMIT: Duration = Duration::from_secs(20);
/// What is left of an invocation's time for its answer.
const ANSWER_TIME: Duration = Duration::from_secs(3);

/// A stage with its stores.
#[derive(Clone, Debug)]
pub struct Function {
    /// The stage.
    pub stage: Stage,
    /// Where everything lies.
    pub stores: Stores,
    /// Who is told of runs that have ended.
    pub tracker: Option<Arc<dyn Tracker>>,
}

type Answered = Answer<Done>;

impl Function {
    /// Does the stage. Doing it twice for one event leaves the same objects.
    ///
    /// # Errors
    ///
    /// Says whether doing it again may help.
    pub async fn answer(&self, event: Value, invocation: &Invocation) -> Result<Answered, Failure> {
        match self.stage {
            Stage::Ingest => self.ingest(self.read(event)?, invocation).await,
            Stage::Validate => self.validate(self.read(event)?).await,
            Stage::Transform => self.transform(self.read(event)?).await,
            Stage::Fit => {
                let event::Fit { run, family, .. } = self.read(event)?;
                self.fit(run, family).await
            }
            Stage::Evaluate => self.evaluate(self.read(event)?).await,
            Stage::Promote => self.promote(self.read(event)?, invocation).await,
        }
    }

    /// The event, where it is one of this stage.
    fn read<T: DeserializeOwned>(&self, event: Value) -> Result<T, Failure> {
        let stage = self.stage;
        let version = event.get("version").and_then(Value::as_u64);
        if version != Some(event::VERSION.into()) {
            let found = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
            return Err(Failure::permanent(format!(
                "the event of stage {stage} has version {found}, and this function reads {}: deploy the state machine \
                 and the functions together",
                event::VERSION
            )));
        }
        serde_json::from_value(event).map_err(|error| {
            Failure::permanent(format!(
                "the event is none of stage {stage}: {error}; it has to be as infra/events/train-{stage}.json, and the \
                 input of an execution as infra/events/execution-api.json"
            ))
        })
    }

    async fn ingest(&self, event: Begin, invocation: &Invocation) -> Result<Answered, Failure> {
        let asked = lurelight_pipeline::Asked {
            run: event.run.clone(),
            at: event.at,
            actor: event.asked.actor.unwrap_or_else(|| "somebody".to_owned()),
            reason: event.asked.reason.unwrap_or_else(|| "no reason was given".to_owned()),
            program: format!("lurelight {}", env!("LURELIGHT_VERSION")),
        };
        let request = asked.with(&event.asked.parameters);
        let request = request.map_err(|error| {
            Failure::permanent(format!("{error}; start a run again, with other parameters"))
        })?;
        let report: IngestReport = done(ingest(&request, &self.stores, &silent()).await)?;
        let unchanged = report.no_change.is_some();
        if unchanged {
            invocation.measured.set("RunsFinished", Unit::Count, 1);
        }
        let families = request.training.searched().map(|family| event::Fit {
            version: event::VERSION,
            run: event.run.clone(),
            family,
        });
        let ingested = Ingested {
            outcome: if unchanged { Begun::NoChange } else { Begun::Continue },
            reason: report.no_change,
            dataset: report.dataset,
            rows: report.rows,
            families: families.collect(),
        };
        Ok(answer(event.run, Done::Ingested(ingested)))
    }

    async fn validate(&self, Go { run, .. }: Go) -> Result<Answered, Failure> {
        let validated = match validate(&run, &self.stores, &silent()).await {
            Ok(report) => Validated {
                outcome: Fitness::Continue,
                reason: None,
                valid_rows: report.valid_rows,
                invalid_rows: report.invalid_rows,
                drift: Some(report.drift),
            },
            // The report says what the rows are like; no other stage can do anything with them.
            Err(error @ (Error::NothingUsable { rows, .. } | Error::OneClass { rows, .. })) => Validated {
                outcome: Fitness::Unfit,
                valid_rows: if matches!(error, Error::OneClass { .. }) { rows } else { 0 },
                invalid_rows: if matches!(error, Error::OneClass { .. }) { 0 } else { rows },
                reason: Some(error.to_string()),
                drift: None,
            },
            Err(error) => return Err(failure::of(&error)),
        };
        Ok(answer(run, Done::Validated(validated)))
    }

    async fn transform(&self, Go { run, .. }: Go) -> Result<Answered, Failure> {
        let report = done(transform(&run, &self.stores, &silent()).await)?;
        let (train_rows, test_rows) = (report.train.rows, report.test.rows);
        Ok(answer(run, Done::Transformed { train_rows, test_rows }))
    }

    async fn fit(&self, run: RunId, family: Family) -> Result<Answered, Failure> {
        let report = done(fit(&run, family, &self.stores, &silent()).await)?;
        let (outcome, reason) = match report.outcome {
            Fit::Fitted { .. } => (FitOutcome::Fitted, None),
            Fit::Failed { reason } => (FitOutcome::Failed, Some(reason)),
        };
        Ok(answer(run, Done::Fitted { family, outcome, reason }))
    }

    async fn evaluate(&self, Go { run, .. }: Go) -> Result<Answered, Failure> {
        let report = done(evaluate(&run, &self.stores, &silent()).await)?;
        let failed = report.failed.into_iter().map(|failed| failed.family).collect();
        Ok(answer(run, Done::Evaluated { registered: report.version, model: report.model, failed }))
    }

    async fn promote(&self, event: End, invocation: &Invocation) -> Result<Answered, Failure> {
        let End { run, failure: broken, .. } = event;
        let ended = match broken {
            Some(broken) => {
                let failure = in_words(broken, Timestamp::now());
                done(record_failure(&run, &failure, &self.stores).await)?;
                tracing::error!(
                    stage = failure.stage,
                    error = failure.error,
                    cause = failure.cause,
                    "the run failed"
                );
                Ended::Recorded { outcome: Recorded::Recorded }
            }
            None => {
                let report = done(promote(&run, &self.stores, &silent()).await)?;
                let champion = self.stores.registry().champion().await.map_err(Error::from);
                let champion = done(champion)?.map(|champion| champion.event.details.version);
                invocation.measured.set("RunsFinished", Unit::Count, 1);
                tracing::info!(
                    outcome = report.outcome.as_str(),
                    reason = report.reason,
                    "the run has ended"
                );
                Ended::Judged { outcome: report.outcome, reason: report.reason, champion }
            }
        };
        self.track(&run, invocation).await;
        Ok(answer(run, Done::Ended(ended)))
    }

    /// Tells the tracker, which can neither fail the run nor hold it up for longer than its limit.
    async fn track(&self, run: &RunId, invocation: &Invocation) {
        let Some(tracker) = &self.tracker else { return };
        let limit = TRACKER_LIMIT.min(invocation.time_left().saturating_sub(ANSWER_TIME));
        let told = tracking::track(run, Timestamp::now(), &self.stores, &**tracker, limit).await;
        let place = tracker.place();
        match (told.state, told.champion_kept) {
            (ToldState::Kept { reason }, _) | (_, Some(reason)) => tracing::warn!(
                place,
                reason,
                "not all was told; it is kept, and told after the next run or by `lurelight mlflow sync`"
            ),
            (ToldState::Shown { address, .. } | ToldState::ShownBefore { address }, None) => {
                tracing::info!(place, address, "the run is shown");
            }
            (ToldState::NotEnded, None) => {}
        }
    }
}

fn answer(run: RunId, done: Done) -> Answered {
    Answer { version: event::VERSION, run, done }
}

fn done<T>(result: Result<T, Error>) -> Result<T, Failure> {
    result.map_err(|error| failure::of(&error))
}

/// The failure with the words that a person reads: Lambda wraps what a function said into JSON.
fn in_words(broken: Broken, at: Timestamp) -> RunFailure {
    let said = serde_json::from_str::<Value>(&broken.cause).ok();
    let said = said.as_ref().and_then(|said| said.get("errorMessage")).and_then(Value::as_str);
    let cause = said.map_or_else(|| broken.cause.clone(), str::to_owned);
    RunFailure { stage: broken.stage, error: broken.error, cause, at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lambda_wrapped_is_unwrapped() {
        let table = [
            (r#"{"errorType":"RetryableFailure","errorMessage":"it is gone"}"#, "it is gone"),
            ("{\"errorMessage\":7}", "{\"errorMessage\":7}"),
            ("States.Timeout", "States.Timeout"),
            ("", ""),
        ];
        for (cause, expected) in table {
            let broken = Broken { stage: "ingest".to_owned(), error: String::new(), cause: cause.to_owned() };
            assert_eq!(in_words(broken, Timestamp::UNIX_EPOCH).cause, expected);
        }
    }
}

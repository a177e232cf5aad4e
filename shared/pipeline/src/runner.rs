//! The pipeline in this process, without waiting for its end.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use lurelight_model::Family;
use lurelight_store::{ErrorKind, RunId, RunProgress, RunStatus, TrainingRequest, TrainingRunner};

use crate::parameters::Asked;
use crate::{Error, Listener, Progress, RunRequest, Stage, Stores, reports, run};

/// How many runs may go on at a time.
const RUNNING_MAX: usize = 4;

type States = Arc<Mutex<HashMap<RunId, RunProgress>>>;

/// Hears of each run that has ended here, and how.
pub type WhenEnded = Arc<dyn Fn(RunId, Result<(), Error>) + Send + Sync>;

/// Runs the pipeline in this process.
pub struct InProcessRunner {
    stores: Stores,
    program: String,
    listener: Listener,
    when_ended: Option<WhenEnded>,
    states: States,
}

impl InProcessRunner {
    /// A runner over these stores. `program` is what versions say made them.
    #[must_use]
    pub fn new(stores: Stores, program: impl Into<String>, listener: Listener) -> InProcessRunner {
        InProcessRunner {
            stores,
            program: program.into(),
            listener,
            when_ended: None,
            states: States::default(),
        }
    }

    /// The same, which also says when a run has ended: on a task of the runtime, after its state is known.
    #[must_use]
    pub fn when_ended(self, when_ended: WhenEnded) -> InProcessRunner {
        InProcessRunner { when_ended: Some(when_ended), ..self }
    }

    /// Takes a name, unless somebody has it. Returns whether it was free.
    async fn take(&self, request: &RunRequest) -> Result<bool, lurelight_store::Error> {
        let reports = reports::of_run(&request.run, &self.stores).await.map_err(in_store)?;
        let mut states = lock(&self.states);
        if reports.ingest.is_some() || states.contains_key(&request.run) {
            return Ok(false);
        }
        let running = states.values().filter(|state| state.status == RunStatus::Running).count();
        if running >= RUNNING_MAX {
            let message =
                format!("{running} runs go on here already, and no more may: wait for the end of one");
            return Err(lurelight_store::Error::new(ErrorKind::Unavailable, self.place(), message));
        }
        let state =
            RunProgress { status: RunStatus::Running, stage: None, started_at: request.at, ended_at: None };
        states.insert(request.run.clone(), state);
        Ok(true)
    }
}

#[async_trait]
impl TrainingRunner for InProcessRunner {
    fn place(&self) -> String {
        format!("this process, on {}", self.stores.artifacts.place())
    }

    async fn start(&self, request: TrainingRequest) -> Result<RunId, lurelight_store::Error> {
        let at = Timestamp::now();
        let invalid = |error: &dyn fmt::Display| {
            lurelight_store::Error::new(ErrorKind::Invalid, "the request", error.to_string())
        };
        let name = request.run.unwrap_or_else(|| RunId::of_time(at));
        let asked = Asked {
            run: name.clone(),
            at,
            actor: request.actor,
            reason: request.reason,
            program: self.program.clone(),
        };
        let request = asked.with(&request.parameters).map_err(|error| invalid(&error))?;
        request.training.check().map_err(|error| invalid(&error))?;
        if !self.take(&request).await? {
            return Ok(name);
        }
        let heard = Heard {
            run: name.clone(),
            states: Arc::clone(&self.states),
            listener: Arc::clone(&self.listener),
        };
        let (stores, states, run) = (self.stores.clone(), Arc::clone(&self.states), name.clone());
        // A task of its own, so that whatever breaks it off is noticed.
        let work =
            tokio::spawn(async move { run::run(&request, &stores, &(Arc::new(heard) as Listener)).await });
        let when_ended = self.when_ended.clone();
        tokio::spawn(async move {
            let (status, ended) = match work.await {
                Ok(Ok(_)) => (RunStatus::Succeeded, Some(Ok(()))),
                Ok(Err(error)) => (RunStatus::Failed { reason: error.to_string() }, Some(Err(error))),
                Err(error) => (RunStatus::Stopped { reason: error.to_string() }, None),
            };
            if let Some(state) = lock(&states).get_mut(&run) {
                (state.status, state.ended_at) = (status, Some(Timestamp::now()));
            }
            if let (Some(when_ended), Some(ended)) = (when_ended, ended) {
                when_ended(run, ended);
            }
        });
        Ok(name)
    }

    async fn state(&self, run: &RunId) -> Result<RunProgress, lurelight_store::Error> {
        if let Some(state) = lock(&self.states).get(run).cloned() {
            return Ok(state);
        }
        let reports = reports::of_run(run, &self.stores).await.map_err(in_store)?;
        let Some(ingest) = &reports.ingest else {
            let message = "no run of this name was ever started here; list the runs to see which were";
            return Err(lurelight_store::Error::new(ErrorKind::NotFound, format!("run {run}"), message));
        };
        let status = if reports.promote.is_some() {
            RunStatus::Succeeded
        } else {
            let reason = "it does not run in this process, and it has not ended: it was broken off, or another process \
                          runs it";
            RunStatus::Stopped { reason: reason.to_owned() }
        };
        let stage = reports.last_stage().map(|stage| stage.to_string());
        Ok(RunProgress { status, stage, started_at: ingest.request.at, ended_at: None })
    }
}

/// A store's own error as it is, any other as what it is to whoever asked a store.
fn in_store(error: Error) -> lurelight_store::Error {
    match error {
        Error::Store(error) => error,
        other => lurelight_store::Error::new(ErrorKind::Damaged, "the run", other.to_string()).because(other),
    }
}

fn lock(states: &States) -> MutexGuard<'_, HashMap<RunId, RunProgress>> {
    // What is behind the lock is whole between any two statements.
    states.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for InProcessRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcessRunner").field("stores", &self.stores).finish_non_exhaustive()
    }
}

/// Notes the stage, and passes everything on.
struct Heard {
    run: RunId,
    states: States,
    listener: Listener,
}

impl Progress for Heard {
    fn stage_begins(&self, stage: Stage, steps: u64) {
        if let Some(state) = lock(&self.states).get_mut(&self.run) {
            state.stage = Some(stage.to_string());
        }
        self.listener.stage_begins(stage, steps);
    }

    fn stage_advances(&self, stage: Stage, steps: u64) {
        self.listener.stage_advances(stage, steps);
    }

    fn stage_ends(&self, stage: Stage) {
        self.listener.stage_ends(stage);
    }

    fn candidate_begins(&self, family: Family, steps: u64) {
        self.listener.candidate_begins(family, steps);
    }

    fn candidate_advances(&self, family: Family) {
        self.listener.candidate_advances(family);
    }

    fn candidate_ends(&self, family: Family, failure: Option<&str>) {
        self.listener.candidate_ends(family, failure);
    }
}

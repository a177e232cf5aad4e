//! Runs of MLflow: found again or made, and told what there is to tell.

use lurelight_store::{Error, ErrorKind, FinishedRun, Outcome};
use serde_json::{Value, json};

use crate::contents::{self, CANDIDATE, Contents, RUN};
use crate::http::{Ask, Http};

/// Something that is found, or else made, and then found.
pub(crate) struct Wanted<'a> {
    pub(crate) find: Ask<'a>,
    /// Where the find's answer has it.
    pub(crate) found_at: &'a str,
    pub(crate) make: Ask<'a>,
    /// Where the make's answer has it.
    pub(crate) made_at: &'a str,
}

impl Http {
    /// What is there, or else was made. Whether a request to make it that was not answered was heard is seen by
    /// looking again, so nothing is made twice.
    pub(crate) async fn find_or_make(&self, wanted: &Wanted<'_>) -> Result<Value, Error> {
        let mut failed = None;
        for attempt in 1..=self.settings().patience().attempts {
            if let Some(found) = self.find(&wanted.find, wanted.found_at).await? {
                return Ok(found);
            }
            match self.ask_once(&wanted.make).await {
                Ok(answer) => return self.part(&answer, wanted.made_at),
                Err(error) if matches!(error.kind, ErrorKind::AlreadyExists | ErrorKind::Unavailable) => {
                    failed = Some(error);
                }
                Err(error) => return Err(error),
            }
            self.pause(attempt, None).await;
        }
        Err(failed.unwrap_or_else(|| self.unexpected("no attempt was allowed")))
    }

    pub(crate) async fn find(&self, ask: &Ask<'_>, found_at: &str) -> Result<Option<Value>, Error> {
        match self.ask(ask).await {
            Ok(answer) => Ok(answer.pointer(found_at).cloned()),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn part(&self, answer: &Value, at: &str) -> Result<Value, Error> {
        answer.pointer(at).cloned().ok_or_else(|| self.unexpected(&format!("its answer has no {at}")))
    }

    /// A text in an answer.
    pub(crate) fn text(&self, answer: &Value, at: &str) -> Result<String, Error> {
        let text = self.part(answer, at)?;
        text.as_str().map(str::to_owned).ok_or_else(|| self.unexpected(&format!("{at} is no text")))
    }

    fn unexpected(&self, what: &str) -> Error {
        let message =
            format!("it does not answer as MLflow's REST API 2.0 does: {what}; see which server that is");
        Error::new(ErrorKind::Invalid, self.place(""), message)
    }

    /// The experiment's number.
    pub(crate) async fn experiment(&self) -> Result<String, Error> {
        let name = self.settings().experiment();
        let made = json!({
            "name": name,
            // What its pages show first: figures and versions, not conversations.
            "tags": [{"key": "mlflow.experimentKind", "value": "custom_model_development"}],
        });
        let wanted = Wanted {
            find: Ask::get("experiments/get-by-name", &[("experiment_name", name)]),
            found_at: "/experiment",
            make: Ask::post("experiments/create", &made),
            made_at: "",
        };
        let found = self.find_or_make(&wanted).await?;
        if found["lifecycle_stage"] == "deleted" {
            let message = format!(
                "experiment {name} is deleted there: restore it, or name another in MLFLOW_EXPERIMENT_NAME"
            );
            return Err(Error::new(ErrorKind::Invalid, self.place(""), message));
        }
        self.text(&found, "/experiment_id")
    }

    /// The run of MLflow that shows these contents.
    pub(crate) async fn run_of(
        &self,
        experiment: &str,
        run: &FinishedRun,
        contents: &Contents,
    ) -> Result<Value, Error> {
        let started_at = run.started_at.as_millisecond();
        // Names of runs and candidates have no quotes in them. Another home may have a run of the same name, and hardly
        // one that began in the same millisecond.
        let search = json!({
            "experiment_ids": [experiment],
            "filter": format!(
                "tags.`{RUN}` = '{}' AND tags.`{CANDIDATE}` = '{}' AND attributes.start_time = {started_at}",
                run.run, contents.candidate
            ),
            "order_by": ["attributes.start_time ASC"],
            "max_results": 1,
        });
        let made = json!({
            "experiment_id": experiment,
            "run_name": contents.name,
            "user_id": run.actor,
            "start_time": started_at,
            "tags": contents.first,
        });
        self.find_or_make(&Wanted {
            find: Ask::post("runs/search", &search),
            found_at: "/runs/0",
            make: Ask::post("runs/create", &made),
            made_at: "/run",
        })
        .await
    }

    /// Tells a run of MLflow its contents.
    pub(crate) async fn tell(&self, run: &FinishedRun, contents: &Contents, id: &str) -> Result<(), Error> {
        for batch in contents.entries.batches(id) {
            self.ask(&Ask::post("runs/log-batch", &batch)).await?;
        }
        if let Some(inputs) = contents::inputs(run, id) {
            self.ask(&Ask::post("runs/log-inputs", &inputs)).await?;
        }
        Ok(())
    }

    /// Ends a run of MLflow.
    pub(crate) async fn end(&self, run: &FinishedRun, outcome: Outcome, id: &str) -> Result<(), Error> {
        let status = match outcome {
            Outcome::Succeeded => "FINISHED",
            Outcome::Failed => "FAILED",
        };
        let mut update = json!({"run_id": id, "status": status});
        if let Some(ended_at) = run.ended_at {
            update["end_time"] = json!(ended_at.as_millisecond());
        }
        self.ask(&Ask::post("runs/update", &update)).await.map(drop)
    }
}

/// The value of a tag of a run of MLflow.
pub(crate) fn tag_of<'r>(run: &'r Value, name: &str) -> Option<&'r str> {
    let tags = run.pointer("/data/tags")?.as_array()?;
    tags.iter().find(|tag| tag["key"] == name)?["value"].as_str()
}

//! The contract's home.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use lurelight_store::{Error, Event, FinishedRun, Secrets, Shown, Tracker};
use serde_json::json;

use crate::artifacts::{left_out, upload};
use crate::contents::{self, Contents, TOLD};
use crate::http::{Ask, Http};
use crate::runs::tag_of;
use crate::settings::MlflowSettings;

/// Shows runs in an experiment of an MLflow server, and versions in the registered model of its name.
///
/// Who asks is in the environment (`MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, or
/// `MLFLOW_TRACKING_TOKEN`), else in the secret `mlflow-credentials` (`user:password`, or a token), else nobody is named.
pub struct MlflowTracker {
    http: Http,
}

impl MlflowTracker {
    /// The tracker of a server. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`Invalid`](lurelight_store::ErrorKind::Invalid) where the address is `https://` and this system trusts no
    /// authority.
    pub fn new(settings: MlflowSettings, secrets: Arc<dyn Secrets>) -> Result<MlflowTracker, Error> {
        Ok(MlflowTracker { http: Http::new(settings, secrets)? })
    }
}

#[async_trait]
impl Tracker for MlflowTracker {
    fn place(&self) -> String {
        let settings = self.http.settings();
        format!("{}, experiment {}", self.http.place(""), settings.experiment())
    }

    async fn record(&self, run: &FinishedRun) -> Result<Shown, Error> {
        let http = &self.http;
        let experiment = http.experiment().await?;
        let itself = contents::of_run(run);
        let shown = http.run_of(&experiment, run, &itself).await?;
        let id = http.text(&shown, "/info/run_id")?;
        let files = http.text(&shown, "/info/artifact_uri")?;
        let address = format!("{}/#/experiments/{experiment}/runs/{id}", http.settings().address());
        let candidates: Vec<Contents> =
            run.candidates.iter().map(|candidate| contents::of_candidate(run, candidate, &id)).collect();
        let all: Vec<Contents> = [itself].into_iter().chain(candidates).collect();
        let digest = contents::digest(run, &all);
        let done = Shown { address: Some(address), left_out: left_out(run, &files) };
        if tag_of(&shown, TOLD) == Some(&digest) {
            return Ok(done);
        }
        // The run itself is ended when all is there: until then MLflow says that it runs.
        for contents in &all[1..] {
            let candidate = http.run_of(&experiment, run, contents).await?;
            let id = http.text(&candidate, "/info/run_id")?;
            http.tell(run, contents, &id).await?;
            http.end(run, contents.outcome, &id).await?;
        }
        http.tell(run, &all[0], &id).await?;
        upload(http, run, &files).await?;
        if let Some(version) = &run.version {
            http.register(run, version, &shown).await?;
        }
        http.end(run, run.outcome, &id).await?;
        let told = json!({"run_id": id, "key": TOLD, "value": digest});
        http.ask(&Ask::post("runs/set-tag", &told)).await?;
        Ok(done)
    }

    async fn moved(&self, event: &Event) -> Result<(), Error> {
        self.http.point(event).await
    }
}

impl fmt::Debug for MlflowTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MlflowTracker").field("place", &self.place()).finish_non_exhaustive()
    }
}

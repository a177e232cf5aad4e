//! Configuration from the environment; nothing of it is secret.

use std::sync::Arc;

use lurelight_aws::{ManagedSecrets, S3Artifacts};
use lurelight_mlflow::{MlflowSettings, MlflowTracker};
use lurelight_mongo::{MongoPlace, MongoRecords};
use lurelight_pipeline::{Stage, Stores};
use lurelight_store::{Secrets, Tracker};

use crate::Function;

/// What a function is and where everything lies.
///
/// | variable | says |
/// |---|---|
/// | `LURELIGHT_STAGE` | the stage: `ingest`, `validate`, `transform`, `fit`, `evaluate` or `promote` |
/// | `LURELIGHT_BUCKET` | the bucket of snapshots, runs, models and the registry |
/// | `LURELIGHT_SECRETS_PREFIX` | what the names of the secrets begin with, `lurelight/prod` for example |
/// | `LURELIGHT_MONGODB_DATABASE`, `LURELIGHT_MONGODB_COLLECTION` | where the records are (`lurelight`, `records`) |
/// | `MLFLOW_TRACKING_URI`, `MLFLOW_EXPERIMENT_NAME` | the MLflow server that `promote` tells of runs; none where absent |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The stage that this function is.
    pub stage: Stage,
    /// The bucket.
    pub bucket: String,
    /// The prefix of the secrets.
    pub secrets_prefix: String,
    /// The collection of the records.
    pub records: MongoPlace,
    /// MLflow.
    pub mlflow: Option<MlflowSettings>,
}

/// What is wrong with a variable, and what it may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError(String);

impl std::fmt::Display for SettingsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the function is not configured: {}", self.0)
    }
}

impl std::error::Error for SettingsError {}

impl Settings {
    /// Reads the variables of this process.
    ///
    /// # Errors
    ///
    /// Names the first variable that is absent or cannot be understood.
    pub fn from_env() -> Result<Settings, SettingsError> {
        let settings = Settings::read(|name| std::env::var(name).ok())?;
        let mlflow = match settings.stage {
            Stage::Promote => MlflowSettings::from_env().map_err(|error| SettingsError(error.to_string()))?,
            _ => None,
        };
        Ok(Settings { mlflow, ..settings })
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Settings, SettingsError> {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        let needed = |name: &str, holds: &str| {
            get(name).ok_or_else(|| SettingsError(format!("{name} is not set; it has to be {holds}")))
        };
        let stage = needed("LURELIGHT_STAGE", "the stage that this function is, ingest for example")?;
        let stage = stage.parse().map_err(|error| SettingsError(format!("LURELIGHT_STAGE: {error}")))?;
        let bucket = needed("LURELIGHT_BUCKET", "the name of the bucket")?;
        let prefix = needed("LURELIGHT_SECRETS_PREFIX", "what the secrets' names begin with")?;
        let records = MongoPlace::new(
            get("LURELIGHT_MONGODB_DATABASE").unwrap_or_else(|| MongoPlace::DATABASE.to_owned()),
            get("LURELIGHT_MONGODB_COLLECTION").unwrap_or_else(|| MongoPlace::COLLECTION.to_owned()),
        );
        let records = records.map_err(|error| SettingsError(format!("LURELIGHT_MONGODB_…: {error}")))?;
        Ok(Settings { stage, bucket, secrets_prefix: prefix, records, mlflow: None })
    }

    /// The function, with its clients made; none of them has sent anything yet.
    ///
    /// # Errors
    ///
    /// Where the prefix can be that of no secret, or MLflow cannot be asked.
    pub async fn function(self) -> Result<Function, SettingsError> {
        let aws = lurelight_aws::settings().await;
        let secrets = ManagedSecrets::new(&aws, self.secrets_prefix)
            .map_err(|error| SettingsError(format!("LURELIGHT_SECRETS_PREFIX: {error}")))?;
        let secrets: Arc<dyn Secrets> = Arc::new(secrets);
        let uri = "mongodb-uri".parse().map_err(|error| SettingsError(format!("{error}")))?;
        let stores = Stores {
            artifacts: Arc::new(S3Artifacts::new(&aws, self.bucket)),
            records: Arc::new(MongoRecords::new(self.records, Arc::clone(&secrets), uri)),
        };
        let tracker = match self.mlflow {
            None => None,
            Some(mlflow) => {
                let tracker = MlflowTracker::new(mlflow, secrets);
                let tracker = tracker.map_err(|error| SettingsError(error.to_string()))?;
                Some(Arc::new(tracker) as Arc<dyn Tracker>)
            }
        };
        Ok(Function { stage: self.stage, stores, tracker })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn what_is_absent_or_wrong_is_named() {
        let all = [("LURELIGHT_STAGE", "fit"), ("LURELIGHT_BUCKET", "b"), ("LURELIGHT_SECRETS_PREFIX", "p")];
        let settings = read(&all).unwrap();
        assert_eq!((settings.stage, settings.bucket.as_str()), (Stage::Fit, "b"));
        assert_eq!(settings.records.to_string(), "lurelight.records");
        for (left_out, name) in all.iter().enumerate() {
            let mut some = all.to_vec();
            some.remove(left_out);
            let error = read(&some).unwrap_err().to_string();
            assert!(error.contains(&format!("{} is not set", name.0)), "{error}");
        }
        let wrong = |name: &'static str, value: &'static str| {
            let mut some: Vec<_> = all.into_iter().filter(|(key, _)| *key != name).collect();
            some.push((name, value));
            read(&some).unwrap_err().to_string()
        };
        assert!(wrong("LURELIGHT_STAGE", "deploy").contains("there is no stage \"deploy\""));
        assert!(wrong("LURELIGHT_MONGODB_DATABASE", "a.b").contains("\"a.b\" names no database"));
    }
}

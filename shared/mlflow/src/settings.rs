//! Which MLflow, and how long it is waited for.

use std::env;
use std::fmt;
use std::time::Duration;

use hyper::Uri;

/// The experiment where none is named, and the registered model of it.
const EXPERIMENT: &str = "lurelight";

/// An MLflow tracking server and the experiment that shows the runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MlflowSettings {
    /// Without a slash at its end.
    address: String,
    experiment: String,
    patience: Patience,
}

/// How long one request may take, and how often it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// From the first byte sent to the last one of the answer.
    pub attempt: Duration,
    /// The first one and those after failures that may pass.
    pub attempts: u32,
    /// The greatest pause before the second attempt; it doubles with each one.
    pub pause: Duration,
}

/// Text that is no address of an MLflow server. The text itself is not shown: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidAddress(String);

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the address of MLflow (MLFLOW_TRACKING_URI) {}; write it as http://127.0.0.1:5000 or \
             https://mlflow.example/path",
            self.0
        )
    }
}

impl std::error::Error for InvalidAddress {}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            connect: Duration::from_secs(2),
            attempt: Duration::from_secs(10),
            attempts: 4,
            pause: Duration::from_millis(200),
        }
    }
}

impl MlflowSettings {
    /// The server at an address that begins with `http://` or `https://`. Nothing is sent.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the address.
    pub fn new(address: &str) -> Result<MlflowSettings, InvalidAddress> {
        let invalid = |reason: &str| Err(InvalidAddress(reason.to_owned()));
        let Ok(uri) = address.trim().parse::<Uri>() else { return invalid("is no address") };
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return invalid(
                "must begin with http:// or https://: a folder, a database or a hosted workspace is not a server \
                 that can be asked",
            );
        }
        let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
            return invalid("names no host");
        };
        if authority.as_str().contains('@') {
            return invalid(
                "holds a name or a password: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or \
                 MLFLOW_TRACKING_TOKEN, or the secret mlflow-credentials instead",
            );
        }
        if uri.query().is_some() {
            return invalid("must end with its path, without `?`");
        }
        let scheme = uri.scheme_str().unwrap_or_default();
        let path = uri.path().trim_end_matches('/');
        Ok(MlflowSettings {
            address: format!("{scheme}://{authority}{path}"),
            experiment: EXPERIMENT.to_owned(),
            patience: Patience::default(),
        })
    }

    /// The server of `MLFLOW_TRACKING_URI`, with the experiment of `MLFLOW_EXPERIMENT_NAME` or `lurelight`; `None` where
    /// the first is not set or empty.
    ///
    /// # Errors
    ///
    /// As [`MlflowSettings::new`].
    pub fn from_env() -> Result<Option<MlflowSettings>, InvalidAddress> {
        let set = |name| env::var(name).ok().filter(|value| !value.trim().is_empty());
        let Some(address) = set("MLFLOW_TRACKING_URI") else { return Ok(None) };
        let settings = MlflowSettings::new(&address)?;
        Ok(Some(match set("MLFLOW_EXPERIMENT_NAME") {
            Some(name) => settings.with_experiment(name),
            None => settings,
        }))
    }

    /// The same with another experiment.
    #[must_use]
    pub fn with_experiment(self, name: impl Into<String>) -> MlflowSettings {
        MlflowSettings { experiment: name.into(), ..self }
    }

    /// The same with another patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> MlflowSettings {
        MlflowSettings { patience, ..self }
    }

    /// The server, without a slash at the end.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The experiment.
    #[must_use]
    pub fn experiment(&self) -> &str {
        &self.experiment
    }

    /// The registered model of this experiment's versions: its name, without the characters that MLflow does not
    /// let a model have.
    #[must_use]
    pub fn model(&self) -> String {
        self.experiment.trim_matches('/').replace(['/', ':', '\''], "-")
    }

    pub(crate) const fn patience(&self) -> Patience {
        self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused_without_being_shown() {
        let table = [
            ("http://127.0.0.1:5000", Ok("http://127.0.0.1:5000")),
            ("http://127.0.0.1:5000/", Ok("http://127.0.0.1:5000")),
            (" https://mlflow.example/team/ ", Ok("https://mlflow.example/team")),
            ("https://[::1]:8443", Ok("https://[::1]:8443")),
            ("", Err("is no address")),
            ("mlflow.example", Err("http://")),
            ("/tmp/mlruns", Err("http://")),
            ("file:///tmp/hunter2", Err("http://")),
            ("databricks://hunter2", Err("http://")),
            ("sqlite:///hunter2.db", Err("http://")),
            ("https://dora:hunter2@mlflow.example", Err("MLFLOW_TRACKING_PASSWORD")),
            ("https://mlflow.example?token=hunter2", Err("without `?`")),
        ];
        for (text, expected) in table {
            match (MlflowSettings::new(text), expected) {
                (Ok(settings), Ok(address)) => assert_eq!(settings.address(), address),
                (Err(error), Err(word)) => {
                    let said = error.to_string();
                    assert!(said.contains(word), "{text}: {said}");
                    assert!(!said.contains("hunter2"), "{said}");
                }
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_model_has_the_experiments_name_as_far_as_it_may() {
        let settings = MlflowSettings::new("http://localhost:5000").unwrap();
        assert_eq!(settings.model(), "lurelight");
        assert_eq!(settings.with_experiment("/Users/dora/lure:prod").model(), "Users-dora-lure-prod");
    }
}

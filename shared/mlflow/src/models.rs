//! Versions and the champion, as a registered model.

use lurelight_store::{Error, ErrorKind, Event, FinishedRun, Version};
use serde_json::{Value, json};

use crate::artifacts::taken_in;
use crate::http::{Ask, Http};
use crate::limits::tag;
use crate::runs::Wanted;

/// The alias that follows the pointer.
const CHAMPION: &str = "champion";
const VERSION: &str = "lurelight.version";
const MODEL: &str = "lurelight.model";

impl Http {
    /// The version of the registered model for the version of a run.
    pub(crate) async fn register(
        &self,
        run: &FinishedRun,
        version: &Version,
        shown: &Value,
    ) -> Result<(), Error> {
        let name = self.settings().model();
        let made = json!({
            "name": name,
            "description": "Phishing or legitimate, by 30 coded features of a site. A file `model.lure` is read by \
                            `lurelight` and `predict`; the alias `champion` is the version that serves.",
        });
        self.find_or_make(&Wanted {
            find: Ask::get("registered-models/get", &[("name", &name)]),
            found_at: "/registered_model",
            make: Ask::post("registered-models/create", &made),
            made_at: "/registered_model",
        })
        .await?;
        let details = &version.details;
        let id = self.text(shown, "/info/run_id")?;
        let taken = taken_in(&self.text(shown, "/info/artifact_uri")?).is_some();
        let source = if !taken && run.home.starts_with("s3://") {
            format!("{}/models/{}/model.lure", run.home, details.model)
        } else {
            format!("runs:/{id}/model.lure")
        };
        let made = json!({
            "name": name,
            "source": source,
            "run_id": id,
            "description": format!(
                "Version {} of {}: {}, made by run {}.", version.number, run.home, details.family, details.run
            ),
            "tags": [
                tag(VERSION, &version.number.to_string()),
                tag(MODEL, &details.model),
                tag("lurelight.dataset", &details.dataset),
                tag("lurelight.family", &details.family),
                tag("lurelight.program", &details.program),
                tag("lurelight.run", details.run.as_str()),
            ],
        });
        let filter = filter(&name, version.number, &details.model);
        self.find_or_make(&Wanted {
            find: Ask::get("model-versions/search", &[("filter", &filter), ("max_results", "1")]),
            found_at: "/model_versions/0",
            make: Ask::post("model-versions/create", &made),
            made_at: "/model_version",
        })
        .await?;
        Ok(())
    }

    /// Lets the alias point where the champion is.
    pub(crate) async fn point(&self, event: &Event) -> Result<(), Error> {
        let (name, details) = (self.settings().model(), &event.details);
        let filter = filter(&name, details.version, &details.model);
        let search = Ask::get("model-versions/search", &[("filter", &filter), ("max_results", "1")]);
        let Some(found) = self.find(&search, "/model_versions/0").await? else {
            let message = format!(
                "version {} was never shown there, so the alias {CHAMPION} cannot be set: show its run first, `lurelight \
                 mlflow sync` shows all",
                details.version
            );
            return Err(Error::new(ErrorKind::NotFound, self.place(""), message));
        };
        let version = self.text(&found, "/version")?;
        let alias = json!({"name": name, "alias": CHAMPION, "version": version});
        self.ask(&Ask::post("registered-models/alias", &alias)).await.map(drop)
    }
}

/// Names of models that we make have no quotes in them, unless the experiment's has.
fn filter(name: &str, number: u64, model: &str) -> String {
    let name = name.replace('\'', "''");
    format!("name = '{name}' AND tags.`{VERSION}` = '{number}' AND tags.`{MODEL}` = '{model}'")
}

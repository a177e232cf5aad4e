//! What came of a run, in words and as JSON.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use lurelight_model::Family;
use lurelight_pipeline::reports::{self, RunReports};
use lurelight_pipeline::tracking::{Told, ToldState};
use lurelight_pipeline::{DriftVerdict, FitOutcome, PromoteReport, Stage, Stores};
use lurelight_store::{Event, Key, RunId, Version};
use serde::Serialize;

use crate::failure::Failure;
use crate::home::Home;
use crate::wording::{count, counted};
use crate::{card, layout};

/// A run that has ended, and who serves now.
pub struct Finished {
    reports: RunReports,
    promoted: PromoteReport,
    champion: Option<(Event, Version)>,
    /// The page of the run.
    page: String,
    /// What commands need to find the home.
    home_flag: String,
    /// Seconds of the card's candidates, in its order; none where they were fitted before.
    seconds: Option<Vec<f64>>,
    /// What MLflow was told, where there is one.
    told: Option<Told>,
}

impl Finished {
    /// Reads what a run left behind.
    pub async fn read(
        run: &RunId,
        seconds: &[(Family, f64)],
        home: &Home,
        stores: &Stores,
    ) -> Result<Finished, Failure> {
        let reports = reports::of_run(run, stores).await?;
        let promoted = reports.promote.clone().ok_or_else(|| {
            anyhow!("run {run} left no report of its last stage, {}; run it again", Stage::Promote)
        })?;
        let registry = stores.registry();
        let champion = match registry.champion().await? {
            None => None,
            Some(champion) => {
                let version = registry.version(champion.event.details.version).await?;
                Some((champion.event, version))
            }
        };
        let of_family =
            |family| seconds.iter().find(|(known, _)| *known == family).map_or(0.0, |(_, seconds)| *seconds);
        let seconds = reports.evaluate.as_ref().filter(|_| !seconds.is_empty()).map(|evaluated| {
            evaluated.card.candidates.iter().map(|candidate| of_family(candidate.family)).collect()
        });
        Ok(Finished {
            page: page(run, home)?,
            home_flag: home.flag(),
            reports,
            promoted,
            champion,
            seconds,
            told: None,
        })
    }

    /// The same with what MLflow was told.
    pub fn shown_in(self, told: Option<Told>) -> Finished {
        Finished { told, ..self }
    }

    /// For people.
    pub fn text(&self) -> String {
        let width = layout::terminal_width();
        let mut text = layout::paragraph(&self.promoted.words(), width);
        text += &format!("\n{}", layout::fields(&self.rows_in_words(), width));
        if let Some(evaluated) = &self.reports.evaluate {
            text += &format!("\n{}", card::candidates(&evaluated.card, self.seconds.as_deref()));
        }
        // Never broken into lines: a link is opened and a command is copied.
        let what_now = self.what_now().into_iter().map(|(name, said)| format!("{name:10}{said}\n"));
        text + "\n" + &what_now.collect::<String>()
    }

    fn rows_in_words(&self) -> Vec<(&'static str, String)> {
        let mut fields = Vec::new();
        if let Some(ingested) = &self.reports.ingest {
            let batches = match ingested.batches.len() as u64 {
                1 => "1 batch".to_owned(),
                more => format!("{} batches", count(more)),
            };
            fields.push(("Records", format!("{} in {batches}", counted(ingested.rows, "row"))));
        }
        if let Some(validated) = &self.reports.validate {
            if validated.invalid_rows > 0 {
                let rows = counted(validated.invalid_rows, "row");
                fields
                    .push(("Invalid", format!("{rows} cannot be used; {} says why", validated.invalid.key)));
            }
            fields.push(("Drift", validated.drift_words.clone()));
            fields.extend(validated.warnings.iter().map(|warning| ("Warning", warning.clone())));
        }
        fields.extend(self.failed().map(|(family, reason)| ("Failed", format!("{family}: {reason}"))));
        fields
    }

    fn what_now(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![("Report", self.page.clone())];
        if let Some(ToldState::Shown { address: Some(address), .. }) =
            self.told.as_ref().map(|told| &told.state)
        {
            fields.push(("MLflow", address.clone()));
        }
        let Some((event, version)) = &self.champion else {
            fields.push(("Champion", "none yet".to_owned()));
            return fields;
        };
        let (family, home) = (&version.details.family, &self.home_flag);
        let run = &version.details.run;
        fields.push(("Champion", format!("version {}, {family}, of run {run}", version.number)));
        fields.push(("To judge", format!("lurelight predict FILE{home}")));
        fields.push(("To serve", format!("lurelight serve{home}")));
        if let Some(previous) = event.previous {
            fields.push(("To undo", format!("lurelight models roll-back{home} (to version {previous})")));
        }
        fields
    }

    fn failed(&self) -> impl Iterator<Item = (Family, &str)> {
        self.reports.candidates.iter().filter_map(|candidate| match &candidate.outcome {
            FitOutcome::Failed { reason } => Some((candidate.family, reason.as_str())),
            FitOutcome::Fitted { .. } => None,
        })
    }

    /// For programs.
    pub fn json(&self) -> Result<String, Failure> {
        let validated = self.reports.validate.as_ref();
        let shown = Shown {
            run: &self.promoted.run,
            outcome: self.promoted.outcome.as_str(),
            words: self.promoted.words(),
            report: &self.page,
            dataset: self.reports.ingest.as_ref().map(|ingested| ingested.dataset.as_str()),
            rows: self.reports.ingest.as_ref().map(|ingested| ingested.rows),
            warnings: validated.map(|validated| validated.warnings.as_slice()).unwrap_or_default(),
            drift: validated.map(|validated| validated.drift),
            failed: self.failed().collect(),
            promotion: &self.promoted,
            card: self.reports.evaluate.as_ref().map(|evaluated| &evaluated.card),
            champion: self.champion.as_ref().map(|(event, version)| ShownChampion { version, event }),
            mlflow: self.told.as_ref().map(|told| &told.state),
        };
        Ok(serde_json::to_string_pretty(&shown).context("the result cannot be written")? + "\n")
    }
}

/// The page of the run as a link that can be opened.
fn page(run: &RunId, home: &Home) -> Result<String, Failure> {
    let key = Key::run(run, "report.html").map_err(anyhow::Error::from)?;
    let Some(artifacts) = home.artifacts() else { return Ok(format!("{}/{key}", home.shown())) };
    let path = artifacts.join(key.as_str());
    let path = std::path::absolute(&path)
        .with_context(|| format!("{} cannot be named from the root", path.display()))?;
    Ok(link(&path))
}

/// The path as a `file://` link; what is neither letter, digit nor one of `-._~/` is written as `%` and two digits.
fn link(path: &Path) -> String {
    let mut link = String::from("file://");
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(byte) {
            link.push(char::from(*byte));
        } else {
            let _infallible = write!(link, "%{byte:02X}");
        }
    }
    link
}

/// What `--json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    run: &'a RunId,
    /// `promoted`, `kept` or `no change`.
    outcome: &'static str,
    words: String,
    /// A link to the page of the run.
    report: &'a str,
    dataset: Option<&'a str>,
    rows: Option<u64>,
    warnings: &'a [String],
    drift: Option<DriftVerdict>,
    failed: Vec<(Family, &'a str)>,
    promotion: &'a PromoteReport,
    /// The card of this run's version.
    card: Option<&'a lurelight_model::Card>,
    /// Who serves now.
    champion: Option<ShownChampion<'a>>,
    /// What MLflow was told, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    mlflow: Option<&'a ToldState>,
}

#[derive(Serialize)]
struct ShownChampion<'a> {
    version: &'a Version,
    event: &'a Event,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_can_be_opened_whatever_the_path() {
        assert_eq!(link(Path::new("/a b/ä/r-1.html")), "file:///a%20b/%C3%A4/r-1.html");
    }
}

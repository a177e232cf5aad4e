//! Whether a run can learn anything that was not learnt before.

use lurelight_store::Version;

use crate::ingest::IngestReport;
use crate::promote::PromoteReport;
use crate::run_folder::RunFolder;
use crate::{Error, Stage, Stores};

/// Why there is nothing to learn: a version was made of the same records with the same options by the same program
/// and was judged. A new seed makes no difference. `None` where there is something to learn.
pub(crate) async fn reason(report: &IngestReport, stores: &Stores) -> Result<Option<String>, Error> {
    let champion = report.champion.as_ref().map(|champion| champion.version);
    let versions = stores.registry().versions().await?;
    // The champion first: what is said of it is said most simply.
    let same_records = versions.iter().rev().filter(|version| version.details.dataset == report.dataset);
    let mut candidates: Vec<&Version> = same_records.collect();
    candidates.sort_by_key(|version| Some(version.number) != champion);
    for version in candidates {
        if let Some(reason) = same_as(version, report, champion, stores).await? {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}

async fn same_as(
    version: &Version,
    report: &IngestReport,
    champion: Option<u64>,
    stores: &Stores,
) -> Result<Option<String>, Error> {
    let run = &version.details.run;
    let folder = RunFolder::new(&*stores.artifacts, run);
    // A run whose reports are gone says nothing.
    let Some(before) = folder.find_report::<IngestReport>(Stage::Ingest).await? else { return Ok(None) };
    if !before.request.trains_as(&report.request) {
        return Ok(None);
    }
    let number = version.number;
    let seed = if before.request.training.seed == report.request.training.seed {
        ""
    } else {
        "; another seed alone makes no challenger"
    };
    if champion == Some(number) {
        return Ok(Some(format!(
            "the champion, version {number}, was made of these records with these options by run {run}{seed}"
        )));
    }
    let judged = folder.find_report::<PromoteReport>(Stage::Promote).await?;
    let same_rules = before.request.promotion == report.request.promotion;
    Ok(judged.filter(|judged| same_rules && judged.version == Some(number)).map(|judged| {
        format!(
            "version {number} was made of these records with these options by run {run} and was judged then ({}){seed}; \
             promote it by hand if it is to serve",
            judged.outcome.as_str()
        )
    }))
}

//! Validate: what the rows are like, and whether they have drifted.

use lurelight_schema::{Label, Record, RecordsDigest};
use lurelight_store::{ErrorKind, RunId, parse_digest};
use serde::{Deserialize, Serialize};

use crate::drift::{DriftReport, DriftVerdict, Reference, counts_of, drift};
use crate::frames::{self, Placed};
use crate::ingest::IngestReport;
use crate::quality::{Quality, invalid_csv, quality, unusable};
use crate::run_folder::{RunFolder, Stored};
use crate::snapshot::{self, IngestedBatch, places};
use crate::work::calculate;
use crate::{Error, Listener, Stage, Stores, pages};

/// `validate.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValidateReport {
    /// The run.
    pub run: RunId,
    /// The digest of all records.
    pub dataset: String,
    /// All records.
    pub rows: u64,
    /// Those that can be used.
    pub valid_rows: u64,
    /// Their digest.
    pub valid_digest: String,
    /// Where they are.
    pub valid: Stored,
    /// Those that cannot.
    pub invalid_rows: u64,
    /// Where they are, each with its reason.
    pub invalid: Stored,
    /// What the usable rows are like.
    pub quality: Quality,
    /// What is worth knowing; none of it stops the run.
    pub warnings: Vec<String>,
    /// Whether the rows have drifted.
    pub drift: DriftVerdict,
    /// The same in a sentence.
    pub drift_words: String,
}

/// Looks at the rows of a run. Every row goes either to `valid.parquet` or to `invalid.csv`; rows that repeat or
/// contradict each other are counted and kept.
///
/// # Errors
///
/// [`Error::NothingUsable`] and [`Error::OneClass`], after the reports were written.
pub async fn validate(run: &RunId, stores: &Stores, listener: &Listener) -> Result<ValidateReport, Error> {
    listener.stage_begins(Stage::Validate, 3);
    let folder = RunFolder::new(&*stores.artifacts, run);
    let ingested: IngestReport = folder.report(Stage::Ingest).await?;
    let reference = reference(&ingested, stores).await?;
    let records = snapshot::read(folder, &ingested.snapshot, &ingested.dataset, Stage::Validate).await?;
    listener.stage_advances(Stage::Validate, 1);

    let (batches, rules, name) = (ingested.batches.clone(), ingested.request.drift, run.clone());
    let looked =
        calculate(Stage::Validate, move || look(&name, &records, &batches, reference.as_ref(), rules));
    let looked = looked.await?;
    listener.stage_advances(Stage::Validate, 1);

    folder.put_json("drift.json", &looked.drift).await?;
    folder.put("drift.html", pages::drift_page(&looked.drift)?).await?;
    let report = ValidateReport {
        run: run.clone(),
        dataset: ingested.dataset,
        rows: ingested.rows,
        valid_rows: looked.quality.rows(),
        valid_digest: looked.valid_digest,
        valid: folder.put("valid.parquet", looked.valid).await?,
        invalid_rows: looked.invalid_rows,
        invalid: folder.put("invalid.csv", looked.invalid).await?,
        warnings: looked.quality.warnings(),
        quality: looked.quality,
        drift: looked.drift.verdict,
        drift_words: looked.drift.words,
    };
    folder.put_report(Stage::Validate, &report).await?;
    check(&report)?;
    listener.stage_ends(Stage::Validate);
    Ok(report)
}

fn check(report: &ValidateReport) -> Result<(), Error> {
    let rows = report.valid_rows;
    let (label, other) = match (report.quality.phishing, report.quality.legitimate) {
        (0, 0) => return Err(Error::NothingUsable { rows: report.rows, key: report.invalid.key.clone() }),
        (_, 0) => (Label::Phishing, Label::Legitimate),
        (0, _) => (Label::Legitimate, Label::Phishing),
        _ => return Ok(()),
    };
    Err(Error::OneClass { label, other, rows })
}

struct Looked {
    quality: Quality,
    drift: DriftReport,
    valid: Vec<u8>,
    valid_digest: String,
    invalid: String,
    invalid_rows: u64,
}

fn look(
    run: &RunId,
    records: &[Record],
    batches: &[IngestedBatch],
    reference: Option<&Reference>,
    rules: crate::DriftRules,
) -> Result<Looked, Error> {
    let usable = || records.iter().zip(places(batches)).filter(|(record, _)| unusable(record).is_none());
    let valid = frames::write(usable().map(|(record, (batch, row))| Placed { record: *record, batch, row }))?;
    let mut digest = RecordsDigest::new();
    usable().for_each(|(record, _)| digest.push(*record));
    let (invalid, invalid_rows) = invalid_csv(records, batches);
    Ok(Looked {
        quality: quality(records, batches),
        drift: drift(run, records, batches, reference, rules),
        valid,
        valid_digest: digest.finish().to_string(),
        invalid,
        invalid_rows,
    })
}

/// The champion that rows are compared with: the one that served when the run began.
async fn reference(ingested: &IngestReport, stores: &Stores) -> Result<Option<Reference>, Error> {
    let Some(champion) = &ingested.champion else { return Ok(None) };
    let registry = stores.registry();
    let version = registry.version(champion.version).await?;
    let model = parse_digest(&champion.model).map_err(|error| {
        let what = format!("version {}", champion.version);
        lurelight_store::Error::new(ErrorKind::Damaged, what, error.to_string()).because(error)
    })?;
    let counts = counts_of(&registry.card(model).await?);
    let folder = RunFolder::new(&*stores.artifacts, &version.details.run);
    // Its run's report may be gone, or be one of another release: then it is not known what it has seen.
    let before = match folder.find_report::<IngestReport>(Stage::Ingest).await {
        Err(Error::Damaged { .. }) => None,
        found => found?,
    };
    let seen = before.map(|report| report.batches.into_iter().map(|batch| batch.id).collect());
    Ok(Some(Reference { version: version.number, model: champion.model.clone(), counts, seen }))
}

//! `lurelight batches`.

use anyhow::{Context as _, anyhow};
use lurelight_pipeline::Stores;
use lurelight_store::{Batch, BatchId};
use serde::Serialize;

use crate::failure::Failure;
use crate::home::{Home, block_on};
use crate::output;
use crate::wording::{count, counted, moment, short};

/// List the batches of labelled rows in the home, or take some away.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Print the result as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    home: Home,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List them, as without a word
    List,
    /// Take batches away: later runs do not learn from them; what runs have read and made stays
    Delete {
        /// A batch's name, or enough of its first digits to tell it from the others
        #[arg(value_name = "BATCH", required = true)]
        batches: Vec<String>,
    },
}

/// Fewer digits name no batch: too easily another one than was meant.
const PREFIX_DIGITS_MIN: usize = 4;

/// Lists, or deletes.
pub fn run(args: &Args) -> Result<(), Failure> {
    let stores = args.home.stores()?;
    block_on(async {
        let batches = stores.records.batches().await?;
        let text = match &args.action {
            None | Some(Action::List) if args.json => json(&batches)?,
            None | Some(Action::List) => list(&batches, &stores),
            Some(Action::Delete { batches: named }) => {
                let deleted = delete(named, &batches, &stores).await?;
                let words = |batch: &Batch| {
                    let rows = counted(batch.closing.rows, "row");
                    format!("batch {} is deleted: {rows} from {}\n", name(batch), batch.closing.source)
                };
                if args.json { json(&deleted)? } else { deleted.iter().map(words).collect() }
            }
        };
        Ok(output::print(&text)?)
    })
}

fn list(batches: &[Batch], stores: &Stores) -> String {
    if batches.is_empty() {
        return format!("{} has no records yet: lurelight push FILE\n", stores.records.place());
    }
    let row = |batch: &Batch| {
        let closing = &batch.closing;
        vec![name(batch), closing.rows.to_string(), batch.relabelled.to_string(), moment(closing.pushed_at)]
    };
    let mut ordered: Vec<&Batch> = batches.iter().collect();
    ordered.sort_by_key(|batch| batch.closing.pushed_at);
    let rows: Vec<Vec<String>> = ordered.iter().map(|batch| row(batch)).collect();
    let table = output::table(&["batch", "rows", "relabelled", "pushed"], &rows);
    // Names of files begin at the same place, which a column of numbers does not let them.
    let sources = ["from"].into_iter().chain(ordered.iter().map(|batch| batch.closing.source.as_str()));
    let width = table.lines().map(str::len).max().unwrap_or_default();
    let lines = table.lines().zip(sources).map(|(line, source)| format!("{line:width$}  {source}\n"));
    let all = counted(batches.iter().map(|batch| batch.closing.rows).sum(), "row");
    let batches = if batches.len() == 1 {
        "1 batch".to_owned()
    } else {
        format!("{} batches", count(batches.len() as u64))
    };
    lines.collect::<String>() + &format!("{all} in {batches}\n")
}

/// Enough of a batch's name.
fn name(batch: &Batch) -> String {
    short(&batch.id.to_string()).to_owned()
}

/// Deletes what is named, after having found all of it.
async fn delete(named: &[String], batches: &[Batch], stores: &Stores) -> Result<Vec<Batch>, Failure> {
    let mut found: Vec<&Batch> = Vec::new();
    for name in named {
        let batch = find(name, batches)?;
        if !found.iter().any(|known| known.id == batch.id) {
            found.push(batch);
        }
    }
    for batch in &found {
        stores.records.delete(batch.id).await?;
    }
    Ok(found.into_iter().cloned().collect())
}

fn find<'b>(name: &str, batches: &'b [Batch]) -> Result<&'b Batch, Failure> {
    if name.len() < PREFIX_DIGITS_MIN {
        let message = anyhow!(
            "{name:?} is too short to name a batch: give {PREFIX_DIGITS_MIN} digits of its name at least"
        );
        return Err(Failure::Usage(message));
    }
    let prefix = name.to_ascii_lowercase();
    let mut matching = batches.iter().filter(|batch| batch.id.to_string().starts_with(&prefix));
    match (matching.next(), matching.next()) {
        (Some(batch), None) => Ok(batch),
        (None, _) => {
            Err(anyhow!("no batch's name begins with {name}; lurelight batches lists all of them").into())
        }
        (Some(one), Some(other)) => {
            let (BatchId(one), BatchId(other)) = (one.id, other.id);
            Err(anyhow!(
                "{name} is not enough to tell batches apart: {one} and {other} begin with it; nothing is deleted"
            )
            .into())
        }
    }
}

fn json(batches: &[Batch]) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct Shown<'a> {
        batch: String,
        relabelled: u64,
        #[serde(flatten)]
        closing: &'a lurelight_store::Closing,
    }
    let shown: Vec<Shown<'_>> = batches
        .iter()
        .map(|batch| Shown {
            batch: batch.id.to_string(),
            relabelled: batch.relabelled,
            closing: &batch.closing,
        })
        .collect();
    Ok(serde_json::to_string_pretty(&shown).context("the result cannot be written")? + "\n")
}

//! `lurelight schema`.

use lurelight_schema::printout;

use crate::failure::Failure;
use crate::output;

/// Show the 30 features: names and other spellings, what each code means, where it is observed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How to write it down
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The same as --format json-schema
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// For people
    Table,
    /// JSON Schema (draft 2020-12) of one row, or an array of rows
    JsonSchema,
    /// Columns with their codes, and the label
    Yaml,
}

/// Prints the schema.
pub fn run(args: &Args) -> Result<(), Failure> {
    let format = if args.json { Format::JsonSchema } else { args.format };
    Ok(output::print(&match format {
        Format::Table => printout::table(),
        Format::JsonSchema => printout::json_schema(),
        Format::Yaml => printout::yaml(),
    })?)
}

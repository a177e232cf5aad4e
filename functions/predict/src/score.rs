//! Rows in, verdicts out: read, scored and written down in one pass, some thousand at a time.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;

use foldhash::fast::RandomState;
use lurelight_model::{Family, Model, Unexplained};
use lurelight_schema::read::{Format, LabelUse, Limits, ReadOptions, Reader, Report, Role, Row};
use lurelight_schema::{FeatureVector, Label};
use serde::Serialize;

use crate::reasons::reasons;
use crate::render::{CellsUntil, Frame, RowFormat, Rows};
use crate::{Context, Counts, Error};

/// What one input gave.
#[derive(Debug)]
pub struct Scored {
    /// The input's columns in their order, an older prediction left out.
    pub columns: Vec<String>,
    /// Where an older prediction stood in the input: these columns are replaced.
    pub replaced: Vec<String>,
    /// The probability from which a row is called phishing.
    pub threshold: f64,
    /// Usable rows by verdict and label.
    pub counts: Counts,
    /// Errors of rows, and warnings.
    pub report: Report,
    /// Distinct rows among the usable ones; beyond a million, some may be counted again.
    pub distinct: u64,
    /// Usable rows that were counted but not written down, before those that were.
    pub skipped: usize,
    /// Reasons that each row gets, or has an empty column for.
    pub explain: usize,
    family: Family,
    /// Why the model cannot give the reasons that were wanted.
    unanswerable: Option<Unexplained>,
    explained: u64,
    unexplained: u64,
    pub(crate) rows: Rows,
}

/// Something that a client should know about its input, said once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// A word for programs, as `absent_column`.
    pub kind: String,
    /// The column that it is about, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What there is to know, in words.
    pub message: String,
    /// Rows that it concerns.
    pub count: u64,
}

/// What to do with the rows.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// How the input is written.
    pub format: Format,
    /// From which probability on a row is called phishing; the model's own threshold where `None`.
    pub threshold: Option<f64>,
    /// Usable rows to count but not to write down.
    pub skip: usize,
    /// Usable rows to write down at most; the others are counted.
    pub show: usize,
    /// Reasons to give for each row.
    pub explain: usize,
    /// How rows are written down.
    pub rows: RowFormat,
}

/// Reads rows, scores each distinct one once, and writes them down.
///
/// # Errors
/// [`Error::Read`] where the input cannot be used at all; single bad rows are reported in [`Scored::report`].
pub fn score(context: &Context, input: impl Read, task: Task) -> Result<Scored, Error> {
    let threshold = task.threshold.unwrap_or(context.model().threshold());
    let explains = context.model().explains();
    // A CSV has the columns that were asked for, whichever model judges.
    let column = explains || matches!(task.rows, RowFormat::Csv { .. });
    let explain = if column { task.explain } else { 0 };
    let mut reader = Reader::new(input, task.format, read_options(context))?;
    let kept: Vec<bool> =
        reader.columns().iter().map(|column| column.role != Role::PreviousPrediction).collect();
    let names = |keep: bool| {
        let columns = reader.columns().iter().zip(&kept);
        columns.filter(|(_, kept)| **kept == keep).map(|(column, _)| column.name.clone()).collect()
    };
    let (columns, replaced) = (names(true), names(false));
    let mut scored = Scored {
        columns,
        replaced,
        threshold,
        counts: Counts::default(),
        report: Report::default(),
        distinct: 0,
        skipped: 0,
        explain,
        family: context.model().family(),
        unanswerable: context.model().unexplained().filter(|_| task.explain > 0),
        explained: 0,
        unexplained: 0,
        rows: Rows::new(task.rows),
    };
    let mut verdicts = Verdicts::default();
    let mut batch = Batch::default();
    let mut seen = 0;
    while let Some(row) = reader.next_row()? {
        let place = match seen {
            _ if seen < task.skip => Place::Skipped,
            _ if seen - task.skip >= task.show => Place::Beyond,
            _ => batch.cells(&row, &kept, task.rows),
        };
        seen += 1;
        batch.rows.push(Waiting { number: row.number, vector: row.vector, label: row.label, place });
        if batch.is_full() {
            scored.judge(context, &mut batch, &mut verdicts);
        }
    }
    scored.judge(context, &mut batch, &mut verdicts);
    scored.report = reader.finish()?;
    Ok(scored)
}

/// Rows that were read and wait to be judged together, which is several times as quick as one by one.
#[derive(Default)]
struct Batch {
    rows: Vec<Waiting>,
    /// The cells of those that are written down, one row behind the other.
    cells: String,
}

struct Waiting {
    number: u64,
    vector: FeatureVector,
    label: Option<Label>,
    place: Place,
}

/// Where a row stands among those that are written down.
enum Place {
    /// Before them.
    Skipped,
    /// Behind them.
    Beyond,
    /// Among them, with its cells up to this place in the batch.
    Written(CellsUntil),
}

impl Batch {
    const MOST_ROWS: usize = 1 << 14;
    const MOST_BYTES: usize = 1 << 22;

    fn is_full(&self) -> bool {
        self.rows.len() >= Batch::MOST_ROWS || self.cells.len() >= Batch::MOST_BYTES
    }

    /// Keeps the cells of a row that will be written down.
    fn cells(&mut self, row: &Row<'_>, kept: &[bool], format: RowFormat) -> Place {
        let whole = row.csv_text().filter(|_| kept.iter().all(|kept| *kept));
        let cells = row.cells().zip(kept).filter(|(_, kept)| **kept).map(|(cell, _)| cell);
        Place::Written(format.keep_cells(&mut self.cells, whole, cells))
    }
}

impl Scored {
    /// Judges the rows of a batch, writes down those that are wanted, and empties it.
    fn judge(&mut self, context: &Context, batch: &mut Batch, verdicts: &mut Verdicts) {
        let (places, new) = verdicts.places(context, &batch.rows);
        self.distinct += new;
        let explains = context.model().explains();
        let mut begin = 0;
        for (row, place) in batch.rows.drain(..).zip(places) {
            let Verdict { probability, judged } = &mut verdicts.known[place];
            let label = Model::label_at(*probability, self.threshold);
            self.counts.add(label, row.label);
            let Place::Written(cells) = row.place else {
                self.skipped += usize::from(matches!(row.place, Place::Skipped));
                continue;
            };
            let Judged { frame, left_out } = judged.get_or_insert_with(|| {
                let left_out = explains && self.explain > 0 && self.explained == MOST_EXPLAINED;
                let count = if left_out { 0 } else { self.explain };
                self.explained += u64::from(explains && count > 0);
                let reasons = (self.explain > 0).then(|| reasons(context.model(), row.vector, count));
                Judged { frame: self.rows.frame(label, *probability, reasons.as_deref()), left_out }
            });
            self.unexplained += u64::from(*left_out);
            self.rows.push(row.number, &batch.cells[begin..cells.end()], cells, frame);
            begin = cells.end();
        }
        batch.cells.clear();
    }
}

/// The most distinct rows of one input that are explained: with the compiled-in model a second's work or less.
const MOST_EXPLAINED: u64 = 1000;

/// What is known of a distinct row.
struct Verdict {
    probability: f64,
    /// Once it is written down.
    judged: Option<Judged>,
}

struct Judged {
    /// What stands around its cells when it is written down.
    frame: Frame,
    /// Whether its reasons were left out because of [`MOST_EXPLAINED`].
    left_out: bool,
}

/// The distinct rows of one input.
#[derive(Default)]
struct Verdicts {
    /// Where each stands among the known ones. The hash has a key of its own in each process, and is several times as
    /// quick as the standard library's.
    places: HashMap<FeatureVector, usize, RandomState>,
    known: Vec<Verdict>,
}

impl Verdicts {
    /// From how many distinct rows on all are forgotten: some 100 MB.
    const MOST: usize = 1 << 20;

    /// The place of each row among the known ones, and how many of these are new: they are scored together.
    fn places(&mut self, context: &Context, rows: &[Waiting]) -> (Vec<usize>, u64) {
        if self.known.len() >= Self::MOST {
            self.places.clear();
            self.known.clear();
        }
        let mut new = Vec::new();
        let known = self.known.len();
        let place = |row: &Waiting| {
            *self.places.entry(row.vector).or_insert_with(|| {
                new.push(row.vector);
                known + new.len() - 1
            })
        };
        let places = rows.iter().map(place).collect();
        let verdict = |probability| Verdict { probability, judged: None };
        self.known.extend(context.probabilities(&new).into_iter().map(verdict));
        (places, new.len() as u64)
    }
}

/// Limits of one request, far below the reader's own, which are for files on a disk.
fn read_options(context: &Context) -> ReadOptions {
    ReadOptions {
        limits: Limits { rows: 2_000_000, errors_kept: 1000, ..Limits::default() },
        known_codes: *context.model().known_codes(),
        ..ReadOptions::new(LabelUse::Optional)
    }
}

impl Scored {
    /// Whether usable rows are left behind the first `shown` of those that were written down.
    pub(crate) fn is_cut_after(&self, shown: usize) -> bool {
        ((self.skipped + shown) as u64) < self.report.used
    }

    /// How many rows are written down, and can be shown.
    pub(crate) fn written(&self) -> usize {
        self.rows.len()
    }

    /// What a client should know about the input and the answer.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        let mut notices = notices(&self.report, &self.replaced);
        if let Some(reason) = self.unanswerable {
            notices.push(no_reasons(self.family, reason, self.report.used));
        }
        if self.unexplained > 0 {
            notices.push(Notice {
                kind: "reasons_left_out".to_owned(),
                column: None,
                message: format!(
                    "only the first {MOST_EXPLAINED} distinct rows have reasons; send the others again without these"
                ),
                count: self.unexplained,
            });
        }
        notices
    }
}

/// Says that reasons were wanted of a model that has none to give.
#[must_use]
pub fn no_reasons(family: Family, reason: Unexplained, rows: u64) -> Notice {
    Notice {
        kind: "no_reasons".to_owned(),
        column: None,
        message: format!(
            "no reasons are given: the score of the model that judged ({family}) cannot be taken apart exactly by \
             features, because {reason}"
        ),
        count: rows,
    }
}

/// The reader's warnings, behind one for an older prediction whose columns are `replaced`.
#[must_use]
pub fn notices(report: &Report, replaced: &[String]) -> Vec<Notice> {
    let mut notices: Vec<Notice> = Vec::new();
    if !replaced.is_empty() {
        let names: BTreeSet<&str> = replaced.iter().map(String::as_str).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        notices.push(Notice {
            kind: "previous_prediction".to_owned(),
            column: Some(names.clone()),
            message: format!("the input holds an older prediction ({names}); it is replaced by the new one"),
            count: report.rows,
        });
    }
    notices.extend(report.warnings.iter().map(|warning| {
        Notice {
            kind: serde_json::to_value(warning.kind)
                .ok()
                .and_then(|kind| kind.as_str().map(str::to_owned))
                .unwrap_or_default(),
            column: warning.column.clone(),
            message: warning.message.clone(),
            count: warning.count,
        }
    }));
    notices
}

//! Tables and paragraphs that fit the terminal.

use std::io::IsTerminal as _;

use terminal_size::{Width, terminal_size_of};

/// How wide paragraphs are where nobody says otherwise.
const PARAGRAPH_WIDTH: usize = 100;
/// Words are not squeezed into less than this.
const LEAST_PROSE_WIDTH: usize = 32;
/// Between columns.
const GAP: usize = 2;

/// How many characters fit into a line of standard output; `None` where it is no terminal, so that whatever
/// reads it gets all there is.
pub fn terminal_width() -> Option<usize> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    terminal_size_of(stdout).map(|(Width(width), _)| usize::from(width)).filter(|width| *width > 0)
}

/// A column of a [`table`].
#[derive(Clone, Copy)]
pub struct Column<'n> {
    name: &'n str,
    kind: Kind,
    spare: u8,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Word,
    Number,
    Prose,
}

/// A column of words.
pub const fn word(name: &str) -> Column<'_> {
    Column { name, kind: Kind::Word, spare: 0 }
}

/// A column of figures, which stand at its right.
pub const fn number(name: &str) -> Column<'_> {
    Column { name, kind: Kind::Number, spare: 0 }
}

/// A column of sentences, which has to be the last; they are broken where the line ends.
pub const fn prose(name: &str) -> Column<'_> {
    Column { name, kind: Kind::Prose, spare: 0 }
}

impl<'n> Column<'n> {
    /// The same, left out where the line is too short; the greatest `rank` goes first.
    pub const fn spare(self, rank: u8) -> Column<'n> {
        Column { spare: rank, ..self }
    }
}

/// A table without lines, and the names of the columns for which there was no room.
pub fn table<'n>(
    columns: &[Column<'n>],
    rows: &[Vec<String>],
    width: Option<usize>,
) -> (String, Vec<&'n str>) {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
    let widths: Vec<usize> = (0..columns.len())
        .map(|i| {
            let cells = rows.iter().filter_map(|row| row.get(i)).map(|cell| length(cell));
            cells.chain([length(columns[i].name)]).max().unwrap_or(0)
        })
        .collect();
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let mut absent = Vec::new();
    let most = width.unwrap_or(usize::MAX);
    while needed(&shown, columns, &widths) > most {
        let spare = shown.iter().copied().filter(|i| columns[*i].spare > 0);
        let Some(least) = spare.max_by_key(|i| columns[*i].spare) else { break };
        shown.retain(|i| *i != least);
        absent.push(columns[least].name);
    }
    let header: Vec<String> = columns.iter().map(|column| column.name.to_owned()).collect();
    let lines = [&header].into_iter().chain(&rows);
    let text = lines.map(|row| line(row, &shown, columns, &widths, width)).collect();
    (text, absent)
}

fn needed(shown: &[usize], columns: &[Column<'_>], widths: &[usize]) -> usize {
    let width = |i: &usize| match columns[*i].kind {
        Kind::Prose => widths[*i].min(LEAST_PROSE_WIDTH),
        _ => widths[*i],
    };
    shown.iter().map(width).sum::<usize>() + GAP * shown.len().saturating_sub(1)
}

fn line(
    row: &[String],
    shown: &[usize],
    columns: &[Column<'_>],
    widths: &[usize],
    width: Option<usize>,
) -> String {
    let mut text = String::new();
    for (place, i) in shown.iter().enumerate() {
        let (cell, wide) = (row.get(*i).map_or("", String::as_str), widths[*i]);
        if place > 0 {
            text.push_str(&" ".repeat(GAP));
        }
        match columns[*i].kind {
            Kind::Word => text.push_str(&format!("{cell:wide$}")),
            Kind::Number => text.push_str(&format!("{cell:>wide$}")),
            Kind::Prose => {
                let indent = length(&text);
                let most = width.unwrap_or(usize::MAX).max(indent + LEAST_PROSE_WIDTH);
                text.push_str(&broken(&in_pieces(cell, most.saturating_sub(indent)), indent, most));
            }
        }
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// Names with what is to be said of each, in lines that fit. What is empty is left out.
pub fn fields(fields: &[(&str, String)], width: Option<usize>) -> String {
    let indent = fields.iter().map(|(name, _)| length(name)).max().unwrap_or(0) + GAP;
    let width = paragraph_width(width).max(indent + LEAST_PROSE_WIDTH);
    let mut text = String::new();
    for (name, said) in fields.iter().filter(|(_, said)| !said.is_empty()) {
        for (i, part) in said.lines().enumerate() {
            let name = if i == 0 { name } else { "" };
            text.push_str(&format!("{name:indent$}{}\n", broken(&plain(part), indent, width)));
        }
    }
    text
}

/// Sentences in lines that fit, with a line break at the end.
pub fn paragraph(text: &str, width: Option<usize>) -> String {
    let lines = text.lines().map(|line| broken(&plain(line), 0, paragraph_width(width)) + "\n");
    lines.collect()
}

fn paragraph_width(width: Option<usize>) -> usize {
    width.unwrap_or(PARAGRAPH_WIDTH).min(PARAGRAPH_WIDTH)
}

/// The text with line breaks between words, the lines after the first indented.
fn broken(text: &str, indent: usize, width: usize) -> String {
    let mut out = String::new();
    let mut at = indent;
    for (i, word) in text.split(' ').enumerate() {
        if i > 0 && at + 1 + length(word) > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            at = indent;
        } else if i > 0 {
            out.push(' ');
            at += 1;
        }
        out.push_str(word);
        at += length(word);
    }
    out
}

/// The text with words that are longer than a line cut into pieces.
fn in_pieces(text: &str, width: usize) -> String {
    let pieces = text.split(' ').map(|word| {
        let letters: Vec<char> = word.chars().collect();
        let pieces: Vec<String> = letters.chunks(width.max(1)).map(|piece| piece.iter().collect()).collect();
        pieces.join(" ")
    });
    pieces.collect::<Vec<_>>().join(" ")
}

/// Text that was given by somebody, without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[word("run"), word("by").spare(2), number("rows").spare(1), prose("why")];

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        let why = "it was its turn and so it went the way that it had to";
        vec![row(["one", "dora@host", "11,055", why]), row(["two", "", "7", ""])]
    }

    #[test]
    fn a_table_keeps_what_the_line_has_room_for() {
        let full = "run  by           rows  why\n\
                    one  dora@host  11,055  it was its turn and so it went the way that it had to\n\
                    two                  7\n";
        assert_eq!(table(COLUMNS, &rows(), None), (full.to_owned(), vec![]));
        let (text, absent) = table(COLUMNS, &rows(), Some(46));
        assert_eq!(absent, ["by"]);
        assert_eq!(
            text,
            "run    rows  why\n\
             one  11,055  it was its turn and so it went\n             the way that it had to\n\
             two       7\n"
        );
        assert!(text.lines().all(|line| line.len() <= 46));
        assert_eq!(table(COLUMNS, &rows(), Some(5)).1, ["by", "rows"]);
    }

    #[test]
    fn fields_are_broken_between_words_and_empty_ones_left_out() {
        let said = [("Run", "a".to_owned()), ("Why", String::new()), ("Outcome", "so it is".to_owned())];
        assert_eq!(fields(&said, Some(20)), "Run      a\nOutcome  so it is\n");
        let said = [("Why", "so it is and so it will be for ever and ever\nor not".to_owned())];
        let broken = "Why  so it is and so it will be for\n     ever and ever\n     or not\n";
        assert_eq!(fields(&said, Some(38)), broken);
    }

    #[test]
    fn a_word_longer_than_its_column_is_cut() {
        let name = "a".repeat(40);
        let (text, _) = table(&[word("n"), prose("name")], &[vec!["1".to_owned(), name]], Some(20));
        assert_eq!(text, format!("n  name\n1  {}\n   {}\n", "a".repeat(32), "a".repeat(8)));
    }

    #[test]
    fn what_a_terminal_would_obey_is_not_printed() {
        assert_eq!(paragraph("a\u{1b}[31mb\u{7}", None), "a [31mb \n");
    }
}

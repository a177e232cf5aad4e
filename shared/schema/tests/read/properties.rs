//! What holds for any input.

use std::io::Read;

use lurelight_schema::read::{Format, LabelUse, ReadOptions};
use lurelight_schema::{Code, Feature, Label};
use proptest::prelude::*;

use super::{CELLS, ROWS, header, read_from};

const FORMATS: [Format; 4] = [Format::Csv, Format::Arff, Format::Json, Format::JsonLines];

/// Hands out its bytes in chunks of these sizes, over and over.
struct Chunks<'a> {
    bytes: &'a [u8],
    sizes: Vec<usize>,
    next: usize,
}

impl Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.sizes[self.next % self.sizes.len()].min(buffer.len());
        self.next += 1;
        self.bytes.read(&mut buffer[..size])
    }
}

/// A cell as the `csv` crate may write or find it: quotes, commas and ends of lines anywhere.
fn wild_cell() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c\", ]{0,6}",
        "\"[a-c, \n\r]{0,6}\"",
        "\"([a-b,\n]|\"\"){0,4}\"",
        "\"[a-b]{0,2}\"[a-b]{0,2}",
        "é{0,3}",
        "a",
    ]
}

/// A cell as codes are spelled, or nearly so.
fn spelled_cell() -> impl Strategy<Value = &'static str> {
    const SPELLINGS: &[&str] = &[
        "0", "1.0", "-1.0", "0.0", "", "NaN", "nan", "NA", "na", "?", "null", "\"1\"", "\"-1.0\"", "\"\"",
        "\"NaN\"", " 1", "1 ", "-0", "1.", "+1", "1.00",
    ];
    const WRONG: &[&str] = &["54", "1.01", "--1", "\"1\"0", "nana", "1-"];
    prop_oneof![
        30 => Just("1"),
        30 => Just("-1"),
        20 => proptest::sample::select(SPELLINGS),
        1 => proptest::sample::select(WRONG),
    ]
}

fn unquoted(cell: &str) -> &str {
    match cell {
        "\"1\"0" => "10",
        cell => cell.trim_matches('"'),
    }
}

fn arff_head() -> String {
    let names = ["note"].into_iter().chain(super::names()).chain(["Result"]);
    let attributes: String = names.map(|name| format!("@attribute {name} string\n")).collect();
    format!("@relation x\n{attributes}@data\n")
}

fn wild_file() -> impl Strategy<Value = String> {
    let end = prop_oneof![Just("\n"), Just("\r\n"), Just("\r"), Just("\n\n")];
    let row = (wild_cell(), 0..ROWS.len(), wild_cell(), end);
    proptest::collection::vec(row, 1..6).prop_map(|rows| {
        let rows: String =
            rows.iter().map(|(a, row, b, end)| format!("{a},{},{b}{end}", ROWS[*row])).collect();
        format!("first,{},last\n{rows}", header())
    })
}

/// A file of any format, mostly right.
fn some_file() -> impl Strategy<Value = (Format, String)> {
    let cell = prop_oneof![20 => Just("1"), 1 => Just("x"), 1 => Just("\""), 1 => Just(""), 1 => Just("'0'")];
    (0..4usize, proptest::collection::vec(proptest::collection::vec(cell, 31), 1..5)).prop_map(
        |(format, rows)| {
            let names: Vec<&str> = super::names().into_iter().chain(["Result"]).collect();
            let csv = rows.iter().map(|row| row.join(",") + "\n").collect::<String>();
            let text = match FORMATS[format] {
                Format::Csv => format!("{}\n{csv}", header()),
                Format::Arff => {
                    let attributes: String =
                        names.iter().map(|name| format!("@attribute {name} {{1}}\n")).collect();
                    format!("@relation x\n{attributes}@data\n{csv}")
                }
                json => {
                    let object = |row: &Vec<&str>| {
                        let members = names.iter().zip(row).map(|(name, cell)| format!("{name:?}:{cell:?}"));
                        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
                    };
                    let objects: Vec<String> = rows.iter().map(object).collect();
                    if json == Format::Json {
                        format!("[{}]", objects.join(",\n"))
                    } else {
                        objects.join("\n")
                    }
                }
            };
            (FORMATS[format], text)
        },
    )
}

/// What came of reading, comparable.
fn outcome(input: impl Read, format: Format) -> String {
    match read_from(input, format, ReadOptions::new(LabelUse::Optional)) {
        Ok(whole) => format!("{whole:?}"),
        Err(error) => format!("{error:?}"),
    }
}

proptest! {
    #[test]
    fn cells_are_those_of_the_csv_crate(text in wild_file()) {
        let mut peer = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let rows: Vec<Vec<String>> =
            peer.records().skip(1).map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        let expected: Vec<_> = rows.into_iter().filter(|row| row.len() == 33 && plain(row)).collect();
        match read_from(text.as_bytes(), Format::Csv, ReadOptions::new(LabelUse::Optional)) {
            Ok(whole) => {
                let never_closed = |reason: &str| reason.contains("is never closed");
                // Where a quote is never closed, the peer takes the rest of the file for a cell.
                if !whole.report.errors.iter().any(|error| never_closed(&error.reason)) {
                    let cells: Vec<_> = whole.rows.into_iter().map(|row| row.cells).collect();
                    prop_assert_eq!(cells, expected);
                }
            }
            Err(error) => {
                prop_assert!(expected.is_empty() || format!("{error:?}").contains("never closed"), "{error}");
            }
        }
    }

    #[test]
    fn the_size_of_chunks_does_not_matter(
        (format, text) in some_file(),
        sizes in proptest::collection::vec(1..40usize, 1..5),
    ) {
        let chunks = Chunks { bytes: text.as_bytes(), sizes, next: 0 };
        prop_assert_eq!(outcome(chunks, format), outcome(text.as_bytes(), format));
    }

    /// Rows come by a fast way or by a thorough one, and both have to say what the cells say.
    #[test]
    fn vectors_and_labels_are_those_of_the_cells(
        rows in proptest::collection::vec(proptest::collection::vec(spelled_cell(), 31), 1..8),
        note in wild_cell(),
        arff: bool,
    ) {
        let mut text = if arff { arff_head() } else { format!("note,{}\n", header()) };
        for row in &rows {
            text += &format!("{note},{}\n", row.join(","));
        }
        let format = if arff { Format::Arff } else { Format::Csv };
        let Ok(whole) = read_from(text.as_bytes(), format, ReadOptions::new(LabelUse::Optional)) else {
            return Ok(());
        };
        for row in &whole.rows {
            for (feature, cell) in Feature::ALL.into_iter().zip(&row.cells[1..]) {
                prop_assert_eq!(Code::parse(cell.as_bytes()), Ok(row.vector.code(feature)), "{:?}", cell);
            }
            prop_assert_eq!(Label::parse(row.cells[31].as_bytes()), row.label);
        }
        let usable = |row: &Vec<&str>| row[..30].iter().all(|cell| Code::parse(unquoted(cell).as_bytes()).is_ok());
        if note == "a" {
            prop_assert_eq!(whole.rows.len(), rows.iter().filter(|row| usable(row)).count());
        }
    }

    #[test]
    fn files_longer_than_the_window_are_read_alike(
        note in "[a-z\"\n, ]{0,30}",
        rows in 2000..6000usize,
        pad in 0..100usize,
    ) {
        let cell = format!("\"{}\"", note.replace('"', "\"\""));
        let row = format!("{cell},{}\n", ROWS[0]);
        let text = format!("{},{}\n{}", "n".repeat(pad + 1), header(), row.repeat(rows));
        let whole = read_from(text.as_bytes(), Format::Csv, ReadOptions::new(LabelUse::Required)).unwrap();
        prop_assert_eq!(whole.rows.len(), rows);
        prop_assert!(whole.rows.iter().all(|row| row.cells[0] == note));
        let lines = note.matches('\n').count() + 1;
        prop_assert_eq!(whole.rows[rows - 1].line as usize, 2 + (rows - 1) * lines);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for format in FORMATS {
            outcome(bytes.as_slice(), format);
            // The same after a good header, where there is one to have.
            let head = [header().as_bytes(), b"\n", &bytes].concat();
            outcome(head.as_slice(), format);
        }
    }

    #[test]
    fn no_change_of_a_byte_makes_it_panic((format, text) in some_file(), at in 0..5000usize, byte: u8) {
        let mut bytes = text.into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        outcome(bytes.as_slice(), format);
    }
}

/// Whether the codes are where they were written: a stray quote may have moved them.
fn plain(row: &[String]) -> bool {
    row[1..31].iter().all(|cell| matches!(&**cell, "-1" | "0" | "1"))
        && row[31..32].iter().all(|cell| matches!(&**cell, "-1" | "1"))
}

#[test]
fn no_cut_makes_it_panic() {
    let csv = format!("\u{feff}\"é\",{}\r\n\"a\"\"\r\n\",{}\r\nb,{}", header(), ROWS[0], ROWS[1]);
    let attributes: String =
        super::names().iter().map(|name| format!("@attribute '{name}' {{1}}\n")).collect();
    let arff = format!("% é\n@relation x\n{attributes}@data\n{}\n'1',%", CELLS.join(","));
    let members: Vec<String> = super::names().iter().map(|name| format!("\"{name}\": \"\\u0031\"")).collect();
    let json = format!("{{\"rows\": [\n{{{}}}, {{\"é\": [null]}}]}}", members.join(","));
    let files =
        [(Format::Csv, csv), (Format::Arff, arff), (Format::Json, json.clone()), (Format::JsonLines, json)];
    for (format, text) in files {
        for end in 0..=text.len() {
            outcome(&text.as_bytes()[..end], format);
        }
    }
}

//! Limits: each breach is named and placed, and no input makes the reader hold more than a row.

use std::io::{self, Read};

use lurelight_schema::read::{Format, LabelUse, Limits, ReadOptions, Reader};

use super::{CELLS, ROWS, file, header, read_from};

/// Endless repetitions of a text; counts what was taken.
struct Endless<'a> {
    head: &'a [u8],
    repeated: &'a [u8],
    taken: usize,
}

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for byte in buffer.iter_mut() {
            let at = self.taken;
            let after = at.checked_sub(self.head.len());
            *byte = after.map_or_else(|| self.head[at], |at| self.repeated[at % self.repeated.len()]);
            self.taken += 1;
        }
        Ok(buffer.len())
    }
}

fn endless(head: &str, repeated: &str, format: Format, limits: Limits) -> (String, usize) {
    let mut input = Endless { head: head.as_bytes(), repeated: repeated.as_bytes(), taken: 0 };
    let options = ReadOptions { limits, ..ReadOptions::new(LabelUse::Optional) };
    let error = read_from(&mut input, format, options).unwrap_err();
    (error.to_string(), input.taken)
}

#[test]
fn endless_input_meets_a_limit_soon() {
    let header = header() + "\n";
    let row = ROWS[0].to_owned() + "\n";
    let arff = "@relation x\n";
    let small = Limits { bytes: 3 << 20, rows: 1000, json_bytes: 1 << 20, ..Limits::default() };
    let table = [
        ("", ",", Format::Csv, "line 1: more than 1024 columns, the limit"),
        ("", "a", Format::Csv, "line 1: more than 65536 bytes of one cell, the limit"),
        (
            "\"",
            "a\n",
            Format::Csv,
            "line 1: more than 65536 bytes of one cell, the limit; is a closing quote missing?",
        ),
        ("", "\n", Format::Csv, "line 3145729: more than 3145728 bytes of the input, the limit"),
        (&header, ",", Format::Csv, "line 2: more than 1024 columns, the limit"),
        (&header, "a", Format::Csv, "line 2: more than 65536 bytes of one cell, the limit"),
        (
            &header,
            "\"",
            Format::Csv,
            "line 2: more than 65536 bytes of one cell, the limit; is a closing quote missing?",
        ),
        (&header, &row, Format::Csv, "line 1002: more than 1000 rows, the limit"),
        (&header, "x\n", Format::Csv, "line 1002: more than 1000 rows, the limit"),
        (arff, "@attribute a {1}\n", Format::Arff, "line 1027: more than 1024 columns, the limit"),
        (arff, "%", Format::Arff, "line 2: more than 1048576 bytes of one row, the limit"),
        ("[", "[", Format::Json, "line 1: more than 1048576 bytes of a JSON text, the limit"),
        ("", "{", Format::JsonLines, "line 1: more than 1048576 bytes of one row, the limit"),
    ];
    for (head, repeated, format, expected) in table {
        let (message, taken) = endless(head, repeated, format, small);
        assert_eq!(message, expected, "{repeated:?} after {head:?}");
        assert!(taken <= 4 << 20, "{taken} bytes taken: {message}");
    }
}

fn limited(limits: Limits, text: &str, format: Format) -> String {
    let options = ReadOptions { limits, ..ReadOptions::new(LabelUse::Optional) };
    read_from(text.as_bytes(), format, options).map_or_else(|error| error.to_string(), |_| "read".to_owned())
}

#[test]
fn a_limit_allows_what_it_says() {
    let text = file(&ROWS);
    let base = Limits::default();
    let with = |limits| limited(limits, &text, Format::Csv);
    assert_eq!(with(Limits { rows: 3, ..base }), "read");
    assert_eq!(with(Limits { rows: 2, ..base }), "line 4: more than 2 rows, the limit");
    assert_eq!(with(Limits { columns: 31, ..base }), "read");
    assert_eq!(with(Limits { columns: 30, ..base }), "line 1: more than 30 columns, the limit");
    let bytes = text.len() as u64;
    assert_eq!(with(Limits { bytes, ..base }), "read");
    let message = with(Limits { bytes: bytes - 1, ..base });
    assert_eq!(message, format!("line 1: more than {} bytes of the input, the limit", bytes - 1));
    let long = format!("note,{}\n{},{}\n", header(), "a".repeat(100), ROWS[0]);
    assert_eq!(limited(Limits { cell_bytes: 100, ..base }, &long, Format::Csv), "read");
    let message = limited(Limits { cell_bytes: 99, ..base }, &long, Format::Csv);
    assert_eq!(message, "line 2: more than 99 bytes of one cell, the limit");
    let message = limited(Limits { row_bytes: 150, ..base }, &long, Format::Csv);
    assert_eq!(message, "line 2: more than 150 bytes of one row, the limit");
}

#[test]
fn limits_hold_for_json_as_well() {
    let base = Limits::default();
    let names = super::names();
    let members: Vec<String> =
        names.iter().zip(CELLS).map(|(name, cell)| format!("\"{name}\":{cell}")).collect();
    let row = format!("{{{},\"note\":\"{}\"}}", members.join(","), "a".repeat(100));
    let array = format!("[{row},{row}]");
    let lines = format!("{row}\n{row}\n");
    for (text, format) in [(&array, Format::Json), (&lines, Format::JsonLines)] {
        let with = |limits| limited(limits, text, format);
        assert_eq!(with(base), "read");
        assert!(with(Limits { rows: 1, ..base }).contains("more than 1 rows, the limit"));
        assert!(with(Limits { columns: 30, ..base }).contains("more than 30 columns, the limit"));
        assert!(
            with(Limits { cell_bytes: 101, ..base }).contains("more than 101 bytes of one cell, the limit")
        );
        assert!(with(Limits { bytes: 1000, ..base }).contains("more than 1000 bytes"));
    }
}

#[test]
fn the_report_keeps_the_first_errors_and_counts_all() {
    let limits = Limits { errors_kept: 2, ..Limits::default() };
    let options = ReadOptions { limits, ..ReadOptions::new(LabelUse::Optional) };
    let text = file(&["x", "x", ROWS[0], "x"]);
    let whole = read_from(text.as_bytes(), Format::Csv, options).unwrap();
    assert_eq!((whole.report.errors.len(), whole.report.error_count), (2, 3));
}

#[test]
fn a_failing_input_is_an_error_with_its_source() {
    #[derive(Debug)]
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let text = header();
    let input = text.as_bytes().chain(Failing);
    let error = Reader::new(input, Format::Csv, ReadOptions::new(LabelUse::Optional)).unwrap_err();
    assert_eq!(error.to_string(), format!("reading failed at byte {}", text.len()));
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the disk is gone");
}

#[test]
fn deep_nesting_takes_no_stack() {
    let deep = |open: &str, close: &str| open.repeat(200_000) + "1" + &close.repeat(200_000);
    for nested in [deep("[", "]"), deep("{\"a\":", "}"), "[".repeat(200_000), "{\"a\":".repeat(200_000)] {
        for text in [nested.clone(), format!("[{nested}]"), format!("{{\"rows\":[{nested}]}}")] {
            for format in [Format::Json, Format::JsonLines] {
                assert_ne!(limited(Limits::default(), &text, format), "read");
            }
            assert_ne!(Format::from_first_bytes(text.as_bytes()), Format::Csv);
        }
    }
}

#[test]
fn a_header_of_many_odd_names_is_refused_at_once() {
    let names: Vec<String> = (0..1024).map(|i| format!("Domain_registration_size{i:04}")).collect();
    let start = std::time::Instant::now();
    let message = limited(Limits::default(), &(names.join(",") + "\n"), Format::Csv);
    assert!(message.starts_with("30 of the 30 feature columns are not in the input"), "{message}");
    // It takes some 20 ms; a second is far beyond what a busy machine adds.
    assert!(start.elapsed().as_secs_f64() < 1.0, "{:?}", start.elapsed());
}

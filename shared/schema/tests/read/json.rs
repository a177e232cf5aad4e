//! JSON and JSON Lines.

use lurelight_schema::Label;
use lurelight_schema::read::{Format, LabelUse, Role, WarningKind};

use super::{CELLS, Whole, names, read, refusal, vector};

fn object(extra: &str) -> String {
    let members: Vec<String> =
        names().iter().zip(CELLS).map(|(name, cell)| format!("\"{name}\": {cell}")).collect();
    format!("{{{}{extra}}}", members.join(", "))
}

fn read_json(text: &str) -> Whole {
    read(text, Format::Json, LabelUse::Optional).unwrap()
}

#[test]
fn rows_are_found_in_every_shape() {
    let row = object("");
    let shapes = [
        (format!("[{row}]"), Format::Json),
        (format!("\u{feff}\n [ {row} ] \n"), Format::Json),
        (row.clone(), Format::Json),
        (format!("{{\"rows\": [{row}]}}"), Format::Json),
        (format!("{{\"threshold\": 0.5, \"data\": [{row}]}}"), Format::Json),
        (row.clone(), Format::JsonLines),
        (format!("\r\n{row}\r\n\n"), Format::JsonLines),
    ];
    for (text, format) in shapes {
        let whole = read(&text, format, LabelUse::Optional).unwrap();
        assert_eq!(whole.rows.len(), 1, "{text}");
        assert_eq!(whole.rows[0].vector, vector());
        assert_eq!(whole.rows[0].cells, CELLS);
    }
}

#[test]
fn values_are_numbers_strings_or_null() {
    let row = object(
        ", \"class\": \"phishing\", \"note\": \"a\\u00e9\\n\", \"deep\": {\"a\": [1, 2]}, \"none\": null",
    );
    let spelled = row
        .replacen("\"having_IP_Address\": -1", "\"HAVING IP ADDRESS\": \"-1\"", 1)
        .replacen("\"URL_Length\": 0", "\"LongURL\": 0.0", 1)
        .replacen("\"port\": 1", "\"port\": 1e0", 1);
    let whole = read_json(&format!("[{spelled}]"));
    assert_eq!(whole.rows[0].vector, vector());
    assert_eq!(whole.rows[0].label, Some(Label::Phishing));
    assert_eq!(whole.rows[0].cells[30..], ["phishing", "aé\n", "{\"a\": [1, 2]}", ""]);
    for missing in ["null", "\"\"", "\"NaN\"", "\"?\""] {
        let whole = read_json(&row.replacen("\"URL_Length\": 0", &format!("\"URL_Length\": {missing}"), 1));
        assert_eq!(whole.rows[0].vector.missing_count(), 1);
    }
}

#[test]
fn the_keys_of_all_rows_are_the_columns() {
    let without = object("").replacen("\"having_IP_Address\": -1, ", "", 1);
    for (open, comma, close, format) in [("[", ",", "]", Format::Json), ("", "\n", "", Format::JsonLines)] {
        let text = format!("{open}{without}{comma}{}{close}", object(", \"note\": \"x\""));
        let whole = read(&text, format, LabelUse::Optional).unwrap();
        assert_eq!(whole.columns.len(), 31);
        let last: Vec<&str> = whole.columns[29..].iter().map(|column| &*column.name).collect();
        assert_eq!(last, ["having_IP_Address", "note"]);
        assert_eq!(whole.rows[0].vector.missing_count(), 1);
        assert_eq!(whole.rows[1].vector, vector());
        let at = |name: &str| whole.columns.iter().position(|column| column.name == name).unwrap();
        assert_eq!(whole.rows[0].cells[at("note")], "");
        assert_eq!(whole.rows[1].cells[at("note")], "x");
        assert_eq!(whole.rows[1].cells[at("having_IP_Address")], "-1");
        assert!(whole.report.warnings.is_empty());
    }
}

#[test]
fn bad_values_are_placed_in_the_text() {
    let bad = |from: &str, to: &str| {
        let text = format!("[\n{},\n  {}]", object(""), object("").replacen(from, to, 1));
        let whole = read_json(&text);
        assert_eq!(whole.rows.len(), 1);
        whole.report.errors[0].to_string()
    };
    assert_eq!(
        bad("\"having_IP_Address\": -1", "\"having_IP_Address\": [1]"),
        "line 3, column having_IP_Address, value \"[1]\": is an object or an array where a code \
         (-1, 0, 1, null) should stand (column 25 of the line)"
    );
    assert_eq!(
        bad("\"having_IP_Address\": -1", "\"having_IP_Address\":\n54"),
        "line 4, column having_IP_Address, value \"54\": is no code of having_IP_Address but looks like a \
         measurement; the codes are -1, 0 and 1 (column 1 of the line)"
    );
    assert!(bad(": -1", ": true").contains("value \"true\": is not -1, 0, 1 or a missing value"));
    assert!(bad(": -1", ": \"1\\u0000\"").contains("NUL"));
    assert!(bad(": -1", ": \"\\ud800\"").contains("line 3"));
    assert!(bad("}", ", \"SubDomains\": 1}").contains("the row has this feature twice, under two keys"));
    assert!(bad(&object(""), "[1, 2]").contains("expected a row: an object with the features as keys"));
}

#[test]
fn text_that_is_no_json_is_placed() {
    let cut = &format!("[\n{}", object(""))[..100];
    let table = [
        (cut.to_owned(), "line 2, column 98: the JSON text is cut off"),
        ("[{\"a\": 1},\n oops]".to_owned(), "line 2, column 2: expected value"),
        ("[{\"a\": 1}] []".to_owned(), "line 1, column 12: trailing characters"),
        ("{\"a\": 1}\n{\"a\": 1}".to_owned(), "line 2, column 1: trailing characters; is this JSON Lines"),
        ("[[1, 2]]".to_owned(), "line 1, column 2: a row is an object with the features as keys"),
        ("[]".to_owned(), "the input is empty"),
        ("{\"rows\": []}".to_owned(), "the input is empty"),
        ("{\"columns\": [\"a\"], \"data\": [[1]]}".to_owned(), "line 1, column 29: a row is an object"),
        ("\"rows\"".to_owned(), "line 1, column 1: rows are a JSON array of objects"),
        ("[{\"a\": 1}]".to_owned(), "30 of the 30 feature columns are not in the input"),
    ];
    for (text, expected) in table {
        let message = refusal(text.as_bytes(), Format::Json);
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn a_bad_line_of_json_lines_costs_one_row() {
    let text = format!("{}\n{{\"a\": \n[1]\n{}\n{}", object(""), object(""), &object("")[..50]);
    let whole = read(&text, Format::JsonLines, LabelUse::Optional).unwrap();
    assert_eq!(whole.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(whole.report.errors.iter().map(|error| error.line).collect::<Vec<_>>(), [2, 3, 5]);
    assert!(
        whole.report.errors[2].reason.starts_with("the JSON text is cut off"),
        "{}",
        whole.report.errors[2]
    );
}

#[test]
fn a_key_beyond_the_first_lines_is_read_but_not_carried() {
    let mut lines = vec![object("").replacen("\"Iframe\": 1, ", "", 1); 300];
    lines.push(object(", \"late\": 1"));
    let whole = read(&lines.join("\n"), Format::JsonLines, LabelUse::Optional).unwrap();
    assert_eq!(whole.columns.len(), 29);
    assert!(whole.columns.iter().all(|column| matches!(column.role, Role::Feature(_))));
    assert_eq!(whole.rows[300].vector, vector());
    let kinds: Vec<_> = whole.report.warnings.iter().map(|warning| warning.kind).collect();
    assert_eq!(kinds, [WarningKind::AbsentColumn, WarningKind::LateKey]);
}

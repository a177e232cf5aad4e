//! ARFF.

use lurelight_schema::read::{Format, LabelUse, Role};

use super::{ROWS, Whole, file, names, read, read_csv, refusal, row_with};

fn arff(head: &str, rows: &str) -> String {
    let attribute = |name: &&str| format!("@attribute {name} {{-1,0,1}}\n");
    let attributes: String = names().iter().chain(&["Result"]).map(attribute).collect();
    format!("{head}@relation phishing\n\n{attributes}\n@data\n{rows}")
}

fn read_arff(text: &str) -> Whole {
    read(text, Format::Arff, LabelUse::Required).unwrap()
}

#[test]
fn the_same_rows_come_out_of_arff_and_csv() {
    let csv = read_csv(&file(&ROWS));
    let text = arff("% from UCI\n", &(ROWS.join("\n") + "\n"));
    let spaced = arff("", &ROWS.join("\n").replace(',', " , "));
    let variants = [
        text.clone(),
        text.replace('\n', "\r\n"),
        text.replace("@attribute", "  @ATTRIBUTE\t").replace("@data", "@DATA "),
        text.replace("@attribute port {-1,0,1}", "@attribute 'port'{-1,0,1}"),
        text.replace("@attribute SFH {-1,0,1}", "@attribute \"SFH\" numeric"),
        text.replace("@data\n", "@data\n% rows\n\n  % more, 'with a quote\n"),
        text.trim_end().to_owned() + "\n%",
        spaced,
    ];
    for variant in variants {
        let whole = read_arff(&variant);
        let values =
            |whole: &Whole| -> Vec<_> { whole.rows.iter().map(|row| (row.vector, row.label)).collect() };
        assert_eq!(values(&whole), values(&csv), "{variant}");
        assert_eq!(whole.columns[30].role, Role::Label);
    }
}

#[test]
fn cells_are_quoted_and_missing_as_weka_writes_them() {
    let row = row_with(0, "?").replacen(",0,", ",'0',", 1).replacen(",1,", ", \"1\" ,", 1);
    let whole = read_arff(&arff("", &row));
    assert_eq!(whole.rows[0].vector.missing_count(), 1);
    assert_eq!(whole.rows[0].line, 36);
    let error = &read_arff(&arff("", &format!("{}\n{}", row_with(1, "54"), ROWS[0]))).report.errors[0];
    assert_eq!((error.line, error.column.as_deref()), (36, Some("URL_Length")));
}

#[test]
fn an_open_quote_costs_one_row() {
    let whole = read_arff(&arff("", &format!("{}\n{}\n", row_with(3, "'1"), ROWS[0])));
    assert_eq!(whole.rows.len(), 1);
    assert_eq!(whole.report.errors[0].to_string(), "line 36: the quote opened in line 36 is never closed");
}

#[test]
fn what_cannot_be_read_is_said() {
    let table = [
        (arff("", "% c\n {0 1, 5 -1}\n"), "line 37: sparse ARFF rows ({index value, …}) are not read"),
        ("@relation x\n@attribute a {1}\n".to_owned(), "line 3: the file ends before its @data line"),
        ("@relation x\n@attribute {1}\n@data\n".to_owned(), "line 2: the attribute has no readable name"),
        ("@relation x\n@attribute a relational\n".to_owned(), "line 2: relational attributes are not read"),
        ("@relation x\nhello\n".to_owned(), "line 2: this is not ARFF"),
        ("@relation x\n@data\n1\n".to_owned(), "30 of the 30 feature columns are not in the input"),
        (arff("", ""), "the input has a header and no row below it"),
    ];
    for (text, expected) in table {
        let message = refusal(text.as_bytes(), Format::Arff);
        assert!(message.starts_with(expected), "{message}");
    }
}

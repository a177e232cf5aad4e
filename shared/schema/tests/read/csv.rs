//! CSV: cells, quotes, ends of lines, bad rows, labels.

use lurelight_schema::read::{Format, LabelUse, ReadError, RowError, WarningKind};
use lurelight_schema::{Code, FeatureVector, Label};

use super::{CELLS, ROWS, Whole, file, header, names, read, read_csv, row_with, vector, vector_of};

#[test]
fn every_spelling_of_a_cell_is_read_alike() {
    let table = [
        ("1", "1"),
        ("1.0", "1"),
        ("-1.0", "-1"),
        ("0.0", "0"),
        ("\"-1\"", "-1"),
        ("\"1.0\"", "1"),
        (" 1 ", "1"),
        ("\" 1\"", "1"),
        ("+1", "1"),
        ("1.00", "1"),
        ("1e0", "1"),
        ("", ""),
        ("\"\"", ""),
        ("  ", ""),
        ("na", ""),
        ("NA", ""),
        ("Na", ""),
        ("NaN", ""),
        ("nan", ""),
        ("\"NaN\"", ""),
        ("null", ""),
        ("NULL", ""),
        ("?", ""),
    ];
    for column in [0, 13, 29] {
        for (cell, expected) in table {
            let whole = read_csv(&file(&[&row_with(column, cell), ROWS[0]]));
            let mut cells = CELLS;
            cells[column] = expected;
            assert_eq!(whole.rows[0].vector, vector_of(&cells), "{cell:?} in column {column}");
            assert_eq!(whole.rows[0].label, Some(Label::Legitimate));
            assert_eq!(whole.rows.len(), 2);
        }
    }
}

#[test]
fn anything_else_in_a_cell_is_an_error_of_its_row() {
    let table = [
        ("54", "is no code of having_Sub_Domain but looks like a measurement; the codes are -1, 0 and 1"),
        ("2", "is no code of having_Sub_Domain but looks like a measurement; the codes are -1, 0 and 1"),
        ("0.5", "is no code of having_Sub_Domain but looks like a measurement; the codes are -1, 0 and 1"),
        ("legitimate", "is not -1, 0, 1 or a missing value (empty, na, NaN, null, ?)"),
        ("b'-1'", "is not -1, 0, 1 or a missing value (empty, na, NaN, null, ?)"),
        ("none", "is not -1, 0, 1 or a missing value (empty, na, NaN, null, ?)"),
        ("--1", "is not -1, 0, 1 or a missing value (empty, na, NaN, null, ?)"),
        ("1 1", "is not -1, 0, 1 or a missing value (empty, na, NaN, null, ?)"),
        ("<script>", "is not -1, 0, 1 or a missing value (empty, na, NaN, null, ?)"),
        ("having_sub_domain", "a header line stands among the rows (files joined together?)"),
    ];
    for (cell, reason) in table {
        let whole = read_csv(&file(&[ROWS[0], &row_with(6, cell), ROWS[1]]));
        let error = RowError {
            line: 3,
            column: Some("having_Sub_Domain".to_owned()),
            value: Some(cell.to_owned()),
            reason: reason.to_owned(),
        };
        assert_eq!(whole.report.errors, [error]);
        assert_eq!((whole.report.rows, whole.report.used, whole.report.error_count), (3, 2, 1));
        let places: Vec<_> = whole.rows.iter().map(|row| (row.number, row.line)).collect();
        assert_eq!(places, [(1, 2), (3, 4)]);
    }
}

fn error_of(lines: &[&str]) -> String {
    read_csv(&file(lines)).report.errors[0].to_string()
}

#[test]
fn a_row_has_one_error_that_counts_the_other_bad_cells() {
    let one = row_with(3, "x").replacen("-1", "7", 1);
    assert!(error_of(&[&one, ROWS[0]]).ends_with("; 1 more cell of the row is bad"));
    let three = format!("7,8,9,{}", CELLS[3..].join(",")) + ",1";
    let error = error_of(&[&three, ROWS[0]]);
    assert!(error.starts_with("line 2, column having_IP_Address, value \"7\": is no code"), "{error}");
    assert!(error.ends_with("; 2 more cells of the row are bad"), "{error}");
}

#[test]
fn a_second_header_line_is_an_error_of_its_own() {
    let error = error_of(&[ROWS[0], &header(), ROWS[1]]);
    assert!(error.starts_with("line 3, column having_IP_Address"), "{error}");
    assert!(error.contains("a header line stands among the rows"), "{error}");
}

#[test]
fn rows_with_too_few_or_too_many_cells_are_errors() {
    let short = ROWS[0].rsplit_once(',').unwrap().0;
    assert_eq!(error_of(&[short, ROWS[0]]), "line 2: the row has 30 cells, the header has 31");
    assert_eq!(error_of(&[ROWS[0], "x"]), "line 3: the row has 1 cell, the header has 31");
    assert_eq!(
        error_of(&[ROWS[0], &format!("{},", ROWS[1])]),
        "line 3: the row has 32 cells, the header has 31"
    );
}

#[test]
fn a_trailing_comma_on_every_line_is_one_more_column() {
    let text = file(&[ROWS[0], ROWS[1]]).replace('\n', ",\n");
    let whole = read_csv(&text);
    assert_eq!(whole.rows.len(), 2);
    assert_eq!(whole.rows[0].cells.len(), 32);
    assert_eq!(whole.columns[31].name, "");
}

#[test]
fn a_nul_is_an_error_wherever_it_stands() {
    let error = error_of(&[&row_with(6, "1\0"), ROWS[0]]);
    assert_eq!(error, "line 2, column having_Sub_Domain, value \"1\\u{0}\": the cell holds a NUL character");
    let error = error_of(&[&format!("{}\0", ROWS[1]), ROWS[0]]);
    assert_eq!(error, "line 2, column Result, value \"1\\u{0}\": the cell holds a NUL character");
    let text = format!("{},note\n{},a\0b\n{},c\n", header(), ROWS[0], ROWS[1]);
    let whole = read_csv(&text);
    assert_eq!(whole.rows.len(), 1);
    assert_eq!(
        whole.report.errors[0].to_string(),
        "line 2, column note, value \"a\\u{0}b\": the cell holds a NUL character"
    );
}

fn same_but_for_lines(a: &Whole, b: &Whole) {
    assert_eq!(a.columns, b.columns);
    let plain = |whole: &Whole| -> Vec<_> {
        whole.rows.iter().map(|row| (row.number, row.vector, row.label, row.cells.clone())).collect()
    };
    assert_eq!(plain(a), plain(b));
}

#[test]
fn ends_of_lines_marks_and_blank_lines_do_not_matter() {
    let text = file(&ROWS);
    let expected = read_csv(&text);
    assert_eq!(expected.rows.len(), 3);
    let variants = [
        text.replace('\n', "\r\n"),
        text.replace('\n', "\r"),
        text.trim_end().to_owned(),
        text.trim_end().replace('\n', "\r\n"),
        text.replace('\n', "\n\n"),
        text.replace('\n', "\r\n  \t\r\n"),
        format!("\u{feff}{text}"),
        format!("\n\n{text}\n\n"),
        format!("sep=,\r\n{text}"),
    ];
    for variant in variants {
        same_but_for_lines(&read_csv(&variant), &expected);
    }
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    let bad = row_with(0, "x");
    let text = format!("note,{}\r\n\r\n\"a\nb\r\nc\",{}\r\"d\",{}\n", header(), ROWS[0], bad);
    let whole = read_csv(&text);
    assert_eq!(whole.rows[0].line, 3);
    assert_eq!(whole.rows[0].cells[0], "a\nb\r\nc");
    assert_eq!(whole.report.errors[0].line, 6);
}

#[test]
fn quoted_files_and_carried_cells_are_read() {
    // As R's write.csv does it.
    let quoted: Vec<String> = names().iter().map(|name| format!("\"{name}\"")).collect();
    let text = format!("\"\",{},\"Result\"\n\"1\",{}\n", quoted.join(","), ROWS[0]);
    let whole = read_csv(&text);
    assert_eq!(whole.rows[0].cells[0], "1");
    assert_eq!(whole.rows[0].cells[1], "-1");
    let text = format!(
        "url,{},note\n\"http://a.example/?q=1,2\",{},\"say \"\"hi\"\"\"\nx,{},=cmd()\n",
        header(),
        ROWS[0],
        ROWS[1]
    );
    let whole = read_csv(&text);
    assert_eq!(whole.rows[0].cells[0], "http://a.example/?q=1,2");
    assert_eq!(whole.rows[0].cells[32], "say \"hi\"");
    assert_eq!(whole.rows[1].cells[32], "=cmd()");
}

#[test]
fn a_quote_that_is_never_closed_is_an_error_and_the_rows_before_it_are_used() {
    let text = format!("note,{}\na,{}\nb\",{}\n\"c,{}\nd,{}\n", header(), ROWS[0], ROWS[0], ROWS[1], ROWS[2]);
    let whole = read_csv(&text);
    assert_eq!(whole.rows.len(), 2);
    assert_eq!(
        whole.report.errors[0].to_string(),
        "line 4: the quote opened in line 4 is never closed, so the 2 lines from there to the end are one cell"
    );
}

#[test]
fn columns_come_in_any_order() {
    let order: Vec<usize> = (0..31).rev().collect();
    let reorder = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        order.iter().map(|&i| cells[i]).collect::<Vec<_>>().join(",")
    };
    let text = format!("{}\n{}\n", reorder(&header()), reorder(ROWS[1]));
    let whole = read_csv(&text);
    let expected = read_csv(&file(&[ROWS[1]]));
    assert_eq!(whole.rows[0].vector, expected.rows[0].vector);
    assert_eq!(whole.rows[0].label, Some(Label::Legitimate));
    assert_eq!(whole.rows[0].cells.join(","), reorder(ROWS[1]));
}

#[test]
fn a_code_that_the_column_never_has_is_a_warning() {
    let text = file(&[ROWS[0], &row_with(0, "0"), &row_with(0, "0"), &row_with(18, "-1")]);
    let whole = read_csv(&text);
    assert_eq!(whole.rows.len(), 4);
    let warnings: Vec<_> = whole
        .report
        .warnings
        .iter()
        .map(|warning| (warning.kind, warning.column.as_deref().unwrap(), warning.count, warning.first_line))
        .collect();
    let kind = WarningKind::UnknownCode;
    assert_eq!(warnings, [(kind, "having_IP_Address", 2, 3), (kind, "Redirect", 1, 5)]);
}

#[test]
fn codes_known_to_the_model_are_no_warning() {
    let mut options = lurelight_schema::read::ReadOptions::new(LabelUse::Optional);
    options.known_codes[0] = options.known_codes[0].with(Code::Zero);
    let text = file(&[&row_with(0, "0")]);
    let whole = super::read_from(text.as_bytes(), Format::Csv, options).unwrap();
    assert_eq!(whole.report.warnings, []);
}

#[test]
fn labels_are_needed_for_training_alone() {
    let without: Vec<&str> = ROWS.iter().map(|row| row.rsplit_once(',').unwrap().0).collect();
    let text = names().join(",") + "\n" + &without.join("\n");
    assert!(read_csv(&text).rows.iter().all(|row| row.label.is_none()));
    let error = read(&text, Format::Csv, LabelUse::Required).unwrap_err();
    assert!(matches!(error, ReadError::NoLabel { nearest: None }), "{error}");
    let labelled = text.replace(names()[0], &format!("Results,{}", names()[0]));
    let error = read(&labelled, Format::Csv, LabelUse::Required).unwrap_err();
    assert!(error.to_string().ends_with("(the nearest header is `Results`)"), "{error}");
}

#[test]
fn unreadable_labels_are_row_errors_or_one_warning() {
    let with_label = |label: &str| format!("{},{label}", CELLS.join(","));
    let table = [
        ("0", "0 is no label"),
        ("0.0", "0 is no label"),
        ("", "the row has no label"),
        ("NaN", "the row has no label"),
        ("suspicious", "is no label"),
        ("Result", "a header line stands among the rows"),
    ];
    for (label, reason) in table {
        let text = file(&[&with_label(label), ROWS[0]]);
        let whole = read(&text, Format::Csv, LabelUse::Required).unwrap();
        assert_eq!(whole.rows.len(), 1);
        let error = &whole.report.errors[0];
        assert!(error.reason.starts_with(reason), "{label}: {error}");
        assert_eq!(error.column.as_deref(), Some("Result"));
    }
    let labels: Vec<String> = table.iter().map(|(label, _)| with_label(label)).collect();
    let whole = read_csv(&file(&labels.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!(whole.rows.len(), 6);
    assert!(whole.rows.iter().all(|row| row.label.is_none() && row.vector == vector()));
    let warning = &whole.report.warnings[0];
    // Two of the six are merely missing.
    assert_eq!((warning.kind, warning.count, warning.first_line), (WarningKind::UnreadableLabel, 4, 2));
    for (cell, label) in
        [("Phishing", Label::Phishing), ("legitimate", Label::Legitimate), ("-1.0", Label::Phishing)]
    {
        assert_eq!(read_csv(&file(&[&with_label(cell)])).rows[0].label, Some(label));
    }
}

#[test]
fn a_row_of_nothing_is_a_warning() {
    let whole = read_csv(&file(&[ROWS[0], &",".repeat(30)]));
    assert_eq!(whole.rows[1].vector, FeatureVector::MISSING);
    let warning = &whole.report.warnings[0];
    assert_eq!((warning.kind, warning.count, warning.first_line), (WarningKind::NothingKnown, 1, 3));
}

#[test]
fn no_usable_row_is_an_error_with_the_first_ones() {
    let text = file(&[&row_with(1, "54"), &row_with(1, "55")]);
    let error = read(&text, Format::Csv, LabelUse::Optional).unwrap_err();
    let ReadError::NoUsableRow { rows: 2, ref errors } = error else { panic!("{error}") };
    assert_eq!(errors.len(), 2);
    assert_eq!(
        error.to_string(),
        "none of the 2 rows can be used; the first error: line 2, column URL_Length, value \"54\": \
         is no code of URL_Length but looks like a measurement; the codes are -1, 0 and 1"
    );
}

#[test]
fn the_report_is_what_programs_expect() {
    let text = file(&[&row_with(1, "54"), &row_with(0, "0")]);
    let report = serde_json::to_value(&read_csv(&text).report).unwrap();
    assert_eq!(report["errors"][0]["line"], 2);
    assert_eq!(report["errors"][0]["column"], "URL_Length");
    assert_eq!(report["errors"][0]["value"], "54");
    assert_eq!(report["warnings"][0]["kind"], "unknown_code");
    assert_eq!(report["warnings"][0]["first_line"], 3);
}

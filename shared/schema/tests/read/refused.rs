//! Input that is no such file at all.

use lurelight_schema::read::Format;

use super::{ROWS, file, header, refusal};

#[test]
fn other_kinds_of_files_are_named() {
    let table: [(&[u8], &str); 10] = [
        (b"\x89PNG\r\n\x1a\n....", "this is a PNG image, not CSV: send a text file"),
        (b"\xff\xd8\xff\xe0....", "this is a JPEG image, not CSV"),
        (b"PK\x03\x04....", "this is a ZIP archive or an Excel workbook (.xlsx), not CSV"),
        (b"\x1f\x8b\x08....", "this is a gzip archive, not CSV"),
        (b"%PDF-1.7....", "this is a PDF document, not CSV"),
        (b"\n <!DOCTYPE html><html>", "this is an HTML page, not CSV"),
        (b"<HTML><body>", "this is an HTML page, not CSV"),
        (b"\xff\xfeh\0a\0v\0", "the input is UTF-16: save it as UTF-8"),
        (b"\xfe\xff\0h\0a", "the input is UTF-16: save it as UTF-8"),
        (b"h\0a\0v\0i\0n\0g\0", "the input is UTF-16: save it as UTF-8"),
    ];
    for (bytes, expected) in table {
        let message = refusal(bytes, Format::Csv);
        assert!(message.starts_with(expected), "{message}");
    }
    assert!(refusal(b"%PDF-1.7", Format::Json).starts_with("this is a PDF document, not JSON"));
}

#[test]
fn one_format_under_the_name_of_another_is_told() {
    let table: [(&str, Format, &str); 5] = [
        ("[{\"a\": 1}]", Format::Csv, "this looks like JSON, not CSV"),
        ("\u{feff} {\"a\": 1}", Format::Csv, "this looks like JSON, not CSV"),
        ("% c\n@relation x\n", Format::Csv, "this looks like ARFF, not CSV"),
        ("@RELATION x\n", Format::Json, "this looks like ARFF, not JSON"),
        ("[{\"a\": 1}]", Format::Arff, "this looks like JSON, not ARFF"),
    ];
    for (text, format, expected) in table {
        let message = refusal(text.as_bytes(), format);
        assert!(message.starts_with(expected), "{message}");
    }
    assert!(
        refusal(file(&ROWS).as_bytes(), Format::Json).starts_with("line 1, column 1: rows are a JSON array")
    );
    assert!(refusal(file(&ROWS).as_bytes(), Format::Arff).starts_with("line 1: this is not ARFF"));
}

#[test]
fn nothing_and_a_header_alone_have_their_own_errors() {
    for format in [Format::Csv, Format::Arff, Format::Json, Format::JsonLines] {
        for nothing in ["", "\n\r\n", "\u{feff}", "  \n"] {
            let message = refusal(nothing.as_bytes(), format);
            assert!(message.starts_with("the input is empty"), "{format} {nothing:?}: {message}");
        }
    }
    for text in [header(), header() + "\r\n\r\n"] {
        assert_eq!(refusal(text.as_bytes(), Format::Csv), "the input has a header and no row below it");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_placed() {
    let text = format!("note,{}\nGr\u{fc}\u{df}e,{}\nA,{}\n", header(), ROWS[0], ROWS[1]);
    let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
    let byte = latin.iter().position(|&byte| byte == 0xfc).unwrap();
    let message = refusal(&latin, Format::Csv);
    assert!(message.starts_with(&format!("line 2 is not UTF-8 at byte {byte} of the input")), "{message}");
    let header = [b"a\n\xe9,".as_slice(), header().as_bytes()].concat();
    assert!(!refusal(&header, Format::Csv).is_empty());
    assert!(refusal(b"\xe9,a,b\n", Format::Csv).starts_with("line 1 is not UTF-8 at byte 0"));
    assert!(refusal(b"[\n{\"a\": \"\xe9\"}]", Format::Json).starts_with("line 2 is not UTF-8 at byte 9"));
    assert!(refusal(b"{\"a\": 1}\n{\"a\": \"\xe9\"}", Format::JsonLines).starts_with("line 2 is not UTF-8"));
}

#[test]
fn a_quote_open_in_the_header_is_an_error() {
    let message = refusal(format!("\"{}\n{}\n", header(), ROWS[0]).as_bytes(), Format::Csv);
    assert_eq!(message, "the quote opened in line 1 of the header is never closed");
}

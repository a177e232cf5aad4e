//! Cells that a spreadsheet must not execute.

use std::borrow::Cow;

/// A cell as it may stand in a CSV file that a person opens in a spreadsheet.
///
/// A cell that starts with `=`, `+`, `-`, `@`, a tab, a carriage return or their full-width forms gets an
/// apostrophe in front (OWASP, "CSV Injection"), unless it is a number: `-1` and `+4.5e3` stay what they are.
#[must_use]
pub fn spreadsheet_cell(cell: &str) -> Cow<'_, str> {
    let risky = cell
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{FF1D}', '\u{FF0B}', '\u{FF0D}', '\u{FF20}']);
    if risky && !is_number(cell) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// Digits with a sign, a point and an exponent; not `inf`, `nan` or hexadecimal, which `f64` would also read.
fn is_number(cell: &str) -> bool {
    cell.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) && cell.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::spreadsheet_cell;

    #[test]
    fn guards_formulas_and_leaves_numbers() {
        for (cell, expected) in [
            ("=cmd()", "'=cmd()"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-1", "-1"),
            ("-1.0", "-1.0"),
            ("+4.5e3", "+4.5e3"),
            ("-1+1|cmd", "'-1+1|cmd"),
            ("-inf", "'-inf"),
            ("-", "'-"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("\u{FF1D}1", "'\u{FF1D}1"),
            ("a=b", "a=b"),
            ("", ""),
            ("https://example.org/", "https://example.org/"),
        ] {
            assert_eq!(spreadsheet_cell(cell), expected);
        }
    }
}

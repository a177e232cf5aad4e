//! Which rows of a file are meant.

use std::ops::RangeInclusive;
use std::str::FromStr;

/// Numbers and ranges of rows, as `1,5-9`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection(Vec<RangeInclusive<u64>>);

impl Selection {
    /// Whether a row is meant.
    pub fn contains(&self, number: u64) -> bool {
        self.0.iter().any(|range| range.contains(&number))
    }

    /// The first row that is meant and stands behind the last one of a file with so many.
    pub fn first_beyond(&self, rows: u64) -> Option<u64> {
        self.0.iter().filter(|range| *range.end() > rows).map(|range| (*range.start()).max(rows + 1)).min()
    }
}

impl FromStr for Selection {
    type Err = String;

    fn from_str(text: &str) -> Result<Selection, String> {
        text.split(',').map(range).collect::<Result<_, _>>().map(Selection)
    }
}

fn range(text: &str) -> Result<RangeInclusive<u64>, String> {
    let number = |text: &str| {
        let parsed = text.trim().parse().ok().filter(|number| *number > 0);
        parsed.ok_or_else(|| format!("{text:?} is no row; rows are numbered from 1: give a list as 1,5-9"))
    };
    let Some((first, last)) = text.split_once('-') else { return number(text).map(|row| row..=row) };
    let (first, last) = (number(first)?, number(last)?);
    if first > last {
        return Err(format!("{text:?} ends before it begins"));
    }
    Ok(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_numbers_and_ranges_are_read() {
        let rows: Selection = "1,5-7, 9".parse().unwrap();
        let meant: Vec<u64> = (0..12).filter(|row| rows.contains(*row)).collect();
        assert_eq!(meant, [1, 5, 6, 7, 9]);
        assert_eq!(
            [20, 9, 8, 6, 0].map(|rows_in_file| rows.first_beyond(rows_in_file)),
            [None, None, Some(9), Some(7), Some(1)]
        );
        for (text, said) in [
            ("", "\"\" is no row"),
            ("0", "\"0\" is no row"),
            ("1,x", "\"x\" is no row"),
            ("5-", "\"\" is no row"),
            ("-3", "\"\" is no row"),
            ("7-5", "\"7-5\" ends before it begins"),
        ] {
            let error = text.parse::<Selection>().unwrap_err();
            assert!(error.starts_with(said), "{error}");
        }
    }
}

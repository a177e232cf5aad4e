//! Which rows of a batch stand in which file.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// So many rows from a first one on, in a file that says so in its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) first_row: u64,
    pub(super) rows: u64,
}

impl Part {
    /// The name of its file.
    pub(super) fn name(self) -> String {
        format!("rows-{:012}-{:06}.bin", self.first_row, self.rows)
    }

    /// The part of a file, by its name.
    pub(super) fn of_name(name: &str) -> Option<Part> {
        let (first_row, rows) = name.strip_prefix("rows-")?.strip_suffix(".bin")?.split_once('-')?;
        let part = Part { first_row: first_row.parse().ok()?, rows: rows.parse().ok()? };
        (part.name() == name && part.rows > 0 && part.first_row.checked_add(part.rows).is_some())
            .then_some(part)
    }

    /// Its rows.
    pub(super) fn range(self) -> Range<u64> {
        self.first_row..self.first_row + self.rows
    }
}

/// The rows of `rows` that stand in none of `parts`, which are ordered.
pub(super) fn gaps(rows: Range<u64>, parts: &[Part]) -> Vec<Range<u64>> {
    let mut gaps = Vec::new();
    let mut next = rows.start;
    for part in parts.iter().map(|part| part.range()).filter(|part| part.start < rows.end) {
        if next < part.start {
            gaps.push(next..part.start);
        }
        next = next.max(part.end);
    }
    if next < rows.end {
        gaps.push(next..rows.end);
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_the_rows_that_are_in_no_part() {
        let part = |first_row, rows| Part { first_row, rows };
        let parts = [part(2, 3), part(4, 2), part(10, 5)];
        let check = |rows: Range<u64>, expected: &[(u64, u64)]| {
            let found: Vec<_> = gaps(rows.clone(), &parts).iter().map(|gap| (gap.start, gap.end)).collect();
            assert_eq!(found, expected, "{rows:?}");
        };
        check(0..20, &[(0, 2), (6, 10), (15, 20)]);
        check(2..6, &[]);
        check(3..5, &[]);
        check(5..12, &[(6, 10)]);
        check(7..8, &[(7, 8)]);
        check(12..16, &[(15, 16)]);
        check(0..1, &[(0, 1)]);
    }

    #[test]
    fn names_of_parts_are_read_strictly() {
        let part = Part { first_row: 10_000, rows: 1055 };
        assert_eq!(Part::of_name(&part.name()), Some(part));
        for name in
            ["rows-1-2.bin", "rows-000000000000-000000.bin", "closed.json", "rows-000000000000-000001.bin~"]
        {
            assert_eq!(Part::of_name(name), None, "{name}");
        }
    }
}

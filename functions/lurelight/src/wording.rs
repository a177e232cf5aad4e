//! How counts, figures, times and digests are written for people.

use jiff::Timestamp;
use lurelight_model::Estimate;

/// A count with commas between groups of three digits: `11,055`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and what is counted: `1 row`, `11,055 rows`.
pub fn counted(number: u64, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ if one.ends_with("ch") => format!("{} {one}es", count(number)),
        _ => format!("{} {one}s", count(number)),
    }
}

/// A figure with four decimals.
pub fn figure(value: f64) -> String {
    format!("{value:.4}")
}

/// A figure with its 95 % interval.
pub fn estimate(estimate: &Estimate) -> String {
    format!("{:.4} [{:.4}, {:.4}]", estimate.value, estimate.low, estimate.high)
}

/// A difference with its sign; `0` where the four decimals show none.
pub fn difference(value: f64) -> String {
    let text = format!("{value:+.4}");
    if text.trim_start_matches(['+', '-']).chars().all(|digit| "0.".contains(digit)) {
        return "0".to_owned();
    }
    text
}

/// A difference of counts with its sign.
pub fn count_difference(before: u64, after: u64) -> String {
    match after.cmp(&before) {
        std::cmp::Ordering::Less => format!("-{}", count(before - after)),
        std::cmp::Ordering::Equal => "0".to_owned(),
        std::cmp::Ordering::Greater => format!("+{}", count(after - before)),
    }
}

/// A moment to the minute, in UTC: `2026-05-04 03:02`.
pub fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// A moment to the second: `2026-05-04 03:02:01 UTC`.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Enough of a digest to tell it from others.
pub fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_differences_are_written_for_people() {
        assert_eq!(
            [0, 999, 1_000, 11_055, 1_234_567].map(count),
            ["0", "999", "1,000", "11,055", "1,234,567"]
        );
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(2_000, "batch"), "2,000 batches");
        assert_eq!([0.01234, -0.5, 0.0, -0.000_04].map(difference), ["+0.0123", "-0.5000", "0", "0"]);
        assert_eq!(count_difference(5, 3), "-2");
        assert_eq!(count_difference(3, 1_005), "+1,002");
        assert_eq!(count_difference(3, 3), "0");
        let at: Timestamp = "2026-05-04T03:02:01.5Z".parse().unwrap();
        assert_eq!((minute(at), moment(at)), ("2026-05-04 03:02".into(), "2026-05-04 03:02:01 UTC".into()));
    }
}

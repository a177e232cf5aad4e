//! What each column is, by the spelling of its header.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{AbsentColumn, ReadError};
use crate::{Code, FEATURE_COUNT, Feature, LABEL_COLUMN};

/// One column of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The header as it stands in the file, unquoted.
    pub name: String,
    /// What it is.
    pub role: Role,
}

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// One of the 30 features.
    Feature(Feature),
    /// The label: `Result`, `class`.
    Label,
    /// An earlier prediction: `predicted_column`, with `label` and `probability`, and perhaps `reasons`, right
    /// before it. Output replaces it.
    PreviousPrediction,
    /// Anything else, an index column for one. Output carries it along.
    Carried,
}

/// Spellings of the label's column.
const LABEL_SPELLINGS: [&str; 2] = [LABEL_COLUMN, "class"];

/// A header without what people write differently: lower-case letters and digits only.
pub(super) fn normalised(header: &str) -> String {
    header.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

static ROLES: LazyLock<HashMap<String, Role>> = LazyLock::new(|| {
    let features = Feature::ALL.into_iter().flat_map(|feature| {
        spellings(feature).map(move |spelling| (normalised(spelling), Role::Feature(feature)))
    });
    let labels = LABEL_SPELLINGS.into_iter().map(|spelling| (normalised(spelling), Role::Label));
    let previous = [(normalised("predicted_column"), Role::PreviousPrediction)];
    features.chain(labels).chain(previous).collect()
});

fn spellings(feature: Feature) -> impl Iterator<Item = &'static str> {
    std::iter::once(feature.name()).chain(feature.aliases().iter().copied())
}

/// The role that a header speaks of by itself.
pub(super) fn role(header: &str) -> Role {
    ROLES.get(&normalised(header)).copied().unwrap_or(Role::Carried)
}

/// The columns with these headers.
pub(super) fn resolve(headers: Vec<String>) -> Vec<Column> {
    let mut columns: Vec<Column> =
        headers.into_iter().map(|name| Column { role: role(&name), name }).collect();
    // Our own output has two more columns in front of the old name; elsewhere they are somebody else's.
    for at in 2..columns.len() {
        let [label, probability, previous] = &mut columns[at - 2..=at] else { continue };
        let ours = normalised(&label.name) == "label" && normalised(&probability.name) == "probability";
        if previous.role == Role::PreviousPrediction && ours {
            label.role = Role::PreviousPrediction;
            probability.role = Role::PreviousPrediction;
            if let Some(reasons) = at.checked_sub(3).map(|at| &mut columns[at])
                && normalised(&reasons.name) == "reasons"
            {
                reasons.role = Role::PreviousPrediction;
            }
        }
    }
    columns
}

/// No feature and no label may stand in two columns.
pub(super) fn check_twice(columns: &[Column]) -> Result<(), ReadError> {
    let mut first_at: HashMap<Role, usize> = HashMap::new();
    for (second, column) in columns.iter().enumerate() {
        let name = match column.role {
            Role::Feature(feature) => feature.name(),
            Role::Label => LABEL_COLUMN,
            Role::PreviousPrediction | Role::Carried => continue,
        };
        if let Some(&first) = first_at.get(&column.role) {
            return Err(ReadError::Twice {
                name,
                first: first + 1,
                first_header: columns[first].name.clone(),
                second: second + 1,
                second_header: column.name.clone(),
            });
        }
        first_at.insert(column.role, second);
    }
    Ok(())
}

/// The one feature that no column has, if any.
///
/// # Errors
///
/// Two or more are an error that lists them.
pub(super) fn check_absent(columns: &[Column]) -> Result<Option<AbsentColumn>, ReadError> {
    let mut absent: Vec<AbsentColumn> = Feature::ALL
        .into_iter()
        .filter(|&feature| !columns.iter().any(|column| column.role == Role::Feature(feature)))
        .map(|feature| AbsentColumn { feature, nearest: nearest(columns, spellings(feature)) })
        .collect();
    if absent.len() > 1 { Err(ReadError::Absent { absent }) } else { Ok(absent.pop()) }
}

/// A label column must be there.
pub(super) fn check_label(columns: &[Column]) -> Result<(), ReadError> {
    if columns.iter().any(|column| column.role == Role::Label) {
        return Ok(());
    }
    let spellings = LABEL_SPELLINGS.into_iter().chain(["label", "target", "status"]);
    Err(ReadError::NoLabel { nearest: nearest(columns, spellings) })
}

/// The carried header most like one of these spellings, if any is rather like it.
fn nearest(columns: &[Column], spellings: impl Iterator<Item = &'static str>) -> Option<String> {
    /// Share of the letters that have to agree.
    const LIKE: f64 = 0.55;
    /// Longer names are no misspellings, and comparing takes time by the product of the lengths.
    const LONGEST: usize = 64;
    let spellings: Vec<String> = spellings.map(normalised).collect();
    let mut best: Option<(f64, &str)> = None;
    for column in columns.iter().filter(|column| column.role == Role::Carried) {
        let header = normalised(&column.name);
        if header.is_empty() || header.len() > LONGEST {
            continue;
        }
        for spelling in &spellings {
            // One edit a letter of difference, at least.
            let (short, long) = (header.len().min(spelling.len()), header.len().max(spelling.len()));
            if (short as f64) < LIKE * long as f64 {
                continue;
            }
            let like = strsim::normalized_damerau_levenshtein(&header, spelling);
            if like >= LIKE && best.is_none_or(|(most, _)| like > most) {
                best = Some((like, &column.name));
            }
        }
    }
    best.map(|(_, name)| name.to_owned())
}

/// Says what is wrong with a header in which no feature was found, if it can be told.
pub(super) fn check_kind(line_text: &str, columns: &[Column], line: u64) -> Result<(), ReadError> {
    let features = |count: &dyn Fn() -> usize| count() >= FEATURE_COUNT / 3;
    if features(&|| columns.iter().filter(|c| matches!(c.role, Role::Feature(_))).count()) {
        return Ok(());
    }
    for (separator, name) in [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")] {
        let split = || line_text.split(separator).filter(|h| matches!(role(h), Role::Feature(_))).count();
        if features(&split) {
            return Err(ReadError::Separator { separator: name });
        }
    }
    let values = columns.iter().filter(|c| Code::parse(c.name.as_bytes()).is_ok()).count();
    if columns.len() >= FEATURE_COUNT - 1 && values * 2 > columns.len() {
        return Err(ReadError::NoHeader { line });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_spellings_collide() {
        let mut seen: HashMap<String, Role> = HashMap::new();
        let features = Feature::ALL
            .into_iter()
            .flat_map(|feature| spellings(feature).map(move |s| (s, Role::Feature(feature))));
        let labels = LABEL_SPELLINGS.into_iter().map(|s| (s, Role::Label));
        let others = ["predicted_column", "label", "probability", "index", "_id", "id", "", "Unnamed: 0"]
            .map(|s| (s, Role::Carried));
        for (spelling, role) in features.chain(labels).chain(others) {
            let before = seen.insert(normalised(spelling), role);
            assert!(before.is_none_or(|before| before == role), "{spelling} collides with {before:?}");
        }
    }
}

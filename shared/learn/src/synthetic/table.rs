//! The statistics as a table: one line a class, feature and code of its parent.

use std::fmt::Write as _;

use lurelight_schema::{Code, CodeSet, FEATURE_COUNT, Feature, Label};

use super::{Class, Node, Statistics};

const HEADER: &str = "class,feature,parent,parent_code,-1,0,1";

/// A line that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the table of statistics: {reason}")]
pub struct TableError {
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

pub(super) fn write(statistics: &Statistics) -> String {
    let mut text = format!("{HEADER}\n");
    for class in &statistics.classes {
        for node in &class.nodes {
            let own = statistics.codes[node.feature.index()];
            let cell = |counts: &[u32; 3], code: Code| {
                if own.contains(code) { counts[code as usize].to_string() } else { String::new() }
            };
            let mut line = |parent: &str, code: &str, counts: &[u32; 3]| {
                let [minus, zero, plus] = Code::VALUES.map(|code| cell(counts, code));
                // Writing to a String does not fail.
                let _infallible =
                    writeln!(text, "{},{},{parent},{code},{minus},{zero},{plus}", class.label, node.feature);
            };
            match node.parent {
                None => line("", "", &node.counts[0]),
                Some(parent) => {
                    for given in statistics.codes[parent.index()].iter() {
                        line(parent.name(), &given.to_string(), &node.counts[given as usize]);
                    }
                }
            }
        }
    }
    text
}

pub(super) fn read(text: &str) -> Result<Statistics, TableError> {
    let class = |label| Class { label, nodes: Vec::new() };
    let mut statistics = Statistics {
        codes: [CodeSet::EMPTY; FEATURE_COUNT],
        classes: [class(Label::Phishing), class(Label::Legitimate)],
    };
    let mut lines = text.lines().enumerate();
    if lines.next().map(|(_, line)| line) != Some(HEADER) {
        return Err(TableError { line: 1, reason: "the header is another one" });
    }
    for (at, line) in lines {
        read_line(line, &mut statistics).map_err(|reason| TableError { line: at + 1, reason })?;
    }
    let whole = statistics.classes.iter().all(|class| class.nodes.len() == FEATURE_COUNT && class.rows() > 0);
    let coded = statistics.codes.iter().all(|codes| *codes != CodeSet::EMPTY);
    if whole && coded {
        return Ok(statistics);
    }
    Err(TableError {
        line: text.lines().count(),
        reason: "a class lacks features or rows, or a feature codes",
    })
}

fn read_line(line: &str, statistics: &mut Statistics) -> Result<(), &'static str> {
    let cells: Vec<&str> = line.split(',').collect();
    let [label, feature, parent, given, counts @ ..] = &*cells else { return Err("cells are absent") };
    let label = Label::parse(label.as_bytes()).ok_or("no such class")?;
    let feature = named(feature).ok_or("no such feature")?;
    let class = statistics.classes.iter_mut().find(|class| class.label == label).ok_or("no such class")?;
    let parent = if parent.is_empty() { None } else { Some(named(parent).ok_or("no such parent")?) };
    if parent.is_none() != class.nodes.is_empty() {
        return Err("the first feature of a class, and no other, has no parent");
    }
    if let Some(parent) = parent
        && !class.nodes.iter().any(|node| node.feature == parent && parent != feature)
    {
        return Err("the parent does not stand before the feature");
    }
    let given = match (parent, Code::parse(given.as_bytes())) {
        (None, Ok(Code::Missing)) => 0,
        (Some(_), Ok(code)) if code != Code::Missing => code as usize,
        _ => return Err("no code of the parent"),
    };
    if class.nodes.last().is_none_or(|node| node.feature != feature) {
        if class.nodes.iter().any(|node| node.feature == feature) {
            return Err("the feature stands there already");
        }
        class.nodes.push(Node { feature, parent, counts: Default::default() });
    }
    let node = class.nodes.last_mut().filter(|node| node.parent == parent).ok_or("another parent")?;
    if counts.len() != 3 {
        return Err("three counts are needed");
    }
    for (code, count) in Code::VALUES.into_iter().zip(counts) {
        if !count.is_empty() {
            node.counts[given][code as usize] = count.parse().map_err(|_| "a count is no number")?;
            let codes = &mut statistics.codes[feature.index()];
            *codes = codes.with(code);
        }
    }
    Ok(())
}

fn named(name: &str) -> Option<Feature> {
    Feature::ALL.into_iter().find(|feature| feature.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_as_it_was_written() {
        let built_in = Statistics::built_in().unwrap();
        let table = built_in.to_table();
        assert_eq!(table, include_str!("uci.csv"));
        assert_eq!(&Statistics::from_table(&table).unwrap(), built_in);
        assert!(table.len() < 16_384, "{} bytes", table.len());
    }

    #[test]
    fn damage_is_noticed_and_never_a_panic() {
        let table = Statistics::built_in().unwrap().to_table();
        let reason = |table: &str| Statistics::from_table(table).unwrap_err().to_string();
        assert_eq!(reason(""), "line 1 of the table of statistics: the header is another one");
        let (half, _) = table.split_at(table.len() / 2);
        assert!(Statistics::from_table(half).is_err());
        assert!(reason(&table.replacen("having_IP_Address", "x", 1)).contains("line 2 of the table"));
        assert!(reason(&table.replacen(",,,", ",,x,", 1)).contains("line 2 of the table"));
        let bytes = table.as_bytes();
        for at in (0..bytes.len()).step_by(7) {
            let mut damaged = bytes.to_vec();
            damaged[at] = b',';
            if let Ok(statistics) = Statistics::from_table(&String::from_utf8(damaged).unwrap()) {
                statistics.generate(1).take(10).for_each(drop);
            }
        }
    }
}

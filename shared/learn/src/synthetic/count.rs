//! Counting: the tree of greatest mutual information of each class.

use lurelight_schema::{Code, CodeSet, FEATURE_COUNT, Feature, Label, Record};

use super::{Class, CountError, Node, Statistics};

/// How often each pair of codes stands in the same row.
type Pair = [[u32; 3]; 3];

pub(super) fn count(records: &[Record]) -> Result<Statistics, CountError> {
    let complete: Vec<Record> =
        records.iter().copied().filter(|record| record.vector.missing_count() == 0).collect();
    let codes = Feature::ALL.map(|feature| {
        complete.iter().fold(CodeSet::EMPTY, |codes, record| codes.with(record.vector.code(feature)))
    });
    let class = |label| {
        let rows: Vec<Record> = complete.iter().copied().filter(|record| record.label == label).collect();
        if rows.is_empty() { Err(CountError(label)) } else { Ok(Class { label, nodes: tree(&rows) }) }
    };
    Ok(Statistics { codes, classes: [class(Label::Phishing)?, class(Label::Legitimate)?] })
}

/// Prim's algorithm from the first feature on; of equal edges the first in the order of features.
fn tree(rows: &[Record]) -> Vec<Node> {
    let root = Feature::ALL[0];
    let mut nodes = vec![Node { feature: root, parent: None, counts: alone(rows, root) }];
    let mut best: [Option<(f64, Feature)>; FEATURE_COUNT] = [None; FEATURE_COUNT];
    let mut outside: Vec<Feature> = Feature::ALL[1..].to_vec();
    let mut newest = root;
    while !outside.is_empty() {
        for &feature in &outside {
            let information = information(&pair(rows, newest, feature));
            if best[feature.index()].is_none_or(|(most, _)| information > most) {
                best[feature.index()] = Some((information, newest));
            }
        }
        let mut next = 0;
        for (at, feature) in outside.iter().enumerate() {
            let weight = |feature: Feature| best[feature.index()].map_or(0.0, |(weight, _)| weight);
            if weight(*feature) > weight(outside[next]) {
                next = at;
            }
        }
        newest = outside.remove(next);
        let parent = best[newest.index()].map_or(root, |(_, parent)| parent);
        nodes.push(Node { feature: newest, parent: Some(parent), counts: pair(rows, parent, newest) });
    }
    nodes
}

fn alone(rows: &[Record], feature: Feature) -> Pair {
    let mut counts = Pair::default();
    for record in rows {
        counts[0][record.vector.code(feature) as usize] += 1;
    }
    counts
}

fn pair(rows: &[Record], parent: Feature, feature: Feature) -> Pair {
    let mut counts = Pair::default();
    for record in rows {
        counts[record.vector.code(parent) as usize][record.vector.code(feature) as usize] += 1;
    }
    counts
}

/// Mutual information of two features, in nats.
fn information(pair: &Pair) -> f64 {
    let total: u32 = pair.iter().flatten().sum();
    let mut information = 0.0;
    for a in Code::VALUES {
        let of_a: u32 = pair[a as usize].iter().sum();
        for b in Code::VALUES {
            let of_b: u32 = pair.iter().map(|row| row[b as usize]).sum();
            let both = f64::from(pair[a as usize][b as usize]);
            if both > 0.0 {
                let ratio = both * f64::from(total) / (f64::from(of_a) * f64::from(of_b));
                information += both / f64::from(total) * libm::log(ratio);
            }
        }
    }
    information
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn information_is_that_of_known_pairs() {
        assert_eq!(information(&[[4, 0, 4], [0, 0, 0], [4, 0, 4]]), 0.0);
        // Two equal coins tell each other's whole entropy.
        assert!((information(&[[5, 0, 0], [0, 0, 0], [0, 0, 5]]) - std::f64::consts::LN_2).abs() < 1e-15);
    }
}

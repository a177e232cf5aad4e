//! K nearest neighbours among packed rows (Fix and Hodges, 1951).

use lurelight_schema::FeatureVector;
use serde::{Deserialize, Serialize};

use crate::distance::{self, MAX_SQUARED};

/// The most distinct rows that neighbours are looked for among.
pub const MAX_NEIGHBOUR_ROWS: usize = 1 << 22;

/// How much a neighbour counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeighbourWeights {
    /// All alike.
    Uniform,
    /// By the inverse of their distance; where rows are identical, those alone count.
    Distance,
}

/// Labelled rows among which the nearest are looked for, by Euclidean distance of the codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NearestNeighbours {
    /// How many rows are looked for; 1 or more.
    pub k: u32,
    /// How much each of them counts.
    pub weights: NeighbourWeights,
    /// The distinct packed rows, without holes.
    pub rows: Vec<u64>,
    /// How many rows labelled phishing and legitimate have each; not both 0.
    pub labels: Vec<(u32, u32)>,
}

impl NearestNeighbours {
    /// The weighted share of phishing among the `k` nearest rows, each counted as often as it was seen. Where
    /// more rows than are needed have the distance of the k-th, all of them count by their share, so that no order
    /// of the rows decides.
    #[must_use]
    pub fn phishing_share(&self, vector: FeatureVector) -> f64 {
        let mut at_distance = [[0u64; 2]; MAX_SQUARED + 1];
        distance::for_each(vector, &self.rows, |place, squared| {
            let (phishing, legitimate) = self.labels[place];
            let [p, l] = &mut at_distance[squared as usize];
            *p += u64::from(phishing);
            *l += u64::from(legitimate);
        });
        let (mut wanted, mut phishing_weight, mut weight) = (f64::from(self.k), 0.0, 0.0);
        for (squared, [phishing, legitimate]) in at_distance.into_iter().enumerate() {
            let rows = (phishing + legitimate) as f64;
            if rows == 0.0 {
                continue;
            }
            let taken = wanted.min(rows);
            let each = match self.weights {
                NeighbourWeights::Uniform => 1.0,
                NeighbourWeights::Distance if squared == 0 => 1.0,
                NeighbourWeights::Distance => 1.0 / (squared as f64).sqrt(),
            };
            phishing_weight += each * taken * (phishing as f64 / rows);
            weight += each * taken;
            wanted -= taken;
            if wanted <= 0.0 || (squared == 0 && self.weights == NeighbourWeights::Distance) {
                break;
            }
        }
        phishing_weight / weight
    }

    /// Why these are no neighbours, if so.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let broken = |bits: &u64| !FeatureVector::from_bits(*bits).is_ok_and(|row| row.missing_count() == 0);
        if self.k == 0 {
            Some("it looks for 0 neighbours")
        } else if self.rows.is_empty() || self.rows.len() > MAX_NEIGHBOUR_ROWS {
            Some("it has no neighbours, or too many")
        } else if self.rows.len() != self.labels.len() || self.labels.contains(&(0, 0)) {
            Some("a neighbour has no label")
        } else if self.rows.iter().any(broken) {
            Some("a neighbour is no row, or has holes")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that differ from all zero codes in their first features, by 1 each.
    fn row(ones: u32) -> u64 {
        let zero = 0x0555_5555_5555_5555u64;
        (0..ones).fold(zero, |bits, i| bits & !(0b11 << (2 * i)) | 0b10 << (2 * i))
    }

    #[test]
    fn ties_at_the_last_neighbour_are_shared() {
        let of = |k, weights| NearestNeighbours {
            k,
            weights,
            rows: vec![row(0), row(1), row(4)],
            labels: vec![(1, 0), (1, 3), (0, 9)],
        };
        let at = FeatureVector::from_bits(row(0)).unwrap();
        let table = [
            (1, NeighbourWeights::Uniform, 1.0),
            // One of the four at distance 1, a quarter of which is phishing.
            (2, NeighbourWeights::Uniform, 1.25 / 2.0),
            (5, NeighbourWeights::Uniform, 2.0 / 5.0),
            (6, NeighbourWeights::Uniform, 2.0 / 6.0),
            // More than there are: all of them.
            (99, NeighbourWeights::Uniform, 2.0 / 14.0),
            (5, NeighbourWeights::Distance, 1.0),
        ];
        for (k, weights, expected) in table {
            assert_eq!(of(k, weights).phishing_share(at), expected, "{k} {weights:?}");
        }
        let between = FeatureVector::from_bits(row(2)).unwrap();
        // Four at distance 1 and, of those at √2, the one row seen once: with weights 1 and 1/√2 each.
        let share = of(5, NeighbourWeights::Distance).phishing_share(between);
        let root = 0.5f64.sqrt();
        let tied = (1.0 / 10.0) * root;
        assert!((share - (1.0 + tied) / (4.0 + root)).abs() < 1e-12, "{share}");
    }
}

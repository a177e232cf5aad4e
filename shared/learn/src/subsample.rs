//! Drawing rows without replacement.

use rand::Rng;

/// Draws `count` of the `rows` rows that stand behind distinct vectors, two labels each, and writes how many of each were
/// drawn. Each row in turn is drawn with the probability that as many of those left are still needed (selection sampling:
/// Knuth, The Art of Computer Programming, 3.4.2, algorithm S), told by half of a random number.
pub(crate) fn subsample(
    all: &[[u32; 2]],
    rows: u64,
    count: u64,
    rng: &mut impl Rng,
    drawn: &mut Vec<[u32; 2]>,
) {
    drawn.clear();
    let (mut left, mut needed) = (rows, count);
    let (mut random, mut halves) = (0, 0);
    drawn.extend(all.iter().map(|labels| {
        labels.map(|rows| {
            let before = needed;
            for _ in 0..rows {
                if halves == 0 {
                    (random, halves) = (rng.next_u64(), 2);
                }
                let taken = (random & 0xffff_ffff) * left < needed << 32;
                needed -= u64::from(taken);
                left -= 1;
                random >>= 32;
                halves -= 1;
            }
            (before - needed) as u32
        })
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    #[test]
    fn exactly_as_many_are_drawn_and_each_row_alike() {
        let all: Vec<[u32; 2]> = (0..40).map(|i| [i % 3, i % 4]).collect();
        let rows: u32 = all.iter().flatten().sum();
        let mut often = vec![[0; 2]; all.len()];
        let mut drawn = Vec::new();
        let rounds = 2_000;
        for seed in 0..rounds {
            let count = rows / 4;
            subsample(&all, rows.into(), count.into(), &mut stream(seed, &[]), &mut drawn);
            assert_eq!(drawn.iter().flatten().sum::<u32>(), count);
            for (often, (drawn, all)) in
                often.as_flattened_mut().iter_mut().zip(drawn.as_flattened().iter().zip(all.as_flattened()))
            {
                assert!(drawn <= all);
                *often += drawn;
            }
        }
        let share = f64::from(rows / 4) / f64::from(rows);
        for (often, all) in often.as_flattened().iter().zip(all.as_flattened()) {
            let expected = share * f64::from(*all) * rounds as f64;
            // Five standard deviations of a binomial count.
            assert!((f64::from(*often) - expected).abs() <= 5.0 * expected.sqrt(), "{often}, not {expected}");
        }
        subsample(&all, rows.into(), rows.into(), &mut stream(1, &[]), &mut drawn);
        assert_eq!(drawn, all);
    }
}

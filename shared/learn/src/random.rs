//! Seeded random numbers.

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// The generator of one purpose: `path` tells it apart from all others of the same seed, so that work can
/// be done in any order, on any number of threads, with the same result.
#[must_use]
pub fn stream(seed: u64, path: &[u64]) -> impl Rng + use<> {
    Pcg64Mcg::seed_from_u64(path.iter().fold(split_mix(seed), |state, part| split_mix(state ^ part)))
}

/// SplitMix64's output function (Steele, Lea, Flood, 2014).
const fn split_mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// Puts the first `count` places of `items` in random order, drawn from all of them (Fisher and Yates).
pub fn shuffle_first<T>(items: &mut [T], count: usize, rng: &mut impl Rng) {
    for place in 0..count.min(items.len()) {
        let other = rng.random_range(place..items.len());
        items.swap(place, other);
    }
}

/// Puts all of `items` in random order.
pub fn shuffle<T>(items: &mut [T], rng: &mut impl Rng) {
    shuffle_first(items, items.len(), rng);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_and_path_and_repeat() {
        let first = |seed, path: &[u64]| stream(seed, path).next_u64();
        assert_eq!(first(1, &[2, 3]), first(1, &[2, 3]));
        let all = [first(1, &[2, 3]), first(1, &[3, 2]), first(2, &[2, 3]), first(1, &[2]), first(1, &[])];
        for (i, value) in all.iter().enumerate() {
            assert!(!all[..i].contains(value));
        }
    }

    #[test]
    fn a_shuffle_is_a_permutation() {
        let mut items: Vec<u32> = (0..100).collect();
        shuffle(&mut items, &mut stream(1, &[]));
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}

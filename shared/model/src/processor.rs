//! Work done with the widest instructions that the processor has. The only module that may be unsafe.
//!
//! What a compiler makes for all x86-64 processors counts the bits of a number in a dozen steps and works on two numbers
//! at a time; many processors count them in one, and work on eight at a time. So the same function is compiled for
//! several of them, and the processor is asked which one it can run. All of them give the same bits: operations on
//! numbers are rounded as IEEE 754 says in any width, and none of them fuses a product with a sum.

/// Work that gains from wider instructions.
pub trait Work {
    /// What comes of it.
    type Output;

    /// Does it, where one instruction works on `LANES` numbers of 64 bits. It must be `#[inline(always)]`, and so must what
    /// it calls in its loops: only what is compiled into its caller is compiled anew for a processor.
    fn run<const LANES: usize>(self) -> Self::Output;
}

/// Does a piece of work with the widest instructions that this processor has.
pub fn widest<W: Work>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vpopcntdq")
            && has_avx2()
        {
            #[expect(unsafe_code, reason = "the processor was asked for all of them in the lines above")]
            // SAFETY: `with_avx512` needs nothing but these instructions.
            return unsafe { with_avx512(work) };
        }
        if has_avx2() {
            #[expect(unsafe_code, reason = "the processor was asked for all of them one line above")]
            // SAFETY: `with_avx2` needs nothing but these instructions.
            return unsafe { with_avx2(work) };
        }
        if is_x86_feature_detected!("popcnt") {
            #[expect(unsafe_code, reason = "the processor was asked for popcnt one line above")]
            // SAFETY: `with_popcnt` needs nothing but that instruction.
            return unsafe { with_popcnt(work) };
        }
    }
    work.run::<2>()
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn with_avx512<W: Work>(work: W) -> W::Output {
    work.run::<8>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn with_avx2<W: Work>(work: W) -> W::Output {
    work.run::<4>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
fn with_popcnt<W: Work>(work: W) -> W::Output {
    work.run::<2>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy)]
    struct Sums<'a>(&'a [f64], &'a [u64]);

    impl Work for Sums<'_> {
        type Output = (Vec<u64>, u32);

        #[inline(always)]
        fn run<const LANES: usize>(self) -> (Vec<u64>, u32) {
            let shares = self.0.iter().map(|x| (x * 3.1 + 0.7 / (1.0 + x * x)).to_bits()).collect();
            (shares, self.1.iter().map(|bits| bits.count_ones()).sum())
        }
    }

    proptest! {
        #[test]
        fn wider_work_gives_the_same_bits(
            numbers in prop::collection::vec(-1e3..1e3f64, 0..100), bits in prop::collection::vec(any::<u64>(), 0..100),
        ) {
            let work = Sums(&numbers, &bits);
            prop_assert_eq!(widest(work), work.run::<2>());
        }
    }
}

//! Gauss-Legendre quadrature.

/// The points and weights of the rule with `N` points on the interval from 0 to 1, which integrates polynomials up
/// to degree 2N − 1 exactly. The points are the zeros of the Legendre polynomial, found by Newton's method from
/// Tricomi's estimate (Davis, Rabinowitz, "Methods of Numerical Integration", 1984, 2.7).
pub(super) fn gauss_legendre<const N: usize>() -> ([f64; N], [f64; N]) {
    let (mut points, mut weights) = ([0.0; N], [0.0; N]);
    for i in 0..N {
        let mut x = libm::cos(std::f64::consts::PI * (i as f64 + 0.75) / (N as f64 + 0.5));
        let mut slope = 1.0;
        // Five steps are enough for any N; the others change nothing.
        for _ in 0..10 {
            let (value, derivative) = legendre(N, x);
            slope = derivative;
            x -= value / derivative;
        }
        points[N - 1 - i] = 0.5 * (1.0 + x);
        weights[N - 1 - i] = 1.0 / ((1.0 - x * x) * slope * slope);
    }
    (points, weights)
}

/// The Legendre polynomial of a degree at `x`, and its derivative there; `x` lies strictly between −1 and 1.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for n in 1..degree {
        let n = n as f64;
        (before, value) = (value, ((2.0 * n + 1.0) * x * value - n * before) / (n + 1.0));
    }
    (value, degree as f64 * (before - x * value) / (1.0 - x * x))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<const N: usize>() {
        let (points, weights) = gauss_legendre::<N>();
        assert!(points.iter().all(|t| *t > 0.0 && *t < 1.0) && points.is_sorted());
        for degree in 0..2 * N as i32 {
            let integral: f64 = points.iter().zip(weights).map(|(t, w)| w * t.powi(degree)).sum();
            assert!((integral - 1.0 / f64::from(degree + 1)).abs() < 1e-14, "{N} points, degree {degree}");
        }
    }

    #[test]
    fn powers_are_integrated_exactly() {
        check::<1>();
        check::<2>();
        check::<4>();
        check::<8>();
        check::<15>();
    }
}

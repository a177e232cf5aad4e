"""Writes the golden numbers that the pipeline's statistics are tested against, made by SciPy.

Usage: drift_golden.py [--check]     (run by the Python of `scripts/tools --path peers`)

  shared/pipeline/tests/golden/drift.json
    cases       two samples of codes (counts of -1, 0, 1, missing), with chi2_contingency, the stability index (from
                scipy.stats.entropy, half a row added to each code that either has), and ks_2samp's distance with the
                limiting distribution's p-value
    survival    chi2.sf
    kolmogorov  kstwobign.sf
    adjusted    false_discovery_control, Benjamini and Hochberg
    binomial    draws, probability, binom.ppf at .025 and .975

--check makes them and compares with the committed ones instead of writing. Another version than the pinned one is
named, in the file too. Exit codes: 0 written, or the same; 1 not the same, or not to be made by this version; 2 wrong
usage, or a package that is not installed.
"""

import math
import sys

from golden_files import ROOT, packages_of, run

with packages_of("peers"):
    import numpy as np
    from scipy import stats

VALUES = (-1, 0, 1)


def samples():
    """Pairs of counts of -1, 0, 1 and missing."""
    yield [10, 0, 0, 0], [7, 0, 0, 0]
    yield [0, 0, 0, 5], [0, 0, 0, 9]
    yield [10, 20, 30, 40], [10, 20, 30, 40]
    yield [500, 0, 500, 0], [100, 0, 400, 0]
    yield [500, 0, 500, 0], [250, 0, 250, 100]
    yield [4898, 0, 6157, 0], [0, 0, 600, 0]
    yield [3000, 2000, 1000, 3], [1, 2, 3, 500]
    yield [1, 0, 0, 0], [0, 0, 1, 0]
    rng = np.random.default_rng(1)
    for rows in (500, 700, 5_000, 200_000):
        for active in (2, 3, 4):
            shares = rng.dirichlet(np.ones(active))
            moved = 0.9 * shares + 0.1 * rng.dirichlet(np.ones(active))
            for other in (shares, moved):
                codes = rng.permutation(4)[:active]
                pair = np.zeros((2, 4), dtype=int)
                pair[0, codes] = rng.multinomial(7_771, shares)
                pair[1, codes] = rng.multinomial(rows, other)
                yield pair[0].tolist(), pair[1].tolist()


def compared(reference, current):
    counts = np.array([reference, current])
    seen = counts[:, counts.sum(axis=0) > 0]
    degrees, chi_squared, p = 0, 0.0, 1.0
    if seen.shape[1] > 1:
        chi_squared, p, degrees, _ = stats.chi2_contingency(seen, correction=False)
    before, after = seen + 0.5
    psi = stats.entropy(before, after) + stats.entropy(after, before)
    values = [np.repeat(VALUES, sample[:3]) for sample in counts]
    distance, ks_p = 0.0, 1.0
    if all(len(sample) for sample in values):
        # On the way to a p-value that is not used, it divides by no rows at all.
        with np.errstate(divide="ignore"):
            distance = stats.ks_2samp(*values, method="asymp").statistic
        n, m = map(len, values)
        ks_p = stats.kstwobign.sf(math.sqrt(n * m / (n + m)) * distance)
    return {
        "reference": reference,
        "current": current,
        "chi_squared": float(chi_squared),
        "degrees": int(degrees),
        "p": float(p),
        "psi": float(psi),
        "ks_distance": float(distance),
        "ks_p": float(ks_p),
    }


def golden():
    rng = np.random.default_rng(2)
    lists = [[0.01, 0.02, 0.03, 0.04, 0.05], [1.0, 1.0], [0.5], [0.001, 0.001, 0.9]]
    lists += [rng.beta(0.3, 1, size=30).tolist() for _ in range(5)]
    points = [0.0, 0.001, 0.5, 1.0, 2.0, 3.84, 5.99, 7.81, 20.0, 100.0, 700.0]
    chances = [(n, p) for n in (1, 7, 100, 331, 20_000) for p in (0.0001, 0.013, 0.3, 0.5, 0.87, 0.9999)]
    return {
        "cases": [compared(*pair) for pair in samples()],
        "survival": [{"x": x, "degrees": n, "p": float(stats.chi2.sf(x, n))} for n in (1, 2, 3) for x in points],
        "kolmogorov": [[x, float(stats.kstwobign.sf(x))] for x in (0.1, 0.3, 0.6, 0.99, 1.0, 1.01, 1.36, 2.0, 5.0)],
        "adjusted": [{"p": p, "adjusted": stats.false_discovery_control(p).tolist()} for p in lists],
        "binomial": [[n, p, *(int(stats.binom.ppf(q, n, p)) for q in (0.025, 0.975))] for n, p in chances],
    }


if __name__ == "__main__":
    folder, makers = ROOT / "shared/pipeline/tests/golden", {"drift.json": (golden, ["scipy"])}
    sys.exit(run(__doc__, folder, makers, {"scipy": "1.17.1"}, abs_tol=1e-15))

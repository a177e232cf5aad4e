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

--check makes them and compares with the committed ones instead of writing. Exit codes: 0 written, or the same;
1 not the same; 2 wrong usage, or another version of SciPy than the pinned one.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np
import scipy
from scipy import stats

PINNED = "1.17.1"
SOURCE = f"SciPy {PINNED}, by scripts/peers/drift_golden.py"
PATH = Path(__file__).resolve().parents[2] / "shared/pipeline/tests/golden/drift.json"
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
        "source": SOURCE,
        "cases": [compared(*pair) for pair in samples()],
        "survival": [{"x": x, "degrees": n, "p": float(stats.chi2.sf(x, n))} for n in (1, 2, 3) for x in points],
        "kolmogorov": [[x, float(stats.kstwobign.sf(x))] for x in (0.1, 0.3, 0.6, 0.99, 1.0, 1.01, 1.36, 2.0, 5.0)],
        "adjusted": [{"p": p, "adjusted": stats.false_discovery_control(p).tolist()} for p in lists],
        "binomial": [[n, p, *(int(stats.binom.ppf(q, n, p)) for q in (0.025, 0.975))] for n, p in chances],
    }


def text_of(value):
    """JSON with one line an entry."""

    def lines(part):
        return "[\n" + ",\n".join("  " + json.dumps(entry, separators=(",", ":")) for entry in part) + "\n]"

    fields = (
        f"{json.dumps(key)}: {lines(part) if isinstance(part, list) else json.dumps(part)}"
        for key, part in value.items()
    )
    return "{\n" + ",\n".join(fields) + "\n}\n"


def same(committed, made):
    """Equal but for what another processor's last digits make of a number."""
    if isinstance(committed, dict) and isinstance(made, dict):
        return committed.keys() == made.keys() and all(same(committed[key], made[key]) for key in made)
    if isinstance(committed, list) and isinstance(made, list):
        return len(committed) == len(made) and all(map(same, committed, made))
    if isinstance(committed, float) and isinstance(made, float):
        return math.isclose(committed, made, rel_tol=1e-8, abs_tol=1e-15)
    return committed == made


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args()
    if scipy.__version__ != PINNED:
        print(f"drift_golden.py: SciPy {scipy.__version__} is installed, {PINNED} is pinned", file=sys.stderr)
        return 2
    text = text_of(golden())
    if not options.check:
        PATH.parent.mkdir(parents=True, exist_ok=True)
        PATH.write_text(text, encoding="utf-8")
        print(f"{PATH.name}: {len(text):,} bytes")
    elif not PATH.exists() or not same(json.loads(PATH.read_text(encoding="utf-8")), json.loads(text)):
        print(f"drift_golden.py: {PATH} is not what SciPy {PINNED} gives; run drift_golden.py", file=sys.stderr)
        return 1
    else:
        print(f"{PATH.name}: the same")
    return 0


if __name__ == "__main__":
    sys.exit(main())

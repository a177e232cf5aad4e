"""Rows for the golden numbers: drawn from a seeded generator, none of them UCI's.

A row is a tuple of 30 packed codes in the order of UCI's header (0 for -1, 1 for 0, 2 for 1, 3 for missing), and
is written as 30 digits.
"""

import math

import numpy as np

N_FEATURES = 30


def draw_rows(seed, n_rows, active, codes, most):
    """Distinct rows of packed codes and their counts (rows x [legitimate, phishing]).

    `active` features are drawn from `codes`, the others are 0 throughout; a count is at most `most`.
    """
    rng = np.random.default_rng(seed)
    slopes = rng.normal(size=active)
    rows = {}
    while len(rows) < n_rows:
        drawn = rng.choice(codes, size=active)
        score = float(np.dot(slopes, drawn - 1)) + 1.5 * float(drawn[0] == drawn[1])
        share = 1 / (1 + math.exp(-score))
        total = int(rng.integers(1, most))
        phishing = int(rng.binomial(total, share))
        rows.setdefault(tuple(drawn.tolist()) + (0,) * (N_FEATURES - active), (total - phishing, phishing))
    ordered = sorted(rows)
    return np.array(ordered), np.array([rows[row] for row in ordered])


def written(rows, counts):
    return {
        "rows": ["".join(map(str, row)) for row in rows.tolist()],
        "legitimate": counts[:, 0].tolist(),
        "phishing": counts[:, 1].tolist(),
    }


def unrolled(rows, counts):
    """Each distinct row once a label, with its count as weight; rows that count nothing are left out."""
    values = np.concatenate([rows, rows]).astype(np.float64) - 1
    labels = np.repeat([0, 1], len(rows))
    weights = np.concatenate([counts[:, 0], counts[:, 1]])
    used = weights > 0
    return values[used], labels[used], weights[used]

"""Golden numbers of XGBoost's boosted trees; see golden.py."""

import sys

import numpy as np
import xgboost
from golden_files import rounded
from golden_rows import N_FEATURES, draw_rows, unrolled, written

MISSING = 3
STAGES = (1, 2, 8, 32)
PARAMETERS = (
    {"learning_rate": 0.3, "max_depth": 2, "reg_lambda": 1.0, "min_child_weight": 0.0},
    {"learning_rate": 0.1, "max_depth": 4, "reg_lambda": 1.0, "min_child_weight": 5.0},
    {"learning_rate": 0.3, "max_depth": 6, "reg_lambda": 0.5, "min_child_weight": 20.0},
)
# XGBoost computes with 32 bits, so two of its own tree methods agree to about this.
AGREEMENT = 2e-5


def golden_boosting():
    sets = []
    for name, seed, n_rows, holes in (
        ("three codes in all thirty features", 41, 300, 0.0),
        ("the same with one cell in ten missing", 43, 300, 0.1),
    ):
        rows, counts, fits = untied(seed, n_rows, holes)
        sets.append({"name": name, **written(rows, counts), "fits": fits})
    return {
        "booster": "binary:logistic; base_score the share of phishing, gamma and alpha 0, all rows and features",
        "log_odds": "predict(output_margin=True) with the first so many rounds",
        "sets": sets,
    }


def untied(seed, n_rows, holes):
    """The first drawing from `seed` on for which two tree methods agree: where two splits are as good as each other, or
    nearly, they do not."""
    for attempt in range(seed, seed + 200):
        rows, counts = draw_rows(attempt, n_rows, N_FEATURES, (0, 1, 2), most=60)
        if holes:
            rng = np.random.default_rng(attempt)
            rows = np.where(rng.random(rows.shape) < holes, MISSING, rows)
            if len(np.unique(rows, axis=0)) < len(rows):
                continue
        fits = [fit(rows, counts, parameters) for parameters in PARAMETERS]
        if all(fits):
            return rows, counts, fits
    sys.exit(f"golden.py: no drawing of {n_rows} rows for which XGBoost's tree methods agree")


def fit(rows, counts, parameters):
    """The log-odds of every row after some rounds; None where the methods disagree."""
    values, labels, weights = unrolled(rows, counts)
    values = np.where(values == MISSING - 1, np.nan, values)
    data = xgboost.DMatrix(values, label=labels, weight=weights)
    queries = xgboost.DMatrix(np.where(rows == MISSING, np.nan, rows - 1.0))
    stages = {}
    for method in ("exact", "hist"):
        booster = xgboost.train(
            {
                "objective": "binary:logistic",
                "base_score": float(counts[:, 1].sum() / counts.sum()),
                "tree_method": method,
                "nthread": 1,
            }
            | parameters,
            data,
            max(STAGES),
        )
        stages[method] = [
            booster.predict(queries, output_margin=True, iteration_range=(0, stage)).astype(float) for stage in STAGES
        ]
    worst = max(np.abs(a - b).max() for a, b in zip(*stages.values(), strict=True))
    if worst > AGREEMENT:
        return None
    return {
        **parameters,
        "stages": [
            {"n_estimators": stage, "log_odds": rounded(log_odds.tolist(), 7)}
            for stage, log_odds in zip(STAGES, stages["exact"], strict=True)
        ],
    }

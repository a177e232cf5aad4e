#!/usr/bin/env python3
"""Makes golden summary figures of scikit-learn and XGBoost on a split of UCI's data by distinct vectors.

Usage: golden_uci.py [--check] [--split N] [--out FOLDER] [FILE]
                                        (run by the Python of `scripts/tools --path peers`)

FILE is UCI's CSV: LURELIGHT_UCI_DATA, or else data/phishing_websites.csv. Writes uci.json, which holds no row, into
shared/learn/tests/golden. Everything is fitted on folds 3 to 9 of a hash split and measured on folds 0 to 2 at
probability one half, phishing being the positive class:

  trees       DecisionTreeClassifier up to depth 5, by criterion: accuracy, F1, ROC-AUC and log-loss, each result that
              20 values of random_state give, or 200 where they give more than one
  full_trees  the same grown to the end, over 20 values of random_state, or 200 in another split than the product's,
              where one more tree would lie outside of 20 by chance now and then: the least and the greatest
  adaboost    AdaBoostClassifier on stumps, by learning rate and rounds
  boosting    XGBoost with the product's parameters, all rows and features each round

--split takes another split than the product's, which is 1. Such figures are no part of the repository, so --out says
where they go; then they can be compared with:

  LURELIGHT_GOLDEN_UCI=FOLDER/uci.json cargo test --release -p lurelight-learn --test golden_uci

--check makes them and compares with those of the folder instead of writing. Other versions than the pinned ones are
named, in the file too. Exit codes: 0 written, or the same; 1 not the same, or not to be made by these versions; 2
wrong usage, no data, or a package that is not installed.
"""

import hashlib
import os
import sys
from pathlib import Path

from golden_files import ROOT, arguments, packages_of, rounded, written_or_compared

with packages_of("peers"):
    import numpy as np
    import pandas as pd
    import xgboost
    from sklearn.ensemble import AdaBoostClassifier
    from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score
    from sklearn.tree import DecisionTreeClassifier

GOLDEN = ROOT / "shared/learn/tests/golden"
SEEDS = 20
# Where the seeds give several trees, so that ties are broken every way.
MORE_SEEDS = 200
PINS = {"scikit-learn": "1.9.1", "xgboost-cpu": "3.2.0"}
BOOSTING = (
    {"n_estimators": 64, "learning_rate": 0.1, "max_depth": 4, "reg_lambda": 1.0, "min_child_weight": 1.0},
    {"n_estimators": 128, "learning_rate": 0.1, "max_depth": 6, "reg_lambda": 1.0, "min_child_weight": 5.0},
    {"n_estimators": 256, "learning_rate": 0.05, "max_depth": 6, "reg_lambda": 2.0, "min_child_weight": 1.0},
    {"n_estimators": 32, "learning_rate": 0.3, "max_depth": 8, "reg_lambda": 1.0, "min_child_weight": 0.0},
)


def fold(codes, number):
    """The documented hash split, which is number 1."""
    packed = sum((int(code) + 1) << (2 * i) for i, code in enumerate(codes))
    digest = hashlib.sha256(f"lurelight/fold/{number}".encode() + packed.to_bytes(8, "little")).digest()
    return int.from_bytes(digest[:8], "little") % 10


def split(path, number):
    """Values and labels (1 is phishing) of folds 3 to 9 and of folds 0 to 2."""
    table = pd.read_csv(path)
    table = table[
        [name for name in table.columns if name.lower() not in ("index", "id", "_id") and "Unnamed" not in name]
    ]
    values, labels = table.iloc[:, :30].to_numpy(dtype=float), (table["Result"].to_numpy() == -1).astype(int)
    held_out = np.array([fold(row, number) < 3 for row in values])
    return values[~held_out], labels[~held_out], values[held_out], labels[held_out]


def figures(labels, probabilities):
    verdicts = (probabilities >= 0.5).astype(int)
    return {
        "accuracy": accuracy_score(labels, verdicts),
        "f1": f1_score(labels, verdicts),
        "roc_auc": roc_auc_score(labels, probabilities),
        "log_loss": log_loss(labels, np.clip(probabilities, 1e-15, 1 - 1e-15)),
    }


def golden_uci(path, number):
    train_values, train_labels, values, labels = split(path, number)

    def measured(model):
        return figures(labels, model.fit(train_values, train_labels).predict_proba(values)[:, 1])

    def tree(criterion, depth, seed=0):
        return measured(DecisionTreeClassifier(criterion=criterion, max_depth=depth, random_state=seed))

    def results(criterion, depth):
        """Every result of a tree: of equally good splits scikit-learn takes the one that it draws first."""

        def of(seeds):
            return {tuple(rounded(tree(criterion, depth, seed), 10).items()) for seed in seeds}

        found = of(range(SEEDS))
        if len(found) > 1:
            found |= of(range(SEEDS, MORE_SEEDS))
        return [dict(result) for result in sorted(found)]

    def votes(n_estimators, learning_rate):
        stump = DecisionTreeClassifier(max_depth=1)
        return measured(
            AdaBoostClassifier(stump, n_estimators=n_estimators, learning_rate=learning_rate, random_state=0)
        )

    def ranges(criterion):
        drawn = [tree(criterion, None, seed) for seed in range(SEEDS if number == 1 else MORE_SEEDS)]
        return {key: [min(one[key] for one in drawn), max(one[key] for one in drawn)] for key in drawn[0]}

    criteria = ("gini", "entropy")
    made = {
        "split": number,
        "train_rows": len(train_labels),
        "test_rows": len(labels),
        "trees": [
            {"criterion": criterion, "max_depth": depth, "results": results(criterion, depth)}
            for criterion in criteria
            for depth in range(1, 6)
        ],
        "full_trees": [{"criterion": criterion, "ranges": ranges(criterion)} for criterion in criteria],
        "adaboost": [
            {"n_estimators": rounds, "learning_rate": rate, "figures": votes(rounds, rate)}
            for rounds, rate in ((8, 1.0), (32, 1.0), (128, 0.1), (256, 0.1))
        ],
        "boosting": [
            {
                **parameters,
                "figures": figures(labels, boosted(parameters, train_values, train_labels, values)),
            }
            for parameters in BOOSTING
        ],
    }
    return rounded(made, 10)


def boosted(parameters, train_values, train_labels, values):
    model = xgboost.XGBClassifier(**parameters, tree_method="exact", base_score=float(train_labels.mean()), n_jobs=1)
    return model.fit(train_values, train_labels).predict_proba(values)[:, 1].astype(float)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--split", type=int, default=1, metavar="N", help="the split, 1 (the product's) unless told")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where uci.json is, or goes")
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="UCI's CSV")
    told = parser.parse_args()
    if told.split != 1 and told.out is None:
        parser.error("figures of another split than 1 need --out FOLDER: the tests of the repository read those of 1")
    path = told.file or Path(os.environ.get("LURELIGHT_UCI_DATA") or ROOT / "data/phishing_websites.csv")
    if not path.is_file():
        print(f"golden_uci.py: there is no {path}; name UCI's CSV by LURELIGHT_UCI_DATA", file=sys.stderr)
        return 2
    makers = {"uci.json": (lambda: golden_uci(path, told.split), list(PINS))}
    return written_or_compared(told.check, told.out or GOLDEN, makers, PINS)


if __name__ == "__main__":
    sys.exit(main())

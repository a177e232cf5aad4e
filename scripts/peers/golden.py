#!/usr/bin/env python3
"""Makes the golden numbers that the tests of `shared/learn` compare with, from scikit-learn and XGBoost.

Usage: golden.py [--check]     (run by the Python of `scripts/tools --path peers`)

Writes into shared/learn/tests/golden/:

  metrics.json   labels (1 = phishing), probabilities and integer weights, with every metric of a verdict at
                 probability one half; log-loss after clipping to [1e-15, 1 - 1e-15]; null where a metric is
                 not defined (ROC-AUC of one class)
  trees.json     distinct rows with their counts of either label, and DecisionTreeClassifier's probability of
                 phishing for each of them, by criterion and depth
  logistic.json  the same kind of rows, and LogisticRegression's coefficients and probabilities
  adaboost.json  the same kind of rows, and AdaBoostClassifier's weights and errors of 32 rounds of stumps,
                 decisions at some of them and probabilities at the last, by learning rate; the head has the
                 formulas, which are checked
  neighbours.json  the same kind of rows, and KNeighborsClassifier's probabilities of queries by k and weighting
  imputer.json   distinct rows with holes and their counts, and what KNNImputer puts into holes of these and of
                 other rows: by the nearest three donors, by fewer, by the column's mean where no donor shares
                 a feature, and 0 for a feature that no row has
  isotonic.json  scores with ties, labels and weights, IsotonicRegression's corners (thresholds) and its
                 predictions at, between and beyond them
  boosting.json  the same kind of rows, with holes in some, and XGBoost's log-odds after some rounds, by parameters

A row is written as 30 digits, the packed code of each feature in the order of UCI's header (0 for -1, 1 for 0,
2 for 1, 3 for missing). All rows are drawn from a seeded generator in golden_rows.py; none is UCI's. No expected
number hangs on how a tie is broken: trees and stumps are kept only where their best splits are unique by a
margin, which a second, exact, tree grower checks; and neighbours only where the k-th is nearer than the next.

--check makes them and compares with the committed ones instead of writing. Other versions than the pinned ones are
named, in the files too, and so is what they cannot make, or make otherwise. Exit codes: 0 written, or the same; 1 not
the same, or not to be made by these versions; 2 wrong usage, or a package that is not installed.
"""

import math
import sys
from fractions import Fraction

from golden_files import ROOT, packages_of, rounded, run

with packages_of("peers"):
    import numpy as np
    from golden_adaboost import golden_adaboost
    from golden_boosting import golden_boosting
    from golden_neighbours import golden_imputer, golden_neighbours
    from golden_rows import draw_rows, unrolled, written
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import (
        accuracy_score,
        average_precision_score,
        brier_score_loss,
        confusion_matrix,
        f1_score,
        log_loss,
        precision_score,
        recall_score,
        roc_auc_score,
    )
    from sklearn.tree import DecisionTreeClassifier

CLIP = 1e-15
DEPTHS = (1, 2, 3, 4, 5)
# The best split must be this much better than the next one that parts the rows otherwise.
MARGIN = 1e-6


# --- metrics ---------------------------------------------------------------------------------------------------


def metric_cases():
    """(name, labels, probabilities, weights)"""
    rng = np.random.default_rng(1)
    tenths = [0.0, 0.1, 0.1, 0.4, 0.4, 0.5, 0.5, 0.9, 1.0, 1.0]
    yield "ten rows with ties, exact 0, .5 and 1", [0, 0, 1, 0, 1, 0, 1, 1, 1, 1], tenths, [1] * 10
    yield "the same, weighted", [0, 0, 1, 0, 1, 0, 1, 1, 1, 1], tenths, [3, 1, 2, 5, 1, 1, 4, 2, 7, 1]
    yield "exact 0 and 1 on the wrong side", [1, 0, 1, 0], [0.0, 1.0, 1.0, 0.0], [1, 2, 3, 4]
    yield "all tied at one half", [0, 1, 1, 0, 1], [0.5] * 5, [1, 2, 1, 1, 1]
    yield "all tied below one half: nothing is called phishing", [0, 1, 1, 0], [0.3] * 4, [2, 1, 1, 3]
    yield "apart without an error", [0, 0, 0, 1, 1], [0.01, 0.2, 0.49, 0.51, 0.99], [1, 1, 9, 1, 2]
    yield "the wrong way round", [1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9], [1, 1, 1, 1]
    yield "one class only", [1, 1, 1], [0.2, 0.6, 0.9], [1, 2, 1]
    for name, n_rows, share, step in (
        ("continuous scores", 120, 0.45, None),
        ("scores on a grid of twentieths", 120, 0.45, 0.05),
        ("one in twenty is phishing", 160, 0.05, None),
    ):
        labels = (rng.random(n_rows) < share).astype(int)
        scores = 1 / (1 + np.exp(-(rng.normal(size=n_rows) + 2 * labels - 1)))
        scores = np.round(scores, 5) if step is None else np.round(np.round(scores / step) * step, 2)
        weights = rng.integers(1, 40, size=n_rows)
        yield name, labels.tolist(), scores.tolist(), weights.tolist()


def metrics(labels, probabilities, weights):
    labels, probabilities = np.array(labels), np.array(probabilities)
    verdicts = (probabilities >= 0.5).astype(int)
    by_weight = {"sample_weight": weights}
    clipped = np.clip(probabilities, CLIP, 1 - CLIP)
    cells = confusion_matrix(labels, verdicts, labels=[0, 1], **by_weight).astype(int)
    both = len(set(labels.tolist())) == 2
    return {
        "true_negatives": int(cells[0, 0]),
        "false_positives": int(cells[0, 1]),
        "false_negatives": int(cells[1, 0]),
        "true_positives": int(cells[1, 1]),
        "accuracy": accuracy_score(labels, verdicts, **by_weight),
        "precision": precision_score(labels, verdicts, zero_division=0, **by_weight),
        "recall": recall_score(labels, verdicts, zero_division=0, **by_weight),
        "f1": f1_score(labels, verdicts, zero_division=0, **by_weight),
        "roc_auc": roc_auc_score(labels, probabilities, **by_weight) if both else None,
        "average_precision": average_precision_score(labels, probabilities, **by_weight),
        "log_loss": log_loss(labels, clipped, labels=[0, 1], **by_weight),
        "brier": brier_score_loss(labels, probabilities, pos_label=1, **by_weight),
    }


def golden_metrics():
    cases = [
        {
            "name": name,
            "labels": labels,
            "probabilities": probabilities,
            "weights": weights,
            "expected": rounded(metrics(labels, probabilities, weights)),
        }
        for name, labels, probabilities, weights in metric_cases()
    ]
    return {"threshold": 0.5, "log_loss_clip": CLIP, "cases": cases}


# --- trees -----------------------------------------------------------------------------------------------------


def impurity(criterion, legitimate, phishing):
    """Times the node's weight; exact for Gini."""
    total = legitimate + phishing
    if criterion == "gini":
        return total - Fraction(legitimate**2 + phishing**2, total)
    return -sum(n * math.log2(n / total) for n in (legitimate, phishing) if n)


class TiedError(Exception):
    """Two splits are as good as each other, so that the expected tree is not one."""


def grow(criterion, rows, counts, depth, node=None):
    """The probability of phishing for each row; an exact check on scikit-learn, not its replacement."""
    node = np.arange(len(rows)) if node is None else node
    legitimate, phishing = (int(n) for n in counts[node].sum(axis=0))
    leaf = dict.fromkeys(node.tolist(), phishing / (legitimate + phishing))
    if depth == 0 or legitimate == 0 or phishing == 0:
        return leaf
    here = impurity(criterion, legitimate, phishing)
    gains = {}
    for feature in range(rows.shape[1]):
        for threshold in (0, 1):
            left = node[rows[node, feature] <= threshold]
            if 0 < len(left) < len(node):
                right = np.setdiff1d(node, left)
                after = sum(impurity(criterion, *(int(n) for n in counts[side].sum(axis=0))) for side in (left, right))
                gains[frozenset((frozenset(left.tolist()), frozenset(right.tolist())))] = (here - after, left, right)
    if not gains:
        return leaf
    ranked = sorted(gains.values(), key=lambda split: float(split[0]), reverse=True)
    scale = float(here)
    if float(ranked[0][0]) < MARGIN * scale:
        raise TiedError
    if len(ranked) > 1 and float(ranked[0][0]) - float(ranked[1][0]) < MARGIN * scale:
        raise TiedError
    _, left, right = ranked[0]
    return grow(criterion, rows, counts, depth - 1, left) | grow(criterion, rows, counts, depth - 1, right)


def fit_tree(criterion, rows, counts, depth):
    values, labels, weights = unrolled(rows, counts)
    tree = DecisionTreeClassifier(criterion=criterion, max_depth=depth, random_state=0)
    tree.fit(values, labels, sample_weight=weights)
    return tree.get_n_leaves(), tree.predict_proba(rows - 1.0)[:, 1]


def golden_trees():
    sets = []
    for name, seed, n_rows, active, codes in (
        ("two codes, so that a split by order and one by any code set are the same", 11, 40, 7, (0, 2)),
        ("three codes, split by their order", 23, 80, 10, (0, 1, 2)),
        ("three codes in all thirty features, split by their order", 37, 150, 30, (0, 1, 2)),
    ):
        trees, rows, counts = untied_trees(seed, n_rows, active, codes)
        sets.append({"name": name, "ordered": len(codes) > 2, **written(rows, counts), "trees": trees})
    return {"sets": sets}


def untied_trees(seed, n_rows, active, codes):
    """The first drawing from `seed` on that has no tie in any tree, with its trees."""
    for attempt in range(seed, seed + 5000):
        rows, counts = draw_rows(attempt, n_rows, active, codes, most=60)
        try:
            trees = []
            for criterion in ("gini", "entropy"):
                for depth in DEPTHS:
                    check = grow(criterion, rows, counts, depth)
                    n_leaves, fitted = fit_tree(criterion, rows, counts, depth)
                    worst = max(abs(fitted[row] - share) for row, share in check.items())
                    if worst > 1e-9:
                        sys.exit(f"golden.py: two tree growers disagree by {worst} at depth {depth} ({criterion})")
                    trees.append(
                        {
                            "criterion": criterion,
                            "max_depth": depth,
                            "leaves": int(n_leaves),
                            "probabilities": rounded(fitted.tolist()),
                        }
                    )
            return trees, rows, counts
        except TiedError:
            continue
    sys.exit(f"golden.py: no drawing of {n_rows} rows without a tie")


# --- logistic regression ---------------------------------------------------------------------------------------


def golden_logistic():
    rows, counts = draw_rows(5, 60, 12, (0, 1, 2), most=12)
    values, labels, weights = unrolled(rows, counts)

    def fit(solver):
        model = LogisticRegression(C=1.0, solver=solver, tol=1e-12, max_iter=100_000)
        return model.fit(values, labels, sample_weight=weights)

    model, other = fit("newton-cholesky"), fit("lbfgs")
    worst = max(np.abs(model.coef_ - other.coef_).max(), np.abs(model.intercept_ - other.intercept_).max())
    if worst > 1e-5:
        sys.exit(f"golden.py: two solvers disagree by {worst}")
    return {
        "penalty": "l2 with C = 1, the intercept not penalised; values are the codes -1, 0 and 1",
        **written(rows, counts),
        # Nine decimals, because a coefficient of 0 is fitted as any number near 1e-15.
        "coefficients": (np.round(model.coef_[0], 9) + 0.0).tolist(),
        "intercept": round(float(model.intercept_[0]), 9),
        "probabilities": np.round(model.predict_proba(rows - 1.0)[:, 1], 9).tolist(),
    }


# --- isotonic regression ---------------------------------------------------------------------------------------


def isotonic_cases():
    """(name, scores, targets, weights); targets are shares of phishing."""
    rng = np.random.default_rng(8)
    yield "one score", [0.3] * 4, [0, 1, 1, 0], [1, 2, 3, 4]
    yield "two scores the wrong way round", [0.2, 0.8], [1, 0], [1, 3]
    yield "already in order", [0.1, 0.2, 0.3, 0.4, 0.5], [0.0, 0.1, 0.1, 0.1, 0.9], [1] * 5
    yield "in the opposite order", [0.1, 0.2, 0.3, 0.4], [1.0, 0.7, 0.2, 0.0], [1, 5, 2, 2]
    yield "ties of both labels", [0.1, 0.1, 0.4, 0.4, 0.4, 0.6, 0.9], [0, 1, 0, 0, 1, 1, 1], [3, 1, 1, 2, 2, 1, 7]
    for name, n_rows, step in (("scores on a grid of twentieths", 90, 0.05), ("continuous scores", 120, None)):
        labels = (rng.random(n_rows) < 0.45).astype(int)
        scores = 1 / (1 + np.exp(-(1.3 * rng.normal(size=n_rows) + 2 * labels - 1)))
        scores = np.round(scores, 5) if step is None else np.round(np.round(scores / step) * step, 2)
        yield name, scores.tolist(), labels.tolist(), rng.integers(1, 30, size=n_rows).tolist()


def golden_isotonic():
    cases = []
    for name, scores, targets, weights in isotonic_cases():
        model = IsotonicRegression(increasing=True, out_of_bounds="clip")
        model.fit(scores, targets, sample_weight=weights)
        corners = model.X_thresholds_
        between = corners[:-1] + np.diff(corners) * 0.3
        queries = np.unique(np.round(np.concatenate([[0.0, 1.0], corners, between, scores]), 6))
        cases.append(
            {
                "name": name,
                "scores": scores,
                "targets": [float(target) for target in targets],
                "weights": weights,
                "x_thresholds": rounded(corners.tolist()),
                "y_thresholds": rounded(model.y_thresholds_.tolist()),
                "queries": queries.tolist(),
                "expected": rounded(model.predict(queries).tolist()),
            }
        )
    return {
        "regression": 'IsotonicRegression(increasing=True, out_of_bounds="clip")',
        "prediction": "linear between the corners, the first and the last corner's beyond them",
        "cases": cases,
    }


# --- files -----------------------------------------------------------------------------------------------------


PINS = {"scikit-learn": "1.9.1", "xgboost-cpu": "3.2.0"}
MAKERS = {
    "metrics.json": (golden_metrics, ["scikit-learn"]),
    "trees.json": (golden_trees, ["scikit-learn"]),
    "logistic.json": (golden_logistic, ["scikit-learn"]),
    "adaboost.json": (golden_adaboost, ["scikit-learn"]),
    "neighbours.json": (golden_neighbours, ["scikit-learn"]),
    "imputer.json": (golden_imputer, ["scikit-learn"]),
    "isotonic.json": (golden_isotonic, ["scikit-learn"]),
    "boosting.json": (golden_boosting, ["xgboost-cpu"]),
}


if __name__ == "__main__":
    sys.exit(run(__doc__, ROOT / "shared/learn/tests/golden", MAKERS, PINS))

#!/usr/bin/env python3
"""Makes the golden contributions that the tests of `shared/model` compare with, from the shap package.

Usage: golden_shap.py [--check]     (run by the Python of `scripts/tools --path shap`)

Writes shared/model/tests/golden/shap.json: ensembles that scikit-learn and XGBoost fitted, written down as nodes, and
for some rows what shap.TreeExplainer(feature_perturbation="tree_path_dependent") says of them: the expected value,
the contributions of all 30 features, and their sum, which is the ensemble's own raw score.

  decision tree, random forest    scikit-learn's, explained as they are; a leaf's value is its share of phishing
  gradient boosting               scikit-learn's, explained as it is; a leaf's value is a step in log-odds
  XGBoost                         its trees, with rows that have holes, given to shap as nodes: shap takes XGBoost's own
                                  covers, which are sums of hessians, and Lurelight's are rows, so the rows that
                                  come to a leaf are counted here
  AdaBoost                        scikit-learn's stumps, given to shap as nodes in the same way; a leaf's value is the
                                  stump's share of all votes, positive for phishing. shap has no explainer for AdaBoost

A tree is a list of nodes in preorder: [feature, digits of the packed codes that go left] of a split, [value, rows] of a
leaf. A row is written as 30 digits, the packed code of each feature (0 for -1, 1 for 0, 2 for 1, 3 for missing).

--check makes them and compares with the committed ones instead of writing. Other versions than the pinned ones are
named, in the file too. Exit codes: 0 written, or the same; 1 not the same, or not to be made by these versions; 2 wrong
usage, or a package that is not installed.
"""

import json
import sys

from golden_files import ROOT, packages_of, rounded, run

with packages_of("shap"):
    import numpy as np
    import shap
    import xgboost
    from golden_rows import N_FEATURES, draw_rows, unrolled, written
    from sklearn.ensemble import AdaBoostClassifier, GradientBoostingClassifier, RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

MISSING = 3
# Rows that are explained: some of those that were fitted on, and others.
SEEN, UNSEEN = 12, 12
# The place of its class in scikit-learn's outputs.
PHISHING = 1
PINS = {"shap": "0.51.0", "scikit-learn": "1.9.1", "xgboost-cpu": "3.2.0"}


def golden_shap():
    rows, counts = draw_rows(51, 250, N_FEATURES, (0, 1, 2), most=9)
    others, _ = draw_rows(52, UNSEEN, N_FEATURES, (0, 1, 2), most=9)
    queries = np.concatenate([rows[:: len(rows) // SEEN][:SEEN], others])
    values, labels, weights = unrolled(rows, counts)

    def fitted(model):
        return model.fit(values, labels, sample_weight=weights)

    tree = fitted(DecisionTreeClassifier(random_state=3))
    forest = fitted(RandomForestClassifier(n_estimators=8, random_state=4))
    boosted = fitted(GradientBoostingClassifier(n_estimators=12, max_depth=4, random_state=5))
    votes = fitted(AdaBoostClassifier(DecisionTreeClassifier(max_depth=1), n_estimators=24, random_state=6))
    start = float(np.log(weights[labels == 1].sum() / weights[labels == 0].sum()))
    steps = [sklearn_nodes(step, 0, boosted.learning_rate) for step in boosted.estimators_[:, 0]]
    stumps = [stump_nodes(votes, i, rows, counts) for i in range(len(votes.estimators_))]
    by_votes = {"name": "AdaBoost", "family": "adaboost", "base": 0.0, "trees": stumps}
    by_votes |= explained("AdaBoost", as_dictionary(stumps, 0.0), queries)
    check("AdaBoost", 2 * np.array(by_votes["scores"]), votes.decision_function(queries - 1.0))
    return {
        "contributions": "of the 30 features, in the order of the header; with the base value they add up to the score",
        "ensembles": [
            {"name": "decision tree", "family": "decision_tree", "base": 0.0, "trees": [sklearn_nodes(tree, PHISHING)]}
            | explained("decision tree", tree, queries),
            {
                "name": "random forest",
                "family": "random_forest",
                "base": 0.0,
                "trees": [sklearn_nodes(member, PHISHING) for member in forest.estimators_],
            }
            | explained("random forest", forest, queries),
            {"name": "gradient boosting", "family": "gradient_boosting", "base": start, "trees": steps}
            | explained("gradient boosting", boosted, queries),
            by_votes,
            xgboost_ensemble(rows, counts, queries),
        ],
    }


# --- trees as nodes --------------------------------------------------------------------------------------------


def sklearn_nodes(model, output, scale=1.0):
    """A tree of scikit-learn in preorder; it stores its nodes so."""
    tree = model.tree_

    def node(i):
        if tree.children_left[i] == -1:
            return [[float(tree.value[i].ravel()[output]) * scale, whole(tree.weighted_n_node_samples[i])]]
        left = "".join(str(code) for code in range(3) if code - 1 <= tree.threshold[i])
        return [[int(tree.feature[i]), left], *node(tree.children_left[i]), *node(tree.children_right[i])]

    return node(0)


def whole(count):
    if abs(count - round(count)) > 1e-6 or count < 1:
        sys.exit(f"golden_shap.py: {count} is no number of rows")
    return round(float(count))


def stump_nodes(model, i, rows, counts):
    """A stump of AdaBoost with votes in its leaves, and with the rows that come to them."""
    tree = model.estimators_[i].tree_
    weight = float(model.estimator_weights_[i] / model.estimator_weights_.sum())

    def vote(leaf):
        return weight if np.argmax(tree.value[leaf].ravel()) == 1 else -weight

    left = "".join(str(code) for code in range(3) if code - 1 <= tree.threshold[0])
    nodes = [
        [int(tree.feature[0]), left],
        [vote(tree.children_left[0]), 0],
        [vote(tree.children_right[0]), 0],
    ]
    return counted(nodes, rows, counts)


def xgboost_nodes(text):
    """A tree of XGBoost's JSON; all of its thresholds lie between two codes, or at one that goes right."""

    def node(said):
        if "leaf" in said:
            return [[float(np.float32(said["leaf"])), 0]]
        left = "".join(str(code) for code in range(3) if code - 1 < said["split_condition"])
        left += str(MISSING) if said["missing"] == said["yes"] else ""
        children = {child["nodeid"]: child for child in said["children"]}
        return [[int(said["split"][1:]), left], *node(children[said["yes"]]), *node(children[said["no"]])]

    return node(json.loads(text))


def end_of(nodes, at):
    """Where the subtree at a place ends."""
    if isinstance(nodes[at][1], str):
        return end_of(nodes, end_of(nodes, at + 1))
    return at + 1


def counted(nodes, rows, counts):
    """The nodes with the rows that come to each leaf."""
    nodes = [list(node) for node in nodes]
    for row, count in zip(rows.tolist(), counts.sum(axis=1).tolist(), strict=True):
        at = 0
        while isinstance(nodes[at][1], str):
            feature, left = nodes[at]
            at = at + 1 if str(row[feature]) in left else end_of(nodes, at + 1)
        nodes[at][1] += count
    return nodes


def xgboost_ensemble(rows, counts, queries):
    rng = np.random.default_rng(7)
    holed = np.where(rng.random(rows.shape) < 0.1, MISSING, rows)
    asked = np.where(rng.random(queries.shape) < 0.2, MISSING, queries)
    values, labels, weights = unrolled(holed, counts)
    data = xgboost.DMatrix(np.where(values == MISSING - 1, np.nan, values), label=labels, weight=weights)
    share = float(counts[:, 1].sum() / counts.sum())
    booster = xgboost.train(
        {"objective": "binary:logistic", "base_score": share, "max_depth": 6, "tree_method": "hist", "nthread": 1},
        data,
        16,
    )
    trees = [counted(xgboost_nodes(text), holed, counts) for text in booster.get_dump(dump_format="json")]
    offset = float(np.log(share / (1 - share)))
    made = {"name": "XGBoost", "family": "gradient_boosting", "base": offset, "trees": trees}
    made |= explained("XGBoost", as_dictionary(trees, offset), asked)
    margins = booster.predict(xgboost.DMatrix(np.where(asked == MISSING, np.nan, asked - 1.0)), output_margin=True)
    check("XGBoost", np.array(made["scores"]), margins)
    return made


def as_dictionary(trees, offset):
    """The trees as shap takes them from whoever has their own: arrays of a node each."""

    def arrays(nodes):
        n = len(nodes)
        left, right, default = (np.full(n, -1) for _ in range(3))
        features, thresholds = np.full(n, -1), np.full(n, -1.0)
        values, covers = np.zeros((n, 1)), np.zeros(n)
        for i in reversed(range(n)):
            if not isinstance(nodes[i][1], str):
                values[i, 0], covers[i] = nodes[i]
                continue
            feature, codes = nodes[i]
            left[i], right[i] = i + 1, end_of(nodes, i + 1)
            default[i] = left[i] if str(MISSING) in codes else right[i]
            features[i] = feature
            # Halfway behind the last code that goes left.
            thresholds[i] = len(codes.replace(str(MISSING), "")) - 1.5
            covers[i] = covers[left[i]] + covers[right[i]]
            values[i] = (covers[left[i]] * values[left[i]] + covers[right[i]] * values[right[i]]) / covers[i]
        return {
            "children_left": left,
            "children_right": right,
            "children_default": default,
            "features": features,
            "thresholds": thresholds,
            "values": values,
            "node_sample_weight": covers,
        }

    return {"trees": [arrays(nodes) for nodes in trees], "base_offset": offset}


# --- what shap says --------------------------------------------------------------------------------------------


def explained(name, model, queries):
    """What shap says of an ensemble; where it has an output a class, of that of phishing."""
    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    values = np.where(queries == MISSING, np.nan, queries - 1.0)
    contributions = np.asarray(explainer.shap_values(values, check_additivity=False), dtype=float)
    expected = np.ravel(explainer.expected_value)
    if contributions.ndim == 3:
        contributions, expected = contributions[:, :, PHISHING], expected[PHISHING:]
    scores = float(expected[0]) + contributions.sum(axis=1)
    if hasattr(model, "decision_function"):
        check(name, scores, model.decision_function(values))
    elif hasattr(model, "predict_proba"):
        check(name, scores, model.predict_proba(values)[:, PHISHING])
    return {
        "rows": written(queries, np.zeros((len(queries), 2), dtype=int))["rows"],
        "expected_value": rounded(float(expected[0])),
        "contributions": rounded(contributions.tolist(), 10),
        "scores": rounded(scores.tolist()),
    }


def check(name, scores, own):
    """That shap explains what the model says."""
    worst = float(np.abs(scores - own).max())
    if worst > 1e-5:
        sys.exit(f"golden_shap.py: shap's sum is {worst} away from what {name} says")


if __name__ == "__main__":
    sys.exit(run(__doc__, ROOT / "shared/model/tests/golden", {"shap.json": (golden_shap, list(PINS))}, PINS))

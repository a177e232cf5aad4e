"""Golden numbers of AdaBoostClassifier (SAMME) on stumps; see golden.py."""

import math
import sys

import numpy as np
from golden_rows import draw_rows, unrolled, written
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

LEARNING_RATES = (1.0, 0.1)
ROUNDS = 32
STAGES = (1, 2, 3, 8, 32)
RANDOM_STATES = range(12)
# In shares of all weight: how much better the best stump is than the next one, and how far a leaf is from one half.
MARGIN = 1e-6


class TiedError(Exception):
    """Two stumps are as good as each other, or a leaf's vote is open."""


def golden_adaboost():
    sets = []
    for name, seed, n_rows, active, codes in (
        ("two codes, so that a split by order and one by any code set are the same", 11, 200, 12, (0, 2)),
        ("three codes, split by their order", 23, 220, 14, (0, 1, 2)),
    ):
        rows, counts, fits = untied(seed, n_rows, active, codes)
        sets.append({"name": name, "ordered": len(codes) > 2, **written(rows, counts), "fits": fits})
    sets.append(apart())
    return {
        "base": "DecisionTreeClassifier(max_depth=1), Gini",
        "vote": "a leaf votes +1 when more than half of its weight is phishing, else -1",
        "weight": "learning_rate * ln((1 - error) / error); 1, and the last round, where the error is 0",
        "decision": "2 * sum(weight * vote) / sum(weight), so within -2 and 2",
        "probability": "exp(d / 2) / (exp(d / 2) + exp(-d / 2)) = 1 / (1 + exp(-d)) of that decision d",
        "sets": sets,
    }


def fit(rows, counts, learning_rate, random_state):
    values, labels, weights = unrolled(rows, counts)
    model = AdaBoostClassifier(
        DecisionTreeClassifier(max_depth=1),
        n_estimators=ROUNDS,
        learning_rate=learning_rate,
        random_state=random_state,
    )
    return model.fit(values, labels, sample_weight=weights)


def described(model, rows, learning_rate):
    """The weights and errors of the rounds, every row's decision at some of them and its probability at the last."""
    decisions = list(model.staged_decision_function(rows - 1.0))
    probabilities = [shares[:, 1] for shares in model.staged_predict_proba(rows - 1.0)]
    check_formulas(model, rows, decisions, probabilities)
    n_rounds = len(decisions)
    return {
        "learning_rate": learning_rate,
        "weights": model.estimator_weights_[:n_rounds].tolist(),
        "errors": model.estimator_errors_[:n_rounds].tolist(),
        "stages": [
            {"n_estimators": stage, "decisions": short(decisions[stage - 1])} for stage in STAGES if stage <= n_rounds
        ],
        "probabilities": short(probabilities[-1]),
    }


def check_formulas(model, rows, decisions, probabilities):
    """That the sentences in the file's head are what scikit-learn does."""
    total, norm = np.zeros(len(rows)), 0.0
    for stump, weight, decision, probability in zip(
        model.estimators_, model.estimator_weights_, decisions, probabilities, strict=False
    ):
        total += weight * (2 * stump.predict(rows - 1.0) - 1)
        norm += weight
        if np.abs(2 * total / norm - decision).max() > 1e-12:
            sys.exit("golden.py: AdaBoost's decision is not twice the weighted mean vote")
        if np.abs(1 / (1 + np.exp(-decision)) - probability).max() > 1e-12:
            sys.exit("golden.py: AdaBoost's probability is not the logistic function of its decision")


def untied(seed, n_rows, active, codes):
    """The first drawing from `seed` on of which no round hangs on a tie, and what is fitted on it."""
    for attempt in range(seed, seed + 500):
        rows, counts = draw_rows(attempt, n_rows, active, codes, most=20)
        try:
            return rows, counts, [untied_fit(rows, counts, rate) for rate in LEARNING_RATES]
        except TiedError:
            continue
    sys.exit(f"golden.py: no drawing of {n_rows} rows without a tie in AdaBoost")


def untied_fit(rows, counts, learning_rate):
    model = fit(rows, counts, learning_rate, random_state=0)
    check_rounds(model, rows, counts, learning_rate)
    staged = np.array(list(model.staged_decision_function(rows - 1.0)))
    for random_state in RANDOM_STATES[1:]:
        other = fit(rows, counts, learning_rate, random_state)
        if len(other.estimators_) != len(model.estimators_):
            raise TiedError
        if np.abs(np.array(list(other.staged_decision_function(rows - 1.0))) - staged).max() > 1e-12:
            raise TiedError
    return described(model, rows, learning_rate)


def check_rounds(model, rows, counts, learning_rate):
    """Goes through the rounds with weights of its own; a best stump that is not alone is a tie."""
    if len(model.estimators_) != ROUNDS:
        raise TiedError
    values, labels, weights = unrolled(rows, counts)
    weights = weights / weights.sum()
    for stump, weight in zip(model.estimators_, model.estimator_weights_, strict=True):
        gains = []
        for feature in range(values.shape[1]):
            # The thresholds that part the feature's values differently.
            for threshold in np.unique(values[:, feature])[:-1] + 0.5:
                left = values[:, feature] < threshold
                gains.append((*split_gain(labels, weights, left), feature, threshold))
        gains.sort(reverse=True)
        if gains[0][0] - gains[1][0] < MARGIN or gains[0][0] < MARGIN or gains[0][1] < MARGIN:
            raise TiedError
        at, threshold = stump.tree_.feature[0], stump.tree_.threshold[0]
        if at != gains[0][2] or not np.array_equal(values[:, at] < threshold, values[:, at] < gains[0][3]):
            sys.exit("golden.py: scikit-learn's stump is not the best one")
        wrong = stump.predict(values) != labels
        error = weights[wrong].sum()
        if not math.isclose(learning_rate * math.log((1 - error) / error), weight, rel_tol=1e-9):
            sys.exit("golden.py: a round's weight is not as the file's head says")
        weights = weights * np.exp(weight * wrong)
        weights /= weights.sum()
        # scikit-learn lifts weights below the machine epsilon, which nothing here should come near.
        if weights.min() < 1e-12:
            raise TiedError


def split_gain(labels, weights, left):
    """What the Gini impurity falls by, times the weight, and how far the leaf nearest to one half is from it."""
    gain, nearest = 0.0, math.inf
    for side, sign in ((np.ones_like(left), 1), (left, -1), (~left, -1)):
        total = weights[side].sum()
        phishing = weights[side & (labels == 1)].sum()
        gain += sign * 2 * phishing * (total - phishing) / total
        if sign < 0:
            nearest = min(nearest, abs(phishing - total / 2))
    return gain, nearest


def apart():
    """Rows that one stump tells apart without an error, so that there is one round, of weight 1."""
    rows, counts = draw_rows(3, 12, 4, (0, 1, 2), most=5)
    phishing = rows[:, 2] == 2
    counts = np.stack([(~phishing) * (counts.sum(axis=1)), phishing * counts.sum(axis=1)], axis=1)
    fits = []
    for rate in LEARNING_RATES:
        model = fit(rows, counts, rate, random_state=0)
        if len(model.estimators_) != 1 or model.estimator_weights_[0] != 1.0:
            sys.exit("golden.py: rows that one stump tells apart took more than one round")
        fits.append(described(model, rows, rate))
    return {"name": "apart without an error by one split", "ordered": True, **written(rows, counts), "fits": fits}


def short(values):
    """Ten decimals are more than any test asks for."""
    return (np.round(values, 10) + 0.0).tolist()

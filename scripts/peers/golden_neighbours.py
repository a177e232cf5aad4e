"""Golden numbers of KNeighborsClassifier and KNNImputer; see golden.py."""

import sys
from fractions import Fraction

import numpy as np
from golden_rows import N_FEATURES, draw_rows, unrolled, written
from sklearn.impute import KNNImputer
from sklearn.neighbors import KNeighborsClassifier

KS = (3, 5, 9)
IMPUTER_K = 3
MISSING = 3
# How many queries of either kind, new and seen in training, are kept for each k.
QUERIES = 40


def by_packed_row(rows):
    """The order of rows as 60-bit numbers, the first feature in the lowest bits."""
    return np.lexsort(rows.T)


# --- k nearest neighbours --------------------------------------------------------------------------------------


def golden_neighbours():
    rows, counts = draw_rows(7, 160, 16, (0, 1, 2), most=4)
    order = by_packed_row(rows)
    rows, counts = rows[order], counts[order]
    values, labels, weights = unrolled(rows, counts)
    values, labels = np.repeat(values, weights, axis=0), np.repeat(labels, weights)
    known = {tuple(row) for row in rows.tolist()}
    drawn, _ = draw_rows(1007, 600, 16, (0, 1, 2), most=4)
    fresh = np.array([row for row in drawn.tolist() if tuple(row) not in known])

    cases = []
    for k in KS:
        queries = np.concatenate([untied_queries(candidates, values, k)[:QUERIES] for candidates in (fresh, rows)])
        seen = sum(tuple(row) in known for row in queries.tolist())
        if len(queries) - seen < QUERIES or seen < 10:
            sys.exit(f"golden.py: only {len(queries)} queries without a tie at neighbour {k}, {seen} of them seen")
        case = {"k": k, "queries": ["".join(map(str, row)) for row in queries.tolist()]}
        for kind in ("uniform", "distance"):
            shares = [
                KNeighborsClassifier(k, weights=kind, algorithm=algorithm)
                .fit(values, labels)
                .predict_proba(queries - 1.0)
                for algorithm in ("brute", "kd_tree")
            ]
            if np.abs(shares[0] - shares[1]).max() > 1e-9:
                sys.exit("golden.py: two ways to find the neighbours disagree")
            case[kind] = (np.round(shares[0][:, 1], 10) + 0.0).tolist()
        cases.append(case)
    return {
        "rows_are": "training rows with their counts; each is a neighbour as often as it was seen",
        "queries_are": "rows of which neighbour k is nearer than neighbour k + 1; many are in training (distance 0)",
        "expected": "the probability of phishing; by distance, neighbours at distance 0 count alone if there are any",
        **written(rows, counts),
        "cases": cases,
    }


def untied_queries(candidates, values, k):
    """Those of which neighbour k is strictly nearer than neighbour k + 1; squared distances are exact here."""
    squared = ((candidates[:, None, :] - 1.0 - values[None, :, :]) ** 2).sum(axis=2)
    squared.sort(axis=1)
    return candidates[squared[:, k - 1] < squared[:, k]]


# --- imputing --------------------------------------------------------------------------------------------------


def golden_imputer():
    rng = np.random.default_rng(19)
    rows, counts = imputer_rows(rng)
    order = by_packed_row(rows)
    rows, counts = rows[order], counts[order]
    repeated = np.repeat(rows, counts, axis=0)
    imputer = KNNImputer(n_neighbors=IMPUTER_K, weights="uniform", keep_empty_features=True)
    imputer.fit(as_values(repeated))

    receivers = np.concatenate([rows[(rows == MISSING).any(axis=1)][:40], other_receivers(rng)])
    imputed = imputer.transform(as_values(receivers))
    entries, kinds = [], dict.fromkeys(("three donors", "fewer donors", "column mean", "no donor", "tied"), 0)
    for receiver, filled in zip(receivers, imputed, strict=True):
        features, values = [], []
        for feature in np.flatnonzero(receiver == MISSING).tolist():
            kind, expected = expected_cell(repeated, receiver, feature)
            kinds[kind] += 1
            if kind == "tied":
                continue
            if abs(float(expected) - filled[feature]) > 1e-12:
                sys.exit(f"golden.py: {kind}: {expected} expected, {filled[feature]} imputed")
            features.append(feature)
            values.append(round(float(filled[feature]), 12) + 0.0)
        if features:
            entries.append({"row": "".join(map(str, receiver.tolist())), "features": features, "values": values})
    if min(kinds.values()) < 5:
        sys.exit(f"golden.py: too few imputed cells of some kind: {kinds}")
    return {
        "imputer": 'KNNImputer(n_neighbors=3, weights="uniform", keep_empty_features=True); 3 in a row is a hole',
        "cells": kinds,
        "left_out": "cells for which the third and the fourth donor are equally far ('tied')",
        "column_mean": "where no donor shares a feature with the row; 0 where no row has the feature ('no donor')",
        "rows": ["".join(map(str, row)) for row in rows.tolist()],
        "counts": counts.tolist(),
        "receivers": entries,
    }


def imputer_rows(rng):
    """Distinct rows with holes, and how often each was seen: a few features are rare, and one is never there."""
    rows, _ = draw_rows(29, 140, N_FEATURES, (0, 1, 2), most=3)
    rows = rng.permutation(rows)
    rows[rng.random(rows.shape) < 0.12] = MISSING
    # Rows with two features, which therefore have nothing in common with many donors.
    rows[:6] = MISSING
    for i in range(6):
        rows[i, (i + 10, i + 24)] = rng.integers(0, 3, size=2)
    for feature, donors in ((4, 0), (9, 1), (17, 2), (23, 6)):
        there = rng.choice(len(rows), size=donors, replace=False)
        kept = rng.integers(0, 3, size=donors)
        rows[:, feature] = MISSING
        rows[there, feature] = kept
    counts = rng.integers(1, 4, size=len(rows))
    # The rare features' donors are as many as said.
    counts[(rows[:, (9, 17)] != MISSING).any(axis=1)] = 1
    return rows, counts


def other_receivers(rng):
    """Rows that the imputer was not fitted on."""
    drawn, _ = draw_rows(31, 24, N_FEATURES, (0, 1, 2), most=3)
    rows = rng.permutation(drawn)
    rows[rng.random(rows.shape) < 0.25] = MISSING
    empty = np.full((1, N_FEATURES), MISSING)
    sparse = np.full((8, N_FEATURES), MISSING)
    for i, features in enumerate(((9,), (17,), (23,), (9, 17), (4,), (4, 9), (17, 23), (5, 11, 21))):
        sparse[i, features] = rng.integers(0, 3, size=len(features))
    return np.concatenate([rows, empty, sparse])


def as_values(rows):
    return np.where(rows == MISSING, np.nan, rows - 1.0)


def expected_cell(repeated, receiver, feature):
    """What kind of cell it is, and its value in exact numbers where no tie leaves it open."""
    donors = repeated[repeated[:, feature] != MISSING]
    if len(donors) == 0:
        return "no donor", Fraction(0)
    both = (donors != MISSING) & (receiver != MISSING)
    squared = ((donors - receiver) ** 2 * both).sum(axis=1)
    shared = both.sum(axis=1)
    near = sorted(
        (Fraction(int(squared[i]), int(shared[i])), int(donors[i, feature]) - 1) for i in np.flatnonzero(shared)
    )
    if not near:
        return "column mean", Fraction(int((donors[:, feature] - 1).sum()), len(donors))
    if len(near) > IMPUTER_K and near[IMPUTER_K - 1][0] == near[IMPUTER_K][0]:
        return "tied", None
    nearest = near[:IMPUTER_K]
    return (
        "three donors" if len(nearest) == IMPUTER_K else "fewer donors",
        Fraction(sum(value for _, value in nearest), len(nearest)),
    )

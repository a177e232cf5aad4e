"""Rows with their folds, as `lurelight evaluate --folds-out` writes them, and metrics as it measures them."""

import csv

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

FEATURES = 30
BINS = 10
METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc", "log_loss", "brier", "ece")


class UnfitError(Exception):
    """The comparison cannot be made; the text says why and what to do."""


class Rows:
    """Codes (rows x 30, missing as NaN), labels (1 = phishing), and by protocol and seed the fold that tests each row
    (-1: none does)."""

    def __init__(self, path):
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            header = next(reader)
            if header[0] != "row" or header[FEATURES + 1] != "Result":
                raise UnfitError(f"{path} is not what `lurelight evaluate --folds-out` writes")
            rows = list(reader)
        codes = [[float(cell) if cell else np.nan for cell in row[1 : FEATURES + 1]] for row in rows]
        self.codes = np.array(codes)
        self.labels = np.array([1 if row[FEATURES + 1] == "-1" else 0 for row in rows])
        self.divisions = {}
        for place, name in enumerate(header[FEATURES + 2 :], start=FEATURES + 2):
            self.divisions[name] = np.array([int(row[place]) if row[place] else -1 for row in rows])


def tested_in(rows, protocol, seed):
    """The folds of a protocol and seed; the hash split is the same for every seed."""
    return rows.divisions[protocol if protocol == "hash-split" else f"{protocol}/{seed}"]


def measure(labels, probabilities):
    """The metrics at probability one half, phishing being the positive class."""
    verdicts = probabilities >= 0.5
    return {
        "accuracy": accuracy_score(labels, verdicts),
        "precision": precision_score(labels, verdicts, zero_division=0),
        "recall": recall_score(labels, verdicts),
        "f1": f1_score(labels, verdicts),
        "roc_auc": roc_auc_score(labels, probabilities),
        "pr_auc": average_precision_score(labels, probabilities),
        "log_loss": log_loss(labels, np.clip(probabilities, 1e-15, 1 - 1e-15)),
        "brier": brier_score_loss(labels, probabilities),
        "ece": calibration_error(labels, probabilities),
    }


def calibration_error(labels, probabilities):
    """Expected calibration error over ten bins of about equal count; equal probabilities lie in one bin, that of their
    middle."""
    _, inverse, counts = np.unique(-probabilities, return_inverse=True, return_counts=True)
    middles = (np.cumsum(counts) - counts / 2) / len(labels)
    bins = np.minimum((middles * BINS).astype(int), BINS - 1)[inverse]
    gaps = np.bincount(bins, weights=probabilities - labels, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))

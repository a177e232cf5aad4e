#!/usr/bin/env python3
"""The protocol of this project's predecessor, by scikit-learn and by Lurelight: quality and CPU side by side.

Usage: predecessor.py FILE [--lurelight BINARY] [--peers-only] [--quick] [--seed 42]

FILE is UCI's CSV. The protocol: read the CSV, split its rows at random (seven parts to train, three to test),
impute (KNNImputer, 3 neighbours, fitted on the rows to train on), tune six families by GridSearchCV (3 folds,
accuracy), fit each with its best parameters, and take its F1 on the rows trained on and on those tested; the
highest F1 of the test is its choice. Its label is 1 for legitimate, so that is the positive class of its F1.

  logistic regression, k nearest neighbours    defaults
  decision tree                                criterion gini, entropy, log_loss
  random forest                                n_estimators 8 16 32 128 256
  AdaBoost                                     learning_rate .1 .01 .001, n_estimators 8 16 32 64 128 256
  gradient boosting                            once its defaults, one point, and once 120 points (not with
                                               --quick): learning_rate .1 .01 .05 .001, subsample .6 .7 .75 .85 .9,
                                               n_estimators 8 16 32 64 128 256

GridSearchCV fits the best parameters on all rows that it was given; the protocol then does so again, and both
are counted. Models have no seed there; here all have --seed, so that a run can be repeated.

The second table keeps identical rows on one side: the same families and grids are tuned on folds 3 to 9 of the
product's hash split and judged on folds 0 to 2. That table, and the metrics that the predecessor does not take,
are no part of the CPU seconds, which are user and system time of one process with one thread from its start,
imports and all; other programs on the machine disturb them little, but not nothing.

Ours is three runs with one thread each:

  lurelight train FILE --protocol predecessor --seed S --json         the protocol with boosting's defaults
  lurelight train FILE --protocol predecessor-full --seed S --json    and with its 120 points (not with --quick)
  lurelight train FILE --json --out MODEL                             the product's own: grids, folds, intervals

The first two tell which rows they test on, and scikit-learn is given the same ones.

Exit codes: 0 compared; 2 wrong usage, an unfit file or a run that failed.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import sklearn  # noqa: E402
from compare import FEATURES, HELD_OUT, UnfitError, read  # noqa: E402
from sklearn.ensemble import AdaBoostClassifier, GradientBoostingClassifier, RandomForestClassifier  # noqa: E402
from sklearn.impute import KNNImputer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score  # noqa: E402
from sklearn.model_selection import GridSearchCV, train_test_split  # noqa: E402
from sklearn.neighbors import KNeighborsClassifier  # noqa: E402
from sklearn.tree import DecisionTreeClassifier  # noqa: E402

SIZES = [8, 16, 32, 64, 128, 256]
BOOSTING_GRID = {
    "learning_rate": [0.1, 0.01, 0.05, 0.001],
    "subsample": [0.6, 0.7, 0.75, 0.85, 0.9],
    "n_estimators": SIZES,
}
FULL = "gradient_boosting, 120 points"


def families(seed, quick):
    """(name, fresh classifier, grid); names as in Lurelight's JSON."""
    yield "logistic_regression", LogisticRegression(random_state=seed), {}
    criteria = {"criterion": ["gini", "entropy", "log_loss"]}
    yield "decision_tree", DecisionTreeClassifier(random_state=seed), criteria
    yield "random_forest", RandomForestClassifier(random_state=seed), {"n_estimators": [8, 16, 32, 128, 256]}
    rates = {"learning_rate": [0.1, 0.01, 0.001], "n_estimators": SIZES}
    yield "adaboost", AdaBoostClassifier(random_state=seed), rates
    yield "nearest_neighbours", KNeighborsClassifier(), {}
    yield "gradient_boosting", GradientBoostingClassifier(random_state=seed), {}
    if not quick:
        yield FULL, GradientBoostingClassifier(random_state=seed), BOOSTING_GRID


class Laps:
    """CPU seconds of this process, part by part; the first part is its start with all imports."""

    def __init__(self):
        self.seconds = {"start": time.process_time()}
        self.begun = None

    def begin(self):
        self.begun = time.process_time()

    def end(self, part):
        self.seconds[part] = time.process_time() - self.begun


# --- scikit-learn ----------------------------------------------------------------------------------------------


def read_as_it_does(path, seed, test_rows):
    """(train, test), each (values, labels), labels 1 for legitimate."""
    frame = pd.read_csv(path)
    values, labels = frame[FEATURES], frame["Result"].replace(-1, 0)
    if test_rows is None:
        train, test = train_test_split(np.arange(len(frame)), test_size=0.3, random_state=seed)
    else:
        train, test = np.setdiff1d(np.arange(len(frame)), test_rows), np.array(test_rows)
    imputer = KNNImputer(n_neighbors=3, weights="uniform").fit(values.iloc[train])
    return tuple((imputer.transform(values.iloc[part]), labels.iloc[part].to_numpy()) for part in (train, test))


def tune(classifier, grid, values, labels):
    """The classifier with the best parameters, fitted; the parameters."""
    search = GridSearchCV(classifier, grid, cv=3).fit(values, labels)
    return classifier.set_params(**search.best_params_).fit(values, labels), search.best_params_


def figures(classifier, values, labels):
    """The metrics of the tables; labels 1 for legitimate."""
    verdicts, phishing = classifier.predict(values), 1 - labels
    probabilities = classifier.predict_proba(values)[:, 0]
    return {
        "f1_legitimate": f1_score(labels, verdicts),
        "f1": f1_score(phishing, 1 - verdicts),
        "accuracy": accuracy_score(labels, verdicts),
        "roc_auc": roc_auc_score(phishing, probabilities),
        "log_loss": log_loss(phishing, probabilities),
    }


def run_protocol(options, laps, test_rows):
    """What scikit-learn makes of the protocol, with families as in Lurelight's JSON."""
    laps.begin()
    (values, labels), (test_values, test_labels) = read_as_it_does(options.file, options.seed, test_rows)
    laps.end("read, split, impute")
    found = {}
    for name, classifier, grid in families(options.seed, options.quick):
        laps.begin()
        fitted, best = tune(classifier, grid, values, labels)
        f1 = [f1_score(part, fitted.predict(rows)) for rows, part in ((values, labels), (test_values, test_labels))]
        laps.end(name)
        test = figures(fitted, test_values, test_labels)
        found[name] = {"parameters": best, "f1_legitimate_train": f1[0], "test": test}
        progress(f"{name}: F1 {f1[1]:.4f}, {laps.seconds[name]:.1f} s")
    return found


def run_grouped(options, codes, labels, held_out):
    """The figures of scikit-learn's families on folds 0 to 2, tuned and fitted on folds 3 to 9."""
    found = {}
    for name, classifier, grid in families(options.seed, options.quick):
        fitted, _ = tune(classifier, grid, codes[~held_out], labels[~held_out])
        found[name] = figures(fitted, codes[held_out], labels[held_out])
        progress(f"{name}, grouped: F1 of phishing {found[name]['f1']:.4f}")
    return found


# --- ours ------------------------------------------------------------------------------------------------------


def lurelight(options, *arguments):
    """(its JSON, CPU seconds) of one run of `lurelight train FILE`."""
    command = [str(options.lurelight), "train", str(options.file), *arguments, "--json"]
    progress(" ".join(command))
    with tempfile.TemporaryFile() as out:
        child = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)])
        _, status, used = os.wait4(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            raise UnfitError(f"`{' '.join(command)}` ended with code {code}")
        out.seek(0)
        answer = json.load(out)
    return answer, used.ru_utime + used.ru_stime


def our_protocol(options, protocol, n_rows):
    """(families by name, CPU seconds, the rows tested on) of one run of the predecessor's protocol."""
    answer, seconds = lurelight(options, "--protocol", protocol, "--seed", str(options.seed))
    found = {family["family"]: family for family in answer["families"]}
    for family in found.values():
        family["test"] = {name: family["test"][name] for name in METRICS}
        float(family["f1_legitimate_train"])
    test_rows = answer["test_rows"]
    if len(set(test_rows)) != len(test_rows) or not all(0 <= row < n_rows for row in test_rows):
        raise UnfitError("`lurelight train --json` names rows to test on that FILE does not have, or one twice")
    if len(test_rows) != -(-n_rows * 3 // 10):
        raise UnfitError(f"`lurelight train --json` tests on {len(test_rows):,} rows, not on three tenths")
    return found, seconds, sorted(test_rows)


def our_grouped(options, phishing):
    """(figures by family on folds 0 to 2, CPU seconds) of the product's own training; labels 1 for phishing."""
    with tempfile.TemporaryDirectory() as folder:
        answer, seconds = lurelight(options, "--out", f"{folder}/model.lure")
    found = {}
    for candidate in answer["candidates"]:
        held_out = candidate["held_out"]
        found[candidate["family"]] = held_out | {"f1_legitimate": f1_of_legitimate(held_out, phishing)}
    return found, seconds


def f1_of_legitimate(held_out, phishing):
    """From accuracy and recall of phishing, which with the labels tell all four counts."""
    positives = int(phishing.sum())
    missed = positives - round(held_out["recall"] * positives)
    wrong = round((1 - held_out["accuracy"]) * len(phishing))
    right = len(phishing) - positives - (wrong - missed)
    return 2 * right / (2 * right + wrong)


# --- tables ----------------------------------------------------------------------------------------------------

METRICS = ("f1_legitimate", "f1", "accuracy", "roc_auc", "log_loss")
HEADS = "F1 of legitimate | F1 of phishing | accuracy | ROC-AUC | log-loss"


def cells(found):
    return " | ".join(f"{found[metric]:.4f}" for metric in METRICS)


def written(parameters):
    return ", ".join(f"{name} {value}" for name, value in parameters.items()) or "defaults"


def beside(theirs, ours):
    """(name, whose, entry), ours under theirs; families that only one has come where it has them."""
    for name in [*theirs, *(name for name in ours if name not in theirs)]:
        for whose, found in (("scikit-learn", theirs), ("Lurelight", ours)):
            if name in found:
                yield name, whose, found[name]


def print_protocol(theirs, ours, seconds):
    print(f"| family | from | parameters | F1 of legitimate, train | {HEADS} | CPU s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, whose, entry in beside(theirs, ours):
        cpu = seconds[name] if whose == "scikit-learn" else entry.get("cpu_seconds")
        print(
            f"| {name} | {whose} | {written(entry['parameters'])} | {float(entry['f1_legitimate_train']):.4f} | "
            f"{cells(entry['test'])} | {'' if cpu is None else f'{cpu:.2f}'} |"
        )
    for whose, found in (("scikit-learn", theirs), ("Lurelight", ours)):
        if found:
            best = max(found, key=lambda name: found[name]["test"]["f1_legitimate"])
            print(f"\nIts choice by {whose}: {best}, F1 {found[best]['test']['f1_legitimate']:.4f}", end="")
    print("\n")


def print_grouped(theirs, ours):
    print(f"| family | from | {HEADS} |")
    print("|---|---|---|---|---|---|---|")
    for name, whose, entry in beside(theirs, ours):
        print(f"| {name} | {whose} | {cells(entry)} |")
    print()


def print_cpu(rows):
    print("| protocol | scikit-learn, CPU s | Lurelight, CPU s | times less CPU |")
    print("|---|---|---|---|")
    for name, theirs, ours in rows:
        print(f"| {name} | {theirs:.2f} | " + (f"{ours:.3f} | {theirs / ours:.1f} |" if ours else " | |"))


def progress(text):
    print(text, file=sys.stderr, flush=True)


def main():
    laps = Laps()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--lurelight", default="target/release/lurelight", metavar="BINARY", type=Path)
    parser.add_argument("--peers-only", action="store_true", help="do not run ours")
    parser.add_argument("--quick", action="store_true", help="without the 120 points of gradient boosting")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    codes, phishing, folds = read(options.file)
    held_out = np.isin(folds, HELD_OUT)

    ours, ours_grouped, test_rows, product = {}, {}, None, None
    our_cpu = our_full = None
    if not options.peers_only:
        if not options.lurelight.exists():
            raise UnfitError(f"there is no {options.lurelight}; build it with: cargo build --release -p lurelight")
        try:
            ours, our_cpu, test_rows = our_protocol(options, "predecessor", len(codes))
            if not options.quick:
                found, our_full, same_rows = our_protocol(options, "predecessor-full", len(codes))
                if same_rows != test_rows:
                    raise UnfitError("`lurelight train` tests on other rows with --protocol predecessor-full")
                ours[FULL] = found["gradient_boosting"]
            ours_grouped, product = our_grouped(options, phishing[held_out])
        except (KeyError, TypeError, ValueError) as error:
            raise UnfitError(f"`lurelight train --json` printed another shape than expected: {error!r}") from error

    theirs = run_protocol(options, laps, test_rows)
    total = sum(laps.seconds.values()) - laps.seconds.get(FULL, 0.0)
    theirs_grouped = run_grouped(options, codes, 1 - phishing, held_out)

    print(
        f"Python {platform.python_version()}, scikit-learn {sklearn.__version__}, pandas {pd.__version__}; one thread"
    )
    same = "the same rows for both" if test_rows else f"scikit-learn's split, seed {options.seed}"
    print(f"\nAt random, 70 % to train and 30 % to test ({same}); identical rows stand on both sides:\n")
    print_protocol(theirs, ours, laps.seconds)
    print("Identical rows on one side: tuned and fitted on folds 3 to 9, judged on folds 0 to 2; Lurelight's are the")
    print("candidates of its own `train`, with its own grids:\n")
    print_grouped(theirs_grouped, ours_grouped)
    rows = [("boosting with its defaults", total, our_cpu)]
    if not options.quick:
        full = total - laps.seconds["gradient_boosting"] + laps.seconds[FULL]
        rows.append(("boosting with 120 points", full, our_full))
    print_cpu(rows)
    print(
        f"\nOf scikit-learn's, {laps.seconds['start']:.2f} s are the start of Python with its imports and "
        f"{laps.seconds['read, split, impute']:.2f} s reading, splitting and imputing."
    )
    if product:
        print(f"All of `lurelight train`, with intervals and both splits: {product:.2f} s.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UnfitError as reason:
        print(f"predecessor.py: {reason}", file=sys.stderr)
        sys.exit(2)

#!/usr/bin/env python3
"""Our champion beside scikit-learn, XGBoost and LightGBM, on one split of the same rows.

Usage: compare.py FILE [--lurelight BINARY] [--peers-only] [--margin 0.005]

FILE is UCI's CSV. The split is the product's own: fold = the first 8 bytes, little endian, of
SHA-256("lurelight/fold/1" + the packed row as 8 bytes, little endian) mod 10. Peers learn from folds 3
to 9 with their defaults (256 trees for the forest) and a fixed seed, and everybody is judged on folds 0
to 2 at probability one half, phishing being the positive class.

The fold sizes are checked first: another file, or another hash, is refused.

Exit codes: 0 ours is at most the margin behind the better of scikit-learn's two in F1; 1 it is further
behind; 2 wrong usage, an unfit file or a run that failed.
"""

import argparse
import csv
import hashlib
import json
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score

SEED = 0
FOLD_SIZES = [1041, 1168, 1075, 1074, 1078, 1195, 1075, 1123, 1107, 1119]
HELD_OUT = (0, 1, 2)
CODES = {"-1": 0, "0": 1, "1": 2}
FEATURES = [
    "having_IP_Address", "URL_Length", "Shortining_Service", "having_At_Symbol", "double_slash_redirecting",
    "Prefix_Suffix", "having_Sub_Domain", "SSLfinal_State", "Domain_registeration_length", "Favicon", "port",
    "HTTPS_token", "Request_URL", "URL_of_Anchor", "Links_in_tags", "SFH", "Submitting_to_email",
    "Abnormal_URL", "Redirect", "on_mouseover", "RightClick", "popUpWidnow", "Iframe", "age_of_domain",
    "DNSRecord", "web_traffic", "Page_Rank", "Google_Index", "Links_pointing_to_page", "Statistical_report",
]  # fmt: skip
METRICS = ("accuracy", "f1", "roc_auc", "log_loss")


class UnfitError(Exception):
    """The comparison cannot be made; the text says why and what to do."""


def read(path):
    """Codes (rows x 30), labels (1 = phishing) and the fold of each row."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        header = {name.strip() for name in rows.fieldnames or []}
        if absent := [name for name in [*FEATURES, "Result"] if name not in header]:
            raise UnfitError(f"{path} lacks the columns {', '.join(absent)}; give UCI's CSV with its own header")
        codes, labels, folds = [], [], []
        for line, row in enumerate(rows, start=2):
            try:
                packed = sum(CODES[row[name]] << (2 * i) for i, name in enumerate(FEATURES))
                labels.append({"-1": 1, "1": 0}[row["Result"]])
            except KeyError as error:
                raise UnfitError(f"{path}, line {line}: {error} is no code") from None
            codes.append([int(row[name]) for name in FEATURES])
            folds.append(fold(packed))
    sizes = np.bincount(folds, minlength=10).tolist()
    if sizes != FOLD_SIZES:
        raise UnfitError(f"{path} falls into folds of {sizes} rows, UCI's rows into {FOLD_SIZES}: not the same rows")
    return np.array(codes, dtype=np.float64), np.array(labels), np.array(folds)


def fold(packed):
    digest = hashlib.sha256(b"lurelight/fold/1" + packed.to_bytes(8, "little")).digest()
    return int.from_bytes(digest[:8], "little") % 10


def installed(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def candidates():
    """(name, package, fresh classifier); boosters that are not installed are left out."""
    yield "random forest, 256 trees", "scikit-learn", RandomForestClassifier(256, random_state=SEED)
    yield "histogram gradient boosting", "scikit-learn", HistGradientBoostingClassifier(random_state=SEED)
    if installed("xgboost-cpu") or installed("xgboost"):
        from xgboost import XGBClassifier

        yield "gradient boosting", "xgboost", XGBClassifier(random_state=SEED, n_jobs=1)
    if installed("lightgbm"):
        from lightgbm import LGBMClassifier

        yield "gradient boosting", "lightgbm", LGBMClassifier(random_state=SEED, n_jobs=1, verbose=-1)


def judge(labels, probabilities):
    verdicts = probabilities >= 0.5
    return {
        "accuracy": accuracy_score(labels, verdicts),
        "f1": f1_score(labels, verdicts),
        "roc_auc": roc_auc_score(labels, probabilities),
        "log_loss": log_loss(labels, probabilities),
    }


def ours(binary, path):
    """(family, metrics) of the champion that `lurelight train FILE --json` chose."""
    if not Path(binary).exists():
        raise UnfitError(f"there is no {binary}; build it with: cargo build --release -p lurelight")
    with tempfile.TemporaryDirectory() as folder:
        command = [str(binary), "train", str(path), "--json", "--out", f"{folder}/model.lure"]
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode != 0:
        raise UnfitError(f"`{' '.join(command)}` ended with code {run.returncode}")
    try:
        champion = json.loads(run.stdout)["champion"]
        held_out = champion["held_out"]
        return champion["family"], {name: estimate(held_out[name]) for name in METRICS}
    except (KeyError, TypeError, ValueError) as error:
        raise UnfitError(f"`lurelight train --json` printed another shape than expected: {error!r}") from error


def estimate(figure):
    """A figure alone, or the middle of one that comes with its interval."""
    return figure["value"] if isinstance(figure, dict) else figure


def row(name, source, metrics, seconds):
    figures = " | ".join(f"{metrics[metric]:.4f}" for metric in METRICS)
    return f"| {name} | {source} | {figures} | {seconds:.2f} |"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--lurelight", default="target/release/lurelight", metavar="BINARY")
    parser.add_argument("--peers-only", action="store_true", help="do not run ours")
    parser.add_argument("--margin", type=float, default=0.005)
    options = parser.parse_args()

    codes, labels, folds = read(options.file)
    held_out = np.isin(folds, HELD_OUT)
    packages = ("scikit-learn", "xgboost-cpu", "lightgbm", "pandas", "numpy", "scipy")
    versions = ", ".join(f"{name} {found}" for name in packages if (found := installed(name)))
    print(f"Python {platform.python_version()}, {versions}")
    print(
        f"folds 3-9: {np.sum(~held_out):,} rows to learn from; folds 0-2: {held_out.sum():,} rows to be judged on, "
        f"{labels[held_out].mean():.1%} phishing"
    )
    print()
    print("| model | from | accuracy | F1 of phishing | ROC-AUC | log-loss | seconds |")
    print("|---|---|---|---|---|---|---|")
    best = -1.0
    for name, package, classifier in candidates():
        start = time.perf_counter()
        classifier.fit(codes[~held_out], labels[~held_out])
        seconds = time.perf_counter() - start
        metrics = judge(labels[held_out], classifier.predict_proba(codes[held_out])[:, 1])
        if package == "scikit-learn":
            best = max(best, metrics["f1"])
        print(row(name, package, metrics, seconds), flush=True)
    if options.peers_only:
        return 0

    start = time.perf_counter()
    family, metrics = ours(options.lurelight, options.file)
    seconds = time.perf_counter() - start
    print(row(f"**champion: {family}**", "Lurelight, all of `train`", metrics, seconds))
    difference = metrics["f1"] - best
    print()
    print(f"F1 against the better of scikit-learn's two: {difference:+.4f} (may be {-options.margin:+.4f} at worst)")
    return 0 if difference >= -options.margin else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UnfitError as reason:
        print(f"compare.py: {reason}", file=sys.stderr)
        sys.exit(2)

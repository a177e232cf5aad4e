#!/usr/bin/env python3
"""What missing cells cost Lurelight and its peers, on the same rows with the same holes.

Usage: evaluate_missing.py FILE --lurelight BINARY [--seeds 42,...] [--only NAME,...] [--cache DIR]

`lurelight evaluate FILE --missing` measures our families and writes the rows: seven parts of ten are learnt, three are
tested with 0, 5, 20 and 50 % of their cells missing at random, identical rows on one side. Each peer that stands holes
learns from the rows as they are, and from them with the masked copies, one or 16, that ours learn from. Shown are means
over the seeds, with standard deviations where there are several.

Exit codes: 0 all was measured; 2 wrong usage, unfit rows or a run that failed.
"""

import argparse
import csv
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from evaluate import Cache, digest, names, run, say, spread
from evaluation_models import PEERS
from evaluation_rows import FEATURES, UnfitError, measure

SHARES = (0, 5, 20, 50)
COPIES = (0, 1, 16)
SHOWN = ("accuracy", "roc_auc", "log_loss")
# The best that was measured before Lurelight had an engine: LightGBM, from a clean and a masked copy.
TO_BEAT = {"accuracy": (0.9601, 0.9507, 0.9233, 0.8596)}


def read(path):
    """Codes (missing as NaN) and labels (1 = phishing)."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    codes = np.array([[float(cell) if cell else np.nan for cell in row[:FEATURES]] for row in rows])
    return codes, np.array([1 if row[FEATURES] == "-1" else 0 for row in rows])


def results(peer, folder, seed, cache, copies):
    """A peer's figures, one a share."""
    train = folder / f"{seed}-train-{copies}.csv"
    tests = [folder / f"{seed}-test-{share}.csv" for share in SHARES]
    key = digest("missing", peer.name, peer.made_by(), seed, *(path.read_bytes() for path in [train, *tests]))
    found = cache.find(key)
    if found is None:
        fitted = peer.fit(*read(train), seed)
        found = []
        for path in tests:
            codes, labels = read(path)
            found.append(measure(labels, fitted.predict_proba(codes)[:, 1]))
        cache.put(key, found)
        say(f"{peer.name}, {copies} masked copies, seed {seed}")
    return found


def ours(printed):
    """(name, way, by metric the cells of a line) of what `lurelight evaluate --missing --json` prints."""
    for result in printed["results"]:
        cells = {}
        for metric in SHOWN:
            deviations = [figures[metric] for figures in result["spread"] or []]
            values = [f"{figures[metric]:.4f}" for figures in result["figures"]]
            if deviations:
                values = [f"{v} ± {d:.4f}" for v, d in zip(values, deviations, strict=True)]
            cells[metric] = values
        yield f"**{result['family']}**", result["way"], cells


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    known = [peer.name for peer in PEERS if peer.stands_holes]
    parser.add_argument("file", type=Path)
    parser.add_argument("--lurelight", default="target/release/lurelight", metavar="BINARY")
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[42])
    parser.add_argument("--only", type=names(known), default=["lightgbm", "xgboost", "catboost"])
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/lurelight/evaluations")
    options = parser.parse_args()
    if not Path(options.lurelight).exists():
        raise UnfitError(f"there is no {options.lurelight}; build it with: cargo build --release -p lurelight")

    cache = Cache(options.cache)
    lines = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        command = [options.lurelight, "evaluate", str(options.file), "--missing", "--json", "--parts-out", made]
        printed = json.loads(run([*command, "--seeds", ",".join(map(str, options.seeds))]))
        lines += [("Lurelight", *line) for line in ours(printed)]
        for each in (peer for peer in PEERS if peer.name in options.only):
            for copies in COPIES:
                seeds = [results(each, folder, seed, cache, copies) for seed in options.seeds]
                cells = {
                    metric: [spread([found[place][metric] for found in seeds]) for place in range(len(SHARES))]
                    for metric in SHOWN
                }
                lines.append((each.package, each.name, f"{copies} copies" if copies else "native", cells))
    print(f"seeds {', '.join(map(str, options.seeds))}; {printed['tested_rows'][0]:,} rows tested")
    for metric in SHOWN:
        print(f"\n{metric.replace('_', '-')}\n")
        print(f"| model | from | holes | {' | '.join(f'{share} %' for share in SHARES)} |")
        print("|---|---|---|" + "---|" * len(SHARES))
        for source, name, way, cells in lines:
            print(f"| {name} | {source} | {way} | {' | '.join(cells[metric])} |")
        if metric in TO_BEAT:
            best = " | ".join(f"{value:.4f}" for value in TO_BEAT[metric])
            print(f"| to beat: the best measured before | lightgbm | one copy | {best} |")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UnfitError as reason:
        print(f"evaluate_missing.py: {reason}", file=sys.stderr)
        sys.exit(2)

#!/usr/bin/env python3
"""Lurelight and its peers on the same folds, with the same metrics.

Usage: evaluate.py FILE --lurelight BINARY [--seeds 42,...] [--protocols NAME,...] [--only NAME,...] [--quick]
                   [--peers-only] [--cache DIR] [--json FILE]

`lurelight evaluate FILE` measures our families and writes the folds; each peer then learns and is tested on exactly
these, with its defaults, one thread, and the seed of the folds as its own. What was measured is kept in the cache by
rows, folds, seed, version and parameters, so a run that was broken off goes on where it was.

Figures are of pooled out-of-fold probabilities, at probability one half (our champion at its threshold), means over the
seeds, with standard deviations where there are several. Phishing is the positive class.

Exit codes: 0 all was measured; 2 wrong usage, unfit rows or a run that failed.
"""

import argparse
import hashlib
import json
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from evaluation_models import PACKAGES, PEERS, VOTE, VOTERS
from evaluation_rows import METRICS, Rows, UnfitError, measure, tested_in

PROTOCOLS = ("random-k-fold", "grouped-k-fold", "hash-split", "random-split")
SHOWN = ("accuracy", "f1", "roc_auc", "log_loss", "brier", "ece")
# The best that was measured before Lurelight had an engine: of 24 models of the packages here by random folds; by
# grouped folds a vote of three boosters, and for log-loss a stack.
TO_BEAT = {
    "random-k-fold": {"accuracy": 0.9744, "roc_auc": 0.9977, "log_loss": 0.060},
    "grouped-k-fold": {"accuracy": 0.9588, "roc_auc": 0.9941, "log_loss": 0.097},
}


def digest(*parts):
    made = hashlib.sha256()
    for part in parts:
        made.update(part if isinstance(part, bytes) else str(part).encode())
        made.update(b"\0")
    return made.hexdigest()


class Cache:
    """Measured figures and probabilities by what they depend on."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def find(self, key):
        try:
            return json.loads((self.folder / f"{key}.json").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def probabilities(self, key):
        return np.load(self.folder / f"{key}.npy")

    def put(self, key, result, probabilities=None):
        if probabilities is not None:
            aside = self.folder / f"{key}.tmp.npy"
            np.save(aside, probabilities)
            aside.rename(self.folder / f"{key}.npy")
        aside = self.folder / f"{key}.tmp"
        aside.write_text(json.dumps(result))
        aside.rename(self.folder / f"{key}.json")


def ours(options, cache, folds):
    """What `lurelight evaluate --json` prints; the folds go to a file beside."""
    binary = Path(options.lurelight)
    if not binary.exists():
        raise UnfitError(f"there is no {binary}; build it with: cargo build --release -p lurelight")
    command = [str(binary), "evaluate", str(options.file), "--seeds", ",".join(map(str, options.seeds))]
    command += ["--protocols", ",".join(options.protocols), "--folds-out", str(folds)]
    if options.peers_only:
        run([*command, "--folds-only"])
        return None
    key = digest("ours", binary.read_bytes(), options.file.read_bytes(), *command[3:7])
    found = cache.find(key)
    if found:
        run([*command, "--folds-only"])
        return found
    begun = time.perf_counter()
    result = json.loads(run([*command, "--json"]))
    say(f"lurelight, everything: {time.perf_counter() - begun:.0f} s")
    cache.put(key, result)
    return result


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise UnfitError(f"`{' '.join(command)}` ended with code {done.returncode}")
    return done.stdout


def peer_results(options, rows, cache):
    """By protocol and peer the results seed by seed."""
    peers = [peer for peer in PEERS if not options.only or peer.name in options.only or votes(options, peer)]
    wanted = [(p, protocol, seed) for seed in options.seeds for protocol in options.protocols for p in peers]
    results, keys = {}, {}
    for place, (peer, protocol, seed) in enumerate(wanted, start=1):
        folds = tested_in(rows, protocol, seed)
        key = digest(peer.name, peer.made_by(), rows.codes.tobytes(), rows.labels.tobytes(), folds.tobytes(), seed)
        result = cache.find(key)
        if result is None:
            result, probabilities = test(peer, rows, folds, seed)
            cache.put(key, result, probabilities)
            say(f"{place}/{len(wanted)} {peer.name}, {protocol}, seed {seed}: {result['cpu_seconds']:.1f} s")
        results.setdefault((protocol, peer.name), []).append(result)
        keys[peer.name, protocol, seed] = key
    if all((voter, options.protocols[0], options.seeds[0]) in keys for voter in VOTERS):
        for protocol in options.protocols:
            for seed in options.seeds:
                voted = [cache.probabilities(keys[voter, protocol, seed]) for voter in VOTERS]
                folds = tested_in(rows, protocol, seed)
                result = figures(rows, folds, np.mean(voted, axis=0))
                results.setdefault((protocol, VOTE), []).append(result)
    if options.only:
        results = {key: found for key, found in results.items() if key[1] in options.only}
    return results


def votes(options, peer):
    return VOTE in options.only and peer.name in VOTERS


def test(peer, rows, folds, seed):
    """Fits a peer on all folds but one, for each of them; figures, and the probability of each tested row."""
    probabilities = np.full(len(rows.labels), np.nan)
    begun = time.process_time()
    for fold in range(folds.max() + 1):
        inside = folds == fold
        fitted = peer.fit(rows.codes[~inside], rows.labels[~inside], seed)
        probabilities[inside] = fitted.predict_proba(rows.codes[inside])[:, 1]
    seconds = time.process_time() - begun
    return {**figures(rows, folds, probabilities), "cpu_seconds": seconds}, probabilities


def figures(rows, folds, probabilities):
    tested = folds >= 0
    by_fold = [measure(rows.labels[folds == f], probabilities[folds == f]) for f in range(folds.max() + 1)]
    means = {metric: float(np.mean([fold[metric] for fold in by_fold])) for metric in METRICS}
    return {"pooled": measure(rows.labels[tested], probabilities[tested]), "fold_means": means}


def our_results(printed):
    """The same shape from what `lurelight evaluate --json` prints."""
    results = {}
    for protocol in printed["protocols"]:
        for result in protocol["results"]:
            seeds = [
                {"pooled": {m: seed[m] for m in METRICS}, "fold_means": seed["fold_means"]}
                for seed in result["by_seed"]
            ]
            results[protocol["protocol"], result["contestant"]] = seeds
    return results


def table(protocol, sides):
    """One protocol, the best accuracy first. `sides` has for each side its name and its results."""
    lines = []
    for source, results in sides:
        for (of, name), seeds in results.items():
            if of == protocol:
                lines.append((source, name, seeds))
    lines.sort(key=lambda line: -np.mean([seed["pooled"]["accuracy"] for seed in line[2]]))
    heads = ["model", "from", *(m.replace("_", "-") for m in SHOWN), "AUC, mean of folds"]
    shown = [heads, ["---"] * len(heads)]
    for source, name, seeds in lines:
        bold = "**" if source == "Lurelight" else ""
        cells = [spread([seed["pooled"][m] for seed in seeds]) for m in SHOWN]
        shown.append([f"{bold}{name}{bold}", source, *cells, spread([s["fold_means"]["roc_auc"] for s in seeds])])
    best = TO_BEAT.get(protocol)
    if best:
        cells = [f"{best[m]:.4f}" if m in best else "" for m in SHOWN]
        shown.append(["to beat: the best measured before", "", *cells, ""])
    return "\n".join("| " + " | ".join(line) + " |" for line in shown)


def spread(values):
    mean = f"{np.mean(values):.4f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.4f}"


def say(line):
    print(line, file=sys.stderr, flush=True)


def names(known):
    def parse(text):
        given = text.split(",")
        if wrong := [name for name in given if name not in known]:
            raise argparse.ArgumentTypeError(f"there is no {', '.join(wrong)}; there are {', '.join(known)}")
        return given

    return parse


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--lurelight", default="target/release/lurelight", metavar="BINARY")
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[42])
    parser.add_argument("--protocols", type=names(PROTOCOLS), default=list(PROTOCOLS))
    parser.add_argument("--only", type=names([*(peer.name for peer in PEERS), VOTE]), default=[])
    parser.add_argument("--quick", action="store_true", help="the hash split alone, without catboost")
    parser.add_argument("--peers-only", action="store_true", help="do not measure ours")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/lurelight/evaluations")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    options = parser.parse_args()
    if options.quick:
        options.protocols = ["hash-split"]
        options.only = options.only or [peer.name for peer in PEERS if peer.name != "catboost"]

    cache = Cache(options.cache)
    with tempfile.TemporaryDirectory() as folder:
        folds = Path(folder) / "folds.csv"
        printed = ours(options, cache, folds)
        rows = Rows(folds)
    sides = [("Lurelight", our_results(printed))] if printed else []
    peers = peer_results(options, rows, cache)
    package = {peer.name: peer.package for peer in PEERS} | {VOTE: "its three"}
    for source in dict.fromkeys(package.values()):
        sides.append((source, {key: found for key, found in peers.items() if package[key[1]] == source}))

    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    print(f"Python {platform.python_version()}, {versions}")
    print(f"{len(rows.labels):,} rows, {rows.labels.mean():.1%} phishing; seeds {', '.join(map(str, options.seeds))}")
    if printed:
        print(f"noise ceiling: accuracy {printed['ceiling']['accuracy']:.4f}")
    for protocol in options.protocols:
        print(f"\n{protocol}\n\n{table(protocol, sides)}")
    if options.json:
        found = [
            {"from": source, "protocol": protocol, "model": name, "seeds": seeds}
            for source, results in sides
            for (protocol, name), seeds in results.items()
        ]
        options.json.write_text(json.dumps({"seeds": options.seeds, "versions": versions, "results": found}, indent=1))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UnfitError as reason:
        print(f"evaluate.py: {reason}", file=sys.stderr)
        sys.exit(2)

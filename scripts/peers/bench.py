#!/usr/bin/env python3
"""What our work costs beside scikit-learn's and pandas': processor time, memory, and their ratios, in one run.

Usage: bench.py FILE --lurelight BINARY --fit BENCH --score BENCH --read BENCH [--quick] [--seed 42] [--only WORD]...

scripts/bench-peers builds the programs and calls this. FILE is UCI's CSV. Both sides have one thread and do the same
work, one after the other:

  random forest, 256 trees         RandomForestClassifier(256).fit, its defaults, on all rows
  boosting, 256 trees of depth 4   GradientBoostingClassifier(n_estimators=256, max_depth=4).fit
  AdaBoost, 128 stumps             AdaBoostClassifier(n_estimators=128).fit
  imputing                         KNNImputer(n_neighbors=3).fit_transform with 5 % of the cells missing
  start                            a process from its start to the verdict on one row by a forest that it loads
  CSV to HTML                      all rows of FILE to a page; scikit-learn's side without its start: read_csv, predict
                                   by a loaded forest, to_html. Ours is a whole process
  CSV to CSV                       1,000,000 rows to a CSV with verdicts by a forest: whole processes. Once UCI's rows
                                   again and again, and once synthetic rows, half of them distinct
  scoring, loading                 predict_proba of all distinct rows of FILE at once; pickle.loads of the forest

Seconds are user and system time. Within a process they are medians of rounds without the start; of whole processes, the
best of the rounds; other programs on the machine disturb both a little. Memory is the largest resident set of a process
that does nothing else.

Exit codes: 0 measured; 2 wrong usage, an unfit file or a run that failed.
"""

import argparse
import json
import os
import pickle
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[variable] = "1"

FEATURES = 30


class UnfitError(Exception):
    """Nothing can be measured; the text says why and what to do."""


# --- the peer's work, each piece in a process of its own ---------------------------------------------------------


def peer_data(file):
    import pandas as pd

    frame = pd.read_csv(file)
    return frame.iloc[:, :FEATURES], (frame["Result"] == -1).to_numpy().astype(int)


def peer_fit(name, file, seed):
    """A function that fits, to be timed."""
    from sklearn import ensemble

    values, labels = peer_data(file)
    made = {
        "forest": lambda: ensemble.RandomForestClassifier(256, random_state=seed),
        "boosting": lambda: ensemble.GradientBoostingClassifier(n_estimators=256, max_depth=4, random_state=seed),
        "adaboost": lambda: ensemble.AdaBoostClassifier(n_estimators=128, random_state=seed),
    }[name]
    return lambda: made().fit(values.to_numpy(), labels)


def peer_impute(file, seed):
    import numpy as np
    from sklearn.impute import KNNImputer

    values, _ = peer_data(file)
    holed = values.to_numpy().astype(float)
    holed[np.random.default_rng(seed).random(holed.shape) < 0.05] = np.nan
    return lambda: KNNImputer(n_neighbors=3).fit_transform(holed)


def peer_score(file, pickled):
    values, _ = peer_data(file)
    rows = values.drop_duplicates().to_numpy()
    with open(pickled, "rb") as stream:
        forest = pickle.load(stream)
    return lambda: forest.predict_proba(rows)


def peer_load(pickled):
    content = Path(pickled).read_bytes()
    return lambda: pickle.loads(content)


def peer_html(file, pickled):
    import pandas as pd

    with open(pickled, "rb") as stream:
        forest = pickle.load(stream)

    def work():
        frame = pd.read_csv(file)
        frame["predicted_column"] = forest.predict(frame.iloc[:, :FEATURES].to_numpy())
        return frame.to_html(classes="table table-striped")

    return work


def peer_csv(file, pickled, out):
    """The whole of it, imports and all, is timed from outside."""
    import pandas as pd

    with open(pickled, "rb") as stream:
        forest = pickle.load(stream)
    frame = pd.read_csv(file)
    frame["probability"] = forest.predict_proba(frame.iloc[:, :FEATURES].to_numpy())[:, 1]
    frame["predicted_column"] = (frame["probability"] < 0.5).astype(float)
    frame.to_csv(out, index=False)


def peer_model(file, seed, pickled):
    with open(pickled, "wb") as stream:
        pickle.dump(peer_fit("forest", file, seed)(), stream, protocol=pickle.HIGHEST_PROTOCOL)


def run_peer(work, arguments, rounds):
    """Does one piece of the peer's work in this process, and prints its seconds where it is timed from within."""
    timed = {
        "forest": lambda: peer_fit("forest", arguments[0], int(arguments[1])),
        "boosting": lambda: peer_fit("boosting", arguments[0], int(arguments[1])),
        "adaboost": lambda: peer_fit("adaboost", arguments[0], int(arguments[1])),
        "impute": lambda: peer_impute(arguments[0], int(arguments[1])),
        "score": lambda: peer_score(*arguments),
        "load": lambda: peer_load(*arguments),
        "html": lambda: peer_html(*arguments),
    }
    if work == "csv":
        peer_csv(*arguments)
    elif work == "model":
        peer_model(arguments[0], int(arguments[1]), arguments[2])
    else:
        piece = timed[work]()
        seconds = []
        for _ in range(rounds):
            begun = time.process_time()
            piece()
            seconds.append(time.process_time() - begun)
        print(json.dumps(statistics.median(seconds)))


# --- measuring ---------------------------------------------------------------------------------------------------


def run(command, out=None):
    """(CPU seconds, largest resident set in MB, standard output) of a process."""
    with tempfile.TemporaryFile() as kept, tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, stdout=out or kept, stderr=said)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            said.seek(0)
            tail = said.read().decode(errors="replace")[-2000:]
            raise UnfitError(f"`{' '.join(map(str, command))}` ended with code {child.returncode}: {tail}")
        kept.seek(0)
        return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, kept.read().decode()


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, Path(folder)
        self.rounds = 1 if options.quick else 3
        self.rows, self.seed = [], str(options.seed)

    def wants(self, name):
        return not self.options.only or any(word in name for word in self.options.only)

    def peer(self, work, *arguments):
        """The same of a piece of the peer's work: seconds from within, memory, output."""
        command = [sys.executable, __file__, "--peer", work, "--rounds", str(self.rounds), *map(str, arguments)]
        progress(f"scikit-learn: {work}")
        outside, memory, printed = run(command)
        return (json.loads(printed) if printed.strip() else outside), memory

    def ours(self, bench, name):
        """Seconds from within and memory of a line of one of our benchmarks."""
        progress(f"Lurelight: {name}")
        os.environ["LURELIGHT_UCI_DATA"] = str(self.options.file)
        _, memory, printed = run([bench, "--json", "--seed", self.seed, "--rounds", str(2 * self.rounds + 1), name])
        seconds = json.loads(printed.splitlines()[-1])
        return next(value for line, value in seconds.items() if line.startswith(name)), memory

    def process(self, command, out):
        """The least seconds of some processes, and the memory."""
        runs = []
        for _ in range(self.rounds):
            progress(" ".join(map(str, command)))
            with open(out, "wb") as stream:
                runs.append(run(command, stream)[:2])
        return min(seconds for seconds, _ in runs), max(memory for _, memory in runs)

    def line(self, name, peer, ours):
        self.rows.append((name, peer, ours))

    def fits(self):
        for work, name in (
            ("forest", "random forest, 256 trees"),
            ("boosting", "gradient boosting, 256 trees of depth 4"),
            ("adaboost", "AdaBoost, 128 stumps"),
            ("impute", "imputing, 5 % of the cells missing"),
        ):
            if self.wants(name):
                peer = self.peer(work, self.options.file, self.options.seed)
                self.line(name, peer, self.ours(self.options.fit, name))

    def models(self):
        """Forests of 256 trees of either side, in files."""
        progress("a forest of each side")
        self.pickled, self.lure = self.folder / "forest.pickle", self.folder / "random-forest.lure"
        self.peer("model", self.options.file, self.options.seed, self.pickled)
        os.environ["LURELIGHT_UCI_DATA"] = str(self.options.file)
        run([self.options.score, "--seed", self.seed, "--write", str(self.folder)])

    def predict(self, name, rows, work, out, *arguments):
        if not self.wants(name):
            return
        command = [self.options.lurelight, "predict", rows, "--model", self.lure, *arguments]
        self.line(name, self.peer(work, rows, self.pickled, *out), self.process(command, self.folder / "out"))

    def programs(self):
        file, count = self.options.file, 100_000 if self.options.quick else 1_000_000
        lines = Path(file).read_text().splitlines()
        head, body = lines[0] + "\n", "\n".join(lines[1:]) + "\n"
        one = self.folder / "one.csv"
        one.write_text(head + lines[1] + "\n")
        out = self.folder / "peer.csv"
        self.predict("start to the verdict on one row", one, "csv", [out])
        self.predict("CSV to HTML", file, "html", [], "--format", "html")
        for kind, content in (("UCI's rows again and again", None), ("synthetic rows", "sample")):
            name = f"CSV to CSV, {count:,} rows, {kind}"
            if not self.wants(name):
                continue
            many = self.folder / "many.csv"
            if content:
                run([self.options.lurelight, "sample", str(count), "--out", many])
            else:
                times, rest = divmod(count, len(lines) - 1)
                many.write_text(head + times * body + "\n".join(lines[1 : rest + 1]) + "\n")
            self.predict(name, many, "csv", [out])
            many.unlink()

    def scoring(self):
        if self.wants("scoring"):
            peer, ours = (
                self.peer("score", self.options.file, self.pickled),
                self.ours(self.options.score, "random forest: "),
            )
            self.line("scoring the distinct rows of the file, 256 trees", peer, ours)
        if self.wants("loading"):
            ours = self.ours(self.options.score, "random forest: loading")
            self.line("loading a forest of 256 trees", self.peer("load", self.pickled), ours)
            self.sizes = (self.pickled.stat().st_size, self.lure.stat().st_size)

    def table(self):
        print("| work | scikit-learn, CPU s | Lurelight, CPU s | times less | MB | MB |")
        print("|---|---|---|---|---|---|")
        for name, (peer, peer_memory), (ours, memory) in self.rows:
            print(f"| {name} | {peer:.4g} | {ours:.4g} | **{peer / ours:.3g}** | {peer_memory:.0f} | {memory:.0f} |")
        if sizes := getattr(self, "sizes", None):
            print(f"\nThe forests' files: pickle {sizes[0] / 1e6:.2f} MB, artifact {sizes[1] / 1e6:.2f} MB.")


def progress(text):
    print(text, file=sys.stderr, flush=True)


def versions():
    from importlib.metadata import version

    names = ", ".join(f"{name} {version(name)}" for name in ("scikit-learn", "pandas", "numpy"))
    return f"Python {platform.python_version()}, {names}; one thread each"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3, help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs="+", metavar="FILE")
    for program in ("--lurelight", "--fit", "--score", "--read"):
        parser.add_argument(program, metavar="PROGRAM")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--only", action="append", metavar="WORD")
    options = parser.parse_args()
    if options.peer:
        run_peer(options.peer, options.arguments, options.rounds)
        return 0
    if not all((options.lurelight, options.fit, options.score, options.read)):
        raise UnfitError("name the programs, or run scripts/bench-peers, which builds them")
    options.file = Path(options.arguments[0])
    print(versions(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, folder)
        bench.fits()
        if any(map(bench.wants, ("start", "CSV to HTML", "CSV to CSV", "scoring", "loading"))):
            bench.models()
            bench.programs()
            bench.scoring()
        bench.table()
    if bench.wants("reading"):
        progress("reading, beside the csv crate")
        print("\n" + run([options.read, "100000" if options.quick else "1000000"])[2])
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UnfitError as reason:
        print(f"bench.py: {reason}", file=sys.stderr)
        sys.exit(2)

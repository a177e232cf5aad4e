#!/usr/bin/env python3
"""What our work costs beside scikit-learn's and pandas': processor time, memory, and their ratios, in one run.

Usage: bench.py FILE --lurelight BINARY --fit BENCH --score BENCH --read BENCH [--quick] [--seed 42] [--only WORD]...

scripts/bench-peers builds the programs and calls this. FILE is UCI's CSV. Both sides have one thread and do the same
work, one after the other:

  the predecessor's protocol       read, split, impute, tune six families, refit, test, as scripts/peers/predecessor.py
                                   tells: whole processes, once with boosting's defaults and once with its 120 points
                                   (not with --quick: it takes scikit-learn minutes)
  random forest, 256 trees         RandomForestClassifier(256).fit, its defaults, on all rows
  boosting, 256 trees of depth 4   GradientBoostingClassifier(n_estimators=256, max_depth=4).fit
  AdaBoost, 128 stumps             AdaBoostClassifier(n_estimators=128).fit
  imputing                         KNNImputer(n_neighbors=3).fit_transform with 5 % of the cells missing
  start                            a process from its start to the verdict on one row, by a forest that it loads;
                                   ours also by the compiled-in model
  CSV to HTML                      all rows of FILE to a page; scikit-learn's side without its start: read_csv, predict
                                   by a loaded forest, to_html. Ours is a whole process, also by the compiled-in model;
                                   that less what one row takes; and the whole of both
  CSV to CSV                       1,000,000 rows to a CSV with verdicts by a forest: whole processes. Once UCI's rows
                                   again and again, and once synthetic rows, half of them distinct
  scoring, loading                 predict_proba of all distinct rows of FILE at once; pickle.loads of the forest, held
                                   against loading a forest, boosted trees as the own grid has them, and the blend

Seconds are user and system time, the least of some rounds on either side: other programs on the machine only ever add
to them. What is timed within a process is timed without its start. Memory is the largest resident set of a process that
does nothing else, reading its rows included. The last columns are what we want to reach, in times and in our megabytes.

Exit codes: 0 measured; 2 wrong usage, an unfit file or a run that failed.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["RAYON_NUM_THREADS"] = "1"

FEATURES = 30

# The peer's work, piece by piece.
WORK = Path(__file__).with_name("bench_work.py")


class UnfitError(Exception):
    """Nothing can be measured; the text says why and what to do."""


# Starts a program, and writes its seconds and largest resident set into a pipe. A program that is started inherits the
# largest set of whoever starts it, so that must be small.
STARTER = """
import os, sys
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
status, used = os.wait4(child, 0)[1:]
os.write(int(sys.argv[1]), f"{used.ru_utime + used.ru_stime} {used.ru_maxrss}".encode())
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run(command, out=None):
    """(CPU seconds, largest resident set in MB, standard output) of a process."""
    command = list(map(str, command))
    told, telling = os.pipe()
    with os.fdopen(told) as told, tempfile.TemporaryFile() as kept, tempfile.TemporaryFile() as said:
        starter = [sys.executable, "-I", "-S", "-c", STARTER, str(telling), *command]
        code = subprocess.run(starter, stdout=out or kept, stderr=said, pass_fds=[telling], check=False).returncode
        os.close(telling)
        if code != 0:
            said.seek(0)
            tail = said.read().decode(errors="replace")[-2000:]
            raise UnfitError(f"`{' '.join(command)}` ended with code {code}: {tail}")
        kept.seek(0)
        seconds, kilobytes = told.read().split()
        return float(seconds), int(kilobytes) / 1024, kept.read().decode()


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, Path(folder)
        self.rounds = 1 if options.quick else 3
        self.rows, self.notes, self.seed = [], [], str(options.seed)
        os.environ["LURELIGHT_UCI_DATA"] = str(options.file)

    def wants(self, name):
        return not self.options.only or any(word in name for word in self.options.only)

    def peer(self, work, *arguments):
        """What a piece of the peer's work printed, and its memory."""
        command = [sys.executable, WORK, work, "--rounds", str(self.rounds), *map(str, arguments)]
        progress(f"scikit-learn: {work}")
        _, memory, printed = run(command)
        return json.loads(printed or "null"), memory

    def ours(self, bench, name):
        """Seconds from within and memory of a line of one of our benchmarks."""
        progress(f"Lurelight: {name}")
        _, memory, printed = run([bench, "--json", "--seed", self.seed, "--rounds", str(2 * self.rounds + 1), name])
        seconds = json.loads(printed.splitlines()[-1])
        return next(value for line, value in seconds.items() if line.startswith(name)), memory

    def processes(self, command, rounds=None):
        """The least seconds of some processes that do the same, and the most memory."""
        runs = []
        for _ in range(rounds or self.rounds):
            progress(" ".join(map(str, command)))
            with open(self.folder / "out", "wb") as stream:
                runs.append(run(command, stream)[:2])
        return min(seconds for seconds, _ in runs), max(memory for _, memory in runs)

    def peer_processes(self, work, *arguments):
        return self.processes([sys.executable, WORK, work, *map(str, arguments)])

    def line(self, name, peer, ours, target=None, most_mb=None):
        """A line of the table: (seconds, MB) of either side, how many times less is wanted, and how many MB."""
        self.rows.append((name, peer, ours, target, most_mb))

    def protocols(self):
        names = [
            "the predecessor's protocol, boosting's defaults",
            "the predecessor's protocol, 120 points of boosting",
        ]
        if self.options.quick:
            names.pop()
        if not any(map(self.wants, names)):
            return
        parts, memory = self.peer("protocol", self.options.file, self.seed, "quick" if self.options.quick else "full")
        full = parts.pop("gradient_boosting, 120 points", 0.0)
        whole = sum(parts.values())
        seconds = [whole, whole - parts["gradient_boosting"] + full]
        for name, kind, peer, target in zip(
            names, ("predecessor", "predecessor-full"), seconds, (50, 100), strict=False
        ):
            command = [
                self.options.lurelight,
                "train",
                self.options.file,
                "--protocol",
                kind,
                "--seed",
                self.seed,
                "--json",
            ]
            self.line(name, (peer, memory), self.processes(command), target)

    def fits(self):
        for work, name, target, most_mb in (
            ("forest", "random forest, 256 trees", 20, None),
            ("boosting", "gradient boosting, 256 trees of depth 4", 100, None),
            ("adaboost", "AdaBoost, 128 stumps", 50, None),
            ("impute", "imputing, 5 % of the cells missing", 50, 50),
        ):
            if self.wants(name):
                peer = self.peer(work, self.options.file, self.seed)
                self.line(name, peer, self.ours(self.options.fit, name), target, most_mb)

    def models(self):
        """Forests of 256 trees of either side, in files."""
        progress("a forest of each side")
        self.pickled, self.lure = self.folder / "forest.pickle", self.folder / "random-forest.lure"
        self.peer("model", self.options.file, self.seed, self.pickled)
        run([self.options.score, "--seed", self.seed, "--write", str(self.folder)])

    def predict(self, rows, *arguments):
        """Of our program with the forest."""
        return self.processes([self.options.lurelight, "predict", rows, "--model", self.lure, *arguments])

    def start(self, head, first):
        one = self.folder / "one.csv"
        one.write_text(head + first + "\n")
        self.one_row = [self.options.lurelight, "predict", one, "--home", self.folder / "home"]
        if self.wants("start to the verdict on one row"):
            peer = self.peer_processes("csv", one, self.pickled, self.folder / "peer.csv")
            self.line("start to the verdict on one row, by a forest", peer, self.predict(one), 100, 20)
            self.line("the same, ours by the compiled-in model", peer, self.processes(self.one_row), 100, 20)

    def html(self, name):
        if self.wants(name):
            file, arguments = self.options.file, ("--format", "html")
            peer = self.peer("html", file, self.pickled)
            self.line(f"{name}, by a forest, only ours with its start", peer, self.predict(file, *arguments), 50)
            command = [self.options.lurelight, "predict", file, "--home", self.folder / "home", *arguments]
            ours = self.processes(command)
            self.line("the same, ours by the compiled-in model", peer, ours, 50)
            start = self.processes(self.one_row)
            self.line("the same, neither with its start", peer, (ours[0] - start[0], ours[1]), 50)
            peer = self.peer_processes("html", "--rounds", 1, file, self.pickled)
            self.line("the same, both with their start", peer, ours, 50)

    def programs(self):
        file, count = self.options.file, 100_000 if self.options.quick else 1_000_000
        lines = Path(file).read_text().splitlines()
        self.start(lines[0] + "\n", lines[1])
        self.html(f"CSV to HTML, {len(lines) - 1:,} rows")
        many = self.folder / "many.csv"
        for kind in ("UCI's rows again and again", "synthetic rows"):
            name = f"CSV to CSV, {count:,} rows, {kind}"
            if self.wants(name):
                self.write_rows(many, lines, count // 10, kind)
                _, fewer = self.predict(many)
                self.write_rows(many, lines, count, kind)
                peer = self.peer_processes("csv", many, self.pickled, self.folder / "peer.csv")
                ours = self.predict(many)
                self.line(name, peer, ours, 20)
                self.notes.append(f"{name}: {ours[1]:.0f} MB, and {fewer:.0f} MB for a tenth of the rows.")
                many.unlink()

    def write_rows(self, many, lines, count, kind):
        if kind == "synthetic rows":
            run([self.options.lurelight, "sample", str(count), "--seed", self.seed, "--out", many])
            return
        times, rest = divmod(count, len(lines) - 1)
        body = "\n".join(lines[1:]) + "\n"
        many.write_text(lines[0] + "\n" + times * body + "".join(f"{line}\n" for line in lines[1 : rest + 1]))

    def scoring(self):
        if self.wants("scoring"):
            peer = self.peer("score", self.options.file, self.pickled)
            ours = self.ours(self.options.score, "random forest: ")
            self.line("scoring the distinct rows of the file, 256 trees", peer, ours)
        if self.wants("loading"):
            peer = self.peer("load", self.pickled)
            files = {"the pickled forest": self.pickled}
            for name, line, wanted in (
                ("random forest", "loading a forest of 256 trees", None),
                ("boosted trees", "loading a forest there, boosted trees here", 100),
                ("blend", "loading a forest there, the blend here", 100),
            ):
                self.line(line, peer, self.ours(self.options.score, f"{name}: loading"), wanted)
                files[name] = self.folder / f"{name.replace(' ', '-')}.lure"
            sizes = (f"{name} {path.stat().st_size / 1e6:.2f} MB" for name, path in files.items())
            self.notes.append("Files: " + ", ".join(sizes) + ".")

    def table(self):
        if not self.rows:
            return
        print("| work | scikit-learn, CPU s | Lurelight, CPU s | times less | wanted | MB there | MB here | wanted |")
        print("|---|---|---|---|---|---|---|---|")
        for name, (peer, peer_memory), (ours, memory), target, most_mb in self.rows:
            ratio = peer / ours
            times = verdict(target, ratio >= (target or 0))
            megabytes = verdict(most_mb, memory <= (most_mb or 0))
            figures = (
                f"{peer:.4g} | {ours:.4g} | **{ratio:.3g}** | {times} | {peer_memory:.0f} | {memory:.0f} | {megabytes}"
            )
            print(f"| {name} | {figures} |")
        if self.notes:
            print("\n" + "\n".join(self.notes))


def verdict(target, is_met):
    """A cell: what is wanted, and whether it was seen."""
    return "" if target is None else f"{target}, {'met' if is_met else 'missed'}"


def progress(text):
    print(text, file=sys.stderr, flush=True)


def versions():
    """What runs here, and where that is another version than scripts/tools.lock names."""
    from importlib.metadata import PackageNotFoundError, version

    lock = (Path(__file__).parent.parent / "tools.lock").read_text()
    try:
        found = {name: version(name) for name in ("scikit-learn", "pandas", "numpy")}
    except PackageNotFoundError as missing:
        raise UnfitError(
            f"{sys.executable} has no {missing.name}; install it there, or leave --python out"
        ) from missing
    told = [f"Python {platform.python_version()}, " + ", ".join(f"{name} {of}" for name, of in found.items())]
    told[0] += "; one thread each"
    for name, of in found.items():
        pinned = re.search(rf"\b{name}==(\S+)", lock)
        if pinned and pinned[1] != of:
            told.append(f"{name} is {of} here; the README's figures are from {pinned[1]}, and may differ.")
    return "\n".join(told)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("file", type=Path)
    for program in ("--lurelight", "--fit", "--score", "--read"):
        parser.add_argument(program, metavar="PROGRAM")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--only", action="append", metavar="WORD")
    options = parser.parse_args()
    if not all((options.lurelight, options.fit, options.score, options.read)):
        raise UnfitError("name the programs, or run scripts/bench-peers, which builds them")
    with options.file.open(encoding="utf-8", errors="replace") as stream:
        columns = stream.readline().strip().split(",")
    if len(columns) != FEATURES + 1 or columns[-1].strip('"') != "Result":
        raise UnfitError(f"{options.file} is not UCI's CSV: its first line is not {FEATURES} features and Result")
    print(versions(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, folder)
        bench.protocols()
        bench.fits()
        if any(map(bench.wants, ("start", "CSV to HTML", "CSV to CSV", "scoring", "loading"))):
            bench.models()
            bench.programs()
            bench.scoring()
        bench.table()
    if bench.wants("reading"):
        progress("reading, beside the csv crate")
        print("\n" * bool(bench.rows) + run([options.read, "100000" if options.quick else "1000000"])[2])
    elif not bench.rows:
        raise UnfitError(f"no line has {' or '.join(options.only)} in its name; see the names by --quick alone")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UnfitError as reason:
        print(f"bench.py: {reason}", file=sys.stderr)
        sys.exit(2)

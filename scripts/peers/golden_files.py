"""Golden files: made by the pinned versions of peers, and compared with what any version makes."""

import argparse
import json
import math
import sys
import warnings
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Differences of a file that are printed; all are counted.
SHOWN = 5
# The same program under another name.
ALSO = {"xgboost-cpu": "xgboost"}


@contextmanager
def packages_of(tool):
    """Around imports: where a package is not there, says so and what to do, and leaves with 2."""
    try:
        yield
    except ModuleNotFoundError as error:
        print(
            f"{Path(sys.argv[0]).name}: this Python has no package {error.name}: install it, or run this by "
            f"$(scripts/tools --path {tool})/bin/python after scripts/tools {tool}",
            file=sys.stderr,
        )
        sys.exit(2)


def arguments(description):
    """A parser of what all scripts that make golden files take."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    return parser


def run(description, folder, makers, pins, abs_tol=1e-8):
    """Writes `makers` (file name: function, distributions that it uses) into the folder, or with --check compares.
    Returns the exit code."""
    return written_or_compared(arguments(description).parse_args().check, folder, makers, pins, abs_tol)


def written_or_compared(check, folder, makers, pins, abs_tol=1e-8):
    """What `run` does once the arguments are known.

    `pins` are the versions by distribution. With other versions it says which they are; a file that they make names
    them as its source, and what they cannot make is named with the reason.
    """
    name = Path(sys.argv[0]).name
    installed = {peer: installed_version(peer) for peer in pins}
    wrong = [peer for peer, pin in pins.items() if installed[peer] != pin]
    others = [f"{peer} is {installed[peer]} here, {pins[peer]} is pinned" for peer in wrong]
    if others:
        what = "compared with the committed numbers all the same" if check else "the files name these as their source"
        print(f"{name}: {'; '.join(others)}: {what}", file=sys.stderr)
    else:
        warnings.simplefilter("error")

    status = 0
    for file, (make, peers) in makers.items():
        path = folder / file
        source = f"{', '.join(f'{peer} {installed[peer]}' for peer in peers)}, by scripts/peers/{name}"
        try:
            made = {"source": source} | make()
        # Whatever another version does otherwise is what has to be told.
        except (Exception, SystemExit) as error:
            if not others:
                raise
            print(f"{file}: cannot be made by these versions: {type(error).__name__}: {error}", file=sys.stderr)
            status = 1
            continue
        if not check:
            folder.mkdir(parents=True, exist_ok=True)
            text = text_of(made)
            path.write_text(text, encoding="utf-8")
            print(f"{path}: {len(text):,} bytes")
        elif not path.exists():
            print(f"{file}: {path} is absent; run {name}", file=sys.stderr)
            status = 1
        else:
            # Other versions have been named.
            committed = json.loads(path.read_text(encoding="utf-8")) | {"source": source}
            status |= told(file, list(differences(committed, json.loads(text_of(made)), abs_tol)), name)
    return status


def installed_version(peer):
    """The version of a distribution, under whichever name it is installed; `None` where it is not."""
    for name in (peer, ALSO.get(peer, peer)):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def told(file, found, name):
    """Prints how a file differs; 1 if it does."""
    if not found:
        print(f"{file}: the same")
        return 0
    print(f"{file}: {len(found)} of its values are not what {name} gives here:", file=sys.stderr)
    found.sort(key=lambda difference: -difference[3])
    for place, committed, made, _ in found[:SHOWN]:
        print(f"  {place}: {short(committed)} committed, {short(made)} made", file=sys.stderr)
    return 1


def short(value):
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def differences(committed, made, abs_tol, place=""):
    """(place, committed, made, size) where they differ by more than what another processor makes of last digits."""
    if isinstance(committed, dict) and isinstance(made, dict):
        for key in committed.keys() | made.keys():
            yield from differences(committed.get(key), made.get(key), abs_tol, f"{place}.{key}".lstrip("."))
    elif isinstance(committed, list) and isinstance(made, list) and len(committed) == len(made):
        for i, (one, other) in enumerate(zip(committed, made, strict=True)):
            yield from differences(one, other, abs_tol, f"{place}[{i}]")
    elif isinstance(committed, float) and isinstance(made, float):
        if not math.isclose(committed, made, rel_tol=1e-8, abs_tol=abs_tol):
            yield place, committed, made, abs(committed - made)
    elif committed != made:
        yield place, committed, made, math.inf


def rounded(value, digits=12):
    """So many significant digits: less than any test asks for, and the same on every processor."""
    if isinstance(value, dict):
        return {key: rounded(part, digits) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part, digits) for part in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def text_of(value):
    """JSON with one line a key of the two outer levels, and lists of numbers on one line."""

    def compact(part):
        return json.dumps(part, separators=(",", ":"))

    lines = []
    for key, part in value.items():
        if isinstance(part, list) and part and isinstance(part[0], dict | list):
            entries = ",\n".join("  " + compact(entry) for entry in part)
            lines.append(f"{json.dumps(key)}: [\n{entries}\n]")
        else:
            lines.append(f"{json.dumps(key)}: {compact(part)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"

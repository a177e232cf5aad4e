#!/usr/bin/env python3
"""Publishes a release on GitHub: the files of a folder, with the version's section of CHANGELOG.md as its notes."""

import argparse
import re
import sys
import tempfile
from pathlib import Path

from commands import ROOT, Commands, DeliveryError, ended
from package import version

SCRIPT = "scripts/delivery/release.py"
TAG = re.compile(r"v(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)")


def released(tag: str) -> str:
    """The version that a tag names, which must be the program's."""
    named = TAG.fullmatch(tag)
    if named is None:
        raise DeliveryError(f"the tag {tag} is no version like v1.2.3")
    if named[1] != version():
        raise DeliveryError(f"the tag {tag} names another version than Cargo.toml, {version()}; change that first")
    return named[1]


def section(changelog: str, wanted: str) -> str:
    """A version's section of the changelog, without its heading."""
    sections = [part.partition("\n") for part in re.split(r"(?m)^## +", changelog)[1:]]
    for heading, _, text in sections:
        if heading.split()[0].strip("[]") == wanted and text.strip():
            return text.strip() + "\n"
    known = ", ".join(heading for heading, *_ in sections)
    raise DeliveryError(
        f"CHANGELOG.md has no section `## {wanted}` with something in it (there are: {known}); give what is unreleased "
        "that heading"
    )


def notes(tag: str) -> str:
    """What is new in the version that a tag names."""
    return section((ROOT / "CHANGELOG.md").read_text(), released(tag))


def publish(asked: argparse.Namespace, commands: Commands) -> None:
    files = sorted(str(file) for file in asked.files.iterdir()) if asked.files.is_dir() else []
    if commands.dry:
        files = files or [f"{asked.files}/*"]
    elif not files:
        raise DeliveryError(f"there is no file in {asked.files} to publish")
    with tempfile.NamedTemporaryFile("w", suffix=".md") as file:
        file.write(notes(asked.tag))
        file.flush()
        # A release that is there already is an error: what was published does not change.
        pre = ["--prerelease"] if "-" in asked.tag else []
        name = "NOTES" if commands.dry else file.name
        title = f"Lurelight {asked.tag}"
        create = ("gh", "release", "create", asked.tag, "--verify-tag", "--title", title)
        commands.run(*create, "--notes-file", name, *pre, *files)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog=SCRIPT,
        description="`notes` prints the section of CHANGELOG.md that a tag names; `publish` makes the release on "
        "GitHub (GH_TOKEN) with the files of a folder. The tag must name the version of Cargo.toml.",
        epilog="Exit codes: 0 done; 1 it failed, or tag, version and changelog do not fit; 2 wrong usage.",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the commands, and run none")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name in ("notes", "publish"):
        verb = verbs.add_parser(name)
        verb.add_argument("tag", help="such as v1.2.3")
        if name == "publish":
            verb.add_argument("files", type=Path, help="the folder with what is published")
    asked = parser.parse_args()
    commands = Commands(asked.dry_run)
    work = {"notes": lambda: print(notes(asked.tag), end=""), "publish": lambda: publish(asked, commands)}
    return ended(SCRIPT, work[asked.verb])


if __name__ == "__main__":
    sys.exit(main())

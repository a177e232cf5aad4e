"""Runs commands, or prints them: what the scripts that need AWS or GitHub share."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class DeliveryError(Exception):
    """What went wrong, and what to do about it."""


class Commands:
    """Runs commands one by one. A dry run prints each on a line of its own, quoted for a shell, and runs none."""

    def __init__(self, dry: bool):
        self.dry = dry

    def run(self, *command: str) -> None:
        """Its output goes to this process's; it must end well."""
        if self._said(command):
            return
        done = subprocess.run(command, check=False)
        if done.returncode != 0:
            raise DeliveryError(f"`{shlex.join(command)}` ended with {done.returncode}")

    def read(self, *command: str, dry: str = "", missing: str | None = None) -> str | None:
        """What it prints; `dry` in a dry run. None where it fails and says `missing`."""
        if self._said(command):
            return dry
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout
        if missing is not None and missing in done.stderr:
            return None
        raise DeliveryError(f"`{shlex.join(command)}` ended with {done.returncode}: {done.stderr.strip()}")

    def read_json(self, *command: str, dry: Any, missing: str | None = None) -> Any:
        """The same, as JSON."""
        found = self.read(*command, dry=json.dumps(dry), missing=missing)
        return None if found is None else json.loads(found)

    def note(self, text: str) -> None:
        """Says what is done without a command, in a dry run."""
        if self.dry:
            print(f"# {text}")

    def _said(self, command: tuple[str, ...]) -> bool:
        if self.dry:
            print(shlex.join([Path(command[0]).name, *command[1:]]))
        return self.dry


def tool(name: str, program: str | None = None) -> str:
    """The program of that name: on the path, or installed by scripts/tools."""
    program = program or name
    if found := shutil.which(program):
        return found
    folder = subprocess.run([ROOT / "scripts/tools", "--path", name], capture_output=True, text=True, check=True)
    return str(Path(folder.stdout.strip()) / "bin" / program)


def output(name: str, value: str) -> None:
    """Prints a value, and hands it to later steps where this is a step of GitHub Actions."""
    print(f"{name}: {value}")
    if file := os.environ.get("GITHUB_OUTPUT"):
        with Path(file).open("a", encoding="utf-8") as outputs:
            outputs.write(f"{name}={value}\n")


def ended(script: str, work) -> int:
    """The exit code of a script whose work may fail: 0 or 1, with what went wrong on standard error."""
    try:
        work()
    except (DeliveryError, OSError) as error:
        print(f"{script}: {error}", file=sys.stderr)
        return 1
    return 0

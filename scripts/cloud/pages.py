"""The commands that stand in our pages, and a shell that runs them as a person would."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deployment import ROOT
from scene import Scene, check


@dataclass(frozen=True)
class Block:
    """Commands of a page: ```sh, or ```sh not-exercised where the emulator cannot play what they need."""

    section: str
    text: str
    is_exercised: bool

    @property
    def commands(self) -> list[str]:
        """A line that is set in, or follows a backslash, belongs to the one before."""
        found: list[str] = []
        for line in self.text.splitlines():
            if found and (line.startswith(" ") or found[-1].endswith("\\")):
                found[-1] += f"\n{line}"
            else:
                found.append(line)
        return found


@dataclass(frozen=True)
class Command:
    """One command, with what it printed on both of its outputs, and its status."""

    text: str
    printed: str
    status: int


def blocks(page: Path) -> list[Block]:
    """The commands of a page, in their order."""
    found, section = [], ""
    parts = r"^##+ ([^\n]+)$|^( *)```sh( not-exercised)?\n(.*?)^ *```$"
    for part in re.finditer(parts, page.read_text(), re.MULTILINE | re.DOTALL):
        title, indent, marked, body = part.groups()
        if title:
            section = title
        else:
            lines = [line.removeprefix(indent) for line in body.splitlines()]
            found.append(Block(section, "\n".join(lines), marked is None))
    return found


class Shell:
    """A bash with the words of infra/runbooks/shell.sh, from the beginning of a `with` to its end."""

    def __init__(self, scene: Scene, url: str = "http://127.0.0.1:9/"):
        self.mark = f"-- {os.urandom(8).hex()} "
        # Like the top of the checkout, and what is written there does not stay in it.
        folder = scene.folder / "checkout"
        folder.mkdir(exist_ok=True)
        if not (folder / "infra").exists():
            (folder / "infra").symlink_to(ROOT / "infra")
        self.process = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=scene.emulator.environment
            | {
                "LURELIGHT_URL": url,
                "PATH": f"{tools(scene)}:{scene.binaries}:{os.environ['PATH']}",
                "USER": "operator",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> "Shell":
        said = self.run("stage=dev; . infra/runbooks/shell.sh")
        check(said.status == 0 and not said.printed, f"infra/runbooks/shell.sh says {said.printed}")
        return self

    def __exit__(self, *_) -> None:
        self.process.stdin.close()
        self.process.wait()

    def run(self, text: str) -> Command:
        """Runs one command, whatever it ends with."""
        self.process.stdin.write(f"{text}\nprintf '\\n%s%s\\n' '{self.mark}' $?\n")
        self.process.stdin.flush()
        printed = []
        for line in self.process.stdout:
            if line.startswith(self.mark):
                return Command(text, "".join(printed).strip("\n"), int(line.removeprefix(self.mark)))
            printed.append(line)
        raise AssertionError(f"the shell ended at `{text}`: {''.join(printed)[-2000:]}")

    def do(self, text: str) -> str:
        """Runs one command, which must end well, and returns what it printed."""
        done = self.run(text)
        check(done.status == 0, f"`{text}` ended with {done.status}: {done.printed}")
        return done.printed


def tools(scene: Scene) -> Path:
    """A folder with an `aws` that reaches the emulator for SQS too, where its own settings do not lead."""
    folder = scene.folder / "bin"
    folder.mkdir(exist_ok=True)
    aws = folder / "aws"
    own = f"{os.environ['LURELIGHT_AWS_CLI']}/bin/aws"
    aws.write_text(f'#!/bin/sh\nexec "{own}" --endpoint-url "{scene.emulator.endpoint}" "$@"\n')
    aws.chmod(0o755)
    return folder

"""What the steps of scripts/end-to-end share."""

import json
import secrets
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from database import Database
from emulator import Emulator
from training import Execution, execute

if TYPE_CHECKING:
    from rotation import Watch

# How long a step waits for what another process does in the background.
PATIENCE_SECONDS = 120


@dataclass
class Scene:
    """What the steps share: what was started, and what they learnt."""

    binaries: Path
    folder: Path
    exits: ExitStack
    uci: Path | None
    emulator: Emulator | None = None
    database: Database | None = None
    token: str = field(default_factory=lambda: secrets.token_hex(32))
    other_secrets: list[str] = field(default_factory=list)
    """Others that were in use at some time, and must stand nowhere."""
    watch: "Watch | None" = None
    writes_transcripts: bool = False
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """UCI's rows, or synthetic ones where its file is absent."""
        if self.uci is not None:
            return self.uci
        made = self.folder / "synthetic.csv"
        if not made.exists():
            self.program("lurelight", "sample", "11055", "--out", str(made))
        return made

    @property
    def predict(self) -> str:
        """The function as the API calls it."""
        return f"{self.outputs['PredictFunctionName']}:live"

    @property
    def bucket(self) -> str:
        return self.outputs["BucketName"]

    def program(self, name: str, *arguments: str) -> str:
        """What a program of this project prints, AWS being the emulator; it must end well."""
        command = [str(self.binaries / name), *arguments]
        environment = self.emulator.environment if self.emulator else None
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        check(done.returncode == 0, f"{name} {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def operate(self, *arguments: str) -> str:
        """What `lurelight` prints that works on the bucket and the database."""
        return self.program(
            "lurelight", *arguments, "--bucket", self.bucket, "--mongodb-secret", "lurelight/dev/mongodb-uri"
        )

    def object(self, key: str) -> dict:
        """A JSON object of the bucket."""
        found = self.emulator.client("s3").get_object(Bucket=self.bucket, Key=key)
        return json.loads(found["Body"].read())

    def keys(self, prefix: str) -> list[str]:
        """The names of the objects below a prefix of the bucket, without the prefix."""
        listed = self.emulator.client("s3").get_paginator("list_objects_v2")
        pages = listed.paginate(Bucket=self.bucket, Prefix=prefix)
        return [found["Key"].removeprefix(prefix) for page in pages for found in page.get("Contents", [])]

    def execute(self, run: str, asked: dict | None = None) -> Execution:
        return execute(self.emulator, self.outputs["TrainingArn"], run, asked)


def check(holds: bool, what: str) -> None:
    """Fails the step with what should have been so."""
    if not holds:
        raise AssertionError(what)


def wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    """Fails the step with `otherwise` where it does not hold in time."""
    started = time.monotonic()
    while not holds():
        check(time.monotonic() - started < PATIENCE_SECONDS, f"{otherwise} within {PATIENCE_SECONDS} s")
        time.sleep(0.5)

"""Follows the runbooks of infra/runbooks word by word: makes the fault, runs their commands in a shell, and looks at
what they print. With `--transcripts` that becomes the section "Exercised" of each."""

import re
import time
from dataclasses import replace
from textwrap import fill

from deployment import ROOT
from faults import FAULTS, Fault
from gateway import Gateway
from pages import Command, Shell, blocks
from scene import Scene, check

RUNBOOKS = ROOT / "infra/runbooks"
LINE_CHARACTERS = 420
ANSWER_LINES = 12


def follows_runbooks(scene: Scene) -> str:
    """each runbook is followed word by word while its fault is there, as far as the emulator can play it"""
    commands = 0
    for name, fault in FAULTS.items():
        try:
            transcript = follow(scene, name, fault)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
        commands += len(transcript)
        if scene.writes_transcripts:
            write(name, fault, [without_places(scene, command) for command in transcript])
    absent = sorted(path.stem for path in RUNBOOKS.glob("*.md") if path.stem not in FAULTS)
    return f"{len(FAULTS)} runbooks, {commands} commands; not {', '.join(absent)}"


def follow(scene: Scene, name: str, fault: Fault) -> list[Command]:
    """Makes the fault and runs the runbook's commands in one shell, as a person would."""
    wanted = [command for block in blocks(RUNBOOKS / f"{name}.md") if block.is_exercised for command in block.commands]
    with fault.make(scene), Gateway(scene, fault.alias) as front, Shell(scene, front.url) as shell:
        done = [shell.run(command) for command in wanted]
    printed = "\n".join(command.printed for command in done)
    for command in done:
        well = command.status == 0 or command.text in fault.ends_badly
        check(well, f"`{command.text}` ended with {command.status}; all that was printed: {printed}")
    at = 0
    for words in fault.shown:
        at = f"\n{printed}".find(words, at)
        check(at >= 0, f"what was printed has no {words!r} where it should: {printed}")
        at += len(words)
    return done


def write(name: str, fault: Fault, transcript: list[Command]) -> None:
    """Puts what was seen at the runbook's end."""
    path = RUNBOOKS / f"{name}.md"
    kept = path.read_text().split("\n## Exercised\n", 1)[0].rstrip()
    day = time.strftime("%-d %B %Y", time.gmtime())
    session = "\n".join(shown(command) for command in transcript)
    said = (
        f"On {day}, by `scripts/end-to-end --transcripts`, against an emulator of AWS: {fault.story}. "
        "The commands above were run in their order and printed this; long lines and long answers are cut (…). The "
        "emulator has no API Gateway before these functions, so `$url` was a port of this machine that passes requests "
        f"on to them; and it judges no alarm. {fault.remark}"
    )
    path.write_text(f"{kept}\n\n## Exercised\n\n{fill(said, 130)}\n\n```console\n{session}\n```\n")


def without_places(scene: Scene, command: Command) -> Command:
    """Without the names of this machine's folders and ports; and it must hold no secret."""
    printed = command.printed.replace(str(scene.folder), "…").replace(str(ROOT), "…")
    printed = re.sub(r"http://(127\.0\.0\.1|localhost):\d+", r"http://\1:9000", printed)
    for secret in [scene.token, *scene.database.passwords, *scene.other_secrets]:
        check(secret not in printed, f"`{command.text}` prints a secret")
    return replace(command, printed=printed)


def shown(command: Command) -> str:
    lines = [line.replace("\t", "  ").rstrip() for line in command.printed.splitlines()]
    lines = [line if len(line) <= LINE_CHARACTERS else f"{line[: LINE_CHARACTERS - 1]}…" for line in lines]
    if len(lines) > ANSWER_LINES:
        lines = [*lines[:ANSWER_LINES], f"… ({len(lines) - ANSWER_LINES} more lines)"]
    first, *more = command.text.splitlines()
    return "\n".join([f"$ {first}", *(f"> {line}" for line in more), *lines])

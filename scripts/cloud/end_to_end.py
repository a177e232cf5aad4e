#!/usr/bin/env python3
"""Goes through the steps of scripts/end-to-end, which says how to call it."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from by_hand import invokes_by_hand
from database import DATABASE, Database
from delivery import delivers
from deployment import PROGRAMS, ROOT, DeploymentError, deploy
from emulator import Emulator
from lies import LyingProxy
from operations import (
    administers,
    breaks_every_candidate,
    changes_nothing,
    keeps_secrets,
    loses_one_candidate,
    outlives_the_database,
    predicts_by_the_champion,
    pushes,
    trains_for_real,
)
from predictions import compare_everywhere, verdicts_here
from rotation import forgets, rotates
from runbooks import follows_runbooks
from scene import Scene, check
from training import wait
from upkeep import operates

STAGES = ("Ingest", "Validate", "Transform", "Evaluate", "Promote")


def start(scene: Scene) -> str:
    """the emulator is started"""
    scene.emulator = scene.exits.enter_context(Emulator(scene.folder, wait_scale=0.1))
    return f"it listens on port {scene.emulator.port}"


def deploys(scene: Scene) -> str:
    """the template is deployed"""
    scene.outputs = deploy(scene.emulator, scene.binaries, scene.folder)
    listed = scene.emulator.client("cloudformation").get_paginator("list_stack_resources")
    resources = [
        found for page in listed.paginate(StackName="lurelight-dev") for found in page["StackResourceSummaries"]
    ]
    wrong = [found for found in resources if found["ResourceStatus"] != "CREATE_COMPLETE"]
    check(not wrong, f"not created: {wrong}")
    check({"Url", "BucketName", "TrainingArn"} <= scene.outputs.keys(), f"the outputs are {scene.outputs}")
    return f"{len(resources)} resources"


def starts_a_database(scene: Scene) -> str:
    """a database with TLS and a password is started, and the secrets are created"""
    scene.database = scene.exits.enter_context(Database(scene.folder))
    client = scene.emulator.client("secretsmanager")
    for name, value in (("mongodb-uri", scene.database.uri), ("administration-tokens", scene.token)):
        client.create_secret(Name=f"lurelight/dev/{name}", SecretString=value)
    return f"{DATABASE} on port {scene.database.port}"


def predicts_without_a_champion(scene: Scene) -> str:
    """before any training, events of both forms get the verdicts of the command line"""
    here = verdicts_here(scene.binaries / "lurelight", scene.data, scene.folder / "no-home")
    largest = compare_everywhere(scene.emulator, scene.predict, scene.data, here)
    return f"{len(here)} rows, {largest} bytes at most"


def starts_by_drift(scene: Scene) -> str:
    """an event of drift starts a training, whatever its reason says"""
    states = scene.emulator.client("stepfunctions")
    machine = scene.outputs["TrainingArn"]
    before = {found["executionArn"] for found in states.list_executions(stateMachineArn=machine)["executions"]}
    reason = 'SSLfinal_State "drifted"'
    entry = {"Source": "lurelight", "DetailType": "drift", "Detail": json.dumps({"reason": reason})}
    put = scene.emulator.client("events").put_events(Entries=[entry])
    check(put["FailedEntryCount"] == 0, f"the event was refused: {put}")
    started = time.monotonic()
    while not (
        new := {found["executionArn"] for found in states.list_executions(stateMachineArn=machine)["executions"]}
        - before
    ):
        check(time.monotonic() - started < 60, "no execution was started within a minute")
        time.sleep(0.2)
    [execution] = new
    done = wait(scene.emulator, execution, started)
    asked = json.loads(states.describe_execution(executionArn=execution)["input"])
    check(asked == {"actor": "drift", "reason": reason}, f"it was started with {asked}")
    check(done.status == "SUCCEEDED", f"it ended with {done.error}: {done.cause}")
    return reason


def reconfigures(scene: Scene) -> str:
    """a changed parameter reaches the alias that the API calls"""
    client = scene.emulator.client("lambda")

    def served() -> str:
        found = client.get_function_configuration(FunctionName=scene.outputs["PredictFunctionName"], Qualifier="live")
        return found["Environment"]["Variables"]["LURELIGHT_PREDICTION_ACCESS"]

    before = served()
    deploy(scene.emulator, scene.binaries, scene.folder, PredictionAccess="token")
    after = served()
    deploy(scene.emulator, scene.binaries, scene.folder, PredictionAccess="open")
    check((before, after, served()) == ("open", "token", "open"), f"first {before}, then {after}, then {served()}")
    return "PredictionAccess from open to token and back"


def trains(scene: Scene) -> str:
    """a training goes from ingest to promote"""
    done = scene.execute("placeholder-1", {"actor": "end-to-end", "reason": "the first"})
    check(done.status == "SUCCEEDED", f"it ended with {done.error}: {done.cause}")
    entered = [state for state in done.states if state in STAGES]
    check(entered == list(STAGES), f"it went through {done.states}")
    check(done.tasks == 8, f"three families and five other stages make 8 tasks, not {done.tasks}")
    check(done.output.get("outcome") == "promoted", f"it answered {done.output}")
    return f"{done.tasks} tasks"


def ends_early(scene: Scene) -> str:
    """a training without change, and one of unfit data, end early"""
    unchanged = scene.execute("unchanged-1")
    check(unchanged.status == "SUCCEEDED", f"no change is no failure: {unchanged}")
    check(unchanged.states == ["Ingest", "AnythingNew", "Unchanged"], f"it went through {unchanged.states}")
    unfit = scene.execute("unfit-1")
    check((unfit.status, unfit.error) == ("FAILED", "DataUnfit"), f"it ended so: {unfit}")
    check(unfit.cause == "one label only", f"the cause is {unfit.cause}")
    check(unfit.states[-3:] == ["Unfit", "RecordFailure", "RunFailed"], f"it went through {unfit.states}")
    return f"{unfit.error}: {unfit.cause}"


def outlives_an_outage(scene: Scene) -> str:
    """a training waits for a store that is away"""
    done = scene.execute("outage-1")
    check(done.status == "SUCCEEDED", f"it ended with {done.error}: {done.cause}")
    attempts = (scene.folder / "outage-1.attempts").read_text()
    check(attempts == "3", f"ingest was tried {attempts} times")
    return "two attempts failed, the third did not"


def loses_candidates(scene: Scene) -> str:
    """candidates that fail do not fail a training"""
    done = scene.execute("broken-fit-1")
    check(done.status == "SUCCEEDED", f"it ended with {done.error}: {done.cause}")
    check(done.failed_tasks == 3, f"three candidates were to fail, not {done.failed_tasks}")
    return "three of three failed, and it is for evaluate to decide what that means"


def breaks_one_candidate(scene: Scene) -> str:
    """one candidate that may not write does not fail the others"""
    fit = "lurelight-dev-fit"
    with LyingProxy(scene.emulator.port, r"^PUT .*/candidates/decision_tree\b") as proxy:
        scene.emulator.set_variables(fit, AWS_ENDPOINT_URL_S3=proxy.endpoint)
        done = scene.execute("lied-to-1")
        scene.emulator.set_variables(fit, AWS_ENDPOINT_URL_S3=None)
    check(done.status == "SUCCEEDED", f"it ended with {done.error}: {done.cause}")
    check(len(proxy.lies) == 1, f"one lie was to be told, not {proxy.lies}")
    found = scene.keys("runs/lied-to-1/candidates/")
    check(
        found == ["logistic_regression.json", "random_forest.json"],
        f"the other two were to be written, and there are {found}",
    )
    return f"{proxy.lies[0].rsplit('/', 1)[1]} was refused"


def records_failures(scene: Scene) -> str:
    """a stage that fails is recorded and ends the training"""
    for stage in ("ingest", "validate", "transform", "evaluate"):
        done = scene.execute(f"broken-{stage}-1")
        check((done.status, done.error) == ("FAILED", "PermanentFailure"), f"{stage} ended so: {done}")
        check("was told to break" in done.cause, f"the cause is {done.cause}")
        recorded = [f"{stage.capitalize()}Failed", "RecordFailure", "RunFailed"]
        check(done.states[-3:] == recorded, f"{stage} went through {done.states}")
    return "ingest, validate, transform, evaluate"


Step = Callable[[Scene], str]
PREPARATIONS: dict[str, Step] = {"start": start, "deploy": deploys}
PLACEHOLDER_STEPS: dict[str, Step] = {
    "train": trains,
    "end-early": ends_early,
    "outage": outlives_an_outage,
    "candidates": loses_candidates,
    "one-candidate": breaks_one_candidate,
    "failures": records_failures,
    "drift": starts_by_drift,
    "reconfigure": reconfigures,
    "deliver": delivers,
}
REAL_STEPS: dict[str, Step] = {
    "database": starts_a_database,
    "fallback": predicts_without_a_champion,
    "push": pushes,
    "by-hand": invokes_by_hand,
    "train": trains_for_real,
    "predict": predicts_by_the_champion,
    "no-change": changes_nothing,
    "one-candidate": loses_one_candidate,
    "no-candidate": breaks_every_candidate,
    "outage": outlives_the_database,
    "rotate": rotates,
    "operate": operates,
    "administer": administers,
    "runbooks": follows_runbooks,
    "forget": forgets,
    "secrets": keeps_secrets,
}


def run(scene: Scene, steps: dict[str, Step]) -> bool:
    for name, step in steps.items():
        started = time.monotonic()
        try:
            said = step(scene)
        except (AssertionError, DeploymentError, RuntimeError) as error:
            print(f"{time.monotonic() - started:7.1f} s  {name}: FAILED, {step.__doc__}: {error}", flush=True)
            return False
        print(f"{time.monotonic() - started:7.1f} s  {name}: {step.__doc__} ({said})", flush=True)
    return True


def placeholders(folder: Path) -> Path:
    made = folder / "placeholders"
    made.mkdir()
    for name in PROGRAMS:
        shutil.copy(ROOT / "scripts/cloud/placeholder.py", made / name)
    return made


def data_file() -> Path | None:
    """UCI's file, where there is one."""
    named = Path(os.environ.get("LURELIGHT_UCI_DATA") or ROOT / "data/phishing_websites.csv")
    return named.resolve() if named.is_file() else None


def main() -> int:
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    parser = argparse.ArgumentParser(prog="scripts/end-to-end")
    parser.add_argument("--binaries", type=Path, default=target / "release")
    parser.add_argument("--placeholders", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--transcripts", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("steps", nargs="*")
    chosen = parser.parse_args()
    if chosen.list:
        for title, steps in (
            ("Always:", PREPARATIONS),
            ("With the real programs:", REAL_STEPS),
            ("With --placeholders:", PLACEHOLDER_STEPS),
        ):
            print(title, *(f"  {name:<14} {step.__doc__}" for name, step in steps.items()), sep="\n")
        return 0
    steps = PLACEHOLDER_STEPS if chosen.placeholders else REAL_STEPS
    unknown = set(chosen.steps) - steps.keys()
    if unknown:
        parser.error(f"no step {', '.join(sorted(unknown))} (there are: {' '.join(steps)})")
    wanted = {name: step for name, step in steps.items() if not chosen.steps or name in chosen.steps}

    # So that a kill, too, stops what was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="lurelight-"))
    try:
        with ExitStack() as exits:
            binaries = placeholders(folder) if chosen.placeholders else chosen.binaries.resolve()
            scene = Scene(binaries, folder, exits, data_file(), writes_transcripts=chosen.transcripts)
            ended_well = run(scene, PREPARATIONS | wanted)
    finally:
        if chosen.keep:
            print(f"logs and files are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if ended_well else 1


if __name__ == "__main__":
    sys.exit(main())

"""Executions of the training's state machine."""

import json
import time
from dataclasses import dataclass

from emulator import Emulator

EXECUTION_SECONDS = 1800


@dataclass(frozen=True)
class Execution:
    """How an execution ended."""

    run: str
    status: str
    error: str | None
    cause: str | None
    output: dict | None
    states: list[str]
    """The states that it entered, in their order. The emulator leaves out those inside the Map."""
    tasks: int
    """How often a function was asked, in the Map as well."""
    failed_tasks: int
    """How often one failed."""
    seconds: float


def execute(emulator: Emulator, machine: str, run: str, asked: dict | None = None) -> Execution:
    """Starts an execution of that name and waits for its end."""
    states = emulator.client("stepfunctions")
    started = time.monotonic()
    execution = states.start_execution(stateMachineArn=machine, name=run, input=json.dumps(asked or {}))
    return wait(emulator, execution["executionArn"], started)


def wait(emulator: Emulator, execution: str, started: float) -> Execution:
    """Waits for an execution's end."""
    states = emulator.client("stepfunctions")
    while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        if time.monotonic() - started > EXECUTION_SECONDS:
            raise AssertionError(f"{execution} still runs after {EXECUTION_SECONDS} s")
        time.sleep(0.2)
    pages = states.get_paginator("get_execution_history").paginate(executionArn=execution)
    events = [event for page in pages for event in page["events"]]
    entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    output = json.loads(found["output"]) if found.get("output") else None
    return Execution(
        run=found["name"],
        status=found["status"],
        error=found.get("error"),
        cause=found.get("cause"),
        output=output,
        states=entered,
        tasks=sum(event["type"] == "TaskScheduled" for event in events),
        failed_tasks=sum(event["type"] == "TaskFailed" for event in events),
        seconds=time.monotonic() - started,
    )

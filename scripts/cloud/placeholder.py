#!/usr/bin/env python3
"""Stands in for each of the programs: speaks Lambda's Runtime API and answers as infra/events says.

The name of a run says what is to go wrong in it, so that a state machine can be sent each of its ways:

  unchanged...       ingest answers no_change
  unfit...           validate answers unfit
  outage...          ingest fails twice with RetryableFailure before it answers
  broken-STAGE...    the stage fails with PermanentFailure
"""

import json
import os
import re
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime"
STAGE = os.environ.get("LURELIGHT_STAGE", "")
FAMILIES = ("logistic_regression", "decision_tree", "random_forest")


class StageError(Exception):
    """A failure with the type that Lambda is told."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind


def fail_where_told(run: str) -> None:
    if re.match(rf"broken-{STAGE}\b", run):
        raise StageError("PermanentFailure", f"{STAGE} was told to break")
    if STAGE == "ingest" and run.startswith("outage"):
        attempts = Path(tempfile.gettempdir()) / f"{run}.attempts"
        made = int(attempts.read_text()) if attempts.exists() else 0
        attempts.write_text(str(made + 1))
        if made < 2:
            raise StageError("RetryableFailure", "the record store is away")


def put_candidate(run: str, family: str) -> None:
    """Writes an object where a candidate's would stand, by the endpoint that the SDKs would take."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ["AWS_ENDPOINT_URL"]
    key = f"runs/{run}/candidates/{family}.json"
    request = urllib.request.Request(f"{endpoint}/{os.environ['LURELIGHT_BUCKET']}/{key}", b"{}", method="PUT")
    try:
        urllib.request.urlopen(request).read()
    except urllib.error.HTTPError as error:
        raise StageError("PermanentFailure", f"{key} cannot be written: {error}") from error


def answer(event: dict) -> dict:
    if not STAGE:
        return {"statusCode": 200, "headers": {}, "body": "a placeholder", "isBase64Encoded": False}
    run = event["run"]
    own = {"version": 1, "run": run}
    if "failure" in event:
        missing = {"stage", "error", "cause"} - event["failure"].keys()
        if missing:
            raise StageError("PermanentFailure", f"the failure lacks {missing}")
        print(json.dumps({"recorded": event["failure"], "run": run}), file=sys.stderr, flush=True)
        return own | {"outcome": "recorded"}
    fail_where_told(run)
    if STAGE == "fit":
        put_candidate(run, event["family"])
    outcome = "no_change" if run.startswith("unchanged") else "continue"
    unfit = run.startswith("unfit")
    return (
        own
        | {
            "ingest": {
                "outcome": outcome,
                "reason": None,
                "dataset": "0" * 64,
                "rows": 100,
                "families": [own | {"family": family} for family in FAMILIES],
            },
            "validate": {
                "outcome": "unfit" if unfit else "continue",
                "reason": "one label only" if unfit else None,
                "valid_rows": 100,
                "invalid_rows": 0,
                "drift": False,
            },
            "transform": {"train_rows": 70, "test_rows": 30},
            "fit": {"family": event.get("family"), "outcome": "fitted", "reason": None},
            "evaluate": {"registered": 1, "model": "1" * 64, "failed": []},
            "promote": {"outcome": "promoted", "reason": "there was no champion", "champion": 1},
        }[STAGE]
    )


def send(path: str, body: dict) -> None:
    urllib.request.urlopen(f"{API}/invocation/{path}", data=json.dumps(body).encode()).read()


def main() -> None:
    while True:
        with urllib.request.urlopen(f"{API}/invocation/next") as given:
            request, event = given.headers["Lambda-Runtime-Aws-Request-Id"], json.load(given)
        try:
            send(f"{request}/response", answer(event))
        except StageError as error:
            send(f"{request}/error", {"errorType": error.kind, "errorMessage": str(error)})


main()

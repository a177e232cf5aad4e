"""Events of API Gateway with files in them, and the verdicts in the answers."""

import base64
import csv
import gzip
import io
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from emulator import Emulator

ROOT = Path(__file__).resolve().parents[2]
# What Lambda lets an answer have, as JSON.
ANSWER_BYTES_MAX = 6_291_456
BOUNDARY = "----LurelightEndToEnd"


@dataclass(frozen=True)
class Answer:
    """What a function answered to an event of API Gateway."""

    status: int
    headers: dict[str, str]
    """Their names in small letters."""
    body: bytes
    """As the client would see it: without base64 and gzip."""
    event_bytes: int
    """The size of the answer as JSON, which Lambda limits."""


def ask(emulator: Emulator, function: str, event: dict) -> Answer:
    """Invokes a function with an event and reads its answer."""
    invoked = emulator.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    payload = invoked["Payload"].read()
    answer = json.loads(payload)
    if "FunctionError" in invoked or "statusCode" not in answer:
        raise AssertionError(f"{function} failed: {payload[:2000]!r}")
    headers = {name: values[0] for name, values in (answer.get("multiValueHeaders") or {}).items()}
    headers |= answer.get("headers") or {}
    headers = {name.lower(): value for name, value in headers.items()}
    body = (answer.get("body") or "").encode()
    if answer.get("isBase64Encoded"):
        body = base64.b64decode(body)
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return Answer(answer["statusCode"], headers, body, len(payload))


def event(kind: str, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> dict:
    """An event of REST (`v1`) or HTTP (`v2`) APIs: the sample of that kind with another request in it."""
    made = json.loads((ROOT / f"infra/events/predict-{kind}-multipart.json").read_text())
    host = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
    sent = {"host": host, "x-forwarded-proto": "https", "accept-encoding": "gzip", **headers}
    made |= {"headers": sent, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    if kind == "v1":
        made |= {"httpMethod": method, "path": path, "resource": path, "pathParameters": None}
        made["multiValueHeaders"] = {name: [value] for name, value in sent.items()}
        made["requestContext"] |= {"httpMethod": method, "path": f"/dev{path}", "resourcePath": path, "stage": "dev"}
    else:
        made["rawPath"] = path
        made["requestContext"]["http"] |= {"method": method, "path": path}
    return made


def upload(kind: str, file: Path, accept: str) -> dict:
    """The event of somebody who drops a file on the page, and wants the answer as `accept` says."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n'
        "Content-Type: text/csv\r\n\r\n"
    )
    body = head.encode() + file.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}", "accept": accept}
    return event(kind, "POST", "/predict", headers, body)


Verdict = tuple[str, str, str]


def verdicts(text: bytes) -> list[Verdict]:
    """Label, probability and old column of each row of a CSV with verdicts."""
    rows = csv.DictReader(io.StringIO(text.decode()))
    return [(row["label"], row["probability"], row["predicted_column"]) for row in rows]


def same_as_json(text: bytes, here: list[Verdict]) -> bool:
    """Whether a JSON answer has the same verdicts. JSON knows no closing zeros, so figures are compared as numbers."""
    rows = [(row["label"], row["probability"], row["predicted_column"]) for row in json.loads(text)["rows"]]
    return rows == [(label, float(probability), float(column)) for label, probability, column in here]


def verdicts_here(lurelight: Path, file: Path, home: Path, *more: str) -> list[Verdict]:
    """The same by the command line on this machine."""
    command = [str(lurelight), "predict", str(file), "--home", str(home), *more]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"lurelight predict ended with {done.returncode}: {done.stderr.decode()}")
    return verdicts(done.stdout)


def compare_everywhere(emulator: Emulator, function: str, file: Path, here: list[Verdict]) -> int:
    """Uploads a file by events of both forms, for answers of all kinds: the verdicts must be those, and each answer
    must fit into Lambda's limit. Returns the bytes of the largest answer."""
    largest = 0
    for kind in ("v1", "v2"):
        for accept in ("text/csv", "application/json", "text/html"):
            answer = ask(emulator, function, upload(kind, file, accept))
            if answer.status != 200:
                raise AssertionError(f"{kind} as {accept} was answered {answer.status}: {answer.body[:500]!r}")
            if answer.event_bytes >= ANSWER_BYTES_MAX:
                raise AssertionError(f"{kind} as {accept} has {answer.event_bytes} bytes")
            largest = max(largest, answer.event_bytes)
            if accept == "text/csv" and verdicts(answer.body) != here:
                raise AssertionError(f"the verdicts on {file.name} by {kind} as CSV are others than here")
            if accept == "application/json" and not same_as_json(answer.body, here):
                raise AssertionError(f"the verdicts on {file.name} by {kind} as JSON are others than here")
    return largest

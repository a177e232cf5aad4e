"""What users ask of a server, and what must come back: health, a file in three forms, an error for a bad one."""

import argparse
import csv
import io
import json
import os
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "functions/predict/assets/sample.csv"
# The header is right and the one row holds a raw measurement: nothing that could be judged.
BAD_CELL = "54"
ANSWER_SECONDS = 40  # API Gateway gives up after 29
TRIES_APART_SECONDS = 2
TOKEN = "LURELIGHT_TOKEN"
BOUNDARY = "lurelight-smoke-7f3d9a"
PASSED, BROKEN, WRONG_USAGE = 0, 1, 2


class BrokenError(Exception):
    """What is not as it should be."""


def check(holds: bool, what: str) -> None:
    if not holds:
        raise BrokenError(what)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "none").split(";")[0]

    def expect(self, status: int, kind: str) -> "Answer":
        found = f"{self.status} {self.kind}"
        check(found == f"{status} {kind}", f"{status} {kind} was expected, and {found} came: {self.body[:300]!r}")
        return self

    def json(self) -> dict:
        try:
            found = json.loads(self.body)
        except ValueError as error:
            raise BrokenError(f"the answer is no JSON ({error}): {self.body[:300]!r}") from error
        check(isinstance(found, dict), f"the answer is no JSON object: {self.body[:300]!r}")
        return found


class Server:
    """Where the requests go."""

    def __init__(self, url: str, token: str | None):
        self.url = url.rstrip("/") + "/"
        self.token = token

    def ask(self, path: str, accept: str, body: bytes | None = None, kind: str | None = None) -> Answer:
        request = urllib.request.Request(self.url + path, data=body, headers={"Accept": accept})
        if kind:
            request.add_header("Content-Type", kind)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())
        except (OSError, ValueError) as error:
            raise BrokenError(f"no answer from {self.url}{path}: {error}") from error


@dataclass
class Seen:
    """What one check tells the next."""

    model: str = ""
    labels: tuple[str, ...] = ()


def healthz(server: Server, seen: Seen, sample: bytes) -> str:
    health = server.ask("healthz", "application/json").expect(200, "application/json").json()
    check(health.get("status") == "ok", f"status is {health.get('status')!r} and should be 'ok'")
    model = health.get("model") or {}
    check(bool(model.get("version") and model.get("source")), f"health names no model and its source: {health}")
    seen.model = model["version"]
    return f"version {health.get('version')}, model {model['version']}: {model['source']}"


def as_json(server: Server, seen: Seen, sample: bytes) -> str:
    answer = server.ask("predict", "application/json", sample, "text/csv").expect(200, "application/json")
    found = answer.json()
    rows = found.get("rows") or []
    sent = len(list(csv.DictReader(io.StringIO(sample.decode()))))
    check(len(rows) == sent, f"{sent} rows were sent, and {len(rows)} came back")
    for row in rows:
        judged = row.get("label") in ("phishing", "legitimate") and 0 <= row.get("probability", -1) <= 1
        check(judged, f"no verdict with a probability: {row}")
        coded = {"phishing": 0.0, "legitimate": 1.0}[row["label"]]
        check(row.get("predicted_column") == coded, f"predicted_column contradicts the label: {row}")
    seen.labels = tuple(row["label"] for row in rows)
    check(len(set(seen.labels)) == 2, f"all {sent} rows of the sample are called {seen.labels[0]}")
    named = (found.get("model") or {}).get("version")
    check(named == seen.model, f"the answer is by model {named}, and health names {seen.model}")
    check(answer.headers.get("lurelight-model") is not None, "the header lurelight-model is missing")
    return f"{sent} rows, {seen.labels.count('phishing')} of them phishing"


def as_csv(server: Server, seen: Seen, sample: bytes) -> str:
    answer = server.ask("predict", "text/csv", sample, "text/csv").expect(200, "text/csv")
    reader = csv.DictReader(io.StringIO(answer.body.decode()))
    labels = tuple(row.get("label") for row in reader)
    check(labels == seen.labels, "the verdicts as CSV are not those as JSON")
    last = (reader.fieldnames or [""])[-1]
    check(last == "predicted_column", f"the last column is {last!r} and should be 'predicted_column'")
    return f"{len(labels)} rows, the same verdicts"


def as_page(server: Server, seen: Seen, sample: bytes) -> str:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="sites.csv"\r\n'
    form = f"{head}Content-Type: text/csv\r\n\r\n".encode() + sample + f"\r\n--{BOUNDARY}--\r\n".encode()
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    page = server.ask("predict", "text/html", form, kind).expect(200, "text/html").body.decode()
    for part in ("<table", "predicted_column"):
        check(part in page, f"the page has no {part!r}")
    return f"a page of {len(page):,} characters with the table"


def a_bad_file(server: Server, seen: Seen, sample: bytes) -> str:
    rows = csv.DictReader(io.StringIO(sample.decode()))
    row = {name: BAD_CELL if name == "URL_Length" else cell for name, cell in next(rows).items()}
    bad = io.StringIO()
    writer = csv.DictWriter(bad, rows.fieldnames or [])
    writer.writeheader()
    writer.writerow(row)
    answer = server.ask("predict", "application/json", bad.getvalue().encode(), "text/csv")
    problem = answer.expect(422, "application/problem+json").json()
    check(problem.get("status") == 422, f"the problem's status is {problem.get('status')!r}: {problem}")
    check("URL_Length" in json.dumps(problem), f"the problem does not name the column: {problem}")
    return f"422: {problem.get('detail')}"


Step = Callable[[Server, Seen, bytes], str]
STEPS: tuple[tuple[str, str, Step], ...] = (
    ("health", "GET healthz", healthz),
    ("the sample as JSON", "POST predict", as_json),
    ("the sample as CSV", "POST predict", as_csv),
    ("the sample as a page", "POST predict", as_page),
    ("a bad file", "POST predict", a_bad_file),
)


def aws_command(secret: str) -> list[str]:
    command = ["aws", "secretsmanager", "get-secret-value", "--secret-id", secret]
    return [*command, "--query", "SecretString", "--output", "text"]


def token(secret: str | None) -> str | None:
    """The token of the environment, or the first one of a secret; none where neither is given."""
    if secret is None:
        return os.environ.get(TOKEN) or None
    try:
        done = subprocess.run(aws_command(secret), capture_output=True, text=True, check=False)
    except OSError as error:
        raise BrokenError(f"the secret {secret} cannot be read: {error}; the AWS command line is needed") from error
    check(done.returncode == 0, f"the secret {secret} cannot be read: {done.stderr.strip()}")
    tokens = done.stdout.split()
    check(bool(tokens), f"the secret {secret} holds no token")
    return tokens[0]


def in_order(server: Server, sample: bytes, tries: int) -> int:
    seen = Seen()
    for name, _, step in STEPS:
        for attempt in range(1, tries + 1):
            try:
                print(f"ok      {name}: {step(server, seen, sample)}", flush=True)
                break
            except BrokenError as error:
                # Only a server that is not there yet is waited for.
                if step is not healthz or attempt == tries:
                    print(f"BROKEN  {name}: {error}", flush=True)
                    print(f"scripts/smoke: {server.url} is broken", file=sys.stderr)
                    return BROKEN
                time.sleep(TRIES_APART_SECONDS)
    return PASSED


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/smoke",
        description="Asks a server for its health, for verdicts on a sample as JSON, as CSV and as a page, and for "
        "what it says to a file that cannot be judged (422, application/problem+json). Says which model answers.",
        epilog=f"{TOKEN} holds a token where predictions need one. Exit codes: 0 all as it should be; 1 something is "
        "not, and what; 2 wrong usage.",
    )
    parser.add_argument("url", help="where the page is, such as http://127.0.0.1:9000/")
    parser.add_argument("--csv", type=Path, default=SAMPLE, help="another file with rows of both labels")
    parser.add_argument("--token-secret", metavar="NAME", help="read the token from this secret of Secrets Manager")
    parser.add_argument("--tries", type=int, default=15, help="how often to ask for health, 2 s apart [%(default)s]")
    parser.add_argument("--dry-run", action="store_true", help="print what would be asked, and ask nothing")
    asked = parser.parse_args()
    if not asked.url.startswith(("http://", "https://")):
        parser.error(f"{asked.url} is no address; it begins with http:// or https://")
    if asked.tries < 1:
        parser.error("--tries is 1 or more")
    if asked.dry_run:
        if asked.token_secret:
            print(shlex.join(aws_command(asked.token_secret)))
        for name, request, _ in STEPS:
            method, path = request.split()
            print(f"{method} {asked.url.rstrip('/')}/{path}  # {name}")
        return PASSED
    try:
        sample = asked.csv.read_bytes()
        return in_order(Server(asked.url, token(asked.token_secret)), sample, asked.tries)
    except (BrokenError, OSError) as error:
        print(f"scripts/smoke: {error}", file=sys.stderr)
        return BROKEN


if __name__ == "__main__":
    sys.exit(main())

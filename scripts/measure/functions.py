#!/usr/bin/env python3
"""Sizes of deployment packages, and the time from a function's start to its first poll of the Runtime API.

Usage: functions.py --packages DIR [--emulator PROGRAM] [--starts N] [--json] [--check] NAME...

DIR holds NAME/bootstrap.zip as `cargo lambda build --output-format zip` writes them. See
scripts/measure-functions, which calls this.
"""

import argparse
import contextlib
import json
import os
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zipfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60
LIMIT_BYTES = 8_000_000
LIMIT_MS = 10.0
BUCKET = "lurelight-measure"
# Where distributions keep all root certificates in one file, that of Lambda's image first.
BUNDLES = ("/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem")
POLL = b"GET /2018-06-01/runtime/invocation/next "


class UnmeasuredError(Exception):
    """Something cannot be measured; the text says what and why."""


class RuntimeApi:
    """Lambda's Runtime API without events: it notes when the first request comes, and never answers."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"

    def first_poll(self, process):
        """The moment at which the process asked for its first event."""
        while not select.select([self.listener], [], [], 0.1)[0]:
            if process.poll() is not None:
                raise UnmeasuredError(f"it ended with exit code {process.returncode} before it asked for an event")
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(PATIENCE_S)
            asked = b""
            while len(asked) < len(POLL):
                more = connection.recv(4096)
                if not more:
                    raise UnmeasuredError("it hung up before it asked for an event")
                asked += more
            now = time.perf_counter()
            if not asked.startswith(POLL):
                raise UnmeasuredError(f"it first asked for {asked[:80]!r}")
            # Ended here, while the connection stands: it is not to poll again.
            process.kill()
            process.wait()
            return now


@contextlib.contextmanager
def silent_server():
    """An address where connections are taken and nothing is answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def emulator(program):
    """The address of an emulator of S3 with a bucket whose champion is the compiled-in model."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "IOT_MTLS_ENABLED": "0"}
        process = subprocess.Popen(
            [program], env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            address = f"127.0.0.1:{port}"
            wait_for(address, process)
            fill(address)
            yield address
        finally:
            process.kill()
            process.wait()


def wait_for(address, process):
    host, port = address.split(":")
    started = time.monotonic()
    while True:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return
        if process.poll() is not None or time.monotonic() - started > PATIENCE_S:
            raise UnmeasuredError("the emulator of S3 does not start")
        time.sleep(0.05)


def fill(address):
    """A bucket with the compiled-in model as version 1 and champion."""
    model = (ROOT / "functions/predict/model/model.lure").read_bytes()
    card = (ROOT / "functions/predict/model/card.json").read_bytes()
    digest = json.loads(card)["model"]
    event = {
        "sequence": 1,
        "previous": None,
        "kind": "promoted",
        "version": 1,
        "model": digest,
        "reason": "to be measured",
        "actor": "measure-functions",
        "at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    objects = {
        "": b"",
        f"/models/{digest}/model.lure": model,
        f"/models/{digest}/card.json": card,
        "/registry/champion.json": json.dumps(event).encode(),
    }
    # The emulator believes whatever signature it is given.
    signature = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    for key, body in objects.items():
        request = urllib.request.Request(
            f"http://{address}/{BUCKET}{key}", data=body, method="PUT", headers={"Authorization": signature}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S):
            pass


def variables(name, address, **more):
    """What Lambda and the template set for a function, with AWS at an address of this machine.

    Clients read the machine's root certificates when they are made. Lambda's image has them in one file; Debian has
    each in a file of its own beside that, and they would all be read twice.
    """
    bundle = next((path for path in BUNDLES if Path(path).is_file()), None)
    return ({"SSL_CERT_FILE": bundle} if bundle else {}) | {
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": f"http://{address}",
        **more,
    }


def deployed(name, address):
    """A function's variables in the template."""
    return variables(
        name,
        address,
        LURELIGHT_BUCKET=BUCKET,
        LURELIGHT_SECRETS_PREFIX="lurelight/dev",
        LURELIGHT_STAGE="fit",
        LURELIGHT_STATE_MACHINE_ARN="arn:aws:states:us-east-1:000000000000:stateMachine:lurelight-dev",
    )


def start_times(program, environment, starts):
    """Milliseconds from the start of the process to its first poll, one for each start, after one that warms up."""
    times = []
    for number in range(starts + 1):
        api = RuntimeApi()
        with api.listener, tempfile.TemporaryFile() as said:
            environment = environment | {"AWS_LAMBDA_RUNTIME_API": api.address}
            began = time.perf_counter()
            # Not by fork, which would copy this process first.
            process = subprocess.Popen(
                [program], env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said, close_fds=False
            )
            ending = threading.Timer(PATIENCE_S, process.kill)
            ending.start()
            try:
                polled = api.first_poll(process)
            except UnmeasuredError as error:
                said.seek(0)
                raise UnmeasuredError(f"{error}; it said: {said.read().decode(errors='replace').strip()}") from error
            finally:
                ending.cancel()
                process.kill()
                process.wait()
            if number > 0:
                times.append((polled - began) * 1e3)
    return times


def ways(name, arguments, stack):
    """Each way to start a function: what it is called, its variables, and whether the limit is for it."""
    silent = stack.enter_context(silent_server())
    if name != "predict":
        return [("as deployed", deployed(name, silent), False)]
    unwaited = variables(name, silent, LURELIGHT_BUCKET=BUCKET, LURELIGHT_CHAMPION_START_MILLISECONDS="0")
    known = [("no bucket", variables(name, silent), True), ("clients made, no wait for the bucket", unwaited, True)]
    if Path(arguments.emulator or "").is_file():
        address = stack.enter_context(emulator(arguments.emulator))
        fetched = variables(name, address, LURELIGHT_BUCKET=BUCKET)
        known.append(("champion fetched from the emulator", fetched, False))
    else:
        print("functions.py: no emulator, so no champion is fetched: scripts/tools ministack", file=sys.stderr)
    return known


def measure(name, arguments):
    """All about one function."""
    package = arguments.packages / name / "bootstrap.zip"
    if not package.is_file():
        raise UnmeasuredError(f"there is no {package}; build it (leave --no-build out)")
    found = {"function": name, "zip_bytes": package.stat().st_size, "starts": []}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with zipfile.ZipFile(package) as archive:
            archive.extract("bootstrap", folder)
        program = folder / "bootstrap"
        program.chmod(0o755)
        found["program_bytes"] = program.stat().st_size
        for how, environment, limited in ways(name, arguments, stack):
            times = start_times(program, environment, arguments.starts)
            found["starts"].append({"how": how, "limited": limited, "ms": times, "median_ms": statistics.median(times)})
    return found


def table(functions):
    """The README's table."""
    lines = ["| function | package | program | started | first poll, median | slowest |", "|---|---|---|---|---|---|"]
    for found in functions:
        sizes = [f"{found[key] / 1e6:.1f} MB" for key in ("zip_bytes", "program_bytes")]
        head = [f"`{found['function']}`", *sizes]
        for start in found["starts"]:
            cells = [*head, start["how"], f"{start['median_ms']:.1f} ms", f"{max(start['ms']):.1f} ms"]
            lines.append(f"| {' | '.join(cells)} |")
            head = ["", "", ""]
    return "\n".join(lines)


def broken_limits(functions):
    """What is beyond a limit, in words."""
    for found in functions:
        if found["function"] != "predict":
            continue
        if found["zip_bytes"] > LIMIT_BYTES:
            yield f"predict's package has {found['zip_bytes']} bytes and may have {LIMIT_BYTES}"
        for start in found["starts"]:
            if start["limited"] and start["median_ms"] > LIMIT_MS:
                yield f"predict, {start['how']}: {start['median_ms']:.1f} ms to the first poll, {LIMIT_MS} may pass"


def main():
    """Measures, prints, judges."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--emulator")
    parser.add_argument("--starts", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("names", nargs="+")
    arguments = parser.parse_args()
    functions, status = [], 0
    for name in arguments.names:
        try:
            functions.append(measure(name, arguments))
        except UnmeasuredError as error:
            print(f"scripts/measure-functions: {name}: {error}", file=sys.stderr)
            status = 1
    print(json.dumps({"functions": functions}) if arguments.json else table(functions))
    if arguments.check:
        for broken in broken_limits(functions):
            print(f"scripts/measure-functions: {broken}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())

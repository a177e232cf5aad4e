"""An emulator of AWS as a process of its own, and clients of it."""

import os
import socket
import subprocess
import time
from pathlib import Path

import boto3
from botocore.config import Config

REGION = "eu-central-1"
ACCOUNT = "000000000000"
PATIENCE_SECONDS = 60


def free_port() -> int:
    """A port of this machine that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int, process: subprocess.Popen, what: str) -> None:
    """Returns once somebody listens on the port; fails where the process ends before."""
    started = time.monotonic()
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            raise RuntimeError(f"{what} ended with {process.returncode} instead of listening on {port}")
        if time.monotonic() - started > PATIENCE_SECONDS:
            raise RuntimeError(f"{what} does not listen on {port} after {PATIENCE_SECONDS} s")
        time.sleep(0.05)


class Emulator:
    """The process; stopped at the end of a `with`.

    Functions inherit its environment, then get their own variables from the template, and then AWS_ENDPOINT_URL from
    the emulator again. So one function's view of one service is changed by the service's own variable, which the SDKs
    prefer and the emulator leaves alone: `set_variables(name, AWS_ENDPOINT_URL_S3=...)`.
    """

    def __init__(self, folder: Path, wait_scale: float = 1.0, variables: dict[str, str] | None = None):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.log = folder / "emulator.log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        own = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "MINISTACK_REGION": REGION,
            # Seconds between two attempts of a state, as a share of what the state machine says.
            "SFN_WAIT_SCALE": str(wait_scale),
            "TMPDIR": str(folder),
            **(variables or {}),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [os.environ["LURELIGHT_MINISTACK"]],
                cwd=folder,
                env=self.environment | own,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> "Emulator":
        try:
            wait_for(self.port, self.process, "the emulator")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def client(self, service: str):
        """A client of boto3."""
        # An invocation may take as long as the function's time-out, and is not to be made twice.
        config = Config(read_timeout=900, retries={"total_max_attempts": 1})
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=config,
        )

    def set_variables(self, function: str, **variables: str | None) -> None:
        """Adds variables to a function's environment; None takes one away. Its warm processes are replaced."""
        client = self.client("lambda")
        known = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        changed = {name: value for name, value in (known | variables).items() if value is not None}
        client.update_function_configuration(FunctionName=function, Environment={"Variables": changed})

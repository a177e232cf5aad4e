"""The functions under the local Lambda runtime, asked by hand with the samples of infra/events, as the README shows."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from emulator import REGION, Emulator, free_port, wait_for
from scene import Scene, check

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "infra/events"
STAGES = ("ingest", "validate", "transform", "fit", "evaluate", "promote")
# What is not answered with 200, the functions having their real secrets and a bucket where nothing is yet. The
# tokens and cookies in the samples of administration are made up.
OTHER_STATUS = {
    "predict-v1-cross-site": 403,
    "admin-v1-promote": 401,
    "admin-v1-run": 401,
    "admin-v1-runs": 401,
    "admin-v1-session": 401,
    "admin-v1-train": 401,
    "admin-v2-runs": 401,
    "admin-v2-session": 401,
}


class LocalRuntime:
    """`cargo lambda watch` as a process of its own, with functions that cargo built already."""

    def __init__(self, scene: Scene):
        self.scene = scene
        self.tool = os.environ["LURELIGHT_CARGO_LAMBDA"]
        self.port = free_port()
        self.address = ["--invoke-address", "127.0.0.1", "--invoke-port", str(self.port)]
        self.log = scene.folder / "cargo-lambda.log"

    @contextmanager
    def started(self) -> Iterator["LocalRuntime"]:
        command = [self.tool, "lambda", "watch", "--only-lambda-apis", *self.address]
        with self.log.open("ab") as log, ended(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)) as process:
            wait_for(self.port, process, "cargo lambda watch")
            yield self

    @contextmanager
    def function(self, name: str, deployed: str, **variables: str) -> Iterator[None]:
        """A program with the variables that it was deployed with under another name, and these."""
        emulator = self.scene.emulator
        found = emulator.client("lambda").get_function_configuration(FunctionName=deployed)
        environment = emulator.environment | found["Environment"]["Variables"] | variables
        environment |= {
            "AWS_LAMBDA_RUNTIME_API": f"http://127.0.0.1:{self.port}/.rt/{name}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_REGION": REGION,
        }
        program = self.scene.binaries / name
        with (
            self.log.open("ab") as log,
            ended(subprocess.Popen([program], env=environment, stdout=log, stderr=log)),
        ):
            yield

    def invoke(self, name: str, sample: str) -> dict:
        """What `cargo lambda invoke` prints."""
        command = [self.tool, "lambda", "invoke", *self.address, "--data-file", EVENTS / f"{sample}.json", name]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        check(done.returncode == 0, f"{sample} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)


@contextmanager
def ended(process: subprocess.Popen) -> Iterator[subprocess.Popen]:
    """The process, which does not outlive the block."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def invokes_by_hand(scene: Scene) -> str:
    """cargo lambda invokes every stage and both web functions with the samples of infra/events"""
    bucket = "by-hand"
    make_bucket(scene.emulator, bucket)
    asked = 0
    with ExitStack() as exits:
        runtime = exits.enter_context(LocalRuntime(scene).started())
        for stage in STAGES:
            with runtime.function("train", f"lurelight-dev-{stage}", LURELIGHT_BUCKET=bucket):
                answer = runtime.invoke("train", f"train-{stage}")
                sample = json.loads((EVENTS / f"train-{stage}-answer.json").read_text())
                check(answer.keys() == sample.keys(), f"{stage} answered {answer}, and its sample is {sample}")
                check(answer.get("outcome") == sample.get("outcome"), f"{stage} answered {answer}, not {sample}")
                asked += 1
        with runtime.function("train", "lurelight-dev-promote", LURELIGHT_BUCKET=bucket):
            answer = runtime.invoke("train", "train-promote-failure")
            check(answer["outcome"] == "recorded", f"a failure was answered with {answer}")
            asked += 1
        for name, deployed in (("predict", "PredictFunctionName"), ("admin", "AdminFunctionName")):
            with runtime.function(name, scene.outputs[deployed], LURELIGHT_BUCKET=bucket):
                for file in sorted(EVENTS.glob(f"{name}-*.json")):
                    answer = runtime.invoke(name, file.stem)
                    expected = OTHER_STATUS.get(file.stem, 200)
                    check(answer["statusCode"] == expected, f"{file.stem} was answered with {answer}")
                    asked += 1
    return f"{asked} events"


def make_bucket(emulator: Emulator, name: str) -> None:
    emulator.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})

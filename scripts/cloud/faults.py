"""A fault for each alarm whose cause the emulator can play; infra/runbooks says what is then done about it."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from botocore.exceptions import ClientError
from scene import Scene, check, wait_until

BY_NAME = "by the name of the function, since the emulator does not count what is called by an alias"
NO_LOG_OF_STARTS = (
    "What a process says that cannot start is missing in the emulator's logs, and stands in the answer; AWS has it in "
    "both."
)


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and by what it is known that the runbook's commands showed it and mended it."""

    story: str
    """For people: what was done to the deployed system."""
    make: Callable[[Scene], AbstractContextManager[None]]
    shown: tuple[str, ...]
    """These must be among what the commands print, in this order."""
    alias: str = ":live"
    """What the web's requests call."""
    ends_badly: tuple[str, ...] = ()
    """Commands that say by their status as well that something is wrong, while it is."""
    remark: str = ""
    """What is otherwise in AWS."""


def broken_version(function: str) -> Callable[[Scene], AbstractContextManager[None]]:
    """A version with a setting that the program cannot start with is published and made live."""

    @contextmanager
    def make(scene: Scene) -> Iterator[None]:
        name = scene.outputs[function]
        client = scene.emulator.client("lambda")
        known = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        scene.emulator.set_variables(name, LURELIGHT_HANDLER_SECONDS="soon")
        version = client.publish_version(FunctionName=name)["Version"]
        client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
        scene.emulator.set_variables(name, LURELIGHT_HANDLER_SECONDS=known["LURELIGHT_HANDLER_SECONDS"])
        fails(scene, f"{name}:live")
        yield

    return make


def fails(scene: Scene, function: str) -> None:
    """Invokes it twice, and it must fail."""
    for _ in range(2):
        try:
            answer = scene.emulator.client("lambda").invoke(FunctionName=function, Payload=b"{}")
        except ClientError:
            continue
        check("FunctionError" in answer, f"{function} was to fail, and answered {answer['Payload'].read()[:300]!r}")


def switched_off(function: str) -> Callable[[Scene], AbstractContextManager[None]]:
    """Its reserved concurrency is set to 0."""

    @contextmanager
    def make(scene: Scene) -> Iterator[None]:
        name = scene.outputs[function]
        client = scene.emulator.client("lambda")
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        fails(scene, name)
        yield

    return make


@contextmanager
def no_tokens(scene: Scene) -> Iterator[None]:
    """The secret of administration's tokens is deleted, and a fresh process notices."""
    scene.emulator.client("secretsmanager").delete_secret(
        SecretId="lurelight/dev/administration-tokens", RecoveryWindowInDays=7
    )
    fresh_processes(scene, "AdminFunctionName")
    yield


@contextmanager
def wrong_password(scene: Scene) -> Iterator[None]:
    """Somebody puts a connection string with a wrong password into the secret, and a training starts."""
    client = scene.emulator.client("secretsmanager")
    right = client.get_secret_value(SecretId="lurelight/dev/mongodb-uri")["SecretString"]
    wrong = right.replace("%2F", "%2Fx", 1)
    check(wrong != right, "the password has no slash to write an x behind")
    client.put_secret_value(SecretId="lurelight/dev/mongodb-uri", SecretString=wrong)
    # A warm process knows the right one still.
    scene.emulator.set_variables("lurelight-dev-ingest", LURELIGHT_LOG=another_log_setting())
    done = scene.execute("with-a-wrong-password")
    check(done.status == "FAILED", f"it was to fail, and ended so: {done}")
    yield


@contextmanager
def no_schedule(_scene: Scene) -> Iterator[None]:
    """The emulator's stack has its schedule switched off."""
    yield


@contextmanager
def damaged_model(scene: Scene) -> Iterator[None]:
    """The champion's model is overwritten with its first half, and fresh processes have to load it."""
    champion = scene.object("registry/champion.json")
    version = scene.object(f"registry/versions/{champion['version']}.json")
    key = f"models/{version['model']}/model.lure"
    s3 = scene.emulator.client("s3")
    whole = s3.get_object(Bucket=scene.bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=scene.bucket, Key=key, Body=whole[: len(whole) // 2])
    fresh_processes(scene, "PredictFunctionName")
    yield


@contextmanager
def invoked_in_vain(scene: Scene) -> Iterator[None]:
    """Somebody invokes a stage by hand with nonsense, and does not wait."""
    scene.emulator.client("lambda").invoke(
        FunctionName="lurelight-dev-ingest", InvocationType="Event", Payload=json.dumps({"run": "Of Mice & Men"})
    )
    queue = scene.outputs["FailuresUrl"]

    def waits() -> bool:
        asked = scene.emulator.client("sqs").get_queue_attributes(
            QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return asked["Attributes"]["ApproximateNumberOfMessages"] != "0"

    wait_until(waits, "no message comes into the queue of failures")
    yield


def fresh_processes(scene: Scene, function: str) -> None:
    """The live version is published anew, as by a deployment, so that its processes start from nothing."""
    name = scene.outputs[function]
    client = scene.emulator.client("lambda")
    # Two versions of one configuration would be one.
    scene.emulator.set_variables(name, LURELIGHT_LOG=another_log_setting())
    version = client.publish_version(FunctionName=name)["Version"]
    client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)


def another_log_setting() -> str:
    """One that means the same as the one before."""
    return f"info,lurelight_{os.urandom(4).hex()}=info"


FAULTS: dict[str, Fault] = {
    "predict-errors": Fault(
        "a version of `predict` was published and made live whose setting `LURELIGHT_HANDLER_SECONDS` was no number",
        broken_version("PredictFunctionName"),
        ("LURELIGHT_HANDLER_SECONDS", '"status":"ok"'),
        remark=NO_LOG_OF_STARTS,
    ),
    "predict-throttles": Fault(
        f"the reserved concurrency of `predict` was set to 0, and it was asked {BY_NAME}",
        switched_off("PredictFunctionName"),
        ('"status":"ok"',),
        alias="",
    ),
    "admin-errors": Fault(
        "a version of `admin` was published and made live whose setting `LURELIGHT_HANDLER_SECONDS` was no number",
        broken_version("AdminFunctionName"),
        ("LURELIGHT_HANDLER_SECONDS", "\n200"),
        remark=NO_LOG_OF_STARTS,
    ),
    "admin-throttles": Fault(
        f"the reserved concurrency of `admin` was set to 0, and it was asked {BY_NAME}",
        switched_off("AdminFunctionName"),
        ("\n200",),
        alias="",
    ),
    "api-server-errors": Fault(
        "the secret `administration-tokens` was deleted, and `admin` was started anew",
        no_tokens,
        ("503", "\n200"),
    ),
    "training-failed": Fault(
        "the password in the secret `mongodb-uri` was replaced by a wrong one, and a training was started",
        wrong_password,
        ("with-a-wrong-password", "mongodb-uri", "SUCCEEDED"),
    ),
    "training-too-old": Fault(
        "the stack was deployed with `TrainingSchedule=DISABLED`",
        no_schedule,
        ("DISABLED", "SUCCEEDED", "SUCCEEDED"),
    ),
    "fallback-serves": Fault(
        "the champion's model was overwritten with its first half, and `predict` was started anew",
        damaged_model,
        ("could not be loaded", "damaged", "champion, version"),
        ends_badly=("lurelight models verify",),
    ),
    "failures-wait": Fault(
        "`ingest` was invoked with a run's name that cannot be one, by somebody who did not wait",
        invoked_in_vain,
        ("Of Mice & Men", "SUCCEEDED", "0"),
    ),
}

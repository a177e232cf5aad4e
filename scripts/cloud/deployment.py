"""Deploys template.yaml to the emulator by `sam deploy`, with programs from a folder."""

import os
import re
import subprocess
import zipfile
from pathlib import Path

from emulator import REGION, Emulator

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("predict", "admin", "train")
STACK = "lurelight-dev"
CODE_BUCKET = "code"


class DeploymentError(Exception):
    """What could not be deployed, and why."""


def packages(binaries: Path, folder: Path) -> dict[str, Path]:
    """A zip with the program as `bootstrap` for each of PROGRAMS."""
    made = {}
    for name in PROGRAMS:
        program = binaries / name
        if not program.is_file():
            raise DeploymentError(
                f"there is no {program}; build it: cargo build --release -p predict -p admin -p train"
            )
        made[name] = folder / f"{name}.zip"
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        with zipfile.ZipFile(made[name], "w") as package:
            # Fast rather than small: the emulator unpacks it on this machine.
            package.writestr(entry, program.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=1)
    return made


def localised(template: str, code: dict[str, Path]) -> str:
    """The template with each function's code replaced by its zip, and all else as it is."""
    text, changed = re.subn(r"CodeUri: functions/(\w+)\n", lambda found: f"CodeUri: {code[found[1]]}\n", template)
    if changed != 8:
        raise DeploymentError(f"template.yaml has {changed} lines `CodeUri: functions/...` and should have 8")
    return text.replace("DefinitionUri: infra/", f"DefinitionUri: {ROOT}/infra/")


def deploy(emulator: Emulator, binaries: Path, folder: Path, **parameters: str) -> dict[str, str]:
    """Deploys the stack, or updates it, and returns its outputs."""
    template = folder / "template.yaml"
    template.write_text(localised((ROOT / "template.yaml").read_text(), packages(binaries, folder)))
    s3 = emulator.client("s3")
    if CODE_BUCKET not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    chosen = {"Stage": "dev", "Architecture": "x86_64", "TrainingSchedule": "DISABLED"} | parameters
    command = [
        os.environ["LURELIGHT_SAM"],
        "deploy",
        *("--template-file", str(template), "--stack-name", STACK, "--region", REGION),
        *("--s3-bucket", CODE_BUCKET, "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset"),
        *("--no-progressbar", "--no-fail-on-empty-changeset"),
        *("--parameter-overrides", *(f"{name}={value}" for name, value in chosen.items())),
    ]
    log = folder / "deploy.log"
    quiet = {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "1"}
    with log.open("w") as output:
        done = subprocess.run(
            command,
            cwd=folder,
            env=emulator.environment | quiet,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise DeploymentError(f"sam deploy ended with {done.returncode}:\n{log.read_text()[-4000:]}")
    stack = emulator.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

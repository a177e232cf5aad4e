"""The scripts that deploy from GitHub, at work on the emulator: a new version, an alarm, and the way back."""

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from deployment import CODE_BUCKET, PROGRAMS, ROOT, STACK
from scene import Scene, check

STACK_SCRIPT = ROOT / "scripts/delivery/stack.py"
ALARM = f"{STACK}-predict-errors"
# What the emulator's machine can run, and what is to be seen of the change.
PARAMETERS = {"Architecture": "x86_64", "TrainingSchedule": "DISABLED"}


def delivers(scene: Scene) -> str:
    """the delivery's scripts deploy a package, see an alarm, and put back what was there"""
    before = parameters(scene)
    check(before["LogLevel"] == "info", f"the log level is {before['LogLevel']} before anything was changed")
    given = " ".join(f"{name}={value}" for name, value in (PARAMETERS | {"LogLevel": "warn"}).items())
    previous = scene.folder / "previous"
    where = ("--bucket", CODE_BUCKET, "--previous", str(previous))
    done = script(scene, "deploy", "dev", *where, "--package", str(package(scene)), "--parameters", given)
    check(f"url: {scene.outputs['Url']}" in done.stdout, f"the URL is not told: {done.stdout[-2000:]}")
    check(parameters(scene)["LogLevel"] == "warn", "the package was deployed and changed nothing")

    script(scene, "watch", "dev", "--minutes", "0")
    cloudwatch = scene.emulator.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName=ALARM, StateValue="ALARM", StateReason="a test")
    watched = script(scene, "watch", "dev", "--minutes", "0", code=1)
    check(f"{ALARM} went off: a test" in watched.stderr, f"the alarm is not told: {watched.stderr}")
    cloudwatch.set_alarm_state(AlarmName=ALARM, StateValue="OK", StateReason="the test is over")

    script(scene, "roll-back", "dev", *where)
    after = parameters(scene)
    check(after == before, f"rolled back, the parameters are {after} and were {before}")
    shutil.rmtree(previous)
    nothing = script(scene, "roll-back", "dev", *where, code=1)
    check("keeps nothing that was deployed before" in nothing.stderr, f"it says {nothing.stderr}")
    return "LogLevel info, warn, and info again"


def parameters(scene: Scene) -> dict[str, str]:
    described = scene.emulator.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    return {given["ParameterKey"]: given["ParameterValue"] for given in described["Parameters"]}


def script(scene: Scene, *arguments: str, code: int = 0) -> subprocess.CompletedProcess:
    """What the script does, AWS being the emulator; it must end with this code."""
    environment = scene.emulator.environment | {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "1"}
    command = [sys.executable, str(STACK_SCRIPT), *arguments]
    done = subprocess.run(
        command, cwd=scene.folder, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    said = f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
    check(done.returncode == code, f"{' '.join(arguments)} ended with {done.returncode}, not {code}: {said}")
    return done


def package(scene: Scene) -> Path:
    """A package as scripts/delivery/build packs it, with the programs of this scene."""
    built = scene.folder / "package/.aws-sam/build"
    for name in PROGRAMS:
        (built / name).mkdir(parents=True)
        shutil.copy(scene.binaries / name, built / name / "bootstrap")
        (built / name / "bootstrap").chmod(0o755)
    template = (ROOT / "template.yaml").read_text()
    text, changed = re.subn(r"CodeUri: functions/(\w+)\n", r"CodeUri: \1\n", template)
    check(changed == 8, f"template.yaml has {changed} lines `CodeUri: functions/...`")
    (built / "template.yaml").write_text(text.replace("DefinitionUri: infra/", "DefinitionUri: ../../infra/"))
    file = scene.folder / "deployment.tar.gz"
    with tarfile.open(file, "w:gz", compresslevel=1) as packed:
        packed.add(built, ".aws-sam/build")
        packed.add(ROOT / "infra/training.asl.json", "infra/training.asl.json")
    return file

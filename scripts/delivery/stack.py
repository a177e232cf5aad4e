#!/usr/bin/env python3
"""Deploys a stage from a package, watches its alarms, and puts back what was deployed before."""

import argparse
import json
import os
import sys
import tarfile
import tempfile
import time
import tomllib
from pathlib import Path

from commands import ROOT, Commands, DeliveryError, ended, output, tool

SCRIPT = "scripts/delivery/stack.py"
STAGES = {"dev": "default", "prod": "prod"}  # as samconfig.toml calls them
# Those that judge a new version; the others judge trainings, quotas and what was there before.
ALARMS = ("predict-errors", "admin-errors", "api-server-errors")
LOOK_EVERY_SECONDS = 30
NO_STACK = "does not exist"
BUILT = Path(".aws-sam/build/template.yaml")  # in a package
TEMPLATE, PARAMETERS = "template.yaml", "parameters.json"


class Stage:
    """A stage, what samconfig.toml says of it, and the command line of AWS."""

    def __init__(self, name: str, commands: Commands):
        settings = tomllib.loads((ROOT / "samconfig.toml").read_text())[STAGES[name]]
        self.commands = commands
        self.stack = settings["global"]["parameters"]["stack_name"]
        deploy = settings["deploy"]["parameters"]
        self.parameters = dict(pair.split("=", 1) for pair in deploy["parameter_overrides"].split())
        self.capabilities = deploy["capabilities"]
        self.tags = deploy["tags"].split()
        self.aws = tool("awscli", "aws")

    def describe(self) -> dict | None:
        """The stack as CloudFormation describes it; none where there is none."""
        found = self.commands.read_json(
            *(self.aws, "cloudformation", "describe-stacks", "--stack-name", self.stack, "--output", "json"),
            dry={"Stacks": [{"StackStatus": "DRY_RUN", "Outputs": [{"OutputKey": "Url", "OutputValue": "URL"}]}]},
            missing=NO_STACK,
        )
        return found and found["Stacks"][0]

    def url(self) -> str:
        described = self.describe()
        if described is None:
            raise DeliveryError(f"there is no stack {self.stack} in this account and region; deploy it first")
        for found in described.get("Outputs", []):
            if found["OutputKey"] == "Url":
                return found["OutputValue"]
        raise DeliveryError(f"the stack {self.stack} has no output Url; it is {described['StackStatus']}")

    def deploy(self, template: Path, bucket: str, role: str | None, own: dict[str, str]) -> None:
        """Makes the stack what a built template says. Where CloudFormation cannot, it puts back what was there."""
        self.commands.run(
            *(tool("sam"), "deploy", "--template-file", str(template), "--stack-name", self.stack),
            *("--s3-bucket", bucket, "--s3-prefix", self.stack, "--capabilities", self.capabilities),
            *(("--role-arn", role) if role else ()),
            *("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar", "--tags", *self.tags),
            *("--parameter-overrides", *pairs(self.parameters | own)),
        )

    def put_back(self, template: Path, bucket: str, role: str | None, known: dict[str, str]) -> None:
        """Makes the stack what a deployed template says, whose code is in the bucket still."""
        self.commands.run(
            *(self.aws, "cloudformation", "deploy", "--template-file", str(template), "--stack-name", self.stack),
            *("--s3-bucket", bucket, "--s3-prefix", self.stack, "--capabilities", self.capabilities),
            *(("--role-arn", role) if role else ()),
            *("--no-fail-on-empty-changeset", "--tags", *self.tags),
            *(("--parameter-overrides", *pairs(known)) if known else ()),
        )


def pairs(parameters: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in sorted(parameters.items())]


def remember(stage: Stage, folder: Path) -> None:
    """Keeps the template and the parameters that serve now, for `roll-back`. The code stays in the bucket."""
    described = stage.describe()
    if described is None:
        print(f"{stage.stack} is deployed for the first time: there is nothing to roll back to")
        return
    template = stage.commands.read(
        *(stage.aws, "cloudformation", "get-template", "--stack-name", stage.stack),
        *("--template-stage", "Original", "--query", "TemplateBody", "--output", "text"),
    )
    stage.commands.note(f"keep both answers in {folder}")
    if stage.commands.dry:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TEMPLATE).write_text(template or "")
    known = {given["ParameterKey"]: given["ParameterValue"] for given in described.get("Parameters", [])}
    (folder / PARAMETERS).write_text(json.dumps(known, indent=2))


def deploy(asked: argparse.Namespace, stage: Stage) -> None:
    own = dict(pair.split("=", 1) for pair in asked.parameters.split())
    remember(stage, asked.previous)
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path("PACKAGE") if stage.commands.dry else Path(folder)
        stage.commands.note(f"unpack {asked.package} as {unpacked}")
        if not stage.commands.dry:
            with tarfile.open(asked.package) as package:
                package.extractall(unpacked, filter="data")
        stage.deploy(unpacked / BUILT, asked.bucket, asked.role, own)
    output("url", stage.url())


def roll_back(asked: argparse.Namespace, stage: Stage) -> None:
    template, parameters = asked.previous / TEMPLATE, asked.previous / PARAMETERS
    if not stage.commands.dry and not template.is_file():
        raise DeliveryError(
            f"{asked.previous} keeps nothing that was deployed before; fix the cause and deploy again, or delete "
            f"the stack {stage.stack}"
        )
    described = stage.describe()
    if described and described["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE":
        print(f"{stage.stack}: CloudFormation has put back what was there already")
        return
    known = {"NAME": "VALUE"} if stage.commands.dry else json.loads(parameters.read_text())
    stage.put_back(template, asked.bucket, asked.role, known)
    output("url", stage.url())


def watch(asked: argparse.Namespace, stage: Stage) -> None:
    names = [f"{stage.stack}-{alarm}" for alarm in ALARMS]
    looks = max(1, asked.minutes * 60 // LOOK_EVERY_SECONDS)
    stage.commands.note(f"up to {looks} times, every {LOOK_EVERY_SECONDS} s:")
    for look in range(1, looks + 1):
        went_off = stage.commands.read_json(
            *(stage.aws, "cloudwatch", "describe-alarms", "--alarm-names", *names, "--state-value", "ALARM"),
            *("--query", "MetricAlarms[].{name: AlarmName, why: StateReason}", "--output", "json"),
            dry=[],
        )
        if went_off:
            raise DeliveryError("; ".join(f"{alarm['name']} went off: {alarm['why']}" for alarm in went_off))
        if stage.commands.dry:
            return
        if look < looks:
            time.sleep(LOOK_EVERY_SECONDS)
    print(f"{', '.join(names)}: quiet for {asked.minutes} minutes")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog=SCRIPT,
        description="Deploys a stage from what scripts/delivery/build packed, watches the alarms that judge a new "
        "version, and rolls back. Stack, tags and parameters are samconfig.toml's; region and credentials are those of "
        "every AWS tool.",
        epilog="Exit codes: 0 done; 1 it failed, an alarm went off, or there is no way back; 2 wrong usage.",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the commands, and run none")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, work, what in (
        ("deploy", deploy, "deploys a package, and keeps what was deployed before for roll-back"),
        ("roll-back", roll_back, "deploys what `deploy` kept; nothing where CloudFormation has rolled back by itself"),
        ("watch", watch, "fails where an alarm that judges a new version goes off"),
        ("url", lambda _, stage: output("url", stage.url()), "prints the address of the page"),
    ):
        verb = verbs.add_parser(name, help=what, description=what)
        verb.set_defaults(work=work)
        verb.add_argument("stage", choices=STAGES)
        if name == "deploy":
            verb.add_argument("--package", type=Path, required=True, help="the file that scripts/delivery/build wrote")
            given = os.environ.get("LURELIGHT_PARAMETERS", "")
            verb.add_argument(
                "--parameters", default=given, help="more parameters, as `Name=value Name=value` [LURELIGHT_PARAMETERS]"
            )
        if name in ("deploy", "roll-back"):
            verb.add_argument("--previous", type=Path, required=True, help="the folder of what was deployed before")
            verb.add_argument("--bucket", required=True, help="the bucket for packages, of infra/github-oidc.yaml")
            verb.add_argument("--role", help="the role that CloudFormation works with, of infra/github-oidc.yaml")
        if name == "watch":
            verb.add_argument("--minutes", type=int, default=5, help="how long to look [%(default)s]")
    asked = parser.parse_args()
    if any("=" not in pair for pair in getattr(asked, "parameters", "").split()):
        parser.error(f"--parameters is `{asked.parameters}`, and should be like `LogLevel=warn FitConcurrency=2`")
    return ended(SCRIPT, lambda: asked.work(asked, Stage(asked.stage, Commands(asked.dry_run))))


if __name__ == "__main__":
    sys.exit(main())

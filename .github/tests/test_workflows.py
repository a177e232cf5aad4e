"""What always holds of the workflows: they call scripts, pin what is not ours, and may do as little as they need."""

import os
import re
import subprocess
import unittest
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = {file.name: file.read_text() for file in sorted((ROOT / ".github/workflows").glob("*.yml"))}
PARSED = {name: yaml.safe_load(text) for name, text in WORKFLOWS.items()}
# What a job may do beyond reading the repository, and why.
MORE = {
    ("deploy.yml", "dev"): {"id-token"},
    ("deploy.yml", "prod"): {"id-token"},
    ("model-rollback.yml", "promote"): {"id-token"},
    ("release.yml", "image"): {"packages"},
    ("release.yml", "release"): {"contents"},
}
# Scripts that need GitHub, AWS or Docker, each as it is called in a dry run, and what it must say then.
DRY_RUNS = {
    "scripts/delivery/runner": (["--dry-run", "--browser", "--coverage"], "rustup toolchain install stable"),
    "scripts/delivery/build": (["--dry-run"], "sam build --parameter-overrides Architecture=arm64"),
    "scripts/delivery/package.py": (["--dry-run"], "cargo build --release --locked --package lurelight"),
    "scripts/delivery/publish-image": (
        ["--dry-run", "ghcr.io/Owner/Name", "v1.2.3"],
        "scripts/image push --version 1.2.3 --tag ghcr.io/owner/name:1.2.3 --tag ghcr.io/owner/name:latest",
    ),
    "scripts/delivery/stack.py": (
        ["--dry-run", "deploy", "prod", "--package", "p", "--previous", "q", "--bucket", "b", "--role", "r"],
        "--stack-name lurelight-prod --s3-bucket b",
    ),
    "scripts/delivery/promote_model.py": (
        ["--dry-run", "https://example.org/prod/", "3", "--reason", "it was better", "--token-secret", "a/b"],
        "POST https://example.org/prod/models/3/promote",
    ),
    "scripts/smoke": (["--dry-run", "https://example.org/"], "GET https://example.org/healthz"),
    "scripts/coverage": (["--dry-run"], "cargo-llvm-cov llvm-cov --workspace --release --no-report"),
}
# The others, which run on any machine.
RUN_ANYWHERE = {
    "scripts/check",
    "scripts/compare-with-peers",
    "scripts/delivery/programs",
    "scripts/delivery/release.py",  # `notes`; `publish` has its dry run tested in test_scripts.py
    "scripts/end-to-end",
    "scripts/fetch-uci-data",
    "scripts/make-model",
    "scripts/sbom",
    "scripts/test",
    "scripts/tools",
}


def jobs():
    for name, workflow in PARSED.items():
        for job, described in workflow["jobs"].items():
            yield name, job, described


def steps():
    for name, job, described in jobs():
        for step in described.get("steps", []):
            yield f"{name}, {job}", step


def called() -> set[str]:
    return {step["run"].split()[0] for _, step in steps() if "run" in step}


class Steps(unittest.TestCase):
    def test_each_runs_one_script_of_the_repository(self):
        for where, step in steps():
            if "run" in step:
                with self.subTest(where=where, run=step["run"]):
                    script = ROOT / step["run"].split()[0]
                    self.assertTrue(str(script.relative_to(ROOT)).startswith("scripts/"))
                    self.assertTrue(script.is_file() and script.stat().st_mode & 0o100, f"{script} cannot be run")
                    # One command: what has conditions and pipes belongs into a script, where it is checked.
                    self.assertNotRegex(step["run"].strip(), r"[\n;|&`]|\$\(")

    def test_no_expression_is_pasted_into_a_command(self):
        for where, step in steps():
            self.assertNotIn("${{", step.get("run", ""), where)

    def test_every_script_has_a_dry_run_or_runs_anywhere(self):
        self.assertEqual(called() - DRY_RUNS.keys() - RUN_ANYWHERE, set())
        self.assertEqual(RUN_ANYWHERE - called(), set(), "named here, and called by no workflow")
        self.assertEqual(DRY_RUNS.keys() - called(), set(), "named here, and called by no workflow")

    def test_each_dry_run_prints_its_commands_and_does_nothing(self):
        for script, (arguments, says) in DRY_RUNS.items():
            with self.subTest(script=script):
                before = changes()
                # Whatever it needs is out of reach, so that it would fail if it did anything.
                nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "DOCKER_HOST": "tcp://127.0.0.1:1"}
                done = subprocess.run(
                    [ROOT / script, *arguments],
                    cwd=ROOT,
                    env=os.environ | nowhere,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(says, done.stdout)
                self.assertEqual(changes(), before, "a dry run has changed a file")

    def test_all_have_a_help(self):
        for script in sorted(called()):
            done = subprocess.run([ROOT / script, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, f"{script}: {done.stderr}")
            self.assertRegex(done.stdout, "(?i)usage: ", script)


class Actions(unittest.TestCase):
    def test_each_is_pinned_to_a_commit_with_its_tag_beside_it(self):
        found = [line.strip() for text in WORKFLOWS.values() for line in text.splitlines() if "uses:" in line]
        self.assertGreater(len(found), 10)
        pins: dict[str, set[str]] = {}
        for line in found:
            if "uses: ./.github/workflows/" in line:
                continue
            pinned = re.fullmatch(r"(?:- )?uses: ([\w./-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+", line)
            self.assertIsNotNone(pinned, f"`{line}` is not `uses: OWNER/NAME@COMMIT # vX.Y.Z`")
            pins.setdefault(pinned[1], set()).add(line.removeprefix("- "))
        for action, spellings in pins.items():
            self.assertEqual(len(spellings), 1, f"{action} is pinned in two ways: {spellings}")

    def test_a_checkout_keeps_no_credentials(self):
        for where, step in steps():
            if step.get("uses", "").startswith("actions/checkout@"):
                self.assertIs(step["with"]["persist-credentials"], False, where)

    def test_a_release_takes_nothing_from_a_cache_that_others_can_fill(self):
        for name in ("release.yml", "model-rollback.yml"):
            self.assertNotIn("actions/cache", WORKFLOWS[name])
        self.assertNotIn("actions/cache", WORKFLOWS["deploy.yml"])


class Permissions(unittest.TestCase):
    def test_a_workflow_has_none_and_a_job_what_it_needs(self):
        for name, workflow in PARSED.items():
            self.assertEqual(workflow["permissions"], {}, name)
        for name, job, described in jobs():
            with self.subTest(workflow=name, job=job):
                granted = described["permissions"]
                more = {scope for scope, what in granted.items() if what == "write"}
                self.assertEqual(more, MORE.get((name, job), set()))
                self.assertLessEqual({"contents"}, granted.keys())
                self.assertLessEqual(set(granted.values()), {"read", "write"})

    def test_no_secret_is_used_and_so_no_long_lived_key(self):
        for name, text in WORKFLOWS.items():
            self.assertNotRegex(text, r"secrets\.|secrets:|aws-access-key-id", name)

    def test_whoever_gets_a_role_is_in_an_environment(self):
        for name, job, described in jobs():
            if described["permissions"].get("id-token") == "write":
                self.assertIn("environment", described, f"{name}, {job}")


class Order(unittest.TestCase):
    def test_a_deployment_is_built_once_and_goes_to_dev_before_prod(self):
        deploy = PARSED["deploy.yml"]["jobs"]
        self.assertEqual(
            [deploy[job].get("needs") for job in ("ci", "build", "dev", "prod")], [None, "ci", "build", "dev"]
        )
        for stage in ("dev", "prod"):
            runs = [step["run"] for step in deploy[stage]["steps"] if "run" in step]
            order = [
                "deploy " + stage,
                "scripts/smoke",
                *(["watch prod"] if stage == "prod" else []),
                "roll-back " + stage,
            ]
            places = [next(place for place, run in enumerate(runs) if wanted in run) for wanted in order]
            self.assertEqual(places, sorted(places), runs)
            [back] = [step for step in deploy[stage]["steps"] if "roll-back" in step.get("run", "")]
            self.assertTrue(back["if"].startswith("failure()"))
            self.assertEqual(deploy[stage]["environment"]["name"], stage)
            one_by_one = {"group": f"deploy-{stage}", "cancel-in-progress": False}
            self.assertEqual(deploy[stage]["concurrency"], one_by_one)
        self.assertNotIn("scripts/delivery/build", "".join(map(str, deploy["dev"]["steps"] + deploy["prod"]["steps"])))

    def test_all_tests_run_on_both_architectures_against_an_official_mongodb_with_ucis_data(self):
        tests = PARSED["ci.yml"]["jobs"]["tests"]
        machines = {entry["runner"] for entry in tests["strategy"]["matrix"]["include"]}
        self.assertEqual(machines, {"ubuntu-24.04", "ubuntu-24.04-arm"})
        self.assertRegex(tests["services"]["mongo"]["image"], r"^mongo:\d")
        self.assertTrue(tests["env"]["MONGODB_URI"].startswith("mongodb://127.0.0.1:"))
        runs = [step["run"] for step in tests["steps"] if "run" in step]
        self.assertLess(runs.index("scripts/fetch-uci-data"), len(runs) - 1)
        self.assertTrue(runs[-1].startswith("scripts/test --all-must-run"))

    def test_every_job_ends_some_time(self):
        for name, job, described in jobs():
            self.assertTrue("timeout-minutes" in described or "uses" in described, f"{name}, {job}")


def changes() -> str:
    return subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    unittest.main()

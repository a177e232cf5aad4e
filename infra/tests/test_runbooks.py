"""Every alarm has a runbook, every runbook an alarm, and each has what somebody needs at night."""

import re
import subprocess
import unittest

from stack import PARAMETERS, ROOT, stack
from test_template import ALARMS

RUNBOOKS = ROOT / "infra/runbooks"
SECTIONS = ["What it means", "What to look at", "What to do", "When it is over", "Exercised"]
# What the shell of the runbooks knows.
WORDS = re.findall(r"^(\w+)\(\) \{", (RUNBOOKS / "shell.sh").read_text(), re.MULTILINE)


def texts() -> dict[str, str]:
    return {path.stem: path.read_text() for path in RUNBOOKS.glob("*.md")}


def commands(text: str, kind: str) -> list[str]:
    """The blocks of a kind, without what they are set in by."""
    found = re.findall(rf"^( *)```{kind}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in body.splitlines()) for indent, body in found]


class Runbooks(unittest.TestCase):
    def test_every_alarm_has_one_and_every_one_an_alarm(self):
        self.assertEqual(set(texts()), ALARMS)

    def test_an_alarm_says_which_is_its_own(self):
        for name in PARAMETERS:
            made = stack(name)
            for alarm in made.of_type("AWS::CloudWatch::Alarm").values():
                own = alarm["AlarmName"].removeprefix(f"{made.name}-")
                self.assertIn(f"infra/runbooks/{own}.md", alarm["AlarmDescription"])
                # What CloudWatch takes.
                self.assertLessEqual(len(alarm["AlarmDescription"]), 1024)

    def test_each_says_what_it_means_what_to_look_at_what_to_do_and_when_it_is_over(self):
        for name, text in texts().items():
            with self.subTest(runbook=name):
                self.assertEqual(text.splitlines()[0], f"# {name}")
                self.assertEqual(re.findall(r"^## (.+)$", text, re.MULTILINE), SECTIONS)
                for section in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]:
                    self.assertGreater(len(section.split()), 10)
                self.assertIn(f"alarm {name}\n", text)

    def test_what_was_exercised_shows_every_command_and_the_rest_says_why_not(self):
        for name, text in texts().items():
            with self.subTest(runbook=name):
                exercised, transcripts = commands(text, "sh"), commands(text, "console")
                told = text.split("\n## Exercised\n", 1)[1]
                if not exercised:
                    self.assertRegex(told, r"^\s*Not exercised: \w+")
                    self.assertEqual(transcripts, [])
                    continue
                self.assertRegex(told, r"^\s*On \d+ \w+ 20\d\d, by `scripts/end-to-end --transcripts`")
                [transcript] = transcripts
                typed = [line[2:] for line in transcript.splitlines() if line.startswith(("$ ", "> "))]
                wanted = [line for block in exercised for line in block.splitlines()]
                self.assertEqual(typed, wanted, "the transcript is of other commands: scripts/end-to-end --transcripts")

    def test_the_list_of_them_says_which_were_exercised(self):
        page = (ROOT / "docs/operations.md").read_text()
        rows = re.findall(
            r"^\| `([\w-]+)` \| \[([\w-]+)\]\(\.\./infra/runbooks/([\w-]+)\.md\) \| (.+) \|$", page, re.MULTILINE
        )
        self.assertEqual({alarm for alarm, *_ in rows}, ALARMS)
        for alarm, name, file, exercised in rows:
            self.assertEqual((name, file), (alarm, alarm))
            self.assertEqual(exercised == "no", not commands(texts()[alarm], "console"), alarm)

    def test_every_command_is_one_that_a_shell_takes(self):
        for name, text in texts().items():
            for block in commands(text, "sh") + commands(text, "sh not-exercised"):
                done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""), f"{name}: {block}")
                first = block.split()[0].split("=")[0]
                known = {"aws", "curl", "lurelight", "sleep", *WORDS}
                self.assertTrue(first in known or "=" in block.split()[0], f"{name}: {first} is not known")

    def test_what_they_name_is_there(self):
        for name, text in texts().items():
            for link in re.findall(r"\]\(([^)#]+)", text):
                if not link.startswith("https://"):
                    self.assertTrue((RUNBOOKS / link).exists(), f"{name}: {link}")
            for path in re.findall(r"\b(?:docs|infra|scripts)/[\w./-]*\w", text):
                self.assertTrue((ROOT / path).exists(), f"{name}: {path}")
            for output in re.findall(r"\(output (\w+)\)", text):
                self.assertIn(output, stack("dev").outputs, name)


if __name__ == "__main__":
    unittest.main()

"""The page of the secrets says what the template does."""

import re
import unittest

from stack import PARAMETERS, ROOT, stack
from test_policies import SECRETS, arn, may

PAGE = (ROOT / "docs/secrets.md").read_text()


def readers_by_the_page() -> dict[str, str]:
    """The column of who reads each secret."""
    rows = re.findall(r"^\| `([\w-]+)` \| [^|]+ \| [^|]+ \| ([^|]+) \| [^|]+ \|$", PAGE, re.MULTILINE)
    return {name: readers.strip() for name, readers in rows}


def roles_by_the_page(readers: str, given: dict[str, str]) -> set[str]:
    """`admin; predict where `PredictionAccess=token`` for the parameters of a stack."""
    roles = set()
    for reader in readers.split("; "):
        name, _, condition = reader.partition(" where ")
        holds = {
            "": True,
            "`PredictionAccess=token`": given.get("PredictionAccess") == "token",
            "`MlflowTrackingUri` is set": "MlflowTrackingUri" in given,
        }[condition]
        if holds:
            roles.add(f"{name.capitalize()}Role")
    return roles


class ThePageOfSecrets(unittest.TestCase):
    def test_it_has_every_secret(self):
        self.assertEqual(set(readers_by_the_page()), set(SECRETS))
        for secret in SECRETS:
            self.assertEqual(len(re.findall(rf"^\| `{secret}` \|", PAGE, re.MULTILINE)), 2, f"{secret}: both tables")

    def test_who_reads_them_are_the_roles_that_may(self):
        for parameters, given in PARAMETERS.items():
            made = stack(parameters)
            prefix = given.get("SecretsPrefix", "lurelight/dev")
            for secret, readers in readers_by_the_page().items():
                place = arn("secretsmanager", f"secret:{prefix}/{secret}-AbCdEf")
                allowed = {
                    role
                    for role in made.of_type("AWS::IAM::Role")
                    if may(made, role, "secretsmanager:GetSecretValue", place)
                }
                self.assertEqual(allowed, roles_by_the_page(readers, given), f"{parameters}: {secret}")


if __name__ == "__main__":
    unittest.main()

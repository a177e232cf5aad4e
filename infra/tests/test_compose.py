"""compose.yaml: what it promises about rights and ports, and that its secrets are those that the script makes."""

import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def make(folder: Path) -> str:
    done = subprocess.run([ROOT / "scripts/compose-secrets", folder], check=True, capture_output=True, text=True)
    return done.stdout


class Services(unittest.TestCase):
    def test_none_may_write_to_its_root_or_has_a_right(self):
        for name, service in SERVICES.items():
            with self.subTest(name):
                self.assertIs(service["read_only"], True)
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertNotIn("cap_add", service)
                self.assertIn("no-new-privileges:true", service["security_opt"])

    def test_ports_are_open_on_this_machine_alone(self):
        ports = {name: service.get("ports", []) for name, service in SERVICES.items()}
        for name, published in ports.items():
            for port in published:
                self.assertTrue(port.startswith("127.0.0.1:"), f"{name}: {port}")
        self.assertEqual(ports["mongodb"], [])

    def test_the_database_is_reached_by_lurelight_alone(self):
        inside = {name for name, service in SERVICES.items() if "records" in service["networks"]}
        self.assertEqual(inside, {"lurelight", "mongodb"})
        self.assertIs(COMPOSE["networks"]["records"]["internal"], True)

    def test_every_file_that_is_mounted_is_there(self):
        for service in SERVICES.values():
            for volume in service["volumes"]:
                source = volume.split(":")[0]
                if source.startswith("."):
                    self.assertTrue((ROOT / source).is_file(), source)
                else:
                    self.assertIn(source, COMPOSE["volumes"])


class Secrets(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = Path(made.name) / "secrets"

    def test_each_is_made_once_and_kept_from_others(self):
        make(self.folder)
        wanted = {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
        first = {path.name: path.read_text() for path in self.folder.iterdir()}
        self.assertEqual(set(first), wanted)
        self.assertEqual(stat.S_IMODE(self.folder.stat().st_mode), 0o700)
        # The container's user is another one than the owner.
        self.assertEqual({stat.S_IMODE(path.stat().st_mode) for path in self.folder.iterdir()}, {0o644})
        self.assertEqual(len(set(first.values())), len(first))
        (self.folder / "session-key").unlink()
        said = make(self.folder)
        second = {path.name: path.read_text() for path in self.folder.iterdir()}
        self.assertNotEqual(second.pop("session-key"), first.pop("session-key"))
        self.assertEqual(second, first)
        self.assertEqual(said.count(" is new"), 1)

    def test_the_connection_string_is_that_of_the_service(self):
        make(self.folder)
        password = (self.folder / "mongodb-password").read_text().strip()
        uri = (self.folder / "mongodb-uri").read_text().strip()
        self.assertEqual(uri, f"mongodb://lurelight:{password}@mongodb:27017/?authSource=admin")
        self.assertIn("mongodb", SERVICES)

    def test_each_that_a_service_names_is_given_to_it(self):
        for name, service in SERVICES.items():
            for variable, value in service["environment"].items():
                if variable.endswith("_FILE"):
                    with self.subTest(f"{name} {variable}"):
                        self.assertIn(Path(value).name, service["secrets"])


if __name__ == "__main__":
    unittest.main()

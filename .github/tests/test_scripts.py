"""The scripts of the delivery at work: with files and servers as they should be, and with broken ones."""

import hashlib
import http.server
import io
import json
import os
import stat
import subprocess
import sys
import tempfile
import threading
import unittest
import zipfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/delivery"))

import release  # noqa: E402
import uci_data  # noqa: E402

ROWS = "-1,1,1,1,-1,-1,-1,-1,-1,1,1,-1,1,-1,1,-1,-1,-1,0,1,1,1,1,-1,-1,-1,-1,1,1,-1,-1\n"
SAMPLE = (ROOT / "functions/predict/assets/sample.csv").read_text()
MODEL = {"version": "abc", "source": "champion, version 3"}


def ran(*command: str, **variables: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LURELIGHT_")} | variables
    return subprocess.run(
        [ROOT / command[0], *command[1:]], env=environment, capture_output=True, text=True, check=False
    )


def an_arff(rows: str = ROWS) -> bytes:
    names = [f"feature_{number}" for number in range(30)] + ["Result"]
    head = "% a comment\n@relation phishing\n" + "".join(f"@attribute {name}  {{-1,0,1}}\n" for name in names)
    return f"{head}\n@data\n{rows}".encode()


def an_archive(content: bytes, member: str = uci_data.MEMBER) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(member, content)
    return made.getvalue()


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers by a function from method and path to status, type and body; says nothing on standard error."""

    answers: Callable

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        status, kind, text = self.answers(self.command, self.path, self.headers, body)
        content = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        for name, value in (("content-type", kind), ("content-length", str(len(content))), ("lurelight-model", "abc")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the name is the server's

    def log_message(self, *_):
        pass


@contextmanager
def serving(answers: Callable):
    handler = type("Handler", (Answering,), {"answers": staticmethod(answers)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def well(method: str, path: str, headers, body: bytes) -> tuple[int, str, str]:
    """What a server answers that is well, as far as the smoke test looks."""
    if path == "/healthz":
        return 200, "application/json", json.dumps({"status": "ok", "version": "0", "model": MODEL})
    if b",54," in body:
        problem = {"status": 422, "title": "No", "detail": "URL_Length is 54 in line 2"}
        return 422, "application/problem+json", json.dumps(problem)
    count = len(SAMPLE.splitlines()) - 1
    labels = ["phishing" if number % 2 else "legitimate" for number in range(count)]
    match headers["accept"]:
        case "application/json":
            rows = [verdict(label) for label in labels]
            return 200, "application/json", json.dumps({"model": MODEL, "rows": rows})
        case "text/csv":
            lines = [f"{label},{verdict(label)['predicted_column']}" for label in labels]
            return 200, "text/csv; charset=utf-8", "\n".join(["label,predicted_column", *lines]) + "\n"
    return 200, "text/html; charset=utf-8", "<table><th>predicted_column</th></table>"


def verdict(label: str) -> dict:
    return {"label": label, "probability": 0.5, "predicted_column": 0.0 if label == "phishing" else 1.0}


class FetchUciData(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def fetch(self, source: str | Path) -> subprocess.CompletedProcess:
        return ran("scripts/fetch-uci-data", str(source), "--folder", str(self.folder / "data"))

    def refused(self, content: bytes, says: str):
        (self.folder / "source").write_bytes(content)
        done = self.fetch(self.folder / "source")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(says, done.stderr)
        self.assertFalse((self.folder / "data").exists(), "something was written all the same")

    def test_what_is_not_ucis_is_refused_and_nothing_is_written(self):
        self.refused(an_archive(an_arff()), "holds 1 records with the digest")
        self.refused(an_arff(), "holds 1 records with the digest")
        self.refused(an_archive(an_arff(), "another.arff"), "without `Training Dataset.arff`")
        self.refused(an_archive(an_arff())[:-30], "damaged archive")
        self.refused(an_arff(ROWS.replace("-1,1", "-1,54", 1)), "line 36: not 31 codes of -1, 0 and 1")
        self.refused(an_arff(""), "no ARFF file with 30 features")
        self.refused(b"<html>moved</html>", "no ARFF file with 30 features")
        self.refused(bytes(uci_data.BYTES_MAX + 1), "more than 8,388,608 bytes")

    def test_a_file_that_is_not_there_and_a_server_that_has_none_are_said(self):
        done = self.fetch(self.folder / "absent.zip")
        self.assertEqual((done.returncode, "No such file" in done.stderr), (1, True), done.stderr)
        with serving(lambda *_: (404, "text/plain", "none")) as url:
            done = self.fetch(f"{url}archive.zip")
        self.assertEqual((done.returncode, "Not Found" in done.stderr), (1, True), done.stderr)

    def test_the_digest_is_that_of_the_product(self):
        # The first record of UCI's file, its bytes put together by hand: two bits a feature, -1, 0 and 1 as 0, 1 and 2.
        cells = ROWS.strip().split(",")
        bits = "".join(f"{int(cell) + 1:02b}" for cell in reversed(cells[:-1]))
        wanted = hashlib.sha256(b"lurelight/records/1" + int(bits, 2).to_bytes(8, "little")).hexdigest()
        self.assertEqual(uci_data.digest([cells]), wanted)

    @unittest.skipUnless(os.environ.get("LURELIGHT_UCI_DATA"), "LURELIGHT_UCI_DATA names no data")
    def test_ucis_own_records_are_taken_over_http_and_left_alone_the_second_time(self):
        own = Path(os.environ["LURELIGHT_UCI_DATA"])
        archive = an_archive(own.with_suffix(".arff").read_bytes())
        with serving(lambda *_: (200, "application/zip", archive)) as url:
            done = self.fetch(f"{url}archive.zip")
            self.assertEqual(done.returncode, 0, done.stderr)
        made = self.folder / "data/phishing_websites.csv"
        self.assertEqual(made.read_bytes(), own.read_bytes())
        self.assertEqual(stat.S_IMODE(made.stat().st_mode), 0o644)
        again = self.fetch("http://127.0.0.1:1/archive.zip")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("there already", again.stdout)
        made.write_text(made.read_text().replace("-1,1", "1,1", 1))
        self.assertEqual(
            self.fetch("http://127.0.0.1:1/archive.zip").returncode, 1, "a changed file was taken as whole"
        )


class Smoke(unittest.TestCase):
    def smoke(self, answers: Callable, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        with serving(answers) as url:
            return ran("scripts/smoke", url, "--tries", "1", *arguments, **variables)

    def broken(self, says: str, change: Callable):
        done = self.smoke(lambda *asked: change(*asked) or well(*asked))
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(says, done.stdout)

    def test_a_server_that_is_well_passes_and_its_model_is_named(self):
        done = self.smoke(well)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("champion, version 3", done.stdout)
        self.assertEqual(done.stdout.count("ok      "), 5)

    def test_each_way_to_be_broken_is_found(self):
        def on(accept: str, status: int, kind: str, text: str) -> Callable:
            def change(method, path, headers, body):
                mine = path == "/predict" and headers["accept"] == accept and b",54," not in body
                return (status, kind, text) if mine else None

            return change

        def bad(status: int, kind: str, text: str) -> Callable:
            return lambda method, path, headers, body: (status, kind, text) if b",54," in body else None

        def health(text: str) -> Callable:
            return lambda method, path, headers, body: (200, "application/json", text) if path == "/healthz" else None

        rows = [verdict("phishing")] * (len(SAMPLE.splitlines()) - 1)
        table = [
            ("status is 'bad'", health('{"status": "bad"}')),
            ("health names no model", health('{"status": "ok"}')),
            ("the answer is no JSON", health("<html>")),
            ("200 application/json was expected, and 502", on("application/json", 502, "text/html", "gone")),
            ("rows were sent, and 0 came back", on("application/json", 200, "application/json", '{"rows": []}')),
            ("are called phishing", on("application/json", 200, "application/json", json.dumps({"rows": rows}))),
            ("are not those as JSON", on("text/csv", 200, "text/csv", "label,predicted_column\nphishing,0.0\n")),
            ("the page has no '<table'", on("text/html", 200, "text/html", "<p>welcome</p>")),
            ("422 application/problem+json was expected, and 500", bad(500, "text/html", "oh")),
            ("422 application/problem+json was expected, and 422 text/html", bad(422, "text/html", "oh")),
            ("does not name the column", bad(422, "application/problem+json", '{"status": 422}')),
        ]
        for says, change in table:
            with self.subTest(says=says):
                self.broken(says, change)

    def test_a_token_is_sent(self):
        def gate(method, path, headers, body):
            if path != "/healthz" and headers["authorization"] != "Bearer a-token":
                return 401, "application/problem+json", "{}"
            return well(method, path, headers, body)

        self.assertEqual(self.smoke(gate).returncode, 1)
        self.assertEqual(self.smoke(gate, LURELIGHT_TOKEN="a-token").returncode, 0)


class Release(unittest.TestCase):
    def test_the_notes_are_the_section_of_the_version(self):
        changelog = (
            "# Changelog\n\n## Unreleased\n\n- later\n\n## 1.2.3 (2026-12-01)\n\n- now\n\n## 1.2.2\n\n- before\n"
        )
        self.assertEqual(release.section(changelog, "1.2.3"), "- now\n")
        self.assertEqual(release.section(changelog, "1.2.2"), "- before\n")
        for version in ("1.2", "1.2.4", "2.3"):
            with self.assertRaisesRegex(release.DeliveryError, f"no section `## {version}`"):
                release.section(changelog, version)

    def test_a_tag_that_is_not_the_programs_version_is_refused(self):
        for tag, says in (("v999.0.0", "names another version than Cargo.toml"), ("1", "is no version like v1.2.3")):
            done = ran("scripts/delivery/release.py", "notes", tag)
            self.assertEqual(done.returncode, 1)
            self.assertIn(says, done.stderr)

    def test_an_image_is_named_in_small_letters_and_a_pre_release_is_not_the_latest(self):
        done = ran("scripts/delivery/publish-image", "--dry-run", "ghcr.io/Owner/Name", "v1.2.3-rc.1")
        self.assertIn("push --version 1.2.3-rc.1 --tag ghcr.io/owner/name:1.2.3-rc.1\n", done.stdout)
        for image, tag in (("lurelight", "v1.2.3"), ("ghcr.io/owner/name", "latest")):
            self.assertEqual(ran("scripts/delivery/publish-image", "--dry-run", image, tag).returncode, 2)


class Runner(unittest.TestCase):
    def test_no_machine_but_a_runner_is_changed(self):
        done = ran("scripts/delivery/runner", GITHUB_ACTIONS="")
        self.assertEqual(done.returncode, 2)
        self.assertIn("this is no runner of GitHub Actions", done.stderr)


if __name__ == "__main__":
    unittest.main()

"""Runs an image's contents as an engine would, and asks them. Called by `scripts/image check`, as root."""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from sandbox import Container, Image, apart, raise_loopback

TOKEN = "administrator-0123456789"
BUCKET = "lurelight"
# Short, and with floors that synthetic rows reach.
PARAMETERS = {
    "training": {"families": ["logistic_regression"]},
    "promotion": {"min_f1": 0.5, "min_roc_auc": 0.5},
}


class FailedError(Exception):
    """Something is not as it should be."""


def check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise FailedError(otherwise)


class Cases:
    def __init__(self, image: Image, contents: Path, ministack: Path):
        self.image = image
        self.contents = contents
        self.ministack = ministack
        # Filled by one case, and put into a bucket by another.
        self.home = Path(tempfile.mkdtemp())
        os.chown(self.home, *(int(number) for number in image.user.split(":")))

    def holds_one_program(self) -> str:
        """the program and its libraries are all that can be run: there is no shell"""
        files = [path for path in self.contents.rglob("*") if path.is_file() and not path.is_symlink()]
        runnable = {path.name for path in files if path.stat().st_mode & 0o111}
        others = {name for name in runnable if not name.startswith(("ld-linux-", "libc.so.", "libm.so."))}
        check(others == {"lurelight"}, f"what can be run is {sorted(runnable)}")
        authorities = (self.contents / "etc/ssl/certs/ca-certificates.crt").read_text()
        count = authorities.count("BEGIN CERTIFICATE")
        check(count > 100, f"there are {count} authorities of TLS")
        packages = sorted(path.name for path in (self.contents / "var/lib/dpkg/status.d").iterdir())
        return f"{len(files)} files, {count} authorities; for scanners: {', '.join(packages)}"

    def serves_without_a_home(self) -> str:
        """without a home it serves the compiled-in model, as a user without rights on a root that it cannot write"""
        container = Container(self.image, self.contents)
        with container.serving() as served:
            status = served.status()
            rights = [status[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")]
            check(set(status["Uid"].split()) == {"65532"}, f"its user is {status['Uid']}")
            check(all(int(right, 16) == 0 for right in rights), f"its rights are {rights}")
            check(status["NSpid"].split()[-1] == "1", "it is not the first process")
            check(status["NoNewPrivs"] == "1", "it could get rights by starting another program")
            health = served.ask("/healthz").json()
            source = health["model"]["source"]
            check("compiled-in" in source, f"what answers is {source}")
            sample = served.ask("/sample.csv").body
            verdicts = served.ask("/predict", sample, Content_Type="text/csv", Accept="text/csv")
            check(verdicts.status == 200, f"a CSV was answered {verdicts.status}: {verdicts.body[:300]}")
            rows = verdicts.body.splitlines()
            check(len(rows) == len(sample.splitlines()), f"{len(rows)} lines came back for {sample.count(chr(10))}")
            check(all(row.endswith((",1.0", ",0.0")) for row in rows[1:]), f"a row has no verdict: {rows[1]}")
            page = served.ask("/", Accept="text/html")
            check("<form" in page.body, f"the page is {page.status}: {page.body[:300]}")
            bad = served.ask("/predict", "a,b\n1,2\n", Content_Type="text/csv")
            check(bad.status == 422, f"a bad CSV was answered {bad.status}")
        code, said = container.run("sample", "10", "--out", "/rows.csv")
        check(code == 1 and "read-only" in said.lower(), f"writing to the root ended with {code}: {said}")
        return f"{source}; {len(rows) - 1} rows judged; writing to the root: {said.strip()}"

    def is_closed_until_told(self) -> str:
        """administration without tokens is refused with what to do, and cannot be opened to a network"""
        container = Container(self.image, self.contents)
        with container.serving() as served:
            refused = served.ask("/runs", Accept="application/json")
            check(refused.status == 503, f"it was answered {refused.status}")
            hint = refused.json()["hint"]
            check("ADMINISTRATION_TOKENS_FILE" in hint, f"the hint is: {hint}")
        code, said = container.run("serve", variables={"LURELIGHT_ADMINISTRATION_ACCESS": "open"})
        check(code == 1 and "this machine alone" in said, f"open ended with {code}: {said}")
        return f"503; open: {said.strip()}"

    def tells_its_health(self) -> str:
        """the health check follows the server, and SIGTERM ends it well"""
        container = Container(self.image, self.contents)
        with container.serving() as served:
            code, well = container.healthy()
            check(code == 0, f"a server that answers is {code}: {well}")
            ended = served.end()
            check(ended == 0, f"it ended with {ended}")
        code, said = container.healthy()
        check(code == 1, f"a server that is not there is {code}: {said}")
        return f"{well}; then: {said}"

    def trains_in_a_home(self) -> str:
        """with a mounted home and tokens in a file it takes rows, trains over the web, and serves its champion"""
        secrets = Path(tempfile.mkdtemp())
        secrets.chmod(0o755)
        (secrets / "administration-tokens").write_text(TOKEN + "\n")
        container = Container(self.image, self.contents, self.home, secrets)
        code, rows = container.run("sample", "600")
        check(code == 0, f"sample ended with {code}: {rows}")
        code, said = container.run("push", "-", given=rows)
        check(code == 0, f"push ended with {code}: {said}")
        tokens = "/run/secrets/administration-tokens"
        with container.serving(ADMINISTRATION_TOKENS_FILE=tokens, LURELIGHT_CHAMPION_SECONDS="0") as served:
            may = {"Authorization": f"Bearer {TOKEN}", "Content_Type": "application/json"}
            body = json.dumps({"run": "first", "reason": "the first", "parameters": PARAMETERS})
            started = served.ask("/train", body, **may)
            check(started.status == 202, f"starting was answered {started.status}: {started.body}")
            run = served.ask("/runs/first", **may, Accept="application/json").json()
            while run["state"] == "running":
                time.sleep(0.05)
                run = served.ask("/runs/first", **may, Accept="application/json").json()
            check(run["state"] == "ended", f"the run: {run}")
            source = served.ask("/healthz").json()["model"]["source"]
            while source != "champion, version 1":
                check("compiled-in" in source, f"what answers is {source}")
                time.sleep(0.05)
                source = served.ask("/healthz").json()["model"]["source"]
        return source

    def serves_from_a_bucket(self) -> str:
        """with a bucket of S3 it serves the champion there"""
        environment = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": "4566", "IOT_MTLS_ENABLED": "0"}
        with tempfile.TemporaryDirectory() as folder:
            emulator = subprocess.Popen(
                [self.ministack],
                cwd=folder,
                env=os.environ | environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                return self.serve_from("http://127.0.0.1:4566")
            finally:
                emulator.kill()
                emulator.wait()

    def serve_from(self, endpoint: str) -> str:
        artifacts = self.home / "artifacts"
        objects = [path for path in artifacts.rglob("*") if path.is_file()]
        put(f"{endpoint}/{BUCKET}", b"")
        for path in objects:
            put(f"{endpoint}/{BUCKET}/{path.relative_to(artifacts)}", path.read_bytes())
        variables = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        container = Container(self.image, self.contents)
        with container.serving("serve", "--bucket", BUCKET, **variables) as served:
            source = served.ask("/healthz").json()["model"]["source"]
            check(source == "champion, version 1", f"what answers is {source}")
        return f"{source}, of {len(objects)} objects"


def put(url: str, body: bytes) -> None:
    """Makes a bucket or an object in the emulator, which looks at no signature; waits until it listens."""
    started = time.monotonic()
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, method="PUT"), timeout=60):
                return
        except ConnectionError as error:
            reason = error
        except urllib.error.URLError as error:
            if isinstance(error, urllib.error.HTTPError):
                raise
            reason = error
        if time.monotonic() - started > 60:
            raise RuntimeError(f"the emulator of S3 does not listen: {reason}")
        time.sleep(0.1)


def layers(archive: Path) -> list[tuple[str, int, int]]:
    """What each layer holds, its bytes, and its bytes as a registry would keep them."""
    found = []
    with tarfile.open(archive) as image:
        (manifest,) = json.load(image.extractfile("manifest.json"))
        for name in manifest["Layers"]:
            content = image.extractfile(name).read()
            with tarfile.open(fileobj=image.extractfile(name)) as layer:
                files = [member for member in layer if member.isfile()]
                shown = ", ".join(Path(member.name).name for member in sorted(files, key=lambda one: -one.size)[:3])
            found.append((shown or "an empty folder", len(content), len(gzip.compress(content, 6))))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, required=True, help="what buildah says of it, as JSON")
    parser.add_argument("--root", type=Path, required=True, help="its contents")
    parser.add_argument("--layers", type=Path, required=True, help="its archive")
    parser.add_argument("--ministack", type=Path, required=True, help="the emulator of S3")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if not chosen.inside:
        apart([*sys.argv, "--inside"])
    raise_loopback()
    cases = Cases(Image.read(chosen.image), chosen.root, chosen.ministack)
    steps: list[Callable[[], str]] = [
        cases.holds_one_program,
        cases.serves_without_a_home,
        cases.is_closed_until_told,
        cases.tells_its_health,
        cases.trains_in_a_home,
        cases.serves_from_a_bucket,
    ]
    failed = 0
    for step in steps:
        try:
            print(f"ok      {step.__doc__}\n        {step()}", flush=True)
        except (FailedError, RuntimeError, OSError, KeyError, ValueError) as error:
            failed += 1
            print(f"FAILED  {step.__doc__}\n        {type(error).__name__}: {error}", flush=True)
            print(*getattr(error, "__notes__", []), sep="\n", end="", flush=True)
    total = [0, 0]
    for shown, size, compressed in layers(chosen.layers):
        print(f"layer   {size / 1e6:6.2f} MB, compressed {compressed / 1e6:6.2f} MB: {shown}")
        total = [total[0] + size, total[1] + compressed]
    print(f"image   {total[0] / 1e6:6.2f} MB, compressed {total[1] / 1e6:6.2f} MB")
    print(f"{len(steps) - failed} of {len(steps)} as they should be")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()

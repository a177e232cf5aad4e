"""A server of MongoDB's protocol, with TLS and a password, as a process of its own."""

import json
import os
import secrets
import subprocess
from pathlib import Path
from urllib.parse import quote

from emulator import free_port, wait_for

DATABASE = "lurelight"
# As root while nobody is asked for a password, then again with one: argv[1] is the connection string.
COMMAND = """
import json, sys, pymongo
_, uri, asked = sys.argv
client = pymongo.MongoClient(uri, serverSelectionTimeoutMS=10000)
client["admin"].command(json.loads(asked))
"""


class Database:
    """The process; stopped at the end of a `with`, and by `stop` until `start`. What it keeps outlives a stop.

    `user` may read and write the database `lurelight`, and `uri` is his connection string.
    """

    def __init__(self, folder: Path):
        self.folder = folder / "database"
        self.folder.mkdir()
        self.tools = Path(os.environ["LURELIGHT_SECANTUS"])
        self.port = free_port()
        self.passwords: list[str] = []
        """Those of all users who may read and write, former ones too."""
        self.root = ""
        self.process: subprocess.Popen | None = None
        self.options = f"tls=true&tlsCAFile={self.folder / 'ca.pem'}"
        self.user = self.uri = ""

    def uri_of(self, user: str, password: str) -> str:
        # All of it is encoded: a slash would end the password otherwise.
        return f"mongodb://{user}:{quote(password, safe='')}@localhost:{self.port}/?authSource=admin&{self.options}"

    def __enter__(self) -> "Database":
        self.certify()
        root = secrets.token_urlsafe(16)
        try:
            self.run()
            self.root = f"mongodb://localhost:{self.port}/?{self.options}"
            self.make_user("root", root, "root", "admin")
            self.stop()
            self.start()
            self.root = self.uri_of("root", root)
            self.add_user("lurelight")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it, or starts it again, on the same port."""
        self.run("--auth")

    def stop(self) -> None:
        """Asks it to end, and waits until it has."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def run(self, *more: str) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(self.tools / "bin/secantusd-py"),
                    *("--host", "127.0.0.1", "--port", str(self.port), "--log-level", "WARNING"),
                    *("--storage-path", "data", "--tls-cert-file", "leaf.pem", "--tls-key-file", "leaf.key"),
                    *more,
                ],
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_for(self.port, self.process, "the database")

    def add_user(self, name: str) -> str:
        """Makes another user who may read and write, and from then on `user` and `uri` are his; returns `uri`."""
        # With characters that a connection string must not hold as they are.
        password = f"p@ss/{secrets.token_urlsafe(16)}"
        self.make_user(name, password, "readWrite", DATABASE)
        self.passwords.append(password)
        self.user, self.uri = name, self.uri_of(name, password)
        return self.uri

    def drop_user(self, name: str) -> None:
        self.command({"dropUser": name})

    def make_user(self, name: str, password: str, role: str, where: str) -> None:
        self.command({"createUser": name, "pwd": password, "roles": [{"role": role, "db": where}]})

    def command(self, asked: dict) -> None:
        """A command to the database `admin`, as root."""
        command = [str(self.tools / "bin/python"), "-c", COMMAND, self.root, json.dumps(asked)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"the database does not do {next(iter(asked))}: {done.stderr.strip().splitlines()[-1:]}")

    def certify(self) -> None:
        """An authority, and a certificate of this machine that it signed."""
        key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        (self.folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        authority = "-subj /CN=authority -days 2 -addext basicConstraints=critical,CA:TRUE"
        for arguments in (
            f"req -x509 {key} -keyout ca.key -out ca.pem {authority}",
            f"req {key} -keyout leaf.key -out leaf.csr -subj /CN=leaf",
            "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out leaf.pem -days 2 -extfile names",
        ):
            done = subprocess.run(["openssl", *arguments.split()], cwd=self.folder, capture_output=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"openssl {arguments}: {done.stderr.decode()}")

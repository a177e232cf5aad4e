"""What a container engine does with an image's contents, as far as it matters here: a root that cannot be written, the
image's user without any rights, processes and a network of its own."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 60
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
CAPABILITIES = 41
# Sets a network interface up; the request and the flag of netdevice(7).
SIOCSIFFLAGS = 0x8914
IFF_UP_AND_RUNNING = 0x41


@dataclass
class Answer:
    status: int
    body: str

    def json(self) -> dict:
        return json.loads(self.body)


@dataclass
class Image:
    """What the image says of how it is to be run."""

    user: str
    environment: dict[str, str]
    entrypoint: list[str]
    command: list[str]
    health: list[str]
    labels: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> "Image":
        """From what `buildah inspect` says."""
        config = json.loads(path.read_text())["Docker"]["config"]
        kind, *health = config["Healthcheck"]["Test"]
        if kind != "CMD":
            raise ValueError(f"the health check is {kind}, which needs a shell, and there is none")
        return cls(
            user=config["User"],
            environment=dict(variable.split("=", 1) for variable in config["Env"]),
            entrypoint=config["Entrypoint"],
            command=config["Cmd"],
            health=health,
            labels=config["Labels"],
        )


def apart(arguments: list[str]) -> None:
    """Starts this program again with mounts, processes and a network of its own, and ends as it does."""
    command = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc"]
    sys.exit(subprocess.call([*command, sys.executable, *arguments]))


def raise_loopback() -> None:
    """A new network has one interface, which is down."""
    import fcntl
    import socket
    import struct

    with socket.socket() as anybody:
        fcntl.ioctl(anybody, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP_AND_RUNNING))


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


class Container:
    """The image's contents, mounted without the right to write; `home` and `secrets` are mounted over it."""

    def __init__(self, image: Image, contents: Path, home: Path | None = None, secrets: Path | None = None):
        self.image = image
        self.root = Path(tempfile.mkdtemp())
        shutil.copytree(contents, self.root, symlinks=True, dirs_exist_ok=True)
        for name in ("dev", "proc", "run/secrets"):
            (self.root / name).mkdir(parents=True)
        mount("--bind", str(self.root), str(self.root))
        mount("-t", "proc", "proc", str(self.root / "proc"))
        mount("--bind", "/dev", str(self.root / "dev"))
        if secrets is not None:
            mount("--bind", str(secrets), str(self.root / "run/secrets"))
        if home is not None:
            mount("--bind", str(home), str(self.root / image.environment["LURELIGHT_HOME"].lstrip("/")))
        mount("-o", "remount,bind,ro", str(self.root))

    def start(self, command: list[str], **options) -> subprocess.Popen:
        """Starts a command as the first process of its own, as engines do: the one that signals reach."""
        variables = self.image.environment | options.pop("variables", {})
        inside = [sys.executable, str(Path(__file__).resolve()), str(self.root), self.image.user, *command]
        return subprocess.Popen(
            ["unshare", "--pid", "--fork", *inside],
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    def run(self, *arguments: str, variables: dict[str, str] | None = None, given: str = "") -> tuple[int, str]:
        """Runs the image with these arguments to the end: the exit code, and what it printed."""
        process = self.start([*self.image.entrypoint, *arguments], variables=variables or {}, stdin=subprocess.PIPE)
        said, _ = process.communicate(given)
        return process.returncode, said

    def healthy(self) -> tuple[int, str]:
        """Runs the image's health check."""
        process = self.start(self.image.health)
        said, _ = process.communicate()
        return process.returncode, said.strip()

    @contextmanager
    def serving(self, *arguments: str, **variables: str) -> Iterator["Served"]:
        """Runs the image as it is, or with these arguments, until the end of the `with`."""
        command = [*self.image.entrypoint, *(arguments or self.image.command)]
        process = self.start(command, variables=variables, stdin=subprocess.DEVNULL)
        served = Served(process, int(self.image.environment["LURELIGHT_ADDRESS"].rpartition(":")[2]))
        try:
            served.wait()
            yield served
        except Exception as error:
            served.kill()
            error.add_note(process.stdout.read())
            raise
        finally:
            served.kill()


class Served:
    def __init__(self, process: subprocess.Popen, port: int):
        self.process = process
        self.url = f"http://127.0.0.1:{port}"

    def wait(self) -> None:
        started = time.monotonic()
        while True:
            try:
                self.ask("/healthz")
                return
            except urllib.error.URLError:
                if self.process.poll() is not None:
                    raise RuntimeError(f"it ended at once: {self.process.stdout.read()}") from None
                if time.monotonic() - started > PATIENCE_SECONDS:
                    raise RuntimeError(f"it does not listen after {PATIENCE_SECONDS} s") from None
                time.sleep(0.02)

    def ask(self, path: str, body: str | None = None, **headers: str) -> Answer:
        """Asks for a path, or posts to it."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, None if body is None else body.encode(), named)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                return Answer(answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read().decode())

    @property
    def pid(self) -> int:
        """The program's, which is the only child of whoever set it apart."""
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text())

    def status(self) -> dict[str, str]:
        """What the kernel says of the process."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def kill(self) -> None:
        """Ends it whatever it does. Its parent would not take it along: the right to is lost with all others."""
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> int:
        """Asks it to end as an engine does, and gives its exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE_SECONDS)


def become(root: str, user: str, command: list[str]) -> None:
    """Makes this process a command inside the root, as a user without any right, for ever and without a way back."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = (int(number) for number in user.split(":"))
    os.chroot(root)
    os.chdir("/")
    for capability in range(CAPABILITIES):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.execve(command[0], command, os.environ)


if __name__ == "__main__":
    become(sys.argv[1], sys.argv[2], sys.argv[3:])

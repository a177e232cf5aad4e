#!/usr/bin/env python3
"""Builds `lurelight` and packs it for a release: the program with its documents, and the digest of the whole."""

import argparse
import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from commands import ROOT, Commands, DeliveryError, ended

SCRIPT = "scripts/delivery/package.py"
DOCUMENTS = ("README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "NOTICE")


def printed(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DeliveryError(f"`{' '.join(command)}` ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


def version() -> str:
    """The version of the program, as cargo knows it."""
    return printed("cargo", "pkgid", "--offline", "--package", "lurelight").rsplit("#", 1)[1].rsplit("@", 1)[-1]


def host() -> str:
    [line] = [line for line in printed("rustc", "-vV").splitlines() if line.startswith("host: ")]
    return line.removeprefix("host: ")


def packed(files: dict[str, Path], folder: str, seconds: int) -> bytes:
    """A tar.gz whose bytes follow from the files' bytes and the time of the commit alone."""
    bare = io.BytesIO()
    with tarfile.open(fileobj=bare, mode="w") as archive:
        for name, file in sorted(files.items()):
            content = file.read_bytes()
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mtime = len(content), seconds
            entry.mode = 0o755 if name == "lurelight" else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(bare.getvalue(), mtime=0)


def package(asked: argparse.Namespace, commands: Commands) -> None:
    chosen = ("--target", asked.target) if asked.target else ()
    commands.run("cargo", "build", "--release", "--locked", "--package", "lurelight", *chosen)
    name = f"lurelight-{version()}-{asked.target or host()}"
    commands.note(f"pack lurelight, {', '.join(DOCUMENTS)} into {asked.out / name}.tar.gz, with a .sha256 beside it")
    if commands.dry:
        return
    built = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / (asked.target or "") / "release"
    files = {"lurelight": built / "lurelight"} | {document: ROOT / document for document in DOCUMENTS}
    content = packed(files, name, int(printed("git", "log", "-1", "--format=%ct")))
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / f"{name}.tar.gz").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    (asked.out / f"{name}.tar.gz.sha256").write_text(f"{digest}  {name}.tar.gz\n")
    print(f"{asked.out / name}.tar.gz: {len(content):,} bytes, sha256 {digest}")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog=SCRIPT,
        description="Builds `lurelight` with the versions of Cargo.lock, and packs it with its documents into "
        "lurelight-VERSION-TARGET.tar.gz, a .sha256 beside it.",
        epilog="Exit codes: 0 packed; 1 the build failed; 2 wrong usage.",
    )
    parser.add_argument("--target", help="a target of Rust whose standard library is installed [this machine's]")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="the folder for both files [%(default)s]")
    parser.add_argument("--dry-run", action="store_true", help="print the commands, and run none")
    asked = parser.parse_args()
    asked.out = asked.out.absolute()
    os.chdir(ROOT)
    return ended(SCRIPT, lambda: package(asked, Commands(asked.dry_run)))


if __name__ == "__main__":
    sys.exit(main())

"""Writes what a program is made of as CycloneDX: by cargo-cyclonedx, less what is not compiled in.

cargo-cyclonedx 0.5.9 goes by `cargo metadata`, which also lists optional dependencies that a feature names without
asking for them (`name?/feature`). `cargo tree` resolves those as a build does; what it does not list is left out."""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from commands import ROOT, DeliveryError, ended, tool
from package import host, printed

SCRIPT = "scripts/sbom"
SPECIFICATION = "1.5"


def linked(package: str, target: str) -> set[tuple[str, str]]:
    """Name and version of each package that is linked into the program, itself included."""
    what = ("--package", package, "--target", target, "--edges", "normal")
    tree = printed("cargo", "tree", "--locked", *what, "--prefix", "none", "--format", "{p}")
    found = {tuple(line.split(" ")[:2]) for line in tree.splitlines() if line}
    return {(name, version.removeprefix("v")) for name, version in found}


def described(package: str, target: str) -> dict:
    """What cargo-cyclonedx writes about the package's program; it writes beside every manifest, and nothing stays."""
    name = f"lurelight-sbom-{os.getpid()}"
    folder = ROOT / "functions" / package
    time = printed("git", "log", "-1", "--format=%ct")
    command = [tool("cargo-cyclonedx"), "cyclonedx", "--quiet", "--manifest-path", str(folder / "Cargo.toml")]
    command += ["--format", "json", "--spec-version", SPECIFICATION, "--no-build-deps"]
    command += ["--target", target, "--override-filename", name]
    try:
        done = subprocess.run(
            command, env=os.environ | {"SOURCE_DATE_EPOCH": time}, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise DeliveryError(f"cargo-cyclonedx ended with {done.returncode}: {done.stderr.strip()}")
        return json.loads((folder / f"{name}.json").read_text())
    finally:
        for file in ROOT.glob(f"*/*/{name}.json"):
            file.unlink()


def anonymous(bill: dict) -> dict:
    """The same without the folder of this checkout, in whose place a relative one stands."""
    text = json.dumps(bill)
    text = text.replace(f"path+file://{ROOT}/", "path+file:///")
    return json.loads(re.sub(r"\?download_url=file://[^\"#]*", "", text))


def reduced(bill: dict, kept: set[tuple[str, str]]) -> dict:
    """The same with the components that are linked in, and the edges between those."""
    components = [part for part in bill["components"] if (part["name"], part["version"]) in kept]
    own = bill["metadata"]["component"]
    named = {(part["name"], part["version"]) for part in (*components, own)}
    if missing := kept - named:
        raise DeliveryError(f"cargo-cyclonedx does not list {sorted(missing)}, which cargo links in")
    known = {part["bom-ref"] for part in (*components, own)}
    edges = [
        edge | {"dependsOn": sorted(known & set(edge.get("dependsOn", [])))}
        for edge in bill["dependencies"]
        if edge["ref"] in known
    ]
    return bill | {"components": components, "dependencies": edges}


def write(package: str, target: str, out: Path) -> None:
    bill = reduced(anonymous(described(package, target)), linked(package, target))
    own = bill["metadata"]["component"]
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{own['name']}-{own['version']}-{target}.cdx.json"
    aside = file.with_suffix(".tmp")
    aside.write_text(json.dumps(bill, indent=1) + "\n")
    aside.replace(file)
    print(f"{file}: {len(bill['components'])} components")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog=SCRIPT,
        description="Writes a software bill of materials (CycloneDX, JSON) of a program: every crate that is linked "
        "in, with version, licence and checksum. Installs cargo-cyclonedx (scripts/tools), which is compiled once.",
        epilog="Exit codes: 0 written; 1 it failed; 2 wrong usage.",
    )
    programs = sorted(file.parent.name for file in ROOT.glob("functions/*/Cargo.toml"))
    parser.add_argument("package", nargs="?", default="lurelight", choices=programs, help="the program [%(default)s]")
    parser.add_argument("--target", action="append", help="a target of Rust, or several [this machine's]")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="the folder for the file [%(default)s]")
    asked = parser.parse_args()
    asked.out = asked.out.absolute()
    if subprocess.run([ROOT / "scripts/tools", "cargo-cyclonedx"], stdout=sys.stderr, check=False).returncode != 0:
        return 1
    os.chdir(ROOT)
    return ended(SCRIPT, lambda: [write(asked.package, target, asked.out) for target in asked.target or [host()]])


if __name__ == "__main__":
    sys.exit(main())

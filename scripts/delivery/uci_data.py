"""Fetches UCI's "Phishing Websites", checks its records, and writes them as CSV and as ARFF."""

import argparse
import hashlib
import io
import os
import re
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = "https://archive.ics.uci.edu/dataset/327/phishing+websites"
SOURCE = "https://archive.ics.uci.edu/static/public/327/phishing+websites.zip"
# The archive has an older file beside this one.
MEMBER = "Training Dataset.arff"
BYTES_MAX = 8 << 20
WAIT_SECONDS = 60
FEATURES = 30
RECORDS = 11_055
# The digest of the records in their order, as `lurelight_schema::RecordsDigest` takes it; scripts/make-model and
# shared/schema/tests/uci.rs have the same.
DIGEST = "a5954b3efc8dfab040735b5e234839a6e1b620dfdf38b5d908cd9dfad60fdac1"
CODES = {"-1": 0, "0": 1, "1": 2}
DONE, FAILED, WRONG_USAGE = 0, 1, 2


class RefusedError(Exception):
    """What is not as it should be, and what to do about it."""


def fetched(source: str) -> bytes:
    """The bytes of a URL, or of a file of this machine."""
    if "://" not in source:
        source = Path(source).resolve().as_uri()
    try:
        with urllib.request.urlopen(source, timeout=WAIT_SECONDS) as answer:
            content = answer.read(BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        said = (isinstance(error, urllib.error.URLError) and error.reason) or error
        raise RefusedError(f"cannot fetch {source}: {said}; name another copy, of those that {PAGE} knows") from error
    if len(content) > BYTES_MAX:
        raise RefusedError(f"{source} has more than {BYTES_MAX:,} bytes, and UCI's archive a hundredth of that")
    return content


def unpacked(content: bytes, source: str) -> bytes:
    """The ARFF file out of its archive; what is no archive is taken as it is."""
    if not content.startswith(b"PK"):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(MEMBER) as member:
            found = member.read(BYTES_MAX + 1)
    except KeyError:
        raise RefusedError(f"{source} is an archive without `{MEMBER}`; look at {PAGE} for what changed") from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise RefusedError(f"{source} is a damaged archive ({error}); fetch it again") from error
    if len(found) > BYTES_MAX:
        raise RefusedError(f"`{MEMBER}` of {source} unpacks to more than {BYTES_MAX:,} bytes")
    return found


def table(content: bytes, source: str) -> tuple[list[str], list[list[str]]]:
    """The names of the columns and the cells of each row, of an ARFF file."""
    names: list[str] = []
    rows: list[list[str]] = []
    in_data = False
    for number, line in enumerate(map(str.strip, content.decode("latin-1").splitlines()), 1):
        if not line or line.startswith("%"):
            continue
        if in_data:
            cells = [cell.strip() for cell in line.split(",")]
            if len(cells) != len(names) or not CODES.keys() >= set(cells):
                raise RefusedError(f"{source}, line {number}: not {len(names)} codes of -1, 0 and 1: `{line[:60]}`")
            rows.append(cells)
        elif found := re.match(r"@attribute\s+(\S+)", line, re.IGNORECASE):
            names.append(found[1])
        else:
            in_data = line.lower() == "@data"
    if len(names) != FEATURES + 1 or not rows:
        raise RefusedError(
            f"{source} is no ARFF file with {FEATURES} features and a label; look at {PAGE} for what changed"
        )
    return names, rows


def digest(rows: list[list[str]]) -> str:
    """SHA-256 over a text of its own and each record as 8 bytes, little endian: two bits a feature, then the label."""
    taken = hashlib.sha256(b"lurelight/records/1")
    for *features, label in rows:
        packed = sum(CODES[code] << 2 * place for place, code in enumerate(features))
        taken.update((packed | (label == "1") << 2 * FEATURES).to_bytes(8, "little"))
    return taken.hexdigest()


def write(path: Path, content: bytes) -> None:
    """Writes a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp", delete=False) as aside:
        try:
            os.fchmod(aside.fileno(), 0o644)
            aside.write(content)
            aside.flush()
            os.fsync(aside.fileno())
            Path(aside.name).replace(path)
        except BaseException:
            Path(aside.name).unlink(missing_ok=True)
            raise


def stands(folder: Path) -> bool:
    """Whether both files are there with the known records."""
    try:
        _, of_arff = table((folder / "phishing_websites.arff").read_bytes(), "")
        _, *lines = (folder / "phishing_websites.csv").read_text().splitlines()
        return digest(of_arff) == DIGEST == digest([line.split(",") for line in lines])
    except (OSError, ValueError, KeyError, RefusedError):
        return False


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/fetch-uci-data",
        description=f'Fetches UCI\'s "Phishing Websites" ({PAGE}; R. Mohammad, F. Thabtah, L. McCluskey; CC BY 4.0), '
        "checks the digest of its records, and writes phishing_websites.csv and phishing_websites.arff. Files that "
        "are there with these records are left alone, and nothing is fetched.",
        epilog="LURELIGHT_UCI_DATA names the CSV to tests; data/phishing_websites.csv is found without it. "
        "Exit codes: 0 both files are there; 1 something could not be fetched, is something else, or could not be "
        "written, and nothing was changed; 2 wrong usage.",
    )
    parser.add_argument(
        "source", nargs="?", default=SOURCE, help="a URL or a file, of the archive or of the ARFF in it [%(default)s]"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "data", help="where the files go [data]")
    parser.add_argument("--force", action="store_true", help="fetch even where the files are there")
    asked = parser.parse_args()
    if not asked.force and stands(asked.folder):
        print(f"{asked.folder}: the {RECORDS:,} records are there already, digest {DIGEST}")
        return DONE
    try:
        content = unpacked(fetched(asked.source), asked.source)
        names, rows = table(content, asked.source)
        found = digest(rows)
        if found != DIGEST:
            raise RefusedError(
                f"{asked.source} holds {len(rows):,} records with the digest {found}, and not the {RECORDS:,} known "
                f"ones with {DIGEST}; nothing was written"
            )
        lines = "".join(",".join(cells) + "\n" for cells in (names, *rows))
        write(asked.folder / "phishing_websites.arff", content)
        write(asked.folder / "phishing_websites.csv", lines.encode())
    except (RefusedError, OSError) as error:
        print(f"scripts/fetch-uci-data: {error}", file=sys.stderr)
        return FAILED
    print(f"{asked.folder}: {len(rows):,} records from {asked.source}, digest {found}")
    return DONE


if __name__ == "__main__":
    sys.exit(main())

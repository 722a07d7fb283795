"""
`make package`: build/functions.zip, what is deployed and nothing else.

An allow-list, not an ignore-list: a new file is left out until it is under a listed folder with a
listed ending. Deterministic: the same sources give the same bytes, so a deployment changes only
when they do.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
TARGET = REPOSITORY / "build" / "functions.zip"
FILES = ("main.py", "requirements.txt")
FOLDERS = ("functions", "shared")
ENDINGS = {".py", ".json", ".html", ".css", ".js"}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's own beginning of time


def contents(repository: Path = REPOSITORY) -> Iterator[Path]:
    """Return what is packed, relative to the repository, in order."""
    yield from (Path(name) for name in FILES)
    for folder in FOLDERS:
        for path in sorted((repository / folder).rglob("*")):
            if path.is_file() and path.suffix in ENDINGS and "__pycache__" not in path.parts:
                yield path.relative_to(repository)


def build(target: Path = TARGET, repository: Path = REPOSITORY) -> str:
    """Write the archive; return its SHA-256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in contents(repository):
            entry = zipfile.ZipInfo(path.as_posix(), _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, (repository / path).read_bytes())
    return hashlib.sha256(target.read_bytes()).hexdigest()


def main() -> int:
    """Build and say what was built."""
    digest = build()
    print(f"{TARGET.relative_to(REPOSITORY)}: {sum(1 for _ in contents())} files, sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The deployment archive holds what is deployed, and is the same every time."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from infra.package import build
from shared import catalog


def test_two_builds_are_the_same_bytes(tmp_path: Path) -> None:
    assert build(tmp_path / "one.zip") == build(tmp_path / "two.zip")


def test_the_archive_holds_the_functions_and_none_of_the_local_stack(tmp_path: Path) -> None:
    build(tmp_path / "functions.zip")

    with zipfile.ZipFile(tmp_path / "functions.zip") as archive:
        names = archive.namelist()

    assert {name.split("/")[0] for name in names} == {
        "functions", "main.py", "requirements.txt", "shared",
    }  # fmt: skip
    assert "shared/catalog.json" in names
    assert {Path(name).suffix for name in names} == {
        ".py", ".json", ".txt", ".html", ".css", ".js",
    }  # fmt: skip


def test_every_entry_point_is_found_in_the_unpacked_archive(tmp_path: Path) -> None:
    build(tmp_path / "functions.zip")
    with zipfile.ZipFile(tmp_path / "functions.zip") as archive:
        archive.extractall(tmp_path / "unpacked")

    program = (
        "import main, types;"
        "assert all(isinstance(getattr(main, n), types.FunctionType) for n in dir(main));"
        "print(len(dir(main)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path / "unpacked", env={"PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert run.stdout.strip() == str(len(catalog.load().functions)), run.stderr

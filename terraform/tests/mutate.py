"""
Prove that the tests notice: break one setting at a time, and see the named run go red.

`python -m terraform.tests.mutate [WORD ...]` runs all mutations, or those whose run, file or text
holds a word. Each is made on a copy that keeps only the runs it needs: a file's first run, which
applies, and the one that is to fail. The unbroken copy, taken once at the start, must pass those
first.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from terraform.tests.mutations import MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parents[2]
CHECKER = str(ROOT / "infra" / "terraform_check.sh")


def main() -> int:
    """Run the mutations; return 1 when one goes unnoticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_AsWritten)
    parser.add_argument("words", nargs="*", metavar="WORD", help="only mutations that hold a word")
    parser.add_argument(
        "--checker",
        default=CHECKER,
        help="program that checks the repository whose folder it is given",
    )
    arguments = parser.parse_args()
    chosen = [m for m in MUTATIONS if not arguments.words or _holds(m, arguments.words)]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        unbroken = snapshot(Path(folder) / "whole")
        sound = shutil.copytree(unbroken, Path(folder) / "chosen")
        _keep_runs(sound / "terraform" / "tests", {mutation.run for mutation in chosen})
        result = _run(arguments.checker, sound)
        if result.returncode != 0:
            print(f"the unbroken configuration fails:\n{result.stdout}")
            return 1
        unnoticed = [m for m in chosen if not _told(m, unbroken, arguments.checker)]
    seconds = round(time.monotonic() - began)
    print(f"{len(chosen) - len(unnoticed)} of {len(chosen)} mutations noticed in {seconds} s")
    return 1 if unnoticed or not chosen else 0


class _AsWritten(argparse.RawDescriptionHelpFormatter):
    """Keeps the docstring's line breaks."""


def _holds(mutation: Mutation, words: list[str]) -> bool:
    text = "\n".join(mutation)
    return any(word in text for word in words)


def _told(mutation: Mutation, unbroken: Path, checker: str) -> bool:
    said = noticed(mutation, unbroken, checker)
    what = f"{mutation.run}: {mutation.old!r} -> {mutation.new!r}"
    print(f"MISSED   {what}\n{said}" if said else f"noticed  {what}", flush=True)
    return not said


def noticed(mutation: Mutation, unbroken: Path, checker: str = CHECKER) -> str:
    """Mutate a copy of `unbroken`; return "" when the run goes red, else what was said."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(unbroken, Path(folder) / "copy")
        _keep_runs(copy / "terraform" / "tests", {mutation.run})
        path = copy / mutation.file
        text = path.read_text(encoding="utf-8")
        if (count := text.count(mutation.old)) != 1:
            return f"stale: the text is {count} times in {mutation.file}"
        path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
        # The layout of a mutation is not the point, and would fail before any test runs.
        subprocess.run(
            ["terraform", "fmt", str(copy / "terraform")], capture_output=True, check=True
        )
        result = _run(checker, copy)
    red = result.returncode != 0 and f'run "{mutation.run}"... fail' in result.stdout
    return "" if red else result.stdout


def snapshot(folder: Path) -> Path:
    """Copy what the checker reads. A repository of its own: a checker may list files with git."""
    shutil.copytree(ROOT / "terraform", folder / "terraform", ignore=_unversioned)
    (folder / "shared").mkdir()
    shutil.copy(ROOT / "shared" / "catalog.json", folder / "shared")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


def _unversioned(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name == "__pycache__" or name.startswith(".terraform")}


def _keep_runs(folder: Path, wanted: set[str]) -> None:
    """Leave only the files that hold one of the runs, with their first run and those."""
    left = set(wanted)
    for path in folder.glob("*.tftest.hcl"):
        head, *runs = re.split(r"^(?=run \")", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        kept = [text for text in runs if text.split('"')[1] in wanted]
        left -= {text.split('"')[1] for text in kept}
        if kept:
            path.write_text(head + "".join(dict.fromkeys([runs[0], *kept])), encoding="utf-8")
        else:
            path.unlink()
    if left:
        raise SystemExit(f"there is no run {', '.join(sorted(left))}")


def _run(checker: str, repository: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checker, str(repository)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())

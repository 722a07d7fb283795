"""
`make package-check`: the archive, alone with its own requirements, on every Python it may run on.

    python -m infra.package_check [3.11 3.12 3.13]

Unpacks what `make package` makes, installs requirements.txt (hashes checked) into a folder of its
own and serves every entry point in an interpreter that sees nothing else: no site packages, no
repository. A version without an interpreter here is named; then the exit code is 3.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.package import REPOSITORY, build
from shared import catalog

VERSIONS = ("3.11", "3.12", "3.13")
# What the interpreter runs: -I and -S keep out everything but the standard library.
_PROGRAM = """
import runpy, sys
sys.path[:0] = sys.argv[1:3]
sys.argv = sys.argv[3:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
SERVE = Path(__file__).with_name("package_serve.py")


class PackageError(Exception):
    """The package does not work; the message says what it said."""


def interpreter(version: str) -> str | None:
    """Return a Python of a version that works here, None where there is none."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    known = [sys.executable] if version == here else []
    pyenv = Path.home() / ".pyenv" / "versions"
    known += sorted(str(path) for path in pyenv.glob(f"{version}.*/bin/python"))
    known += [path for path in [shutil.which(f"python{version}")] if path]
    for path in known:
        probe = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
        answer = subprocess.run([path, "-c", probe], capture_output=True, text=True, check=False)
        if answer.stdout.strip() == version:
            return path
    return None


def requirements(version: str) -> Path:
    """Return a folder with the runtime requirements for a version, installed when they changed."""
    text = (REPOSITORY / "requirements.txt").read_bytes()
    digest = hashlib.sha256(text).hexdigest()[:12]
    folder = REPOSITORY / "build" / f"runtime-{version}-{digest}"
    if folder.exists():
        return folder
    folder.parent.mkdir(exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=folder.name, dir=folder.parent))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command += ["--python-version", version, "--target", str(fresh), "-r", "requirements.txt"]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    fresh.rename(folder)
    for old in folder.parent.glob(f"runtime-{version}-*"):
        if old != folder:
            shutil.rmtree(old)
    return folder


def unpack(folder: Path) -> Path:
    """Build the archive and unpack it into a folder, as the deployment does."""
    archive = folder / "functions.zip"
    build(archive)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder / "unpacked")
    return folder / "unpacked"


def serve(
    version: str, source: Path, requests: list[dict[str, Any]], env: Mapping[str, str]
) -> list[dict[str, Any]]:
    """
    Send requests to entry points served from an unpacked archive; return their answers.

    A request is {"function", "signature", "headers", "body"}, its answer {"status", "text"}.

    Raises:
        PackageError: there is no such interpreter, or it could not serve.
    """
    python = interpreter(version)
    if python is None:
        raise PackageError(f"there is no Python {version} here")
    command = [python, "-I", "-S", "-B", "-c", _PROGRAM, str(source), str(requirements(version))]
    run = subprocess.run(
        [*command, str(SERVE), str(source)],
        input=json.dumps(requests), env=dict(env), cwd=source,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if run.returncode:
        raise PackageError(run.stderr[-4000:])
    return json.loads(run.stdout.splitlines()[-1])


def turned_away(version: str, source: Path) -> str:
    """Import every entry point and call those with an address as a stranger; return what came."""
    known = catalog.load().functions
    env = {
        "PATH": "/usr/bin:/bin",
        "GOOGLE_CLOUD_PROJECT": "check",
        "K_SERVICE": "check",  # as deployed: private functions want their caller's token
        "CALLED_BY": "nobody@example.com",
    }
    asked: list[dict[str, Any]] = [
        {"function": name, "signature": "http", "headers": {}, "body": "{}"}
        for name, function in known.items()
        if function.trigger["kind"] in {"topic", "http", "schedule"}
    ]
    for request, answer in zip(asked, serve(version, source, asked, env), strict=True):
        if not 400 <= answer["status"] < 500:
            raise PackageError(f"{request['function']} answered {answer['status']} to a stranger")
    return f"{len(known)} entry points imported, {len(asked)} turned a stranger away"


def main() -> int:
    """Check the versions that are asked for; say which could not be run."""
    code = 0
    with tempfile.TemporaryDirectory() as folder:
        source = unpack(Path(folder))
        for version in sys.argv[1:] or VERSIONS:
            if interpreter(version) is None:
                print(f"Python {version}: no interpreter here, not run")
                code = code or 3
                continue
            try:
                print(f"Python {version}: {turned_away(version, source)}")
            except PackageError as error:
                print(f"Python {version}: {error}", file=sys.stderr)
                code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())

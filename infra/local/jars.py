"""Find the emulators of Pub/Sub and Firestore (Java), or let the Firebase CLI fetch them."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from infra.local.java import java
from infra.local.nodejs import firebase_cli, node
from infra.local.supervisor import run_guarded
from infra.local.toolchain import ToolMissingError, say

# Where the Google Cloud SDK keeps the jars, below its root; its start scripts are not needed.
SDK_PUBSUB = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"
SDK_FIRESTORE = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
# Where the Firebase CLI keeps the ones it downloads.
CACHE = Path("~/.cache/firebase/emulators").expanduser()
CACHED_PUBSUB = "pubsub-emulator-*/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"
CACHED_FIRESTORE = "cloud-firestore-emulator-v*.jar"

FIRESTORE_MAIN = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"


@cache
def pubsub_emulator() -> list[str]:
    """Return the command of the Pub/Sub emulator; add `--host=` and `--port=`.

    Raises:
        ToolMissingError: it is neither installed nor could it be downloaded.
    """
    jar = _find("pubsub", SDK_PUBSUB, CACHED_PUBSUB)
    return [str(java()), "-Xmx256m", "-XX:+UseSerialGC", "-jar", str(jar)]


@cache
def firestore_emulator_jar() -> Path:
    """Return the jar of the Firestore emulator.

    Raises:
        ToolMissingError: it is neither installed nor could it be downloaded.
    """
    return _find("firestore", SDK_FIRESTORE, CACHED_FIRESTORE)


def write_firestore_launcher(folder: Path) -> Path:
    """Write a jar into `folder` that firebase-tools can run with `java -jar`, and return it.

    The SDK's jar names no main class, and firebase-tools changes the mode of the file it is given,
    which only the file's owner may do. A jar of our own with nothing but a manifest solves both.
    """
    jar = firestore_emulator_jar()
    lines = (
        "Manifest-Version: 1.0",
        f"Main-Class: {_main_class(jar)}",
        f"Class-Path: {jar.resolve().as_uri()}",
    )
    launcher = folder / "firestore-launcher.jar"
    with zipfile.ZipFile(launcher, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "".join(_wrapped(line) for line in lines))
    return launcher


def _wrapped(line: str) -> str:
    """Break a manifest line: at most 72 bytes each, continued after one space (JAR format)."""
    first, rest = line[:72], line[72:]
    more = [f" {rest[start : start + 71]}" for start in range(0, len(rest), 71)]
    return "".join(f"{part}\r\n" for part in [first, *more])


def _main_class(jar: Path) -> str:
    with zipfile.ZipFile(jar) as archive:
        manifest = archive.read("META-INF/MANIFEST.MF").decode()
    for line in manifest.splitlines():
        if line.startswith("Main-Class:"):
            return line.partition(":")[2].strip()
    return FIRESTORE_MAIN


def _find(name: str, in_sdk: str, in_cache: str) -> Path:
    for root in _sdk_roots():
        if jars := sorted(root.glob(in_sdk)):
            return jars[-1]
    if jars := sorted(CACHE.glob(in_cache)):
        return jars[-1]
    say(f"downloading the {name} emulator (once)")
    command = [*firebase_cli(), f"setup:emulators:{name}"]
    path = f"{node().executable.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    run_guarded(command, env={**os.environ, "PATH": path, "CI": "1"}, cwd=Path.cwd())
    if jars := sorted(CACHE.glob(in_cache)):
        return jars[-1]
    raise ToolMissingError(
        f"the {name} emulator is not installed and could not be downloaded. Install the Google "
        "Cloud SDK with its components `pubsub-emulator` and `cloud-firestore-emulator` (and set "
        "CLOUDSDK_ROOT if it is in an unusual place), or run "
        f"`firebase setup:emulators:{name}` once while online."
    )


def _sdk_roots() -> Iterator[Path]:
    if root := os.environ.get("CLOUDSDK_ROOT"):
        yield Path(root)
    if gcloud := shutil.which("gcloud"):
        yield Path(gcloud).resolve().parent.parent
    for parent in ("/usr/lib", "/usr/share", "/opt", "~"):
        yield Path(parent).expanduser() / "google-cloud-sdk"

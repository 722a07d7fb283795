"""
A headless Chromium for the tests of the status page: the system's, else one from npm.

The npm package is a build for serverless platforms: it needs nothing of a desktop, carries its own
libraries, and unpacks itself into a temporary folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from infra.local.nodejs import installed, node

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROJECT = Path(__file__).with_name("browser")  # package.json and its lock
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_UNPACK = 'import c from "@sparticuz/chromium"; console.log(await c.executablePath())'
# A container has no user namespaces, hence no sandbox.
_ARGUMENTS = ("--no-sandbox", "--headless=new", "--disable-gpu")


@contextmanager
def browser() -> Generator[Browser]:
    """
    Run a browser; yields playwright's.

    Raises:
        ToolMissingError: there is none on this system and npm could not install one.
    """
    from playwright.sync_api import sync_playwright

    with TemporaryDirectory(prefix="chromium-") as folder, sync_playwright() as playwright:
        executable, libraries = _found(folder)
        running = playwright.chromium.launch(
            executable_path=executable,
            args=list(_ARGUMENTS),
            env={**os.environ, "LD_LIBRARY_PATH": libraries, "TMPDIR": folder},
        )
        try:
            yield running
        finally:
            running.close()


def _found(folder: str) -> tuple[str, str]:
    """Return a Chromium and where its libraries are."""
    for name in _NAMES:
        if system := shutil.which(name):
            return system, os.environ.get("LD_LIBRARY_PATH", "")
    installed(PROJECT, "a headless browser", "seconds, 65 MB")
    unpacked = subprocess.run(
        [node().executable, "--input-type=module", "--eval", _UNPACK],
        cwd=PROJECT,
        env={**os.environ, "TMPDIR": folder, "AWS_LAMBDA_JS_RUNTIME": "nodejs20.x"},
        capture_output=True,
        text=True,
        check=True,
    )
    return unpacked.stdout.strip(), f"{folder}/al2023/lib"

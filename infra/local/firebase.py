"""
The Firebase emulators (Auth, Firestore, Functions) over the repository's own entry points.

firebase-tools wants a project folder with a virtual environment in it. One is written into the run
folder, so that the repository needs none of that: a `main.py` that exposes only the functions
whose triggers the emulator serves, and a `venv` that leads to the Python running this.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.local.jars import write_firestore_launcher
from infra.local.java import java
from infra.local.nodejs import firebase_cli, node
from infra.local.processes import Process, StartError, answers, base_environment, free_port
from shared.catalog import Catalog

EMULATORS = ("auth", "firestore", "functions")
INTERNAL = ("hub", "logging", "eventarc", "tasks")  # named too, or two stacks would fight for them
LOAD_FAILED = "Failed to load function definition"

MAIN = """\
import importlib.util

spec = importlib.util.spec_from_file_location("entry_points", {main!r})
entry_points = importlib.util.module_from_spec(spec)
spec.loader.exec_module(entry_points)
for name in {names!r}:
    globals()[name] = getattr(entry_points, name)
"""

# Sourced by firebase-tools in the shell that then runs `python3.12` to list the functions, or
# `functions-framework` to serve one (FUNCTION_TARGET). It stops a worker by killing that shell,
# which would leave the worker running: so the worker takes the shell's place.
ACTIVATE = """\
PATH={bin}:$PATH
export PATH
if [ -n "${{FUNCTION_TARGET:-}}" ]; then
  exec {python} -m functions_framework
fi
"""

# The version in the name is the deployed runtime's; the Python behind it is the one running this.
PYTHON = """\
#!/bin/sh
exec {python} "$@"
"""


def ingress(catalog: Catalog, *, sign_in_hook: bool = True) -> list[str]:
    """Return the functions whose triggers the emulator serves."""
    served = ("auth", "firestore", *(["blocking"] if sign_in_hook else []))
    return [f.name for f in catalog.functions.values() if f.trigger["kind"] in served]


class Firebase:
    """The emulator suite in `folder`, serving `entry_points` of the `main.py` in `repository`.

    `settings` are environment variables for the functions. `emulators` may leave the functions out.
    """

    def __init__(
        self,
        folder: Path,
        repository: Path,
        entry_points: Sequence[str],
        settings: Mapping[str, str],
        project: str = "demo-healbridge",
        emulators: Sequence[str] = EMULATORS,
    ) -> None:
        self.folder = folder
        self.repository = repository
        self.entry_points = list(entry_points)
        self.settings = dict(settings)
        self.emulators = tuple(emulators)
        self.project = project  # a "demo-" project never reaches for the network or a login
        self.ports = {name: free_port() for name in (*EMULATORS, *INTERNAL)}
        self._main = folder / "functions" / "main.py"
        self._log: Path | None = None

    def host(self, emulator: str) -> str:
        """Return `host:port` of an emulator ("auth", "firestore" or "functions")."""
        return f"127.0.0.1:{self.ports[emulator]}"

    def environment(self) -> dict[str, str]:
        """Return the variables that lead the Firebase client libraries to these emulators."""
        return {
            "FIREBASE_AUTH_EMULATOR_HOST": self.host("auth"),
            "FIRESTORE_EMULATOR_HOST": self.host("firestore"),
        }

    def write(self) -> None:
        """Write the project folder: the repository's firebase.json with this run's ports and paths,
        the rules, and the functions."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        configuration = json.loads((self.repository / "firebase.json").read_text())
        self._write_functions(configuration["functions"]["runtime"])
        configuration["functions"]["source"] = self._main.parent.name
        # A copy: firebase-tools refuses a path outside its project folder.
        rules = self.repository / configuration["firestore"]["rules"]
        shutil.copy(rules, self.folder / rules.name)
        configuration["firestore"]["rules"] = rules.name
        emulators: dict[str, Any] = configuration["emulators"]
        for name, port in self.ports.items():
            emulators[name] = {"host": "127.0.0.1", "port": port}
        emulators["firestore"]["websocketPort"] = free_port()
        (self.folder / "firebase.json").write_text(json.dumps(configuration, indent=2))

    def _write_functions(self, runtime: str) -> None:
        venv_bin = self._main.parent / "venv" / "bin"
        venv_bin.mkdir(parents=True)
        python, path = shlex.quote(sys.executable), shlex.quote(str(venv_bin))
        (venv_bin / "activate").write_text(ACTIVATE.format(bin=path, python=python))
        shim = venv_bin / runtime.replace("python3", "python3.")
        shim.write_text(PYTHON.format(python=python))
        shim.chmod(0o755)
        # How firebase-tools tells that the functions are Python; nothing is installed from it.
        (self._main.parent / "requirements.txt").touch()
        main = str(self.repository / "main.py")
        self._main.write_text(MAIN.format(main=main, names=self.entry_points))

    def process(self, log: Path) -> Process:
        """Return the suite as a child for the supervisor; `write` must have been done."""
        self._log = log
        command = [*firebase_cli(), "emulators:start", "--project", self.project]
        return Process(
            "firebase",
            [*command, "--only", ",".join(self.emulators), "--non-interactive"],
            log=log,
            env=self._environment(),
            cwd=self.folder,
            ready=self.ready,
            ready_timeout_s=120,
        )

    def ready(self) -> bool:
        """Tell whether the emulators answer and the functions are loaded, which comes last.

        Raises:
            StartError: they cannot be loaded; firebase-tools itself would wait for ever.
        """
        if self._log is not None and LOAD_FAILED in self._log.read_text(errors="replace"):
            raise StartError(f"the functions could not be loaded, see {self._log}")
        if "functions" not in self.emulators:
            return all(answers(f"http://{self.host(name)}") for name in self.emulators)
        try:
            with urllib.request.urlopen(
                f"http://{self.host('functions')}/backends", timeout=2
            ) as r:
                backends = json.load(r)["backends"]
        except OSError:
            return False
        loaded = {t["entryPoint"] for b in backends for t in b["functionTriggers"]}
        return loaded >= set(self.entry_points)

    def reload(self) -> None:
        """Make the emulator read the repository's code again (it watches only its own folder)."""
        self._main.touch()

    def _environment(self) -> dict[str, str]:
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        path = [java().parent, node().executable.parent, os.environ.get("PATH", os.defpath)]
        return base_environment(
            PATH=os.pathsep.join(map(str, path)),
            JAVA_HOME=str(java().parent.parent),
            FIRESTORE_EMULATOR_BINARY_PATH=str(write_firestore_launcher(self.folder)),
            # More workers at once than cores, and a burst on a cold function starves them all.
            FUNCTIONS_EMULATOR_PARALLEL="2",
            FUNCTIONS_DISCOVERY_TIMEOUT="90",  # seconds, for discovery and for a worker's start
            METADATA_SERVER_DETECTION="none",
            # No update check, no message of the day, no question, no colour codes in the log.
            CI="1",
            NO_COLOR="1",
            # Nobody's login or settings; and its hub file, named after the project alone, would
            # otherwise be shared by all stacks of this machine.
            HOME=str(self.folder),
            XDG_CONFIG_HOME=str(self.folder / "config"),
            TMPDIR=str(temporary),
            PYTHONPATH=str(self.repository),
            **self.settings,
        )

"""A short run against every target, the same each time; and proof that a bug would be found."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tracemalloc
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import clients
from shared.clients import Clients
from tests.fuzz import targets
from tests.fuzz.__main__ import reproduce
from tests.fuzz.environment import ENVIRONMENT
from tests.fuzz.findings import REPOSITORY, Finding, broken_by, smallest
from tests.fuzz.mutate import mutated
from tests.fuzz.planted import TARGETS as PLANTED

_INPUTS = 150
_GROWTH = 64 * 1024  # bytes that sixty rounds may leave behind: caches of the libraries
each_target = pytest.mark.parametrize("name", targets.TARGETS)
text = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=12,
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clients, "_current", Clients())  # put back when the test is over


@each_target
def test_mutants_of_the_seeds_break_nothing(name: str) -> None:
    known = targets.seeds(name)
    assert known
    for data in known:
        assert broken_by(name, targets.TARGETS[name], data) is None
    for number in range(_INPUTS):
        data = mutated(known[number % len(known)], number)
        assert broken_by(name, targets.TARGETS[name], data) is None, data


@each_target
@settings(deadline=None, max_examples=15)
@given(data=values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200))
def test_any_value_and_any_bytes_break_nothing(name: str, data: bytes) -> None:
    assert broken_by(name, targets.TARGETS[name], data) is None


@each_target
def test_the_same_input_again_and_again_takes_no_memory(name: str) -> None:
    data = mutated(targets.seeds(name)[0], 1)

    def rounds(count: int) -> None:
        for _ in range(count):
            targets.TARGETS[name](data)
        gc.collect()

    rounds(10)
    tracemalloc.start()
    try:
        rounds(1)
        before = tracemalloc.get_traced_memory()[0]
        rounds(60)
        assert tracemalloc.get_traced_memory()[0] - before < _GROWTH
    finally:
        tracemalloc.stop()


def test_every_http_function_and_every_trigger_of_firebase_is_a_target() -> None:
    """Steps are all behind `push`, HTTP functions behind `endpoints`, both by the catalog."""
    from shared import catalog

    kinds = {f.trigger["kind"] for f in catalog.load().functions.values()}
    assert kinds <= {"topic", "http", "schedule", "auth", "firestore", "blocking"}
    assert {"push", "endpoints", "auth_event", "firestore_event", "sign_in_hook"} <= (
        targets.TARGETS.keys()
    )


def test_planted_bugs_are_found_made_small_and_can_be_reproduced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--module", "tests.fuzz.planted"]
    run = [*command, "--seconds", "120", "--folder", str(tmp_path / "fuzz")]  # far less is needed
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"FUZZ_HANG_S": "1", "FUZZ_FIRST": "1"}
    known = ["crash", "server_error", *(["hang"] if find_spec("atheris") else [])]
    run += [word for name in known for word in ("--target", name)]
    done = subprocess.run(run, cwd=REPOSITORY, env=environment, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    report: dict[str, Any] = json.loads((tmp_path / "fuzz.json").read_text())
    assert report["crashes"] == 1
    assert report["server_errors"] == 1
    assert report["hangs"] == (1 if "hang" in known else 0)
    by_target = {finding["target"]: finding for finding in report["findings"]}
    assert all(Path(finding["file"]).read_bytes() for finding in by_target.values())
    found = by_target["crash"]
    assert reproduce(Path(found["file"]), "tests.fuzz.planted") == 1
    assert "KeyError" in capsys.readouterr().err
    assert len(Path(found["file"]).read_bytes()) < 200  # smaller still where there is time


def test_an_input_is_made_small_without_losing_what_it_shows() -> None:
    data = b'{"refs": [], "version": 1, "more": [1, 2, 3], "and": {"more": "of it"}}'
    found = broken_by("crash", PLANTED["crash"], data)
    expected = Finding("crash", "crash", "KeyError in tests/fuzz/planted.py:crash")
    assert found == expected
    small = smallest("crash", PLANTED["crash"], data, expected)
    assert b"of it" not in small
    assert len(small) < 0.7 * len(data)
    assert broken_by("crash", PLANTED["crash"], small) == expected

"""
The mutations of terraform/tests still fit the files they mutate, and a few of them are played, one
for each kind of promise. All are played by `python -m terraform.tests.mutate`, in half an hour.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from terraform.tests.mutate import noticed, snapshot
from terraform.tests.mutations import MUTATIONS

ROOT = Path(__file__).parents[2]


def _runs() -> set[str]:
    files = (ROOT / "terraform" / "tests").glob("*.tftest.hcl")
    return {run for file in files for run in re.findall(r'^run "(\w+)"', file.read_text(), re.M)}


def test_every_mutation_finds_its_text_once() -> None:
    found = {m: (ROOT / m.file).read_text(encoding="utf-8").count(m.old) for m in MUTATIONS}
    assert {m: count for m, count in found.items() if count != 1} == {}


def test_every_run_is_proved_by_a_mutation() -> None:
    accepts = {"the_sound_catalog_is_accepted"}  # the other runs of its file show what it refuses
    assert {m.run for m in MUTATIONS} | accepts == _runs()


@pytest.mark.parametrize(
    ("promise", "new"),
    [
        ("instances beyond the connections of core", '"max_instances": 400,'),
        ("a budget that is not kept", "<= 2 * var.core_"),
        ("a private function that anybody reaches", '? "ALLOW_ALL" : "'),
        ("an event that is not retried", "RETRY_POLICY_DO_NOT_RETRY"),
    ],
)
def test_a_broken_promise_goes_red(promise: str, new: str, tmp_path: Path) -> None:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not on PATH")
    mutation = next(m for m in reversed(MUTATIONS) if m.new == new)
    said = noticed(mutation, snapshot(tmp_path / "unbroken"))
    if "there is no offline checker" in said:
        pytest.skip("the provider is out of reach, and there is no offline checker")
    assert not said, promise

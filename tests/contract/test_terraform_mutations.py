"""The mutations of terraform/tests still fit the files they mutate."""

from __future__ import annotations

import re
from pathlib import Path

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

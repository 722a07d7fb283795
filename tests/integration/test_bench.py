"""The benchmark works: items run in their short form and give their figures. No time is judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.items import ITEMS
from tests.bench.report import KEYS, Figure, comparison, table, write

# The others need the whole local stack, which takes too long here: `make bench QUICK=1` runs all.
SHORT = ["documents", "round_trips", "publishing", "embedding", "reconciling"]
REPOSITORY = Path(__file__).parents[2]


def test_the_items_that_need_databases_and_a_bus_run_and_are_printed() -> None:
    command = [sys.executable, "-m", "tests.bench", "--quick", "--only", *SHORT]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed = [key for key in KEYS if f"\n{key}: " in f"\n{done.stdout}"]
    assert printed == [
        key for key in KEYS
        if key.startswith(("documents", "round", "publish", "embed", "reconcile", "relay"))
    ]  # fmt: skip


def test_every_item_is_named_and_every_key_has_an_aim_or_is_a_plain_count() -> None:
    assert set(SHORT) <= set(ITEMS)
    assert [key for key, aim in KEYS.items() if not aim] == ["reconcile_rows_per_second"]


def test_a_result_is_written_under_its_keys_and_compared_number_by_number(tmp_path: Path) -> None:
    curve = Figure("concurrency_curve", {"of_linear": {"1": 1.0, "2": 0.9}}, met=True, ours="a")
    share = Figure("embed_fill", 0.97, met=True, ours="b", floor="c")
    write([curve, share], tmp_path / "bench.json")
    assert json.loads((tmp_path / "bench.json").read_text()) == {
        "concurrency_curve": {"of_linear": {"1": 1.0, "2": 0.9}},
        "embed_fill": 0.97,
    }
    worse = Figure("embed_fill", 0.5, met=False, ours="b")
    told = comparison([curve, worse], tmp_path / "bench.json")
    assert "embed_fill: 0.97 -> 0.5" in told
    assert "1 of 3 numbers" in told
    assert "NOT MET" in table([worse])


def test_without_a_stored_result_there_is_nothing_to_compare(tmp_path: Path) -> None:
    figure = Figure("embed_fill", 0.97, met=True, ours="b")
    assert "no stored result" in comparison([figure], tmp_path / "none.json")


@pytest.mark.parametrize("value", [1.0, {"a": {"b": 2}}])
def test_only_moves_of_more_than_a_tenth_are_told(tmp_path: Path, value: object) -> None:
    figure = Figure("embed_fill", value, met=True, ours="b")  # type: ignore[arg-type]
    write([figure], tmp_path / "bench.json")
    assert "0 of 1 numbers" in comparison([figure], tmp_path / "bench.json")

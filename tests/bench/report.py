"""The figures: their aims, the table, build/bench.json, the comparison with the stored result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
RESULT = REPOSITORY / "build" / "bench.json"
STORED = Path(__file__).with_name("stored.json")
Value = float | dict[str, Any]

KEYS = {
    "documents_vs_best_sql": ">= 0.7",
    "documents_vs_row_by_row": ">= 4 and >= 15",
    "round_trips": "reads 1, writes 1 per store",
    "step_vs_null_function": ">= 0.5",
    "publish_vs_raw": "<= 1.3",
    "end_to_end_vs_null_chain": "<= 1.5",
    "bulk_documents_per_second": ">= 1000 and >= 10x",
    "ready_vs_bare_function": "<= 2.0 worst, <= 1.5 Postgres only",
    "rss_mb": "<= +60 MB, flat",
    "embed_fill": ">= 0.95",
    "embed_calls_unchanged": "0",
    "reconcile_rows_per_second": "",
    "reconcile_vs_copy": "<= 3, memory flat",
    "status_ms_1m": "<= 3x of 1000 rows",
    "relay_rows_per_second": ">= 0.6 of raw publish",
    "concurrency_curve": ">= 0.8 of linear up to the pool",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """
    One key of bench.json: its value, whether the aim is met, and the measurements as a person reads
    them, `ours` beside `floor`.
    """

    key: str
    value: Value
    met: bool
    ours: str
    floor: str = ""
    note: str = ""


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as lines of text."""
    lines: list[str] = []
    for figure in figures:
        mark = "ok" if figure.met else "NOT MET"
        lines.append(f"{figure.key}: {_short(figure.value)}   aim {KEYS[figure.key]}   {mark}")
        lines.append(f"    ours   {figure.ours}")
        lines += [f"    floor  {figure.floor}"] if figure.floor else []
        lines += [f"    note   {figure.note}"] if figure.note else []
    return "\n".join(lines)


def write(figures: Sequence[Figure], path: Path = RESULT) -> None:
    """Write the values under their keys, and nothing else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {figure.key: figure.value for figure in figures}
    path.write_text(json.dumps(values, indent=2) + "\n")


def comparison(figures: Sequence[Figure], stored: Path = STORED) -> str:
    """Return a line for every number that is more than a tenth away from the stored result."""
    if not stored.exists():
        return "no stored result to compare with"
    before = dict(_numbers("", json.loads(stored.read_text())))
    now = dict(_numbers("", {figure.key: figure.value for figure in figures}))
    lines = [
        f"  {name}: {before[name]:.4g} -> {value:.4g}"
        for name, value in now.items()
        if name in before and abs(value - before[name]) > abs(before[name]) / 10
    ]
    head = f"against the stored result, {len(lines)} of {len(now)} numbers moved by over 10 %"
    return "\n".join([head, *lines])


def _numbers(path: str, value: object) -> list[tuple[str, float]]:
    if isinstance(value, dict):
        return [pair for k, v in value.items() for pair in _numbers(f"{path}.{k}".strip("."), v)]
    return [(path, float(value))] if isinstance(value, int | float) else []


def _short(value: Value) -> str:
    if not isinstance(value, dict):
        return f"{value:.4g}"
    flat = _numbers("", value)
    return ", ".join(f"{name} {number:.4g}" for name, number in flat[:8]) + (
        f", ... ({len(flat)} numbers)" if len(flat) > 8 else ""
    )

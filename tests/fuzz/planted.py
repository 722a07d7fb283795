"""Targets with bugs planted in them: a fuzzer that does not find these finds nothing."""

from __future__ import annotations

import json
from typing import Any

from tests.fuzz.findings import Breach, Target


def crash(data: bytes) -> None:
    """Break upon a field that only a mutation of the seed spells."""
    given = _read(data)
    if isinstance(given, dict) and "version" in given and given.get("refs") == []:
        raise KeyError("planted")


def server_error(data: bytes) -> None:
    """Answer 500 to a number that is too large."""
    given = _read(data)
    version = given.get("version") if isinstance(given, dict) else None
    if isinstance(version, int) and version >= 2**63:
        raise Breach("server_error", "planted answers 500")


def hang(data: bytes) -> None:
    """Never end upon deep nesting."""
    depth, value = 0, _read(data)
    while isinstance(value, list) and value:
        depth, value = depth + 1, value[0]
    while depth > 40:
        pass


def _read(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


TARGETS: dict[str, Target] = {"crash": crash, "server_error": server_error, "hang": hang}


def seeds(name: str) -> list[bytes]:
    """Return one sound input."""
    del name
    return [b'{"refs": [1], "version": 1}']

"""What an operator's POST asks for: a JSON object of known fields, checked by their types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

from shared.access.json_body import read_object
from shared.errors import RequestError

_NAMES = {str: "a string", bool: "true or false", float: "a number", list: "a list of strings"}


def read(body: bytes, fields: Mapping[str, type]) -> dict[str, Any] | None:
    """
    Return the object in a body, None for an empty one (which is how the schedule calls). `fields`
    gives each field's type: str, bool, float (any number) or list (of strings); all are optional.

    Raise RequestError: 400 for what is no JSON, 422 for what breaks a rule.
    """
    if not body.strip():
        return None
    wanted = read_object(body)
    for name in sorted(wanted.keys() - fields.keys()):
        raise RequestError(422, "unknown_field", f"`{name[:20]}` is none of {sorted(fields)}")
    for name, value in wanted.items():
        if not _fits(value, fields[name]):
            raise RequestError(422, name, f"`{name}` must be {_NAMES[fields[name]]}")
    return wanted


def _fits(value: object, kind: type) -> bool:
    if kind is float:
        return type(value) in {int, float} and math.isfinite(cast("float", value))
    if kind is list:
        return isinstance(value, list) and all(
            isinstance(item, str) for item in cast("list[object]", value)
        )
    return isinstance(value, kind)

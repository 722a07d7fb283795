"""
Firestore's values in JSON and in Python, and the names of fields.

What Python has no word for (a reference, a place on the map, a vector) is kept as it came: readers
see neither text nor number in it, and it can be written back.
https://cloud.google.com/firestore/docs/reference/rest/v1/Value
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_SIMPLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NO_NUMBERS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}  # JSON has none for them


@dataclass(frozen=True, slots=True)
class Kept:
    """A value in Firestore's own form."""

    json: dict[str, Any]


def fields_from(json: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a document's fields. What is no form of a value raises whatever it meets: AttributeError,
    LookupError, TypeError, ValueError, OverflowError or RecursionError.
    """
    return {name: value_from(value) for name, value in json.items()}


def value_from(json: Any) -> Any:
    """Return a value. A time is aware, in UTC and to the microsecond, as Firestore keeps it."""
    ((kind, content),) = json.items()
    read = _READERS.get(kind)
    return Kept(json) if read is None else read(content)


def value_to(value: object) -> dict[str, Any]:
    """Return a value in Firestore's form. A time without a zone is in UTC. Raise TypeError."""
    write = _WRITERS.get(type(value))
    if write is None:  # of a class derived from one of these, as an enumeration is
        kinds = (kind for kind in _WRITERS if isinstance(value, kind))
        write = _WRITERS.get(next(kinds, object))
    if write is None:
        raise TypeError("no value of Firestore's")
    return write(value)


def fields_to(fields: Mapping[str, object]) -> dict[str, Any]:
    """Return a document's fields in Firestore's form."""
    return {name: value_to(value) for name, value in fields.items()}


def field_path(name: str) -> str:
    """Return the path of a document's field, which may be named anything."""
    if _SIMPLE_NAME.fullmatch(name):
        return name
    return "`{}`".format(name.replace("\\", "\\\\").replace("`", "\\`"))


def microseconds(time: str) -> int:
    """Return a time as microseconds since 1970, exactly; what is finer is cut off."""
    return (_time_from(time) - _EPOCH) // _MICROSECOND


def _time_from(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is not UTC:
        raise ValueError("Firestore gives times in UTC")
    return time


def _time_to(time: datetime) -> str:
    in_utc = time.astimezone(UTC) if time.tzinfo else time
    return in_utc.replace(tzinfo=None).isoformat() + "Z"


def _double_to(value: float) -> dict[str, Any]:
    return {"doubleValue": _NO_NUMBERS.get(repr(float(value)), value)}


def _array_to(items: Iterable[object]) -> dict[str, Any]:
    return {"arrayValue": {"values": [value_to(item) for item in items]}}


def _map_from(content: Any) -> Any:
    fields = content.get("fields", {})
    # A vector or a type of MongoDB's is a map with a name that nobody else may give.
    if any(name[:2] == "__" == name[-2:] for name in fields):
        return Kept({"mapValue": content})
    return fields_from(fields)


def _itself(content: Any) -> Any:
    return content


_WRITERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    type(None): lambda _: {"nullValue": None},
    bool: lambda value: {"booleanValue": value},
    int: lambda value: {"integerValue": str(int(value))},
    float: _double_to,
    datetime: lambda value: {"timestampValue": _time_to(value)},
    str: lambda value: {"stringValue": value},
    bytes: lambda value: {"bytesValue": b64encode(value).decode()},
    list: _array_to,
    tuple: _array_to,
    dict: lambda value: {"mapValue": {"fields": fields_to(value)}},
    Kept: lambda value: value.json,
}
_READERS: dict[str, Callable[[Any], Any]] = {
    "nullValue": lambda _: None,
    "booleanValue": _itself,
    "integerValue": int,
    "doubleValue": float,
    "timestampValue": _time_from,
    "stringValue": _itself,
    "bytesValue": b64decode,
    "arrayValue": lambda content: [value_from(item) for item in content.get("values", ())],
    "mapValue": _map_from,
}

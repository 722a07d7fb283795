"""Firestore's values: there and back, and nothing that is none of them gets through unnoticed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.stores.firestore_values import (
    Kept,
    field_path,
    fields_from,
    fields_to,
    microseconds,
    value_from,
    value_to,
)

names = st.text(max_size=8).filter(lambda name: not name.startswith("__"))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.datetimes(timezones=st.just(UTC)).map(lambda time: time.replace(fold=0))
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
)
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["integerValue", "doubleValue", "timestampValue", "bytesValue", "arrayValue",
                 "mapValue", "fields", "values", "stringValue", "nullValue", "geoPointValue"]
            ),
            inner,
            max_size=2,
        )
    ),
)  # fmt: skip


@given(st.dictionaries(names, values, max_size=4))
def test_what_is_written_comes_back_through_json_as_it_was(fields: dict[str, Any]) -> None:
    sent = json.loads(json.dumps(fields_to(fields), allow_nan=False))
    assert repr(fields_from(sent)) == repr(fields)


@given(jsons)
def test_what_is_no_form_of_a_value_is_refused_with_an_error_that_is_told(given: Any) -> None:
    try:
        fields_from({"n": given})
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return
    ((kind, _),) = given.items()
    assert kind.endswith("Value") or kind in {"fields", "values"}


@pytest.mark.parametrize(
    "content",
    [
        {"referenceValue": "projects/p/databases/(default)/documents/c/a"},
        {"geoPointValue": {}},
        {"mapValue": {"fields": {"__oid__": {"stringValue": "507f191e810c19729de860ea"}}}},
        {"mapValue": {"fields": {"__type__": {"stringValue": "__vector__"}}}},
        {"someLaterValue": {"a": 1}},
    ],
)
def test_what_python_has_no_word_for_is_kept(content: dict[str, Any]) -> None:
    assert value_from(content) == Kept(content)
    assert value_to([value_from(content)]) == {"arrayValue": {"values": [content]}}


@pytest.mark.parametrize("value", [date(2026, 1, 2), {1}, object(), 1j, [object()], {"a": {1}}])
def test_what_firestore_has_no_value_for_is_not_written(value: object) -> None:
    with pytest.raises(TypeError):
        value_to(value)


@pytest.mark.parametrize(
    ("name", "path"),
    [("name", "name"), ("_a1", "_a1"), ("a.b", "`a.b`"), ("1", "`1`"), ("a\n", "`a\n`"),
     ("\\`", "`\\\\\\``"), ("é", "`é`")],
)  # fmt: skip
def test_a_field_of_any_name_has_a_path(name: str, path: str) -> None:
    assert field_path(name) == path


def test_a_version_is_exact_and_cuts_off_what_is_finer() -> None:
    moment = datetime(2126, 5, 1, 10, 0, 0, 123456, UTC)
    text = "2126-05-01T10:00:00.123456999Z"
    assert microseconds(text) == int(moment.timestamp()) * 1_000_000 + 123456
    assert microseconds("2126-05-01T10:00:00Z") % 1_000_000 == 0

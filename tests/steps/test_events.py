"""Messages carry references and nothing else; what breaks the form is refused with a reason."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import PermanentError
from shared.events import MAX_REFS, Event, Ref, decode, encode, events, new_traceparent, newest

TRACE = f"00-{'ab' * 16}-{'cd' * 8}-01"
quick = settings(deadline=None, max_examples=40)
KEYS = st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=128)
REFS = st.builds(
    Ref, st.from_regex(r"[a-z][a-z_]{1,31}", fullmatch=True), KEYS, st.integers(0, 2**63 - 1)
)


def refused(data: Any) -> str:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    with pytest.raises(PermanentError) as raised:
        decode("t", body, {})
    return raised.value.code


@quick
@given(st.lists(REFS, min_size=1, max_size=MAX_REFS, unique_by=lambda ref: (ref.kind, ref.key)))
def test_what_is_encoded_is_decoded_alike(refs: list[Ref]) -> None:
    event = Event("t", tuple(refs), TRACE)
    data, attributes = encode(event)
    assert decode("t", data, attributes) == Event("t", tuple(refs), TRACE, attributes)


def test_a_message_holds_ids_and_versions_and_its_attributes_the_trace() -> None:
    data, attributes = encode(
        Event("t", (Ref("user", "u1", 7),), TRACE, {"other": "not passed on"})
    )
    assert json.loads(data) == {"refs": [{"kind": "user", "key": "u1", "version": 7}]}
    assert attributes == {"traceparent": TRACE}


def test_any_number_of_refs_is_spread_over_full_messages() -> None:
    refs = [Ref("user", str(number)) for number in range(2 * MAX_REFS + 1)]
    made = events("t", refs, TRACE)
    assert [len(event.refs) for event in made] == [MAX_REFS, MAX_REFS, 1]
    assert [ref for event in made for ref in event.refs] == refs
    assert events("t", [], TRACE) == []


def test_an_entity_named_twice_is_kept_once_at_its_highest_version() -> None:
    refs = [Ref("user", "a", 2), Ref("user", "b", 1), Ref("user", "a", 5), Ref("user", "a", 3)]
    assert newest(refs) == (Ref("user", "a", 5), Ref("user", "b", 1))
    data = json.dumps(
        {"refs": [{"kind": r.kind, "key": r.key, "version": r.version} for r in refs]}
    )
    assert decode("t", data.encode(), {}).refs == newest(refs)


def test_a_ref_without_version_has_version_0() -> None:
    data = b'{"refs": [{"kind": "user", "key": "u1"}], "more": 1}'
    assert decode("t", data, {}).refs == (Ref("user", "u1", 0),)


@pytest.mark.parametrize("given", ["", "nonsense", TRACE.upper(), TRACE + "0"])
def test_a_missing_or_malformed_trace_starts_a_new_one(given: str) -> None:
    data, _ = encode(Event("t", (Ref("user", "u1"),), TRACE))
    event = decode("t", data, {"traceparent": given})
    assert event.traceparent != given
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", event.traceparent)
    assert event.trace_id == event.traceparent[3:35]


def test_new_traces_differ() -> None:
    assert new_traceparent() != new_traceparent()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "event_not_json"),
        (b"\xff\xfe", "event_not_json"),
        (b"[" * 30_000, "event_not_json"),
        (b" " * (64 * 1024 + 1), "event_too_large"),
        ([], "event_without_refs"),
        ({}, "event_without_refs"),
        ({"refs": []}, "event_without_refs"),
        ({"refs": {"kind": "user"}}, "event_without_refs"),
        ({"refs": ["u1"]}, "event_ref_not_object"),
        ({"refs": [{"kind": "user", "key": str(n)} for n in range(101)]}, "event_too_many_refs"),
        ({"refs": [{"key": "u1"}]}, "event_ref_kind"),
        ({"refs": [{"kind": "User", "key": "u1"}]}, "event_ref_kind"),
        ({"refs": [{"kind": "user"}]}, "event_ref_key"),
        ({"refs": [{"kind": "user", "key": ""}]}, "event_ref_key"),
        ({"refs": [{"kind": "user", "key": "a b"}]}, "event_ref_key"),
        ({"refs": [{"kind": "user", "key": "a\u0000b"}]}, "event_ref_key"),
        ({"refs": [{"kind": "user", "key": "a\ud800b"}]}, "event_ref_key"),
        ({"refs": [{"kind": "user", "key": "x" * 129}]}, "event_ref_key"),
        ({"refs": [{"kind": "user", "key": 7}]}, "event_ref_key"),
        ({"refs": [{"kind": "user", "key": "u1", "version": "7"}]}, "event_ref_version"),
        ({"refs": [{"kind": "user", "key": "u1", "version": -1}]}, "event_ref_version"),
        ({"refs": [{"kind": "user", "key": "u1", "version": True}]}, "event_ref_version"),
        ({"refs": [{"kind": "user", "key": "u1", "version": 2**63}]}, "event_ref_version"),
        ({"refs": [{"kind": "user", "key": "u1", "version": 1.5}]}, "event_ref_version"),
    ],
)
def test_a_message_that_breaks_the_form_is_refused_with_its_reason(data: Any, code: str) -> None:
    assert refused(data) == code


@given(st.binary(max_size=300) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["refs", "kind", "key", "version"]), inner, max_size=4
    ),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_no_message_is_anything_but_read_or_refused(data: bytes) -> None:
    try:
        event = decode("t", data, {})
    except PermanentError:
        return
    assert 1 <= len(event.refs) <= MAX_REFS

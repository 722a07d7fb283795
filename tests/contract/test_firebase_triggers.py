"""Our triggers declare and read what Firebase's SDK does, without it at run time."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cloudevents.http import CloudEvent
from firebase_functions import firestore_fn
from google.events.cloud.firestore import Document, DocumentEventData, Value
from hypothesis import given
from hypothesis import strategies as st

from shared import profile_events
from shared.errors import PermanentError
from shared.firebase_triggers import on_document_written
from shared.profile_events import Written

REPOSITORY = Path(__file__).parents[2]
START = datetime(2026, 5, 1, 10, tzinfo=UTC)
HEAVY = ("firebase_admin", "google.cloud.firestore_v1", "google.cloud.pubsub_v1", "openai")


def event(data: Any) -> CloudEvent:
    kind = "google.cloud.firestore.document.v1.written"
    about = {"type": kind, "source": "//firestore.googleapis.com", "document": "doctors/u1"}
    return CloudEvent(about, data)


def test_the_emulator_is_told_what_the_sdk_would_tell_it() -> None:
    def announce_it(event: Any) -> None: ...

    theirs: Any = firestore_fn.on_document_written(document="users/{uid}")(announce_it)
    ours: Any = on_document_written("users/{uid}")(announce_it)
    said, expected = ours.__firebase_endpoint__, theirs.__firebase_endpoint__
    assert said.entryPoint == expected.entryPoint
    assert said.platform == expected.platform
    for key in ("eventType", "eventFilterPathPatterns", "retry"):
        assert said.eventTrigger[key] == expected.eventTrigger[key]
    # The SDK leaves filters at their defaults out or in, by version; what it says must be the same.
    for key, value in expected.eventTrigger["eventFilters"].items():
        assert said.eventTrigger["eventFilters"][key] == value


@given(
    sign_in=st.one_of(
        st.none(),
        st.text(max_size=20).map(lambda text: Value(string_value=text)),
        st.integers(-(2**60), 2**60).map(lambda n: Value(integer_value=n)),
        st.just(Value(null_value=0)),
    ),
    others=st.dictionaries(st.text(min_size=1, max_size=9).filter(lambda k: k != "uid"),
                           st.binary(max_size=300), max_size=4),
    moved=st.timedeltas(timedelta(0), timedelta(days=20_000)),
    deleted=st.booleans(),
)  # fmt: skip
def test_any_event_is_read_as_the_generated_classes_wrote_it(
    sign_in: Value | None, others: dict[str, bytes], moved: timedelta, deleted: bool
) -> None:
    values = {key: Value(bytes_value=value) for key, value in others.items()}
    values |= {} if sign_in is None else {"uid": sign_in}
    document = Document(name="x/doctors/u1", fields=values, update_time=START + moved)
    change: Any = {"old_value": document} if deleted else {"value": document, "old_value": document}
    read = profile_events.read(event(DocumentEventData.serialize(DocumentEventData(**change))))
    text = sign_in.string_value if sign_in is not None else None
    since = START + moved - datetime(1970, 1, 1, tzinfo=UTC)
    version = 0 if deleted else since // timedelta(microseconds=1)
    assert read == Written("u1", version, text)


@given(st.binary(max_size=80))
def test_bytes_of_any_kind_are_read_or_refused(data: bytes) -> None:
    try:
        code = f"version {profile_events.read(event(data)).version}"
    except PermanentError as error:
        code = error.code
    assert re.fullmatch(r"version \d+|firestore_event_\w+", code)


@pytest.mark.parametrize(
    "function", ["users.announce_user", "profiles.announce_profile", "profiles.announce_doctor"]
)
def test_a_served_trigger_imports_no_heavy_sdk(function: str) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); import functions.{function};"
        f" import shared.publisher; print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"FUNCTION_TARGET": function.partition(".")[2]},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"

"""A Firestore event becomes a ref on a topic: uid and version, no field of the document."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import functions_framework
import pytest
from flask.testing import FlaskClient
from google.events.cloud.firestore import Document, DocumentEventData, Value

from shared import clients
from shared.events import Ref
from tests.memory.clients import MemoryClients
from tests.steps.conftest import MAIN

UPDATED = datetime(2026, 5, 1, 10, tzinfo=UTC) + timedelta(microseconds=123457)
VERSION = 1777629600123457
CASES = [("announce_profile", "users", "profile-changed"),
         ("announce_doctor", "doctors", "doctor-changed")]  # fmt: skip


@pytest.fixture(autouse=True)
def _deployment(to: MemoryClients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_current", to)


@pytest.fixture(name="deliver")
def _deliver() -> Callable[..., int]:
    """Post an event as Eventarc does; return the status."""

    def deliver(function: str, collection: str, **data: Any) -> int:
        app: FlaskClient = functions_framework.create_app(
            function, str(MAIN), "cloudevent"
        ).test_client()
        document = f"{collection}/u1"
        headers = {
            "ce-id": "1", "ce-specversion": "1.0", "ce-time": "2026-05-01T10:00:01.000000Z",
            "ce-source": "//firestore.googleapis.com/projects/demo-test/databases/(default)",
            "ce-type": "google.cloud.firestore.document.v1.written",
            "ce-subject": f"documents/{document}", "ce-document": document,
            "ce-project": "demo-test", "ce-database": "(default)", "ce-namespace": "(default)",
            "ce-location": "nam5", "Content-Type": "application/protobuf",
        }  # fmt: skip
        body: bytes = DocumentEventData.serialize(DocumentEventData(**data))
        return app.post("/", data=body, headers=headers).status_code

    return deliver


def document(collection: str) -> Document:
    name = f"projects/demo-test/databases/(default)/documents/{collection}/u1"
    fields = {"firstName": Value(string_value="Plantedname")}
    return Document(name=name, fields=fields, create_time=UPDATED, update_time=UPDATED)


@pytest.mark.parametrize(("function", "collection", "topic"), CASES)
def test_a_written_document_is_announced_with_its_update_time_and_nothing_of_its_content(
    to: MemoryClients, deliver: Callable[..., int], function: str, collection: str, topic: str
) -> None:
    assert deliver(function, collection, value=document(collection)) == 200
    (event,) = to.bus.published
    assert (event.topic, event.refs) == (topic, (Ref("user", "u1", VERSION),))
    assert b"Plantedname" not in to.bus.messages[0][1]


@pytest.mark.parametrize(("function", "collection", "topic"), CASES)
def test_a_deleted_document_is_announced_without_a_version(
    to: MemoryClients, deliver: Callable[..., int], function: str, collection: str, topic: str
) -> None:
    assert deliver(function, collection, old_value=document(collection)) == 200
    (event,) = to.bus.published
    assert (event.topic, event.refs) == (topic, (Ref("user", "u1", 0),))


def test_what_the_sync_itself_writes_beside_the_doctors_profiles_is_not_announced(
    to: MemoryClients, deliver: Callable[..., int]
) -> None:
    """Who may read a doctor's appointments lies at doctors/{core's doctor id}."""
    admission = document("doctors")
    admission.fields = {"uid": Value(string_value="the-doctors-sign-in")}
    assert deliver("announce_doctor", "doctors", value=admission) == 200
    assert deliver("announce_doctor", "doctors", old_value=admission) == 200
    nobody = document("doctors")
    nobody.fields = {"uid": Value(null_value=0)}
    assert deliver("announce_doctor", "doctors", value=nobody) == 200
    assert to.bus.published == []


def test_an_event_that_cannot_be_published_is_refused_and_so_delivered_again(
    to: MemoryClients, deliver: Callable[..., int]
) -> None:
    def refuse(moment: str, effect: str) -> None:
        raise RuntimeError(moment + effect)

    to.bus.hook = refuse
    assert deliver("announce_profile", "users", value=document("users")) == 500

"""
The deployed archive, alone with its requirements, answers events in the formats Google documents.

Payloads after Google's own pages: CloudEvents in HTTP binary mode as Eventarc sends them (Auth,
Firestore in protobuf and JSON, Pub/Sub), background events of the first generation, Pub/Sub's push
wrapper, and Cloud Scheduler's plain POST. PostgreSQL and the Pub/Sub emulator are real.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from google.events.cloud.firestore import DocumentEventData

from infra import package_check
from infra.local import pubsub
from infra.local.processes import Process, base_environment, free_port
from infra.local.supervisor import Supervisor
from infra.logins import login
from shared import catalog
from tests.databases import Databases

PROJECT = "demo-package"
VERSION = os.environ.get("PACKAGE_PYTHON", f"{sys.version_info.major}.{sys.version_info.minor}")
STEPS = [step.name for step in catalog.load().steps()]
AUTH = f"//firebaseauth.googleapis.com/projects/{PROJECT}"
DATABASE = f"projects/{PROJECT}/databases/(default)"
DOCUMENT = f"{DATABASE}/documents/users/uid-firestore"
USER = {"email": "asha@example.com", "metadata": {"createTime": "2026-05-01T10:00:00Z"}}


def cloud_event(kind: str, source: str, body: str, **more: str) -> dict[str, Any]:
    """Return a CloudEvent in binary mode: attributes in headers, the data alone as the body."""
    headers = {
        "ce-specversion": "1.0", "ce-id": "5b1f", "ce-type": kind, "ce-source": source,
        "ce-time": "2026-05-01T10:00:00.123456Z", "content-type": "application/json",
    }  # fmt: skip
    return {"signature": "cloudevent", "headers": headers | more, "body": body}


def pushed(data: str) -> dict[str, Any]:
    """Return Pub/Sub's push wrapper as a subscription with dead letters sends it."""
    return {
        "message": {
            "@type": "type.googleapis.com/google.pubsub.v1.PubsubMessage",
            "attributes": {"note": "of another publisher"}, "orderingKey": "key",
            "data": base64.b64encode(data.encode()).decode(),
            "messageId": "2070443601311540", "message_id": "2070443601311540",
            "publishTime": "2026-05-01T10:00:00.1Z", "publish_time": "2026-05-01T10:00:00.1Z",
        },
        "subscription": f"projects/{PROJECT}/subscriptions/step",
        "deliveryAttempt": 1,
    }  # fmt: skip


def firestore_json(*, deleted: bool = False) -> str:
    """Return a document with a field of every type that Firestore has, written or deleted."""
    at = {"createTime": "2026-05-01T10:00:00Z", "updateTime": "2026-05-01T10:00:00.123457Z"}
    fields = {
        "language": {"stringValue": "ta"}, "consent": {"booleanValue": True},
        "visits": {"integerValue": "3"}, "height": {"doubleValue": 1.5},
        "born": {"timestampValue": "1980-02-29T00:00:00Z"}, "nothing": {"nullValue": None},
        "home": {"geoPointValue": {"latitude": 18.5, "longitude": 73.8}},
        "doctor": {"referenceValue": f"{DATABASE}/documents/doctors/d1"},
        "photo": {"bytesValue": "AAEC"},
        "allergies": {"arrayValue": {"values": [{"stringValue": "dust"}, {"integerValue": "1"}]}},
        "address": {"mapValue": {"fields": {"city": {"stringValue": "Pune"}}}},
    }  # fmt: skip
    document = {"name": DOCUMENT, "fields": fields, **at}
    if deleted:
        return json.dumps({"value": {}, "oldValue": document, "updateMask": {}})
    mask = {"fieldPaths": ["language"]}
    return json.dumps({"value": document, "oldValue": {}, "updateMask": mask})


def firestore_protobuf(*, deleted: bool = False) -> bytes:
    return DocumentEventData.serialize(DocumentEventData.from_json(firestore_json(deleted=deleted)))


def first_generation(event: str, uid: str, *, flat: bool) -> dict[str, Any]:
    """Return a background event of the first generation: the context beside the data, or flat."""
    context = {"eventId": "1", "timestamp": "2026-05-01T10:00:00Z",
               "eventType": f"providers/firebase.auth/eventTypes/user.{event}",
               "resource": f"projects/{PROJECT}"}  # fmt: skip
    provider = {"email": "asha@example.com", "providerId": "password", "uid": "asha@example.com"}
    data = {"uid": uid, "email": "asha@example.com", "providerData": [provider],
            "metadata": {"createdAt": "2026-05-01T10:00:00Z"}}  # fmt: skip
    body = {"data": data} | (context if flat else {"context": context})
    headers = {"content-type": "application/json"}
    return {"signature": "event", "headers": headers, "body": json.dumps(body)}


def written(uid: str = "uid-firestore", **data: str) -> dict[str, Any]:
    return cloud_event(
        "google.cloud.firestore.document.v1.written",
        f"//firestore.googleapis.com/{DATABASE}", "",
        **{"ce-subject": f"documents/users/{uid}", "ce-database": "(default)",
           "ce-document": f"users/{uid}", "ce-namespace": "(default)",
           "ce-location": "nam5", "ce-project": PROJECT},
    ) | data  # fmt: skip


INGRESS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "auth_created_second_generation": (
        "announce_user",
        cloud_event("google.firebase.auth.user.v2.created", AUTH,
                    json.dumps({"value": USER | {"uid": "uid-v2"}})),
        "user-changed", "uid-v2",
    ),
    "auth_deleted_second_generation": (
        "announce_erasure",
        cloud_event("google.firebase.auth.user.v2.deleted", AUTH,
                    json.dumps({"oldValue": USER | {"uid": "uid-gone"}})),
        "user-deleted", "uid-gone",
    ),
    "auth_created_first_generation": (
        "announce_user", first_generation("create", "uid-v1", flat=False), "user-changed", "uid-v1",
    ),
    "auth_created_first_generation_flat": (
        "announce_user", first_generation("create", "uid-v1f", flat=True),
        "user-changed", "uid-v1f",
    ),
    "auth_deleted_first_generation_flat": (
        "announce_erasure", first_generation("delete", "uid-v1d", flat=True),
        "user-deleted", "uid-v1d",
    ),
    "firestore_written_in_json": (
        "announce_profile", written(body=firestore_json()), "profile-changed", "uid-firestore",
    ),
    "firestore_written_in_protobuf": (
        "announce_profile",
        written(hex=firestore_protobuf().hex())
        | {"headers": written()["headers"] | {"content-type": "application/protobuf"}},
        "profile-changed", "uid-firestore",
    ),
    "firestore_deleted_in_protobuf": (
        "announce_profile",
        written("uid-gone", hex=firestore_protobuf(deleted=True).hex())
        | {"headers": written("uid-gone")["headers"]
           | {"content-type": "application/protobuf"}},
        "profile-changed", "uid-gone",
    ),
}  # fmt: skip


@dataclass
class Deployed:
    """The unpacked archive, what it is set to, and a look at the bus."""

    source: Path
    env: dict[str, str]
    bus: str
    http: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=30))

    def answers(self, *requests: dict[str, Any], **env: str) -> list[dict[str, Any]]:
        return package_check.serve(VERSION, self.source, list(requests), self.env | env)

    def topic(self, name: str) -> list[dict[str, Any]]:
        """Return and acknowledge what lies on a topic."""
        at = f"{self.bus}/v1/projects/{PROJECT}/subscriptions/{name}"
        pulled = self.http.post(f"{at}:pull", json={"maxMessages": 100, "returnImmediately": True})
        found = pulled.raise_for_status().json().get("receivedMessages", [])
        if found:
            self.http.post(f"{at}:acknowledge", json={"ackIds": [m["ackId"] for m in found]})
        return [json.loads(base64.b64decode(m["message"]["data"])) for m in found]


@pytest.fixture(scope="module", name="core")
def _core(databases: Databases) -> Generator[str]:
    with databases.core() as dsn:
        yield dsn


@pytest.fixture(scope="module", name="deployed")
def _deployed(core: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Deployed]:
    port = free_port()
    bus = f"http://127.0.0.1:{port}"
    with Supervisor() as supervisor:
        log = supervisor.logs / "pubsub.log"
        supervisor.start(
            Process("pubsub", pubsub.command(port), log=log, env=base_environment(), ready=bus)
        )
        env = {
            "PATH": "/usr/bin:/bin",
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{port}",
            "CORE_DSN": login(core, "repair"),
            "FINGERPRINT_KEY": "key of the tests",
        }
        deployed = Deployed(package_check.unpack(tmp_path_factory.mktemp("package")), env, bus)
        for topic in catalog.load().topics:
            path = f"projects/{PROJECT}/topics/{topic}"
            deployed.http.put(f"{bus}/v1/{path}", json={}).raise_for_status()
            at = f"{bus}/v1/projects/{PROJECT}/subscriptions/{topic}"
            deployed.http.put(at, json={"topic": path}).raise_for_status()
        yield deployed
        deployed.http.close()


def test_firebases_events_are_announced_with_the_uid_alone(deployed: Deployed) -> None:
    asked = [request | {"function": name} for name, request, _, _ in INGRESS.values()]
    answers = deployed.answers(*asked)
    assert [a["status"] for a in answers] == [200] * len(asked), answers
    published = {t: deployed.topic(t) for t in {topic for _, _, topic, _ in INGRESS.values()}}
    uids = {t: [ref["key"] for m in found for ref in m["refs"]] for t, found in published.items()}
    for name, (_, _, topic, uid) in INGRESS.items():
        assert uid in uids[topic], name
    assert "asha@example.com" not in json.dumps(published)


def test_every_step_takes_a_push_and_an_eventarc_event_and_parks_what_it_cannot_read(
    deployed: Deployed, core: str
) -> None:
    body = json.dumps(pushed("this is no event of ours"))
    push = {"signature": "http", "headers": {"content-type": "application/json"}, "body": body}
    eventarc = cloud_event(
        "google.cloud.pubsub.topic.v1.messagePublished",
        f"//pubsub.googleapis.com/projects/{PROJECT}/topics/t", body,
    ) | {"signature": "http"}  # fmt: skip
    asked = [r | {"function": name} for name in STEPS for r in (push, eventarc)]
    answers = deployed.answers(*asked)
    wrong = [a["function"] for a, b in zip(asked, answers, strict=True) if b["status"] != 204]
    assert wrong == []
    with psycopg.connect(core) as connection:
        query = "select step, count(*) from sync.journal where state = 'parked' group by step"
        parked = dict(connection.execute(query).fetchall())
    assert parked.keys() == set(STEPS)


def test_a_schedule_of_cloud_scheduler_runs_and_brings_its_callers_token(
    deployed: Deployed, core: str
) -> None:
    headers = {"User-Agent": "Google-Cloud-Scheduler", "X-CloudScheduler": "true",
               "X-CloudScheduler-JobName": "relay-core-outbox"}  # fmt: skip
    asked = {"function": "relay_core_outbox", "signature": "http", "headers": headers, "body": ""}
    assert [a["status"] for a in deployed.answers(asked, CORE_DSN=login(core, "relay"))] == [200]
    stranger = {"K_SERVICE": "relay-core-outbox", "CALLED_BY": "in-relay@example.com"}
    assert [a["status"] for a in deployed.answers(asked, **stranger)] == [401]

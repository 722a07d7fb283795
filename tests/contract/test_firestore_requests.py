"""
Our calls of Firestore are those of Google's client: both speak to one server over HTTP, and the
message that arrives is the same. What is sent is read with the API's own message classes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import DELETE_FIELD
from google.cloud.firestore import Client as GoogleClient
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports.rest import FirestoreRestTransport
from google.protobuf import json_format

from infra.local.loopback import JSON, Request, Response
from shared.stores.firestore import REMOVED, Firestore, Snapshot, Write
from tests.contract.serving import firestore_at

ROOT = "projects/demo-test/databases/(default)/documents"
CHANGED = "2026-01-02T03:04:05.123456789Z"
AT = ["users/u1", "users/a b:c/inbox/ü"]
MESSAGES = {
    "batchGet": types.BatchGetDocumentsRequest,
    "commit": types.CommitRequest,
    "runQuery": types.RunQueryRequest,
    "runAggregationQuery": types.RunAggregationQueryRequest,
}
ANSWERS: dict[str, Any] = {
    "batchGet": [{"missing": f"{ROOT}/{at}", "readTime": CHANGED} for at in AT],
    "commit": {"writeResults": [{}], "commitTime": CHANGED},
    "runQuery": [{"readTime": CHANGED}],
    "runAggregationQuery": [
        {"result": {"aggregateFields": {"all": {"integerValue": "7"}}}, "readTime": CHANGED}
    ],
}


@dataclass
class Server:
    """Keeps what it is sent, and answers as Firestore would."""

    requests: list[Request] = field(default_factory=list)

    def take(self, request: Request) -> Response:
        self.requests.append(request)
        body = json.dumps(ANSWERS[request.path.rpartition(":")[2]])
        return Response(200, body.encode(), {"Content-Type": JSON})

    def meanings(self) -> list[tuple[Any, ...]]:
        """Return what each request means: method, path, message, and the kind of its body."""
        return [
            (r.method, r.path, _message(r), r.headers["content-type"].partition(";")[0])
            for r in self.requests
        ]


def _message(request: Request) -> Any:
    message = MESSAGES[request.path.rpartition(":")[2]].pb()()
    return json_format.Parse(request.body, message)


@pytest.fixture(name="server")
def _server() -> Server:
    return Server()


@pytest.fixture(name="ours")
def _ours(server: Server, monkeypatch: pytest.MonkeyPatch) -> Generator[Firestore]:
    with firestore_at(server.take, monkeypatch) as client:
        yield client


@pytest.fixture(name="theirs")
def _theirs(ours: Firestore, monkeypatch: pytest.MonkeyPatch) -> Generator[Any]:
    """Google's client over HTTP, a transport that its own constructor does not offer."""
    del ours  # which the server is up for
    host = os.environ["FIRESTORE_EMULATOR_HOST"]
    transport = FirestoreRestTransport(
        host=host, url_scheme="http", credentials=AnonymousCredentials()
    )
    client = GoogleClient(project="demo-test", credentials=AnonymousCredentials())
    monkeypatch.setattr(client, "_firestore_api_internal", FirestoreClient(transport=transport))
    yield client
    client.close()


@pytest.mark.parametrize("fields", [None, ["name", "_x1"]])
def test_documents_are_read_in_the_same_way(
    server: Server, ours: Firestore, theirs: Any, fields: list[str] | None
) -> None:
    list(theirs.get_all([theirs.document(at) for at in AT], fields, retry=None))
    ours.read([*AT, *AT], fields)
    expected, found = server.meanings()
    assert found == expected


@pytest.mark.parametrize("after", [None, "users/a b:c"])
@pytest.mark.parametrize("anywhere", [True, False])
def test_pages_are_asked_for_in_the_same_way(
    server: Server, ours: Firestore, theirs: Any, after: str | None, *, anywhere: bool
) -> None:
    everywhere = theirs.collection_group if anywhere else theirs.collection
    query = everywhere("users").select(["name", "_x1"]).order_by("__name__").limit(300)
    if after is not None:
        query = query.start_after({"__name__": theirs.document(after)})
    list(query.stream(retry=None))
    ours.page("users", after, 300, ["name", "_x1"], anywhere=anywhere)
    expected, found = server.meanings()
    assert found == expected


def test_documents_are_counted_in_the_same_way(
    server: Server, ours: Firestore, theirs: Any
) -> None:
    assert theirs.collection("users").count(alias="all").get(retry=None)[0][0].value == 7
    assert ours.count("users") == 7
    expected, found = server.meanings()
    assert found == expected


def test_writes_are_sent_in_the_same_way_and_a_guard_to_the_nanosecond(
    server: Server, ours: Firestore, theirs: Any
) -> None:
    fields = {"name": "Asha", "n": 1, "a": [{"b": None}], "t": 0.5}
    changes = {"name": "Asha", "no.path": {"in": 1}, "gone": DELETE_FIELD}
    since = Snapshot({}, CHANGED)
    guard = theirs.write_option(last_update_time=types.Document.from_json(
        json.dumps({"updateTime": CHANGED})).update_time)  # fmt: skip
    batch, document = theirs.batch(), theirs.document(AT[1])
    batch.set(document, fields)
    batch.create(document, fields)
    batch.update(document, {"`no.path`" if "." in k else k: v for k, v in changes.items()}, guard)
    batch.delete(document)
    batch.commit(retry=None)
    ours.commit([
        Write(AT[1], fields),
        Write(AT[1], fields, Snapshot(None)),
        Write(AT[1], changes | {"gone": REMOVED}, since),
        Write(AT[1], None),
    ])  # fmt: skip
    expected, found = server.meanings()
    for _, _, sent, _ in (expected, found):
        sent.writes[2].update_mask.field_paths.sort()
    assert found == expected
    assert server.requests[-1].body.count(CHANGED.encode()) == 1


def test_an_address_holds_nothing_of_a_document(server: Server, ours: Firestore) -> None:
    ours.read(AT)
    ours.page("users", AT[0], 9, ["name"])
    ours.below(AT[1])
    ours.count("users")
    ours.commit([Write(AT[0], {"n": 1}), Write(AT[1], None)])
    assert {request.path for request in server.requests} == {f"/v1/{ROOT}:{m}" for m in MESSAGES}
    assert {tuple(request.query) for request in server.requests} == {(("prettyPrint", "false"),)}

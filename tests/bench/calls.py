"""For every function of the catalog, a request as its trigger sends it, about real entities."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, LiteralString
from uuid import uuid4

import jwt
import psycopg
from google.events.cloud.firestore import Document, DocumentEventData

from infra.local.stack import PROJECT, Stack
from shared import catalog
from shared.access import webhook
from shared.catalog import Function
from shared.events import Ref
from tests.bench.deliveries import push_body
from tests.bench.serving import Call

_ENTITIES: Mapping[str, LiteralString] = {
    "user": "select firebase_uid from users where firebase_uid is not null and role = 'PATIENT'",
    "document": "select id from documents",
    "prescription": "select id from prescriptions",
    "appointment": "select id from appointments",
}


class Calls:
    """Makes requests about the entities of a stack."""

    def __init__(self, stack: Stack) -> None:
        self._secret = stack.describe()["webhook_secret"]
        with psycopg.connect(stack.core_dsn) as core:
            rows = {kind: core.execute(query).fetchone() for kind, query in _ENTITIES.items()}
        self._keys = {kind: str(row[0]) for kind, row in rows.items() if row}

    def of(self, function: Function) -> Call:
        """Return a request that the function answers well; a 204 where it is a step."""
        made: dict[str, Any] = {
            "topic": self._step,
            "auth": self._account,
            "firestore": self._written,
            "blocking": self._sign_in,
            "http": self._http,
            "schedule": self._schedule,
        }
        return made[function.trigger["kind"]](function)

    def _step(self, function: Function) -> Call:
        kind = catalog.load().topics[function.topic or ""]["kind"]
        if function.name == "park_dead_letter":
            source = {"CloudPubSubDeadLetterSourceSubscription": "store-user"}
            return Call(push_body([Ref("message", "bench")], source))
        # No erasure is under way: these steps look for theirs and find it gone.
        key = str(uuid4()) if kind == "erasure" else self._keys[kind]
        return Call(push_body([Ref(kind, key)]))

    def _account(self, _: Function) -> Call:
        return account_created(self._keys["user"])

    def _written(self, function: Function) -> Call:
        path = function.trigger["document"].replace("{uid}", self._keys["user"])
        document = Document(name=path, fields={}, update_time={"seconds": 1_777_629_600})
        data: bytes = DocumentEventData.serialize(DocumentEventData(value=document))
        about = {"ce-document": path, "Content-Type": "application/protobuf"}
        return Call(data, _event("google.cloud.firestore.document.v1.written") | about)

    def _schedule(self, _: Function) -> Call:
        return Call()

    def _sign_in(self, _: Function) -> Call:
        """A hook's token is signed by Google; this one is not, and is refused by the SDK."""
        return Call(json.dumps({"data": {"jwt": "e30.e30.e30"}}).encode(), right=401)

    def _http(self, function: Function) -> Call:
        uid = self._keys["user"]
        hint = {"type": "INSERT", "table": "documents", "schema": "public"}
        orphan = {"projection": "prescriptions", "keys": ["none"], "operator": "bench"}
        decision = {"conflict": 10**9, "decision": "keep_other", "operator": "bench"}
        made = {
            "decide_conflict": lambda: Call(_json(decision), right=404),
            "order_erasure": lambda: Call(_json({"uid": "nobody", "operator": "bench"})),
            "patient_status": lambda: Call(b"", _signed_in(uid), method="GET",
                                           path=f"/api/sync/patient/{uid}"),
            "receive_announcement": lambda: self._signed({"uid": uid}, "/firebase/user-created"),
            "receive_document": lambda: self._signed(hint | {"ids": [self._keys["document"]]}),
            "remove_orphans": lambda: Call(_json(orphan), right=409),
            "sync_status": lambda: Call(b"", {}, method="GET", path="/api/sync/status"),
        }  # fmt: skip
        return made[function.name]()

    def _signed(self, content: object, path: str = "/") -> Call:
        body, now = _json(content), int(time.time())
        signed = webhook.sign(self._secret, now, body)
        headers = {"Content-Type": "application/json", "X-HealBridge-Signature": signed}
        return Call(body, headers | {"X-HealBridge-Timestamp": str(now)}, path=path)


def account_created(uid: str) -> Call:
    """Return the event that Firebase sends when an account is created."""
    data = {"value": {"uid": uid}}
    return Call(json.dumps(data).encode(), _event("google.firebase.auth.user.v2.created"))


def _signed_in(uid: str) -> dict[str, str]:
    """Return a header with an ID token as the Firebase Auth emulator issues them: unsigned."""
    claims = {"iss": f"https://securetoken.google.com/{PROJECT}", "aud": PROJECT, "sub": uid}
    token = jwt.encode(claims | {"exp": int(time.time()) + 3600}, "", algorithm="none")
    return {"Authorization": f"Bearer {token}"}


def _json(content: object) -> bytes:
    return json.dumps(content).encode()


def _event(kind: str) -> dict[str, str]:
    return {
        "ce-id": "1", "ce-specversion": "1.0", "ce-type": kind,
        "ce-source": f"//bench.googleapis.com/projects/{PROJECT}",
        "Content-Type": "application/json",
    }  # fmt: skip

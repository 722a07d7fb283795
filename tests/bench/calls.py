"""For every function of the catalog, a request as its trigger sends it, about real entities."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, LiteralString

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
        return Call(push_body([Ref(kind, self._keys[kind])]))

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
        if function.name == "decide_conflict":
            body = {"conflict": 10**9, "decision": "keep_other", "operator": "bench"}
            return Call(json.dumps(body).encode(), right=404)
        hint = {"type": "INSERT", "table": "documents", "schema": "public"}
        body, now = json.dumps(hint | {"ids": [self._keys["document"]]}).encode(), int(time.time())
        signed = webhook.sign(self._secret, now, body)
        return Call(body, {"Content-Type": "application/json", "X-HealBridge-Signature": signed,
                           "X-HealBridge-Timestamp": str(now)})  # fmt: skip


def account_created(uid: str) -> Call:
    """Return the event that Firebase sends when an account is created."""
    data = {"value": {"uid": uid}}
    return Call(json.dumps(data).encode(), _event("google.firebase.auth.user.v2.created"))


def _event(kind: str) -> dict[str, str]:
    return {
        "ce-id": "1", "ce-specversion": "1.0", "ce-type": kind,
        "ce-source": f"//bench.googleapis.com/projects/{PROJECT}",
        "Content-Type": "application/json",
    }  # fmt: skip

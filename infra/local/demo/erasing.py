"""
Patients who leave: one deletes the account, one is erased on an operator's order. Then every event
that was ever about them comes again, and all stores are searched for what should be gone.

The search is not the sync's own: every column of every table of both databases, all of Firestore,
the files, the accounts, and the dead letters that Pub/Sub keeps.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, LiteralString

import httpx
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from infra.local import buckets
from infra.local.demo.compare_notices import tokens_of
from infra.local.demo.stores import Row, Stores, accounts, documents_in
from infra.local.pubsub import KEPT
from infra.local.toolchain import say
from shared import catalog

_PATIENCE_S = 90
_LEAVING = """
select u.firebase_uid as uid, u.email, u.phone from users u join patients p on p.user_id = u.id
where u.firebase_uid is not null and u.role = 'PATIENT'
  and not exists (select from sync.conflicts c where u.firebase_uid = c.key or u.id = c.other)
order by u.created_at offset 1 limit 2
"""
_ENTITIES = "select kind, key from sync.patient_entities(%(uid)s)"
_UPLOADS = "select 'document' as kind, id::text as key from documents where patient_id = %(uid)s"
_TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
"""


@dataclass(frozen=True)
class Leaver:
    """A patient who is erased: what they are known by, and all that events may be about."""

    uid: str
    marks: tuple[str, ...]
    entities: tuple[tuple[str, str], ...]  # kind and key
    tokens: frozenset[str]


def leave(stack: Mapping[str, Any]) -> list[Leaver]:
    """Let up to two patients leave; return them once their erasure is certified."""
    profiles = {p.split("/")[1]: d for p, d in documents_in(stack, "users").items()}
    leavers = [
        leaver(stack, row, profiles.get(row["uid"], {}))
        for row in _rows(stack["core_dsn"], _LEAVING)
    ]
    for number, person in enumerate(leavers):
        give_up(stack, person.uid)
        if number % 2:
            order(stack, person.uid)
        else:
            delete_account(stack, person.uid)
    say(f"{len(leavers)} patients leave; waiting for the certificates of their erasure")
    await_certificates(stack, len(leavers))
    return leavers


def leaver(stack: Mapping[str, Any], row: Row, profile: Mapping[str, Any]) -> Leaver:
    """Return what is known of a patient before they leave; `row`: uid, email, phone."""
    uid = row["uid"]
    known = [*_rows(stack["core_dsn"], _ENTITIES, uid=uid)]
    known += _rows(stack["supabase_dsn"], _UPLOADS, uid=uid)
    marks = [uid, row["email"], (row["phone"] or "").removeprefix("+91")]
    return Leaver(
        uid,
        tuple(mark for mark in marks if mark),
        tuple(sorted({(entity["kind"], entity["key"]) for entity in known})),
        frozenset(tokens_of(profile)),
    )


def delete_account(stack: Mapping[str, Any], uid: str) -> None:
    """Delete an account, as the app does; Firebase tells the sync."""
    url = f"http://{stack['auth_emulator']}/identitytoolkit.googleapis.com/v1/projects"
    httpx.post(
        f"{url}/{stack['project_id']}/accounts:delete",
        json={"localId": uid},
        headers={"Authorization": "Bearer owner"},
        timeout=30,
    ).raise_for_status()


def order(stack: Mapping[str, Any], uid: str) -> None:
    """Order an erasure, as an operator does."""
    body = {"uid": uid, "operator": "demo.operator"}
    url = f"{stack['steps_url']}/order_erasure"
    httpx.post(url, json=body, timeout=30).raise_for_status()


def await_certificates(stack: Mapping[str, Any], count: int) -> None:
    """Return when so many erasures are certified and none is open."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        rows = _rows(stack["core_dsn"], "select state from sync.erasures")
        if [row["state"] for row in rows] == ["certified"] * count:
            return
        time.sleep(0.2)
    raise TimeoutError("the erasures were not certified in time")


def give_up(stack: Mapping[str, Any], uid: str) -> None:
    """Dead-letter an event about a patient, as Pub/Sub does with one that always failed."""
    source = {"CloudPubSubDeadLetterSourceSubscription": "admit-user"}
    publish(stack, "dead-letter", [{"kind": "user", "key": uid}], source)


def publish(
    stack: Mapping[str, Any],
    topic: str,
    refs: Sequence[Mapping[str, str]],
    attributes: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Publish refs on a topic."""
    data = base64.b64encode(json.dumps({"refs": refs}).encode()).decode()
    message = {"data": data, "attributes": dict(attributes)}
    _bus(stack, f"topics/{topic}:publish", {"messages": [message]})


def replay(stack: Mapping[str, Any], leavers: Sequence[Leaver]) -> int:
    """Announce everything about the leavers once more, on every topic; return how many events."""
    sent = 0
    for topic, given in catalog.load().topics.items():
        keys = [key for person in leavers for kind, key in person.entities if kind == given["kind"]]
        refs = [{"kind": given["kind"], "key": key} for key in keys]
        if refs:
            publish(stack, topic, refs)
            sent += len(refs)
    say(f"{sent} late events about them were sent; nothing may come back")
    return sent


def traces(stack: Mapping[str, Any], person: Leaver) -> list[str]:
    """Return where anything of a patient is found, by the names of stores and tables."""
    return [
        *(f"core {table}" for table in _tables_with(stack["core_dsn"], person.marks)),
        *(f"supabase {table}" for table in _tables_with(stack["supabase_dsn"], person.marks)),
        *(f"firestore {place}" for place in _firestore_with(stack, person.marks)),
        *("storage" for key in _files(stack) if person.uid in key),
        *("dead letters" for text in _dead_letters(stack) if any(m in text for m in person.marks)),
        *("auth" for a in accounts(stack) if any(m in json.dumps(a) for m in person.marks)),
    ]


def without(stores: Stores, leavers: Sequence[Leaver]) -> Stores:
    """
    Return the stores without the pushes that leavers' devices were shown before: those are theirs.
    """
    theirs = {token for person in leavers for token in person.tokens}
    shown = {token: tags for token, tags in stores.shown_pushes.items() if token not in theirs}
    return replace(stores, shown_pushes=shown)


def _tables_with(dsn: str, marks: Sequence[str]) -> Iterator[str]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for schema, name in connection.execute(_TABLES).fetchall():
            query = sql.SQL(
                "select 1 from {} t where exists (select from unnest(%(marks)s::text[]) m"
                " where position(lower(m) in lower(to_jsonb(t)::text)) > 0) limit 1"
            ).format(sql.Identifier(schema, name))
            if connection.execute(query, {"marks": list(marks)}).fetchone():
                yield f"{schema}.{name}"


def _firestore_with(stack: Mapping[str, Any], marks: Sequence[str]) -> Iterator[str]:
    for collection in ("users", "doctors", "inbox", "appointments", "appointmentPlaces"):
        for path, fields in documents_in(stack, collection).items():
            text = f"{path} {fields}"
            if any(mark in text for mark in marks):
                yield collection


def _dead_letters(stack: Mapping[str, Any]) -> list[str]:
    """Return what Pub/Sub keeps, and give it back."""
    kept, found, lent = f"subscriptions/{KEPT}", list[str](), list[str]()
    while got := _bus(stack, f"{kept}:pull", {"maxMessages": 1000, "returnImmediately": True}):
        for message in got["receivedMessages"]:
            found.append(base64.b64decode(message["message"]["data"]).decode(errors="replace"))
            lent.append(message["ackId"])
    if lent:
        body = {"ackIds": lent, "ackDeadlineSeconds": 0}
        _bus(stack, f"{kept}:modifyAckDeadline", body)
    return found


def _bus(stack: Mapping[str, Any], path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    root = f"http://{stack['pubsub_emulator']}/v1/projects/{stack['project_id']}"
    return httpx.post(f"{root}/{path}", json=body, timeout=30).raise_for_status().json()


def _files(stack: Mapping[str, Any]) -> list[str]:
    s3 = buckets.connect(stack["storage_s3_url"])
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=stack["documents_bucket"])
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def _rows(dsn: str, query: LiteralString, **values: object) -> list[Row]:
    with psycopg.Connection[Row].connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(query, values).fetchall()

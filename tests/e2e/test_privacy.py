"""
Canary: planted contents go through every chain of a running stack, while every vendor and core
itself answer with every error, quoting them; they are in the stores, and told nowhere else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import quote

import httpx
import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infra.local.demo import erasing
from shared import catalog
from shared.access import webhook
from tests.e2e.conftest import eventually
from tests.e2e.planting import CONTENTS, DRUG, NAME, Planting, planting
from tests.e2e.witness import Planted, found

STEPS = {step.name for step in catalog.load().steps()}
CALLED = [f for f in catalog.load().functions.values() if f.trigger["kind"] in {"http", "schedule"}]

# Core's own errors, in the text of which PostgreSQL quotes rows.
_FAULT = """
create sequence planted_fault;
create function planted_fault() returns trigger language plpgsql security definer
set search_path = public as $$
declare codes text[] := array['P0001', '23514', '23505', '22023', '40001', '53300', '57014'];
begin
  if current_setting('sync.origin', true) = 'sync' and nextval('planted_fault') % 2 = 0 then
    raise exception using errcode = codes[1 + currval('planted_fault') / 2 % 7],
      message = 'core says no', detail = 'Failing row contains ' || to_jsonb(new)::text;
  end if;
  return new;
end $$;
"""
_STRUCK = ("users", "patients", "doctors", "documents", "medications", "notifications")


LEAKING_ROWS: dict[str, LiteralString] = {
    "core": "update sync.ledger set error_code = %s",
    "supabase": "update sync.outbox set key = %s where key = (select max(key) from sync.outbox)",
}


@pytest.fixture(scope="module", name="planting")
def _planting(tmp_path_factory: pytest.TempPathFactory) -> Generator[Planting]:
    with planting(tmp_path_factory.mktemp("privacy")) as made:
        yield made


def test_what_is_planted_reaches_the_stores_and_is_told_nowhere(planting: Planting) -> None:
    uid = planting.sign_up()
    eventually(lambda: planting.running.backend.knows([uid]) or None)
    planting.write(uid)
    planting.rest()
    row = planting.running.core("select name, allergies from patients where name is not null")[0]
    assert NAME in row["name"]
    assert planting.running.core("select 1 as n from medications where name = %s", DRUG)
    assert planting.running.supabase("select 1 as n from rag_chunks where chunk_text like %s",
                                     f"%{DRUG}%")  # fmt: skip
    done = {r["step"] for r in planting.running.core("select distinct step from sync.journal")}
    assert {s.name for s in catalog.load().steps() if s.chain not in {"erasure", "upkeep"}} <= done
    assert planting.witness.findings(planting.planted) == []


def test_no_error_of_any_vendor_makes_anything_be_told(planting: Planting) -> None:
    people = [planting.sign_up() for _ in range(3)]
    eventually(lambda: planting.running.backend.knows(people) == len(people) or None)
    try:
        for _ in range(12):
            for vendor in planting.vendors:  # who has told all lets others be reached
                vendor.lying = not vendor.exhausted
            if not any(vendor.lying for vendor in planting.vendors):
                break
            for uid in people:
                planting.write(uid)
            planting.sign_up()
            time.sleep(2)
    finally:
        for vendor in planting.vendors:
            vendor.lying = False
    left = {v.name: set(v.errors) - v.told for v in planting.vendors if not v.exhausted}
    assert left == {}
    assert planting.witness.findings(planting.planted) == []


def test_what_is_given_up_tells_nothing_either(planting: Planting) -> None:
    (uid,) = list(planting.people)[:1]
    for vendor in planting.vendors:
        vendor.stubborn = vendor.name not in {"bus"}
    try:
        planting.write(uid)

        def given_up() -> list[object] | None:
            planting.witness.hears()
            return [t for t, _ in planting.witness.messages if t == "dead-letter"] or None

        eventually(given_up)
        planting.rest()
    finally:
        for vendor in planting.vendors:
            vendor.stubborn = False
    assert planting.witness.findings(planting.planted) == []


def test_cores_own_errors_tell_nothing(planting: Planting) -> None:
    (uid,) = list(planting.people)[:1]
    with psycopg.connect(planting.running.facts["core_dsn"], autocommit=True) as core:
        core.execute(_FAULT)
        for table in _STRUCK:
            core.execute(
                f"create trigger planted_fault before insert or update on {table}"
                " for each row execute function planted_fault()".encode()
            )
        try:
            for _ in range(2):
                planting.write(uid)
            planting.rest()
        finally:
            core.execute("drop function planted_fault cascade")
            core.execute("drop sequence planted_fault")
    codes = {
        row["error_code"] for row in planting.running.core("select error_code from sync.journal")
    }
    assert {"core_23514", "core_22023", "core_p0001"} & codes
    assert planting.witness.findings(planting.planted) == []


def test_no_door_repeats_what_a_stranger_sends(planting: Planting) -> None:
    person, token = next(iter(planting.people.values())), planting.tokens[0]
    said = [*CONTENTS, str(person.phone), str(person.email), token]
    body = {"uid": "nobody", "operator": "somebody", "conflict": person.phone, "decision": DRUG,
            "email": person.email, "record": {"id": NAME, "text": said}}  # fmt: skip
    for function in CALLED:
        own = not function.trigger.get("public")
        for request in (
            {"json": body, "headers": {"Authorization": f"Bearer {token}{NAME}"}},
            {"content": " ".join(said).encode(), "params": {"q": person.email}},
        ):
            answer = _post(planting, function.name, **request)
            planting.witness.answered(function.name, answer, own=own)
    stamp = int(time.time())
    for content in (json.dumps(body).encode(), f"{{{NAME}".encode()):
        for secret in (planting.running.facts["webhook_secret"], NAME):
            signed = {"Content-Type": "application/json", "X-HealBridge-Timestamp": str(stamp),
                      "X-HealBridge-Signature": webhook.sign(secret, stamp, content)}  # fmt: skip
            answer = _post(planting, "receive_document", content=content, headers=signed)
            planting.witness.answered("receive_document", answer)
    for step in STEPS:
        for data in (f"{NAME} {DRUG}", json.dumps({"refs": [{"kind": NAME, "key": "1"}]})):
            encoded = base64.b64encode(data.encode()).decode()
            message = {"data": encoded, "messageId": "1", "attributes": {"note": NAME}}
            answer = _post(planting, step, json={"message": message, "subscription": "s"})
            planting.witness.answered(step, answer)
    assert planting.witness.findings(planting.planted) == []


def _post(planting: Planting, function: str, **request: Any) -> httpx.Response:
    url = f"{planting.running.facts['steps_url']}/{function}"
    return httpx.post(url, timeout=60, **request)


def test_no_status_tells_more_than_ids_and_codes(planting: Planting) -> None:
    (uid, person), (other, _) = list(planting.people.items())[:2]
    planting.tokens.append(planting.running.app.sign_in(str(person.phone)))
    headers = {"Authorization": f"Bearer {planting.tokens[-1]}"}
    steps, keys = planting.running.facts["steps_url"], planting.keys[:8]
    kinds = ("document", "prescription", "appointment")
    visible = [f"visible/{kind}/{key}" for kind in kinds for key in keys]
    lineage = [f"lineage/{kind}/{key}" for kind in kinds for key in keys]
    people = [f"patient/{one}" for one in (uid, other, NAME)]
    for path in (*people, *visible):
        url = f"{steps}/patient_status/api/sync/{path}"
        answer = httpx.get(url, headers=headers, timeout=60)
        own = path in visible or path.endswith(uid)
        planting.witness.answered("patient_status", answer, own=own)
    for path in ("status", "stuck", "map", *people, *visible, *lineage):
        answer = httpx.get(f"{steps}/sync_status/api/sync/{path}", timeout=60)
        planting.witness.answered("sync_status", answer, own=True)
    assert planting.witness.findings(planting.planted) == []


def test_an_erasure_tells_nothing_of_whom_it_erases(planting: Planting) -> None:
    uids = list(planting.people)[:2]
    for vendor in planting.vendors:
        vendor.lying = True
    try:
        for uid in uids:
            erasing.delete_account(planting.running.facts, uid)
        time.sleep(4)
    finally:
        for vendor in planting.vendors:
            vendor.lying = False
    eventually(
        lambda: planting.running.core("select 1 as n from sync.erasures where state = 'certified'")
    )
    planting.rest()
    done = {row["step"] for row in planting.running.core("select distinct step from sync.journal")}
    assert STEPS - done == set()
    assert planting.witness.findings(planting.planted) == []
    exported = b"".join(planting.witness.collector.bodies)
    assert all(step.encode() in exported for step in STEPS)


MESSAGES = {  # topic: data and attributes in which a text is told
    "prescription-indexed": ("{}", {"note": "%s"}),
    "appointment-shown": ("%s is no event", {}),
    "dead-letter": ("%s is no event", {}),
    "document-stored": ('{"refs": [{"kind": "document", "key": "%s"}]}', {}),
}


def leak(planting: Planting, place: str, text: str) -> None:
    """Tell a text at a place, as a careless function would."""
    facts = planting.running.facts
    project = f"projects/{facts['project_id']}"
    match place.split():
        case ["message" | "key", _, topic]:
            data, attributes = MESSAGES[topic]
            encoded = base64.b64encode(data.replace("%s", text).encode()).decode()
            named = {name: value.replace("%s", text) for name, value in attributes.items()}
            body = {"messages": [{"data": encoded, "attributes": named}]}
            url = f"http://{facts['pubsub_emulator']}/v1/{project}/topics/{topic}:publish"
            httpx.post(url, json=body).raise_for_status()
        case ["core" | "supabase" as store, "sync.ledger" | "sync.outbox"]:
            with psycopg.connect(facts[f"{store}_dsn"]) as connection:
                connection.execute(LEAKING_ROWS[store], [text])
        case ["spans", *_]:
            request = ExportTraceServiceRequest()
            span = request.resource_spans.add().scope_spans.add().spans.add(name="a step")
            span.attributes.add(key="note").value.string_value = text
            url = f"{planting.witness.collector.url}/v1/traces"
            httpx.post(url, content=request.SerializeToString()).raise_for_status()
        case ["devices"]:
            message = {"token": "a-device", "notification": {"body": text}}
            url = f"{facts['fcm_url']}/v1/{project}/messages:send"
            headers = {"Authorization": "Bearer any"}
            httpx.post(url, json={"message": message}, headers=headers).raise_for_status()
        case ["answer", *_]:
            planting.witness.answered("a door", httpx.Response(500, text=text))
        case [log]:
            with (Path(facts["logs"]) / log).open("a") as file:
                file.write(f"a line with {text} in it\n")
        case _:
            raise ValueError(place)


@pytest.mark.parametrize(
    "place",
    [
        "steps.log", "message of prescription-indexed", "message of appointment-shown",
        "message of dead-letter", "key in document-stored", "core sync.ledger",
        "supabase sync.outbox", "spans and metrics", "devices", "answer of a door",
    ],
)  # fmt: skip
def test_a_leak_at_any_of_these_places_would_be_found(planting: Planting, place: str) -> None:
    text = f"careless.{place.replace(' ', '.')}@example.com"
    planted = Planted((text,))
    assert planting.witness.findings(planted) == []
    leak(planting, place, text)
    assert (place, text) in planting.witness.findings(planted)


@pytest.mark.parametrize("text", ["someone.else@example.com", "9876512345", "आशाप्लांटेड"])
def test_the_witness_knows_a_text_in_every_disguise(text: str) -> None:
    raw = text.encode()
    for told in (
        f"a line about {text.upper()}.",
        f"GET /rest?email=eq.{quote(text)}",
        json.dumps({"note": text}),
        f"\\x{raw.hex()}",
        f"user {hashlib.sha256(raw).hexdigest()}",
        *(base64.b64encode(b"x" * n + raw + b"yz").decode() for n in range(3)),
    ):
        assert list(found("here", told, [text])) == [("here", text)]
    assert list(found("here", "nothing of the kind", [text])) == []

"""What docs/deploy.md tells one to look at after a deployment is seen on the running stack."""

from __future__ import annotations

import re

import psycopg
from psycopg.rows import dict_row

from infra.local.demo.people import Person
from tests.contract.test_deploy_guide import SECTIONS, blocks, run
from tests.e2e.conftest import Row, Running, eventually

LOOKS = [
    " ".join(text.split())
    for text in re.findall(r"`((?:select|insert)\s[^`]+)`", SECTIONS["Smoke test"])
]


def look(running: Running, words: str, uid: str, store: str = "core") -> list[Row]:
    """Run the guide's query that holds these words, for a uid."""
    (query,) = [query for query in LOOKS if words in query]
    dsn = running.facts[f"{store}_dsn"]
    with psycopg.Connection[Row].connect(dsn, autocommit=True, row_factory=dict_row) as connection:
        cursor = connection.execute(query.replace("UID", uid).encode())
        return cursor.fetchall() if cursor.description else []


def test_an_unsigned_request_is_turned_away_as_the_guide_shows(running: Running) -> None:
    (curl,) = blocks("Webhook", "sh")
    assert run(curl, URL=running.facts["webhook_url"]).strip() == "401"


def test_the_smoke_test_is_green_as_it_is_written(running: Running) -> None:
    person = Person("Smoke", "Test", "email", None, "smoke.test@example.com")
    uid = running.app.sign_up(person)
    steps = {"store_user", "mirror_user", "admit_user"}
    eventually(
        lambda: steps <= {row["step"] for row in look(running, "kind = 'user'", uid)
                          if row["state"] == "done"}
    )  # fmt: skip
    look(running, "insert into public.documents", uid, "supabase")
    (document,) = running.supabase("select id from documents where patient_id = %s", uid)
    eventually(lambda: (running.ledger(str(document["id"]), "store_document") or {}).get("state")
               == "done")  # fmt: skip
    stored = look(running, "kind = 'document'", uid)
    assert {"step": "store_document", "state": "done", "error_code": None} in stored
    for store in ("core", "supabase"):
        eventually(
            lambda store=store: look(running, "sent_at is null", uid, store)[0]["count"] == 0
        )

"""What the functions and stand-ins write to their logs holds no content."""

from __future__ import annotations

from infra.local.demo.people import Person
from tests.e2e.conftest import Running, eventually
from tests.e2e.test_documents_chain import paper, stored
from tests.e2e.test_users_chain import settled

MARKERS = ("Plantedname", "9811600001", "planted.person", "Secretdrug", "plantedtext")


def test_planted_content_is_in_no_log(running: Running) -> None:
    person = Person("Plantedname", "X", "both", "+919811600001", "planted.person@example.com")
    uid = running.app.sign_up(person)
    settled(running, uid)
    good = paper(uid, "Secretdrug", text="plantedtext")
    bad = paper(uid, "Secretdrug", text="plantedtext", type="plantedtext")
    running.edge.insert([good, bad])
    eventually(lambda: stored(running, good["id"]))
    eventually(lambda: (running.ledger(bad["id"], "store_document") or {}).get("state") == "parked")

    for name in ("steps", "supabase", "pg_net", "postgres", "embeddings"):
        text = running.log(name)
        assert [marker for marker in (*MARKERS, uid) if marker in text] == []
    journal = running.core("select row_to_json(j)::text as row from sync.journal j")
    assert not any(marker in row["row"] for row in journal for marker in MARKERS)

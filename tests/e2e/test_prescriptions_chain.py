"""A prescription written in core with plain SQL becomes a searchable Supabase document."""

from __future__ import annotations

from infra.local.demo.people import summary
from tests.e2e.conftest import Row, Running, eventually
from tests.e2e.test_documents_chain import patient


def mirrors(running: Running, prescription: str) -> list[Row]:
    return running.supabase(
        "select * from documents where origin = 'core' and file_url like %s",
        f"%/{prescription}.pdf",
    )


def chunks(running: Running, document: object) -> list[Row]:
    return running.supabase(
        "select id, chunk_index, chunk_text, patient_id from rag_chunks where document_id = %s"
        " order by chunk_index",
        document,
    )


def test_a_prescription_is_mirrored_indexed_and_does_not_echo(running: Running) -> None:
    uid = patient(running, "+919811300001")

    running.backend.prescribe(uid, "doctor-e2e", "rx-e2e-1", summary(1))

    eventually(
        lambda: (running.ledger("rx-e2e-1", "index_prescription") or {}).get("state") == "done"
    )
    [mirror] = mirrors(running, "rx-e2e-1")
    assert (mirror["patient_id"], mirror["type"]) == (uid, "prescription")
    assert mirror["structured_json"] == summary(1)
    indexed = chunks(running, mirror["id"])
    assert indexed
    assert all(chunk["patient_id"] == uid for chunk in indexed)
    assert all(m["name"] in mirror["text"] for m in summary(1)["medications"])
    # No echo: the mirror is in no outbox, and core has no document of it.
    assert running.supabase("select * from sync.outbox where key = %s", str(mirror["id"])) == []
    assert running.core("select * from documents where id = %s", str(mirror["id"])) == []


def test_a_changed_prescription_changes_its_mirror_and_a_deleted_one_takes_it_along(
    running: Running,
) -> None:
    uid = patient(running, "+919811300002")
    running.backend.prescribe(uid, "doctor-e2e", "rx-e2e-2", summary(2))
    [before] = eventually(lambda: mirrors(running, "rx-e2e-2"))

    running.core("update prescriptions set summary_json = %s::jsonb where id = 'rx-e2e-2'",
                 '{"diagnosis": "amended", "medications": []}')  # fmt: skip
    eventually(lambda: "amended" in mirrors(running, "rx-e2e-2")[0]["text"])
    eventually(lambda: any("amended" in c["chunk_text"] for c in chunks(running, before["id"])))

    running.core("delete from prescriptions where id = 'rx-e2e-2'")
    eventually(lambda: not mirrors(running, "rx-e2e-2"))
    assert chunks(running, before["id"]) == []

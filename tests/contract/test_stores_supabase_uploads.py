"""A patient's uploads, and the canary's own, in memory and over HTTP."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from shared.models.documents import Document
from tests.contract.supabase_worlds import SupabaseWorld

FIRST, SECOND, OTHERS, MIRROR = (str(UUID(int=n)) for n in (1, 2, 3, 4))
CANARY = "canary-uid"


def announce(at_supabase: SupabaseWorld) -> set[str]:
    """Announce all that is unsent; return its keys."""
    token = "11111111-1111-4111-8111-111111111111"
    sent = at_supabase.outbox.claim(token, 10, 60)
    at_supabase.outbox.settle(token, sent)
    return {ref.key for ref in sent}


def read(at_supabase: SupabaseWorld, key: str = FIRST) -> Document:
    return at_supabase.documents.read([key])[key]


def test_a_patients_uploads_are_neither_anothers_nor_mirrors_nor_deleted(
    at_supabase: SupabaseWorld,
) -> None:
    of_patient = at_supabase.documents.of_patient
    assert of_patient("u1") == []
    for key, uid in ((FIRST, "u1"), (SECOND, "u1"), (OTHERS, "u10")):
        at_supabase.upload({"id": key, "patient_id": uid, "type": "report"})
    mirror = replace(read(at_supabase), id=MIRROR, type="prescription", version=7)
    at_supabase.documents.mirror([mirror])
    assert at_supabase.origin(MIRROR) == "core"
    assert sorted(of_patient("u1")) == [FIRST, SECOND]
    at_supabase.delete_document(FIRST)
    assert of_patient("u1") == [SECOND]
    assert of_patient("u10") == [OTHERS]


def test_more_uploads_than_one_answer_has_rows_are_all_found(at_supabase: SupabaseWorld) -> None:
    keys = [str(UUID(int=n)) for n in range(1, 1_102)]
    for key in keys:
        at_supabase.upload({"id": key, "patient_id": "u1", "type": "report"})
    assert sorted(at_supabase.documents.of_patient("u1")) == keys


def test_the_canarys_upload_is_made_by_its_first_touch(at_supabase: SupabaseWorld) -> None:
    at_supabase.documents.touch_canary(FIRST, CANARY, "first run")
    found = read(at_supabase)
    assert (found.patient_uid, found.type, found.text, found.structured, found.confidence) == (
        CANARY, "REPORT", "first run", {"medications": []}, 1.0,
    )  # fmt: skip
    assert found.file_url is None
    assert at_supabase.origin(FIRST) == "upload"
    assert announce(at_supabase) == {FIRST}
    assert at_supabase.documents.of_patient(CANARY) == [FIRST]


def test_each_run_of_the_canary_is_a_change_and_the_same_run_is_none(
    at_supabase: SupabaseWorld,
) -> None:
    at_supabase.documents.touch_canary(FIRST, CANARY, "first run")
    announce(at_supabase)
    before = read(at_supabase)
    at_supabase.documents.touch_canary(FIRST, CANARY, "first run")
    assert read(at_supabase) == before
    assert announce(at_supabase) == set()
    at_supabase.documents.touch_canary(FIRST, CANARY, "second run")
    after = read(at_supabase)
    assert after.version > before.version
    assert after == replace(before, text="second run", version=after.version)
    assert announce(at_supabase) == {FIRST}


def test_a_touch_changes_nothing_but_the_text(at_supabase: SupabaseWorld) -> None:
    given = {"type": "lab_report", "file_url": "documents/a.jpg", "text": "page"}
    at_supabase.upload({"id": FIRST, "patient_id": "u1", "ocr_confidence": 0.5} | given)
    before = read(at_supabase)
    at_supabase.documents.touch_canary(FIRST, CANARY, "run")
    after = read(at_supabase)
    assert after == replace(before, text="run", version=after.version)

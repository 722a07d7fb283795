"""Supabase documents: uploads read, mirrors of core written, in memory and over HTTP."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from shared.errors import PermanentError
from shared.models.documents import Chunk, Document, RemovedFile
from tests.contract.supabase_worlds import SupabaseWorld
from tests.memory.embedder import vector

UPLOAD, OTHER, MIRROR = (str(UUID(int=n)) for n in (1, 2, 3))


def mirror(version: int, text: str = "Prescription of 2026-05-01") -> Document:
    return Document(
        id=MIRROR,
        patient_uid="uid-of-Firebase_28chars",
        type="prescription",
        file_url=None,
        text=text,
        structured={"diagnosis": "Viral fever"},
        confidence=1.0,
        created_at="2026-05-01T10:00:00.000Z",
        version=version,
        origin="core",
    )


def read(at_supabase: SupabaseWorld, key: str = MIRROR) -> Document | None:
    return at_supabase.documents.read([key]).get(key)


def test_an_upload_is_read_as_it_was_written(at_supabase: SupabaseWorld) -> None:
    structured = {"medications": [{"name": "Paracetamol", "strength": None}]}
    at_supabase.upload(
        {
            "id": UPLOAD,
            "patient_id": "u1",
            "type": "lab_report",
            "file_url": "documents/a b.pdf",
            "text": "Hémoglobine 12,5 g/dL\n\u0939",
            "structured_json": structured,
            "ocr_confidence": 0.85,
        }
    )
    found = read(at_supabase, UPLOAD)
    assert found is not None
    assert (found.patient_uid, found.type, found.file_url) == (
        "u1",
        "lab_report",
        "documents/a b.pdf",
    )
    assert (found.text, found.structured, found.confidence) == (
        "Hémoglobine 12,5 g/dL\n\u0939",
        structured,
        0.85,
    )
    assert found.version == at_supabase.version(UPLOAD)


def test_only_the_documents_that_exist_are_in_the_answer(at_supabase: SupabaseWorld) -> None:
    at_supabase.upload({"id": UPLOAD, "patient_id": "u1"})
    assert set(at_supabase.documents.read([UPLOAD, OTHER])) == {UPLOAD}
    assert at_supabase.documents.read([]) == {}


def test_a_key_that_is_no_uuid_is_refused_for_good(at_supabase: SupabaseWorld) -> None:
    with pytest.raises(PermanentError, match="supabase_22p02"):
        at_supabase.documents.read([UPLOAD, "not-a-uuid"])


def test_a_change_gives_an_upload_a_higher_version_and_a_rewrite_does_not(
    at_supabase: SupabaseWorld,
) -> None:
    at_supabase.upload({"id": UPLOAD, "patient_id": "u1", "text": "one"})
    first = at_supabase.version(UPLOAD)
    at_supabase.upload({"id": UPLOAD, "patient_id": "u1", "text": "one"})
    assert at_supabase.version(UPLOAD) == first
    at_supabase.upload({"id": UPLOAD, "patient_id": "u1", "text": "two"})
    assert at_supabase.version(UPLOAD) > first


def test_a_deleted_upload_is_known_as_deleted_and_an_absent_one_is_not(
    at_supabase: SupabaseWorld,
) -> None:
    at_supabase.upload({"id": UPLOAD, "patient_id": "u1"})
    version = at_supabase.version(UPLOAD)
    assert at_supabase.documents.deleted([UPLOAD, OTHER]) == {}
    at_supabase.delete_document(UPLOAD)
    deleted = at_supabase.documents.deleted([UPLOAD, OTHER])
    assert set(deleted) == {UPLOAD}
    assert deleted[UPLOAD] > version
    at_supabase.upload({"id": UPLOAD, "patient_id": "u1"})
    assert at_supabase.documents.deleted([UPLOAD]) == {}


def test_a_mirror_is_written_and_marked_as_cores(at_supabase: SupabaseWorld) -> None:
    at_supabase.documents.mirror([mirror(7)])
    found = read(at_supabase)
    assert found is not None
    assert found == replace(
        mirror(7), created_at="2026-05-01T10:00:00+00:00", version=found.version
    )
    assert at_supabase.origin(MIRROR) == "core"


def test_a_mirror_does_not_come_back_as_an_upload(at_supabase: SupabaseWorld) -> None:
    at_supabase.documents.mirror([mirror(7)])
    at_supabase.documents.mirror([mirror(8, "changed")])
    at_supabase.documents.unmirror({MIRROR: 9})
    assert at_supabase.unsent() == set()
    assert at_supabase.documents.deleted([MIRROR]) == {}


def test_the_same_mirror_twice_changes_nothing(at_supabase: SupabaseWorld) -> None:
    at_supabase.documents.mirror([mirror(7)])
    version = at_supabase.version(MIRROR)
    at_supabase.documents.mirror([mirror(7)])
    assert at_supabase.version(MIRROR) == version


def test_an_older_mirror_after_a_newer_one_changes_nothing(at_supabase: SupabaseWorld) -> None:
    at_supabase.documents.mirror([mirror(8, "newer")])
    at_supabase.documents.mirror([mirror(7, "older")])
    found = read(at_supabase)
    assert found is not None
    assert found.text == "newer"


def test_an_upload_under_a_mirrors_id_is_not_overwritten(at_supabase: SupabaseWorld) -> None:
    at_supabase.upload({"id": MIRROR, "patient_id": "u1", "text": "the patient's"})
    at_supabase.documents.mirror([mirror(7)])
    at_supabase.documents.unmirror({MIRROR: 9})
    found = read(at_supabase)
    assert found is not None
    assert found.text == "the patient's"


def test_a_mirror_goes_when_its_source_is_gone(at_supabase: SupabaseWorld) -> None:
    at_supabase.documents.mirror([mirror(7)])
    at_supabase.documents.unmirror({MIRROR: 9, OTHER: 9})
    assert at_supabase.origin(MIRROR) is None


def test_a_mirror_written_after_the_source_was_gone_stays(at_supabase: SupabaseWorld) -> None:
    at_supabase.documents.mirror([mirror(9)])
    at_supabase.documents.unmirror({MIRROR: 9})
    assert at_supabase.origin(MIRROR) == "core"


def indexed(at_supabase: SupabaseWorld) -> None:
    """Give the mirror one chunk."""
    document = at_supabase.documents.read_for_indexing([MIRROR])[MIRROR]
    one = Chunk(str(UUID(int=9)), 0, "one", "hash", {}, vector("one"))
    assert at_supabase.documents.replace_chunks("model", [(document, [one])]) == {MIRROR}


def test_a_mirror_is_hidden_with_its_chunks_at_once(at_supabase: SupabaseWorld) -> None:
    at_supabase.documents.mirror([mirror(7)])
    indexed(at_supabase)
    at_supabase.documents.hide({MIRROR: 9, OTHER: 9})
    assert at_supabase.revoked(MIRROR)
    assert at_supabase.chunks(MIRROR) == []


def test_hiding_comes_too_late_for_a_newer_mirror(at_supabase: SupabaseWorld) -> None:
    at_supabase.documents.mirror([mirror(9)])
    at_supabase.documents.hide({MIRROR: 9})
    at_supabase.documents.hide({MIRROR: 8})
    assert not at_supabase.revoked(MIRROR)


def test_an_older_mirror_does_not_bring_a_hidden_one_back(at_supabase: SupabaseWorld) -> None:
    at_supabase.documents.mirror([mirror(7)])
    at_supabase.documents.hide({MIRROR: 9})
    at_supabase.documents.mirror([mirror(8)])
    assert at_supabase.revoked(MIRROR)


def test_the_mirror_of_the_revoked_version_is_still_written(at_supabase: SupabaseWorld) -> None:
    at_supabase.documents.mirror([mirror(7)])
    at_supabase.documents.hide({MIRROR: 9})
    at_supabase.documents.mirror([replace(mirror(9, "as revoked"), revoked=True)])
    found = read(at_supabase)
    assert found is not None
    assert (found.text, at_supabase.revoked(MIRROR)) == ("as revoked", True)


def test_a_hidden_mirror_goes_when_its_source_is_gone_at_that_version(
    at_supabase: SupabaseWorld,
) -> None:
    at_supabase.documents.mirror([mirror(7)])
    at_supabase.documents.hide({MIRROR: 9})
    at_supabase.documents.unmirror({MIRROR: 9})
    assert at_supabase.origin(MIRROR) is None


def test_a_prescription_that_is_valid_again_comes_back(at_supabase: SupabaseWorld) -> None:
    at_supabase.documents.mirror([replace(mirror(7), revoked=True)])
    at_supabase.documents.mirror([mirror(8)])
    assert not at_supabase.revoked(MIRROR)


def test_an_upload_cannot_be_hidden(at_supabase: SupabaseWorld) -> None:
    at_supabase.upload({"id": UPLOAD, "patient_id": "u1"})
    at_supabase.documents.hide({UPLOAD: 9})
    assert not at_supabase.revoked(UPLOAD)


def test_marking_a_mirror_as_revoked_drops_its_chunks_and_refuses_an_index_under_way(
    at_supabase: SupabaseWorld,
) -> None:
    at_supabase.documents.mirror([mirror(7)])
    indexed(at_supabase)
    under_way = at_supabase.documents.read_for_indexing([MIRROR])[MIRROR]
    at_supabase.documents.mirror([replace(mirror(8), revoked=True)])
    assert at_supabase.chunks(MIRROR) == []
    assert at_supabase.documents.replace_chunks("model", [(under_way, [])]) == set()
    assert at_supabase.documents.read_for_indexing([MIRROR])[MIRROR].revoked


def test_a_deleted_upload_leaves_its_file_to_be_removed(at_supabase: SupabaseWorld) -> None:
    files = {UPLOAD: "documents/u1/a.jpg", OTHER: "documents/u1/b.jpg"}
    for key, path in files.items():
        at_supabase.upload({"id": key, "patient_id": "u1", "file_url": path})
    at_supabase.delete_document(UPLOAD)
    left = at_supabase.documents.removed_files([UPLOAD, OTHER])
    assert left == [RemovedFile(UPLOAD, "u1", "documents/u1/a.jpg")]
    at_supabase.documents.forget_removed_files([UPLOAD])
    assert at_supabase.documents.removed_files([UPLOAD]) == []


def test_whose_files_are_left_is_known_until_they_are_forgotten(at_supabase: SupabaseWorld) -> None:
    for key in (UPLOAD, OTHER):
        at_supabase.upload({"id": key, "patient_id": "u1", "file_url": f"documents/u1/{key}"})
        at_supabase.delete_document(key)
    assert at_supabase.documents.left_files(-1, None, 10) == []  # not announced yet
    token = "11111111-1111-4111-8111-111111111111"
    at_supabase.outbox.settle(token, at_supabase.outbox.claim(token, 10, 60))
    assert at_supabase.documents.left_files(60, None, 10) == []
    first, second = sorted((UPLOAD, OTHER))
    assert at_supabase.documents.left_files(-1, None, 10) == [first, second]
    assert at_supabase.documents.left_files(-1, None, 1) == [first]
    assert at_supabase.documents.left_files(-1, first, 10) == [second]
    assert at_supabase.outbox.purge(-1, 10) == 0
    at_supabase.documents.forget_removed_files([first])
    assert at_supabase.documents.left_files(-1, None, 10) == [second]
    assert at_supabase.outbox.purge(-1, 10) == 1
    assert at_supabase.documents.deleted([first, second]).keys() == {second}


def test_a_file_that_another_document_uses_is_not_removed(at_supabase: SupabaseWorld) -> None:
    for key in (UPLOAD, OTHER):
        at_supabase.upload({"id": key, "patient_id": "u1", "file_url": "documents/u1/a.jpg"})
    at_supabase.delete_document(UPLOAD)
    assert at_supabase.documents.removed_files([UPLOAD]) == []


def test_with_a_file_that_was_left_comes_what_else_of_the_patients_is_used(
    at_supabase: SupabaseWorld,
) -> None:
    for key, uid in ((UPLOAD, "u1"), (OTHER, "u1"), (MIRROR, "u2")):
        at_supabase.upload({"id": key, "patient_id": uid, "file_url": f"documents/{uid}/{key}"})
    at_supabase.delete_document(UPLOAD)
    (left,) = at_supabase.documents.removed_files([UPLOAD])
    assert left.used == (f"documents/u1/{OTHER}",)

"""
What patients find when they search with their own Firebase token, and the files behind it.

The search goes the app's way: the question is embedded, then Supabase's data API answers under row
level security.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from infra.local import buckets
from infra.local.demo.pdfs import pdf
from infra.local.demo.people import summary
from tests.e2e.conftest import Running, eventually
from tests.e2e.test_appointments_chain import notes
from tests.e2e.test_documents_chain import paper, patient
from tests.e2e.test_prescriptions_chain import mirrors


def search(running: Running, token: str, question: str) -> list[str]:
    """Return the texts a patient finds, nearest first."""
    asked = {"model": "text-embedding-3-small", "input": [question], "encoding_format": "float"}
    embedded = httpx.post(
        f"{running.facts['embeddings_url']}/embeddings",
        json=asked,
        headers={"Authorization": "Bearer any"},
    ).raise_for_status()
    answer = httpx.post(
        f"{running.facts['supabase_url']}/rest/v1/rpc/match_rag_chunks",
        json={"query_embedding": embedded.json()["data"][0]["embedding"], "match_count": 50},
        headers={
            "apikey": running.facts["supabase_anon_key"],
            "Authorization": f"Bearer {token}",
        },
    ).raise_for_status()
    return [row["chunk_text"] for row in answer.json()]


def finds(running: Running, token: str, word: str) -> bool:
    return any(word in text for text in search(running, token, word))


def links(running: Running, uid: str) -> set[str]:
    """Return the ids of what a patient's notes lead to."""
    return {note["reference"]["id"] for note in notes(running, uid) if "reference" in note}


def file(running: Running, path: str | None) -> bytes | None:
    """Return what Supabase Storage holds under bucket/key."""
    if path is None:
        return None
    bucket, _, key = path.partition("/")
    s3 = buckets.connect(running.facts["storage_s3_url"])
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    finally:
        s3.close()


def mirrored_pdf(running: Running, prescription: str) -> bytes | None:
    rows: list[Any] = mirrors(running, prescription)
    return file(running, rows[0]["file_url"]) if rows else None


def test_a_patient_finds_an_upload_its_correction_and_after_its_deletion_nothing(
    running: Running,
) -> None:
    uid = patient(running, "+919811900001")
    patient(running, "+919811900002")
    token, stranger = (running.app.sign_in(f"+91981190000{n}") for n in (1, 2))
    text = "Reading of harmless wordings\nDemoxil"
    upload = paper(uid, "Demoxil", text=text, file_url=f"documents/{uid}/page.jpg")

    running.edge.insert([upload])
    eventually(lambda: finds(running, token, "harmless"))
    assert not search(running, stranger, "harmless")
    eventually(lambda: [n["type"] for n in notes(running, uid)] == ["document_new"])
    assert links(running, uid) == {upload["id"]}

    running.edge.correct(upload["id"], {"text": "Another reading altogether"})
    eventually(lambda: finds(running, token, "altogether"))
    assert not finds(running, token, "harmless")

    running.edge.delete(upload["id"])
    assert search(running, token, "altogether") == []
    eventually(lambda: file(running, upload["file_url"]) is None)
    eventually(lambda: not links(running, uid))
    assert "document_new" in {note["type"] for note in notes(running, uid)}


def test_a_prescription_is_found_and_its_pdf_follows_until_it_is_revoked(running: Running) -> None:
    uid = patient(running, "+919811900003")
    token = running.app.sign_in("+919811900003")
    medicine = summary(3)["medications"][0]["name"]

    running.backend.prescribe(uid, "doctor-e2e", "rx-e2e-3", summary(3))
    eventually(lambda: finds(running, token, medicine))
    assert mirrored_pdf(running, "rx-e2e-3") == pdf("rx-e2e-3")
    eventually(lambda: [n["type"] for n in notes(running, uid)] == ["prescription_new"])
    assert links(running, uid) == {"rx-e2e-3"}

    s3 = buckets.connect(running.facts["aws_s3_url"])
    again = {"Bucket": running.facts["pdf_bucket"], "Key": "rx-e2e-3.pdf"}
    s3.put_object(**again, Body=pdf("drawn again"))
    s3.close()
    running.core("update prescriptions set sent_at = now() where id = 'rx-e2e-3'")
    eventually(lambda: mirrored_pdf(running, "rx-e2e-3") == pdf("drawn again"))

    [before] = mirrors(running, "rx-e2e-3")
    running.backend.revoke("rx-e2e-3")
    eventually(lambda: not search(running, token, medicine))
    eventually(lambda: file(running, before["file_url"]) is None)
    eventually(lambda: "prescription_revoked" in {n["type"] for n in notes(running, uid)})
    eventually(lambda: not links(running, uid))


@pytest.mark.parametrize("missing", [True, False])
def test_a_prescription_without_a_pdf_arrives_without_a_file(
    running: Running, *, missing: bool
) -> None:
    prescription = f"rx-e2e-{'missing' if missing else 'none'}"
    phone = f"+91981190001{int(missing)}"
    uid = patient(running, phone)

    running.backend.prescribe(uid, "doctor-e2e", prescription, summary(1), printed=False)
    if missing:
        url = f"s3://{running.facts['pdf_bucket']}/missing.pdf"
        running.core("update prescriptions set pdf_url = %s where id = %s", url, prescription)
    token = running.app.sign_in(phone)

    eventually(lambda: search(running, token, summary(1)["medications"][0]["name"]))
    [row] = running.supabase(
        "select file_url from documents where origin = 'core' and patient_id = %s", uid
    )
    assert row["file_url"] is None

"""The record of PDF copies: every path that ever was, and a version that moves with the copy."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from shared.models.prescriptions import PdfCopy
from tests.contract.postgres_core_world import CoreWorld

URL = "s3://prescriptions/rx1.pdf"
PATH = "documents/u1/prescriptions/rx1.pdf"
NOTHING = PdfCopy("rx1", PATH, "u1")


def copied(version: int, etag: str = '"a"') -> PdfCopy:
    source = hashlib.sha256(URL.encode()).hexdigest()
    return PdfCopy("rx1", PATH, "u1", version, source, etag, 5, "ab" * 32, etag)


def version(at_core: CoreWorld) -> int:
    return at_core.version("prescription", "rx1")


@pytest.fixture(autouse=True)
def _prescribed(at_core: CoreWorld) -> None:
    at_core.put_user("id1", firebase_uid="u1")
    at_core.put_patient("id1", "p1")
    at_core.put_prescription("rx1", "id1", pdf_url=URL)


def test_a_path_is_on_record_before_it_is_written(at_core: CoreWorld) -> None:
    assert at_core.pdf_copies.open(["rx1"], [NOTHING]) == []
    assert at_core.pdf_copies.open(["rx1"], [NOTHING]) == [NOTHING]
    assert at_core.pdf_copies.open(["rx2"], []) == []


def test_a_copy_moves_the_prescriptions_version_and_announces_nothing(at_core: CoreWorld) -> None:
    before, unsent = version(at_core), at_core.unsent()
    at_core.pdf_copies.open(["rx1"], [NOTHING])
    assert at_core.pdf_copies.note([copied(before)]) == {"rx1": version(at_core)}
    assert version(at_core) > before
    assert at_core.unsent() == unsent


def test_a_prescription_shows_the_copy_of_its_url_and_owner_only(at_core: CoreWorld) -> None:
    assert at_core.prescriptions.read(["rx1"])["rx1"].file_url is None
    at_core.pdf_copies.note([copied(version(at_core))])
    assert at_core.prescriptions.read(["rx1"])["rx1"].file_url == PATH
    at_core.put_prescription("rx1", "id1", pdf_url="s3://prescriptions/other.pdf")
    assert at_core.prescriptions.read(["rx1"])["rx1"].file_url is None
    at_core.put_prescription("rx1", "id1", pdf_url=URL)
    at_core.put_user("id1", firebase_uid="u2")
    assert at_core.prescriptions.read(["rx1"])["rx1"].file_url is None


def test_a_copy_of_an_older_version_is_not_noted_over_a_newer_one(at_core: CoreWorld) -> None:
    newer = copied(version(at_core), '"newer"')
    at_core.pdf_copies.note([newer])
    at_core.pdf_copies.note([replace(copied(0), copy_etag='"older"')])
    assert at_core.pdf_copies.open(["rx1"], []) == [newer]


def test_a_copy_of_one_that_moved_meanwhile_moves_it_again_and_the_step_is_not_told(
    at_core: CoreWorld,
) -> None:
    read = version(at_core)
    at_core.put_prescription("rx1", "id1", pdf_url="s3://prescriptions/other.pdf")
    moved = version(at_core)
    assert at_core.pdf_copies.note([copied(read)]) == {}
    assert version(at_core) > moved


def test_a_copy_that_is_not_noted_moves_nothing(at_core: CoreWorld) -> None:
    at_core.pdf_copies.note([copied(version(at_core))])
    moved = version(at_core)
    assert at_core.pdf_copies.note([copied(0)]) == {}
    assert version(at_core) == moved


@pytest.mark.parametrize(
    "summary",
    [
        {"status": "Revoked"},
        {"status": "cancelled"},
        {"revoked": True},
        {"revoked_at": "2026-05-02"},
    ],
)
def test_a_revoked_prescription_is_read_as_revoked(
    at_core: CoreWorld, summary: dict[str, object]
) -> None:
    assert not at_core.prescriptions.read(["rx1"])["rx1"].revoked
    at_core.put_prescription("rx1", "id1", pdf_url=URL, summary=summary)
    assert at_core.prescriptions.read(["rx1"])["rx1"].revoked

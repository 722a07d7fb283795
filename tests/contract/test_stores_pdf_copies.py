"""The record of PDF copies: every path that ever was, and a version that moves with the copy."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from shared import ids
from shared.events import Ref
from shared.models.prescriptions import PdfCopy, PdfWork
from shared.outcomes import Outcome
from tests.contract.memory_core_world import batch
from tests.contract.postgres_core_world import CoreWorld

URL = "s3://prescriptions/rx1.pdf"
PATH = "documents/u1/prescriptions/rx1.pdf"
BUCKET, STEP = "documents", "copy_prescription_pdf"


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


def opened(at_core: CoreWorld, key: str = "rx1") -> PdfWork:
    return at_core.pdf_copies.open([key], BUCKET)[key]


def settle(at_core: CoreWorld, *copies: PdfCopy, read: int = 0) -> tuple[int, dict[str, int]]:
    """Settle copies of a prescription; return its outcome's version and what has moved on."""
    done = Outcome(Ref("prescription", "rx1", read or copies[0].version), "done")
    [final], moved = at_core.pdf_copies.settle(batch(STEP, done.ref), [done], copies)
    assert (final.state, final.ref.key) == ("done", "rx1")
    return final.ref.version, moved


def test_a_path_is_on_record_before_it_is_written(at_core: CoreWorld) -> None:
    wanted = PdfCopy("rx1", PATH, "u1", version(at_core))
    expected = PdfWork("rx1", wanted.version, wanted=wanted, url=URL)
    assert opened(at_core) == expected
    assert opened(at_core) == replace(expected, known=(replace(wanted, version=0),))


def test_what_is_known_of_a_deleted_prescriptions_copies_stays_known(at_core: CoreWorld) -> None:
    settle(at_core, copied(version(at_core)))
    [known] = opened(at_core).known
    at_core.delete_prescription("rx1")
    assert opened(at_core) == PdfWork("rx1", known=(known,))
    assert opened(at_core, "rx2") == PdfWork("rx2")
    both = at_core.pdf_copies.open(["rx2", "rx1"], BUCKET)
    assert {key: work.known for key, work in both.items()} == {"rx1": (known,), "rx2": ()}


@pytest.mark.parametrize("url", [None, "", " \n"])
def test_without_a_pdf_no_path_is_noted(at_core: CoreWorld, url: str | None) -> None:
    at_core.put_prescription("rx1", "id1", pdf_url=url)
    for _ in range(2):
        assert opened(at_core) == PdfWork("rx1", version(at_core))


@pytest.mark.parametrize(
    ("columns", "refused"),
    [
        ({"summary": {"revoked": True}}, None),
        ({"summary": "no object"}, "prescription_summary_unreadable"),
    ],
)
def test_of_what_is_revoked_or_cannot_be_read_no_path_is_noted(
    at_core: CoreWorld, columns: dict[str, Any], refused: str | None
) -> None:
    at_core.put_prescription("rx1", "id1", pdf_url=URL, **columns)
    for _ in range(2):
        work = opened(at_core)
        assert (work.revoked, work.refused) == (refused is None, refused)
        assert (work.wanted, work.url, work.known) == (None, None, ())


@pytest.mark.parametrize(
    "uid", [None, "", ".", "..", "u2/x", "/", "../u2", "u.2", "...", "%", "a b", "अ"]
)
def test_a_uid_that_cannot_be_a_folder_has_no_path(at_core: CoreWorld, uid: str | None) -> None:
    """SQL names the path, and Python the folder that an erasure empties: they agree."""
    at_core.put_user("id1", firebase_uid=uid)
    home = None if uid is None else ids.folder(BUCKET, uid)
    work = opened(at_core)
    assert (work.wanted and work.wanted.path) == (home and f"{home}prescriptions/rx1.pdf")
    assert work.refused == (None if home or uid is None else "uid_not_a_folder")
    assert len(opened(at_core).known) == (1 if home else 0)


def test_a_copy_moves_the_prescriptions_version_and_announces_nothing(at_core: CoreWorld) -> None:
    before, unsent = version(at_core), at_core.unsent()
    opened(at_core)
    now, moved = settle(at_core, copied(before))
    assert (now, moved) == (version(at_core), {})
    assert now > before
    assert at_core.standing("prescription", "rx1", STEP) == ("done", now, now, 0, None)
    assert at_core.unsent() == unsent


def test_outcomes_without_a_changed_copy_are_recorded_and_looked_after(at_core: CoreWorld) -> None:
    read = version(at_core)
    assert settle(at_core, read=read) == (read, {})
    at_core.put_prescription("rx1", "id1", pdf_url="s3://prescriptions/other.pdf")
    assert settle(at_core, read=read) == (read, {"rx1": version(at_core)})
    assert at_core.standing("prescription", "rx1", STEP) == ("done", read, read, 0, None)


def test_a_prescription_shows_the_copy_of_its_url_and_owner_only(at_core: CoreWorld) -> None:
    assert at_core.prescriptions.read(["rx1"])["rx1"].file_url is None
    settle(at_core, copied(version(at_core)))
    assert at_core.prescriptions.read(["rx1"])["rx1"].file_url == PATH
    at_core.put_prescription("rx1", "id1", pdf_url="s3://prescriptions/other.pdf")
    assert at_core.prescriptions.read(["rx1"])["rx1"].file_url is None
    at_core.put_prescription("rx1", "id1", pdf_url=URL)
    at_core.put_user("id1", firebase_uid="u2")
    assert at_core.prescriptions.read(["rx1"])["rx1"].file_url is None


def test_a_copy_of_an_older_version_is_not_noted_over_a_newer_one(at_core: CoreWorld) -> None:
    newer = copied(version(at_core), '"newer"')
    settle(at_core, newer)
    settle(at_core, replace(copied(0), copy_etag='"older"'))
    assert opened(at_core).known == (newer,)


def test_a_copy_of_one_that_moved_meanwhile_moves_it_again_and_the_step_is_told_to_look_again(
    at_core: CoreWorld,
) -> None:
    read = version(at_core)
    at_core.put_prescription("rx1", "id1", pdf_url="s3://prescriptions/other.pdf")
    changed = version(at_core)
    assert settle(at_core, copied(read)) == (read, {"rx1": version(at_core)})
    assert version(at_core) > changed
    assert at_core.standing("prescription", "rx1", STEP) == ("done", read, read, 0, None)


def test_a_copy_that_is_not_noted_moves_nothing(at_core: CoreWorld) -> None:
    settle(at_core, copied(version(at_core)))
    moved = version(at_core)
    settle(at_core, copied(0))
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

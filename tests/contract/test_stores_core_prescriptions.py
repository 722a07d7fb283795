"""Core prescriptions as their mirror reads them, in memory and in PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import PermanentError
from shared.models.prescriptions import Prescription
from tests.contract.postgres_core_world import CoreWorld

SUMMARY = {"diagnosis": "Viral fever", "medications": []}


@pytest.fixture(autouse=True)
def _patient(at_core: CoreWorld) -> None:
    at_core.put_user("id1", firebase_uid="u1")
    at_core.put_patient("id1", "p1")


def test_a_prescription_is_read_with_its_patient_and_doctor(at_core: CoreWorld) -> None:
    at_core.put_prescription("rx1", "id1", summary=SUMMARY, pdf_url="s3://prescriptions/rx1.pdf")
    expected = Prescription(
        id="rx1",
        uid="u1",
        appointment_id="appointment-rx1",
        doctor="Asha Rao",
        doctor_id="doctor-1",
        pdf_url="s3://prescriptions/rx1.pdf",
        summary=SUMMARY,
        created_at="2026-05-01T10:00:00.000Z",
        version=at_core.version("prescription", "rx1"),
    )
    assert at_core.prescriptions.read(["rx1", "rx-unknown"]) == {"rx1": expected}
    assert expected.version > 0


def test_a_changed_prescription_is_read_at_a_higher_version(at_core: CoreWorld) -> None:
    at_core.put_prescription("rx1", "id1", summary=SUMMARY)
    before = at_core.prescriptions.read(["rx1"])["rx1"].version
    at_core.put_prescription("rx1", "id1", summary=SUMMARY | {"notes": "Rest"})
    after = at_core.prescriptions.read(["rx1"])["rx1"]
    assert after.version > before
    assert after.summary["notes"] == "Rest"


def test_a_patient_without_sign_in_has_no_uid(at_core: CoreWorld) -> None:
    at_core.put_user("id2")
    at_core.put_patient("id2", "p2")
    at_core.put_prescription("rx2", "id2", summary={})
    assert at_core.prescriptions.read(["rx2"])["rx2"].uid is None


def test_a_deleted_prescription_is_not_read_and_its_version_stays_known(
    at_core: CoreWorld,
) -> None:
    at_core.put_prescription("rx1", "id1", summary=SUMMARY)
    before = at_core.version("prescription", "rx1")
    at_core.delete_prescription("rx1")
    assert at_core.prescriptions.read(["rx1"]) == {}
    assert at_core.version("prescription", "rx1") > before


def test_a_visit_that_is_given_to_another_patient_moves_its_prescriptions_version(
    at_core: CoreWorld,
) -> None:
    at_core.put_user("id2")
    at_core.put_patient("id2", "p2")
    at_core.put_prescription("rx1", "id1", summary=SUMMARY)
    at_core.put_appointment("appointment-rx1", "id1")
    before = at_core.version("prescription", "rx1")
    at_core.put_appointment("appointment-rx1", "id1", status="COMPLETED")
    assert at_core.version("prescription", "rx1") == before
    at_core.put_appointment("appointment-rx1", "id2")
    read = at_core.prescriptions.read(["rx1"])["rx1"]
    assert (read.uid, read.version > before) == (None, True)


def test_a_patient_row_that_is_given_to_another_user_moves_visits_and_prescriptions(
    at_core: CoreWorld,
) -> None:
    at_core.put_user("id2", firebase_uid="u2")
    at_core.put_prescription("rx1", "id1", summary=SUMMARY)
    at_core.put_appointment("a1", "id1")
    moved = ("prescription", "rx1"), ("appointment", "a1")
    before = [at_core.version(*at) for at in moved]
    at_core.give_patient("id1", "id2")
    assert all(at_core.version(*at) > was for at, was in zip(moved, before, strict=True))
    assert at_core.prescriptions.read(["rx1"])["rx1"].uid == "u2"


def test_reading_nothing_finds_nothing(at_core: CoreWorld) -> None:
    assert at_core.prescriptions.read([]) == {}


@pytest.mark.parametrize("summary", [None, "", "  ", {}, '{"diagnosis": "x"}'])
def test_a_summary_that_is_absent_or_the_text_of_an_object_is_read(
    at_core: CoreWorld, summary: Any
) -> None:
    at_core.put_prescription("rx1", "id1", summary=summary)
    expected = {"diagnosis": "x"} if isinstance(summary, str) and "x" in summary else {}
    assert at_core.prescriptions.read(["rx1"])["rx1"].summary == expected


@pytest.mark.parametrize("summary", [[], [{}], 7, True, "not json", "[]", "null and void"])
def test_a_summary_that_is_no_object_is_parked_and_not_guessed(
    at_core: CoreWorld, summary: Any
) -> None:
    at_core.put_prescription("rx1", "id1", summary=summary)
    with pytest.raises(PermanentError, match="prescription_summary_unreadable"):
        at_core.prescriptions.read(["rx1"])

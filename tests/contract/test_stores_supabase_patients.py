"""A patient in Supabase as an erasure sees it, in memory and over HTTP: all of it, and again."""

from __future__ import annotations

from uuid import UUID

from tests.contract.supabase_worlds import SupabaseWorld

U1, NOBODY = (str(UUID(int=n)) for n in (1, 2))
UPLOADS = 1200  # more than PostgREST answers at once


def test_all_of_a_patients_rows_go_and_a_second_time_there_are_none(
    at_supabase: SupabaseWorld,
) -> None:
    uploads = [str(UUID(int=1000 + number)) for number in range(UPLOADS)]
    theirs = str(UUID(int=900))
    at_supabase.upload(*({"id": key, "patient_id": "u1", "type": "report"} for key in uploads))
    at_supabase.upload({"id": theirs, "patient_id": "u10", "type": "report"})
    at_supabase.index_elsewhere(uploads[0], "one", "two")
    rows, documents = at_supabase.patients.erase("u1")
    assert rows == UPLOADS + 2
    assert sorted(documents) == uploads
    assert at_supabase.patients.erase("u1") == (0, [])
    assert at_supabase.patients.remains("u1", U1) == 0
    assert at_supabase.patients.remains("u10", NOBODY) == 1


def test_an_auth_user_is_deleted_once_with_its_trail_and_one_that_is_gone_is_none(
    at_supabase: SupabaseWorld,
) -> None:
    patients = at_supabase.patients
    at_supabase.users.create(U1, {"email": "leaver@example.com"})
    assert patients.remains("u1", U1) > 0
    assert [patients.delete_user(U1), patients.delete_user(U1)] == [1, 0]
    assert patients.delete_user(NOBODY) == 0
    assert patients.erase_trail(U1) > 0
    assert [patients.erase_trail(U1), patients.erase_trail(NOBODY)] == [0, 0]
    assert patients.remains("u1", U1) == 0


def test_who_was_never_there_is_erased_without_offence(at_supabase: SupabaseWorld) -> None:
    assert at_supabase.patients.erase("nobody") == (0, [])
    assert at_supabase.patients.remains("nobody", NOBODY) == 0

"""Profiles written in the Firestore emulator, and accounts that change, reach core and Supabase."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

import httpx
import pytest

from infra.local.demo.people import Person
from infra.local.stack import REPOSITORY
from tests.e2e.conftest import Row, Running, eventually
from tests.e2e.test_users_chain import announce, mirror, settled


def patient(running: Running, uid: str) -> Row:
    return running.core(
        "select p.* from patients p join users u on u.id = p.user_id where u.firebase_uid = %s", uid
    )[0]


def signed_up(running: Running, sign_in: str, phone: str | None, email: str | None = None) -> str:
    uid = running.app.sign_up(Person("Test", "Person", sign_in, phone, email))
    settled(running, uid)
    return uid


def shown_name(running: Running, uid: str) -> str | None:
    return (mirror(running, uid) or {"raw_user_meta_data": {}})["raw_user_meta_data"].get("name")


def test_a_profile_reaches_core_and_its_name_supabase_and_leaves_with_its_deletion(
    running: Running,
) -> None:
    uid = signed_up(running, "phone", "+919811900001")
    profile = {"firstName": "Asha", "lastName": "Rao", "dob": 641500200000, "allergies": ["dust"]}
    running.app.write_profile(uid, "owner", profile)
    eventually(lambda: shown_name(running, uid) == "Asha Rao")
    row = patient(running, uid)
    assert (row["name"], row["dob"], row["allergies"]) == ("Asha Rao", date(1990, 5, 1), "dust")
    assert row["emergency_contact"] is None

    running.app.write_profile(uid, "owner", {"name": "Asha Verma", "dob": "01/02/1990"})
    eventually(lambda: shown_name(running, uid) == "Asha Verma")
    row = patient(running, uid)
    assert (row["dob"], row["allergies"]) == (None, None)
    (reading,) = running.core("select * from sync.profile_readings where uid = %s", uid)
    assert "dob_ambiguous" in reading["review_reasons"]

    running.app.delete_profile(uid)
    eventually(lambda: shown_name(running, uid) is None)
    assert patient(running, uid)["name"] is None
    assert running.ledger(uid, "store_profile")["error_code"] == "profile_deleted"  # pyright: ignore[reportOptionalSubscript]


def test_a_changed_phone_reaches_core_and_supabase_with_the_next_sign_in(running: Running) -> None:
    uid = signed_up(running, "phone", "+919811900002")
    running.app.change_phone("+919811900002", "+919811900003")
    eventually(lambda: (mirror(running, uid) or {}).get("phone") == "919811900003")
    (user,) = running.core("select * from users where firebase_uid = %s", uid)
    assert user["phone"] == "+919811900003"


def test_a_removed_phone_leaves_core_and_supabase_and_is_free_for_another(
    running: Running,
) -> None:
    uid = signed_up(running, "both", "+919811900004", "keeps.email@example.com")
    base = f"http://{running.facts['auth_emulator']}/identitytoolkit.googleapis.com/v1"
    url = f"{base}/projects/{running.facts['project_id']}/accounts:update"
    body = {"localId": uid, "deleteProvider": ["phone"]}
    httpx.post(url, json=body, headers={"Authorization": "Bearer owner"}).raise_for_status()
    announce(running, "user-changed", "user", uid)
    eventually(lambda: (mirror(running, uid) or {"phone": "?"})["phone"] is None)
    (user,) = running.core("select * from users where firebase_uid = %s", uid)
    assert (user["phone"], user["email"]) == (None, "keeps.email@example.com")

    other = signed_up(running, "phone", "+919811900004")
    found = eventually(lambda: mirror(running, other))
    assert found["phone"] == "919811900004"


def test_a_doctors_profile_makes_a_doctor_in_core_and_supabase(running: Running) -> None:
    profile = {"firstName": "Meera", "lastName": "Nair", "specialization": "ENT, cardiology"}
    uid = running.app.sign_up_doctor("meera.nair@example.com", profile)
    eventually(lambda: shown_name(running, uid) == "Meera Nair")
    (doctor,) = running.core(
        "select d.*, u.role from doctors d join users u on u.id = d.user_id"
        " where u.firebase_uid = %s",
        uid,
    )
    assert (doctor["role"], doctor["verified_status"]) == ("DOCTOR", "PENDING")
    assert doctor["specialties"] == ["ENT", "cardiology"]
    found = eventually(lambda: mirror(running, uid))
    assert found["raw_app_meta_data"]["role"] == "DOCTOR"


def test_a_patient_cannot_write_a_doctors_profile_for_itself(running: Running) -> None:
    signed_up(running, "phone", "+919811900005")
    token = running.app.change_phone("+919811900005", "+919811900006")
    with pytest.raises(httpx.HTTPStatusError, match="403"):
        running.app.write_profile("any", token, {"firstName": "Asha"}, "doctors")


def run_conflicts(running: Running, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `./healbridge-sync conflicts` on the running stack."""
    stack = ["--stack", str(running.stack.options.stack_file)]
    command = [sys.executable, "-m", "infra.command", *stack, "conflicts", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_a_conflict_is_listed_and_decided_from_the_command_line(running: Running) -> None:
    running.backend.type_in("desk-1", "+91 98119 00007", None)
    uid = signed_up(running, "phone", "+919811900007")
    (row,) = running.core(
        "select id from sync.conflicts where key = %s and resolved_at is null", uid
    )
    number = str(row["id"])

    listed = run_conflicts(running, "list", "--json")
    (found,) = [c for c in json.loads(listed.stdout)["open"] if c["key"] == uid]
    assert listed.returncode == 1
    assert (found["id"], found["field"], found["other"]) == (row["id"], "phone", "desk-1")

    given = run_conflicts(running, "decide", number, "give_to_this", "--operator", "e2e")
    assert given.returncode == 0, given.stderr
    held = eventually(lambda: mirror(running, uid))
    assert held["phone"] == "919811900007"
    (closed,) = running.core("select * from sync.conflicts where id = %s", row["id"])
    assert (closed["resolution"], closed["decided_by"]) == ("give_to_this", "e2e")

    kept = run_conflicts(running, "decide", number, "keep_other", "--operator", "e2e")
    assert (kept.returncode, kept.stdout) == (1, "")
    assert "closed already: give_to_this" in kept.stderr

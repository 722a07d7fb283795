"""Everything that triggers and outboxes can miss, one by one: in memory, and in real databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, LiteralString
from uuid import UUID

from shared import settings
from shared.ids import prescription_document_id
from shared.models.users import AuthUser
from tests.contract.memory_stores import MemoryStores, Stores
from tests.contract.real_stores import RealStores

DOC = [str(UUID(int=number + 1)) for number in range(4)]
PROFILE: dict[str, Any] = {
    "name": "Asha Rao",
    "dob": "1990-02-03",
    "gender": "Female",
    "allergies": ["Testamol"],
    "language": "hi",
    "consentNotifications": True,
}
CHANGED_PROFILE: dict[str, Any] = PROFILE | {"allergies": ["Demoxil"]}
MEDICINE = {"medications": [{"name": "Demoxil", "strength": "5 mg", "dose": 1.50}]}


@dataclass(frozen=True)
class Damage:
    """
    Something past the sync, and what the reconciler makes of it. `at_firebase` is done to what is
    in memory in every case, `real` and `memory` where databases differ.
    """

    projection: str
    class_: str
    key: str
    at_firebase: Callable[[Stores], object] | None = None
    real: Callable[[RealStores], object] | None = None
    memory: Callable[[MemoryStores], object] | None = None

    def do(self, to: Stores) -> None:
        """Do the damage."""
        if self.at_firebase:
            self.at_firebase(to)
        elif isinstance(to, RealStores):
            assert self.real
            self.real(to)
        else:
            assert self.memory
            self.memory(to)


def copies_of(to: Stores, prescription: str) -> list[str]:
    """Return the paths of an appointment's copies, the doctor's first."""
    paths = to.firebase.documents
    return sorted(at for at in paths if at.endswith(f"/appointments/visit-{prescription}"))


def mirror(prescription: str) -> str:
    """Return the id of a prescription's mirror."""
    return prescription_document_id(settings.id_namespace(), prescription)


def _core(statement: LiteralString, **values: Any) -> Callable[[RealStores], object]:
    return lambda to: to.at_core(statement, **values)


def _mirror(prescription: str, statement: LiteralString) -> Callable[[RealStores], object]:
    return lambda to: to.at_supabase(statement, id=mirror(prescription))


def _user(uid: str, **columns: Any) -> Callable[[MemoryStores], object]:
    return lambda to: to.user(uid).update(columns)


def _document(key: str, **columns: Any) -> Callable[[MemoryStores], object]:
    return lambda to: to.memory_core.document_rows[key].update(columns)


def _mirrored(prescription: str, **columns: Any) -> Callable[[MemoryStores], object]:
    return lambda to: to.memory_supabase.document_rows[mirror(prescription)].update(columns)


def _auth_user(to: MemoryStores, phone: str) -> AuthUser:
    [found] = [u for u in to.memory_supabase.auth_users.values() if u.phone == phone]
    return found


def _edit_metadata(to: MemoryStores) -> None:
    user = _auth_user(to, "919811122233")
    edited = replace(user, app_metadata=user.app_metadata | {"role": "DOCTOR"})
    to.memory_supabase.auth_users[user.id] = edited


def _medicines(to: MemoryStores, key: str) -> list[str]:
    return [m for m, r in to.memory_core.medication_rows.items() if r["document_id"] == key]


def _drop_medicines(to: MemoryStores) -> None:
    for medicine in _medicines(to, DOC[0]):
        del to.memory_core.medication_rows[medicine]


def _edit_strength(to: MemoryStores) -> None:
    for medicine in _medicines(to, DOC[0]):
        to.memory_core.medication_rows[medicine]["strength"] = "50 mg"


def _drop_chunks(to: MemoryStores) -> None:
    for at in [at for at in to.memory_supabase.chunk_rows if at[0] == mirror("rx2")]:
        del to.memory_supabase.chunk_rows[at]


def _edit_birthdays(to: MemoryStores) -> None:
    for row in to.memory_core.patient_rows.values():
        if row.get("dob"):
            row["dob"] = date(2001, 1, 1)


def _postpone(to: MemoryStores) -> None:
    row = to.memory_core.appointment_rows["visit-rx2"]
    row["start"] += timedelta(hours=1)


DAMAGE: dict[str, Damage] = {
    "an account that never reached core": Damage(
        "users", "missing", "u3", lambda to: to.sign_up("u3", email="new@example.com")),
    "an e-mail changed in Firebase, which has no event": Damage(
        "users", "stale", "u1",
        lambda to: to.sign_up("u1", email="later@example.com", phone="+919811122233")),
    "a phone that was given up in Firebase": Damage(
        "users", "stale", "u1", lambda to: to.sign_up("u1", email="asha@example.com")),
    "a phone that somebody edited in core": Damage(
        "users", "stale", "u2",
        real=_core("update users set phone = '+919800000000' where firebase_uid = 'u2'"),
        memory=_user("u2", phone="+919800000000")),
    "a patient row that went": Damage(
        "users", "stale", "u2",
        real=_core("delete from patients where user_id = (select id from users"
                   " where firebase_uid = 'u2')"),
        memory=lambda to: to.memory_core.patient_rows.pop(to.user("u2")["id"])),
    "a claim that went": Damage(
        "users", "stale", "u1", lambda to: to.accounts.set_claims("u1", {})),
    "an auth user that went": Damage(
        "auth_users", "missing", "u2",
        real=lambda to: to.supabase_sql.execute(
            "delete from auth.users where phone = '919811122234'"
        ),
        memory=lambda to: to.memory_supabase.auth_users.pop(_auth_user(to, "919811122234").id)),
    "metadata that was edited": Damage(
        "auth_users", "stale", "u1",
        real=lambda to: to.at_supabase(
            "update auth.users set raw_app_meta_data = raw_app_meta_data ||"
            " '{\"role\": \"DOCTOR\"}' where phone = '919811122233'"),
        memory=_edit_metadata),
    "a document that went from core": Damage(
        "documents", "missing", DOC[0],
        real=_core("delete from documents where id = %(id)s", id=DOC[0]),
        memory=lambda to: to.memory_core.document_rows.pop(DOC[0])),
    "a text that was edited in core": Damage(
        "documents", "stale", DOC[1],
        real=_core("update documents set text = 'x' where id = %(id)s", id=DOC[1]),
        memory=_document(DOC[1], text="x")),
    "a medicine that went from core": Damage(
        "documents", "stale", DOC[0],
        real=_core("delete from medications where document_id = %(id)s", id=DOC[0]),
        memory=_drop_medicines),
    "a medicine whose strength was edited in core": Damage(
        "documents", "stale", DOC[0],
        real=_core("update medications set strength = '50 mg' where document_id = %(id)s",
                   id=DOC[0]),
        memory=_edit_strength),
    "an upload changed past its trigger": Damage(
        "documents", "stale", DOC[2],
        real=lambda to: to.at_supabase("update documents set text = 'y' where id = %(id)s",
                                       id=DOC[2]),
        memory=lambda to: to.memory_supabase.document_rows[DOC[2]].update(text="y")),
    "a mirror that went": Damage(
        "prescriptions", "missing", "rx1",
        real=_mirror("rx1", "delete from documents where id = %(id)s"),
        memory=lambda to: to.memory_supabase.document_rows.pop(mirror("rx1"))),
    "a mirror that was edited": Damage(
        "prescriptions", "stale", "rx1",
        real=_mirror("rx1", "update documents set structured_json = '{}' where id = %(id)s"),
        memory=_mirrored("rx1", structured_json={})),
    "a mirror's text that was edited": Damage(
        "prescriptions", "stale", "rx2",
        real=_mirror("rx2", "update documents set text = text || 'x' where id = %(id)s"),
        memory=_mirrored("rx2", text="x")),
    "a mirror whose file is another": Damage(
        "prescriptions", "stale", "rx2",
        real=_mirror("rx2",
                     "update documents set file_url = 'documents/other.pdf' where id = %(id)s"),
        memory=_mirrored("rx2", file_url="documents/other.pdf")),
    "a mirror that was hidden past the sync": Damage(
        "prescriptions", "stale", "rx1",
        real=_mirror("rx1", "update documents set revoked_at = now() where id = %(id)s"),
        memory=_mirrored("rx1", revoked=True)),
    "a chunk that went": Damage(
        "prescriptions", "stale", "rx2",
        real=_mirror("rx2", "delete from rag_chunks where document_id = %(id)s"),
        memory=_drop_chunks),
    "a prescription changed past its trigger": Damage(
        "prescriptions", "stale", "rx2",
        real=_core("update prescriptions set summary_json = '{\"diagnosis\": \"walk\"}'"
                   " where id = 'rx2'"),
        memory=lambda to: to.memory_core.prescription_rows["rx2"].update(
            summary={"diagnosis": "walk"})),
    "a profile whose trigger was dropped": Damage(
        "profiles", "missing", "u2", lambda to: to.firebase.write_profile("u2", name="Ravi Das")),
    "a profile changed past its trigger": Damage(
        "profiles", "stale", "u1", lambda to: to.firebase.write_profile("u1", **CHANGED_PROFILE)),
    "a language that core has lost": Damage(
        "profiles", "stale", "u1",
        real=_core("update users set language = 'en' where firebase_uid = 'u1'"),
        memory=lambda to: to.memory_core.languages.update({to.user("u1")["id"]: "en"})),
    "a date of birth that somebody edited in core": Damage(
        "profiles", "stale", "u1",
        real=_core("update patients set dob = '2001-01-01' where dob is not null"),
        memory=_edit_birthdays),
    "a field that left its profile": Damage(
        "profiles", "stale", "u1", lambda to: to.firebase.write_profile("u1", name="Asha Rao")),
    "a doctor's profile whose trigger was dropped": Damage(
        "doctors", "stale", "d1",
        lambda to: to.firebase.write_profile("d1", "doctors", name="Demo Surgeon")),
    "an appointment that doctor and patient no longer see": Damage(
        "appointments", "missing", "visit-rx1",
        lambda to: [to.firebase.documents.pop(at) for at in copies_of(to, "rx1")]),
    "a copy of an appointment that was edited": Damage(
        "appointments", "stale", "visit-rx1",
        lambda to: to.firebase.put_document(copies_of(to, "rx1")[1], {"status": "CANCELLED"})),
    "an appointment changed past its trigger": Damage(
        "appointments", "stale", "visit-rx2",
        real=_core("update appointments set start_ts = start_ts + interval '1 hour'"
                   " where id = 'visit-rx2'"),
        memory=_postpone),
}  # fmt: skip

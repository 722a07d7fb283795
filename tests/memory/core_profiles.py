"""Core patients and doctors as profiles fill them, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.events import Ref
from shared.models.profiles import DoctorProfile, Profile
from shared.outcomes import Conflict, Outcome
from shared.stores.core_profiles import COLUMNS
from tests.memory.core import MemoryCore, Row, digits

if TYPE_CHECKING:
    from shared.runner import Batch


class MemoryCoreProfiles:
    """Stores profiles."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def store(
        self, batch: Batch, profiles: Sequence[tuple[Ref, str, Profile, bool]]
    ) -> list[Outcome]:
        """Write profiles, given as (ref, patient id, profile, deleted)."""
        with self._core.effect("core_profiles.store"):
            outcomes = {
                given[0].key: self._store(*given)
                for given in profiles
                if self._core.source_version("user", given[0].key, batch.step) <= given[0].version
            }
            self._core.record(batch.step, batch.traceparent, outcomes.values())
            return [outcomes.get(ref.key, Outcome(ref, "done")) for ref, _, _, _ in profiles]

    def not_patients(self, uids: Sequence[str]) -> set[str]:
        """Return those of these users who are doctors or staff."""
        with self._core.effect("core_profiles.not_patients"):
            users = (self._core.user_by_uid(uid) for uid in uids)
            return {user["firebase_uid"] for user in users if user and user["role"] != "PATIENT"}

    def _store(self, ref: Ref, patient_id: str, profile: Profile, deleted: bool) -> Outcome:
        user = self._core.user_by_uid(ref.key)
        code = "profile_deleted" if deleted else None
        if user is None:
            return Outcome(ref, "gone" if deleted else "retrying", code or "user_not_in_core")
        is_patient = user["role"] == "PATIENT"
        reading = self._core.profile_reading_rows.get(ref.key, {"held": []})
        values = {name: getattr(profile, name) for name in COLUMNS}
        if is_patient:
            known = self._core.patient_rows.get(user["id"], {"id": patient_id})
            kept = {n: known.get(n) for n in COLUMNS if n not in reading["held"]}
            merged = {n: v if v is not None else kept.get(n) for n, v in values.items()}
            self._core.write_patient(user["id"], known | merged, ours=True)
        given = values | {"language": profile.language}
        if profile.language:
            self._core.languages[user["id"]] = profile.language
        self._core.profile_reading_rows[ref.key] = {
            "version": ref.version,
            "held": [n for n, v in given.items() if v is not None]
            if is_patient
            else reading["held"],
            "consent_data_use": profile.consent_data_use,
            "consent_notifications": profile.consent_notifications,
            "review_reasons": [*profile.review_reasons, *_differences(profile, user)],
        }
        return Outcome(ref, "done", code or (None if is_patient else "user_is_no_patient"))


def _differences(profile: Profile, user: Row) -> list[str]:
    phone, typed = digits(user["phone"]), profile.phone_digits
    email = (user["email"] or "").lower()
    return [
        reason
        for reason, differs in (
            ("phone_differs", phone and typed and not phone.endswith(typed)),
            ("email_differs", email and profile.email and email != profile.email),
        )
        if differs
    ]


class MemoryCoreDoctors:
    """Stores doctors."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def store(
        self, batch: Batch, doctors: Sequence[tuple[Ref, str, DoctorProfile]]
    ) -> list[Outcome]:
        """Make the users doctors, given as (ref, doctor id, profile)."""
        with self._core.effect("core_doctors.store"):
            outcomes = {
                given[0].key: self._store(*given)
                for given in doctors
                if self._core.source_version("user", given[0].key, batch.step) <= given[0].version
            }
            self._core.record(batch.step, batch.traceparent, outcomes.values())
            return [outcomes.get(ref.key, Outcome(ref, "done")) for ref, _, _ in doctors]

    def _store(self, ref: Ref, doctor_id: str, doctor: DoctorProfile) -> Outcome:
        user = self._core.user_by_uid(ref.key)
        if user is None:
            return Outcome(ref, "retrying", "user_not_in_core")
        patient = self._core.patient_rows.get(user["id"]) if user["role"] == "PATIENT" else None
        bare = patient is None or self._is_bare(user["id"], patient)
        demoted = user["role"] == "PATIENT" and user["id"] in self._core.doctor_rows
        if user["role"] == "STAFF" or demoted or not bare:
            held = Conflict("role", patient["id"] if patient else user["id"])
            return Outcome(ref, "conflict", "role_differs", (held,))
        if patient:
            del self._core.patient_rows[user["id"]]
        self._core.change_user(user | {"role": "DOCTOR"}, ours=True)
        blank = {
            "id": doctor_id,
            "license_no": None,
            "specialties": [],
            "verified_status": "PENDING",
        }
        known = self._core.doctor_rows.get(user["id"], blank)
        verified = known["verified_status"] != "PENDING"
        self._core.write_doctor(
            user["id"],
            known
            | {
                "first_name": doctor.first_name,
                "last_name": doctor.last_name,
                "specialties": list(doctor.specialties) or known["specialties"],
                "license_no": known["license_no"]
                if verified
                else doctor.license_no or known["license_no"],
            },
            ours=True,
        )
        differs = verified and doctor.license_no not in {None, known["license_no"]}
        return Outcome(ref, "done", "license_differs" if differs else None)

    def _is_bare(self, user_id: str, patient: Row) -> bool:
        filled = any(value is not None for name, value in patient.items() if name != "id")
        documents = self._core.document_rows.values()
        others = [*self._core.prescription_rows.values(), *self._core.appointment_rows.values()]
        return not (
            filled
            or any(row["patient_id"] == patient["id"] for row in documents)
            or any(row["user_id"] == user_id for row in others)
        )

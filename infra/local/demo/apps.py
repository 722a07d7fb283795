"""
The HealBridge apps, as far as the sync sees them: each uses only its own store's public way in.

PatientApp    Firebase Auth's REST API (phone code, or password) and Firestore's, under its rules
EdgeFunction  puts pages into Storage and processed documents into Supabase through its data API,
              and indexes some of them itself
Backend       puts PDFs into its S3 and writes core's tables with plain SQL; it knows nothing of the
              sync
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import psycopg
from psycopg.types.json import Jsonb

from infra.local import buckets
from infra.local.demo.pdfs import pdf
from infra.local.demo.people import Person

_KEY = {"key": "any"}  # the emulator takes any web API key
_OWNER = {"Authorization": "Bearer owner"}  # the emulators' administrator

_DOCTOR_USER = "insert into users (id, role) values (%(user)s, 'DOCTOR')"
_DOCTOR = """
insert into doctors (id, user_id, first_name, last_name, specialties)
values (%(doctor)s, %(user)s, 'Demo', 'Doctor', '{general}')
"""
_TYPED_IN = """
insert into users (id, role, phone, email) values (%(id)s, 'PATIENT', %(phone)s, %(email)s)
"""
_APPOINTMENT = """
insert into appointments (id, doctor_id, patient_id, start_ts, end_ts, status)
select %(appointment)s, %(doctor)s, p.id, now(), now() + interval '15 minutes', 'COMPLETED'
from patients p join users u on u.id = p.user_id where u.firebase_uid = %(uid)s
"""
_PRESCRIPTION = """
insert into prescriptions (id, appointment_id, pdf_url, summary_json)
values (%(id)s, %(appointment)s, %(pdf)s, %(summary)s)
"""
_KNOWN = """
select count(*) from patients p join users u on u.id = p.user_id
where u.firebase_uid = any(%(uids)s)
"""
_REVOKE = """
update prescriptions set summary_json = summary_json || '{"status": "revoked"}' where id = %(id)s
"""


class PatientApp:
    """Signs patients up, writes their profiles, changes their phones; doctors' sign-up too."""

    def __init__(self, stack: Mapping[str, Any]) -> None:
        self._http = httpx.Client(timeout=30)
        self._project = stack["project_id"]
        self._auth = f"http://{stack['auth_emulator']}/identitytoolkit.googleapis.com/v1"
        self._emulator = f"http://{stack['auth_emulator']}/emulator/v1"
        self._documents = (
            f"http://{stack['firestore_emulator']}/v1/projects/{self._project}"
            "/databases/(default)/documents"
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def sign_up(self, person: Person) -> str:
        """Create the account and the profile; return the uid."""
        if person.sign_in == "phone":
            uid, token = self._by_phone(str(person.phone))
        elif person.sign_in == "email":
            uid, token = self._by_email(str(person.email))
        else:
            uid, token = self._by_clinic(person), "owner"
        self.write_profile(uid, token, {"uid": uid, **person.profile})
        return uid

    def sign_up_doctor(self, email: str, profile: Mapping[str, Any]) -> str:
        """Create an account, and the profile that the back office writes for it; return the uid."""
        uid, _ = self._by_email(email)
        self.write_profile(uid, "owner", profile, "doctors")
        return uid

    def sign_in(self, phone: str) -> str:
        """Sign in with a phone's code; return the token, with the claims of now."""
        return self._by_phone(phone)[1]

    def change_phone(self, old: str, new: str) -> str:
        """Sign in, change the phone by its code, sign in with it; return the token."""
        token = self.sign_in(old)
        self._by_phone(new, token)
        return self.sign_in(new)

    def _by_phone(self, phone: str, token: str | None = None) -> tuple[str, str]:
        """Sign in with a phone's code, or with a token give its account this phone."""
        body = {"phoneNumber": phone, "recaptchaToken": "any"}
        session = self._post("accounts:sendVerificationCode", body)["sessionInfo"]
        url = f"{self._emulator}/projects/{self._project}/verificationCodes"
        codes = self._http.get(url).raise_for_status().json()["verificationCodes"]
        code = next(c["code"] for c in reversed(codes) if c["sessionInfo"] == session)
        proof = {"sessionInfo": session, "code": code} | ({"idToken": token} if token else {})
        answer = self._post("accounts:signInWithPhoneNumber", proof)
        return answer["localId"], answer["idToken"]

    def _by_email(self, email: str) -> tuple[str, str]:
        body = {"email": email, "password": "demo-password", "returnSecureToken": True}
        answer = self._post("accounts:signUp", body)
        return answer["localId"], answer["idToken"]

    def _by_clinic(self, person: Person) -> str:
        """An account with both contacts from the start, as a clinic's front desk makes one."""
        body = {"email": person.email, "phoneNumber": person.phone}
        answer = self._http.post(
            f"{self._auth}/projects/{self._project}/accounts", json=body, headers=_OWNER
        )
        return answer.raise_for_status().json()["localId"]

    def write_profile(
        self, uid: str, token: str, profile: Mapping[str, Any], collection: str = "users"
    ) -> None:
        """Write the document of a uid in Firestore, as whoever the token signs in."""
        self._http.patch(
            f"{self._documents}/{collection}/{uid}",
            json={"fields": {name: firestore_value(value) for name, value in profile.items()}},
            headers={"Authorization": f"Bearer {token}"},
        ).raise_for_status()

    def delete_profile(self, uid: str) -> None:
        """Delete users/{uid} in Firestore."""
        self._http.delete(f"{self._documents}/users/{uid}", headers=_OWNER).raise_for_status()

    def _post(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._http.post(f"{self._auth}/{method}", params=_KEY, json=body)
        return answer.raise_for_status().json()


def firestore_value(value: object) -> dict[str, Any]:
    """Return a value in Firestore's REST form."""
    match value:
        case bool():
            return {"booleanValue": value}
        case int():
            return {"integerValue": str(value)}
        case list():
            return {"arrayValue": {"values": [firestore_value(item) for item in value]}}
        case dict():
            return {"mapValue": {"fields": {k: firestore_value(v) for k, v in value.items()}}}
        case _:
            return {"stringValue": str(value)}


class EdgeFunction:
    """Inserts what the OCR has read, corrects and deletes it."""

    def __init__(self, stack: Mapping[str, Any]) -> None:
        key = stack["supabase_service_key"]
        self._http = httpx.Client(
            base_url=f"{stack['supabase_url']}/rest/v1",
            headers={"apikey": key, "Authorization": f"Bearer {key}", "Prefer": "return=minimal"},
            timeout=30,
        )
        self._embeddings = f"{stack['embeddings_url']}/embeddings"
        self._storage = buckets.connect(stack["storage_s3_url"])

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._storage.close()

    def insert(self, documents: Sequence[Mapping[str, Any]], *, traceparent: str = "") -> None:
        """
        Put the pages into Storage and insert the document rows in one request; one that belongs to
        a trace says so in its header.
        """
        for document in documents:
            if document.get("file_url"):
                bucket, _, key = document["file_url"].partition("/")
                self._storage.put_object(Bucket=bucket, Key=key, Body=document["id"].encode())
        if documents:
            headers = {"traceparent": traceparent} if traceparent else {}
            answer = self._http.post("/documents", json=list(documents), headers=headers)
            answer.raise_for_status()

    def index(self, document: Mapping[str, Any]) -> None:
        """Index a document as the product's own function does: a chunk per line."""
        lines = (document["text"] or "").splitlines()
        if not lines:
            return
        body = {"model": "text-embedding-3-small", "input": lines, "encoding_format": "float"}
        headers = {"Authorization": "Bearer any"}
        answer = httpx.post(self._embeddings, json=body, headers=headers, timeout=30)
        rows = [
            {
                "patient_id": document["patient_id"],
                "document_id": document["id"],
                "chunk_text": line,
                "embedding": item["embedding"],
                "metadata": {"source": "edge-function"},
            }
            for line, item in zip(lines, answer.raise_for_status().json()["data"], strict=True)
        ]
        self._http.post("/rag_chunks", json=rows).raise_for_status()

    def correct(self, document: str, changes: Mapping[str, Any]) -> None:
        """Write a corrected reading of a document."""
        self._at(document, "PATCH", changes)

    def delete(self, document: str) -> None:
        """Delete a document, as the patient asks for; the page in Storage is left to the sync."""
        self._at(document, "DELETE", None)

    def _at(self, document: str, method: str, body: Mapping[str, Any] | None) -> None:
        where = {"id": f"eq.{document}"}
        self._http.request(method, "/documents", params=where, json=body).raise_for_status()


class Backend:
    """Writes appointments and prescriptions into core."""

    def __init__(self, stack: Mapping[str, Any]) -> None:
        self._dsn = stack["core_dsn"]
        self._s3_url, self._bucket = stack["aws_s3_url"], stack["pdf_bucket"]

    def add_doctor(self, doctor: str) -> None:
        """Insert a doctor."""
        values = {"doctor": doctor, "user": f"user-of-{doctor}"}
        with psycopg.connect(self._dsn) as connection:
            connection.execute(_DOCTOR_USER, values)
            connection.execute(_DOCTOR, values)

    def type_in(self, user: str, phone: str | None, email: str | None) -> None:
        """Insert a patient's user at the front desk, before the patient has an account."""
        with psycopg.connect(self._dsn) as connection:
            connection.execute(_TYPED_IN, {"id": user, "phone": phone, "email": email})

    def prescribe(
        self,
        uid: str,
        doctor: str,
        prescription: str,
        summary: Mapping[str, Any],
        *,
        printed: bool = True,
    ) -> None:
        """
        Insert a completed appointment and its prescription, with a PDF if it was printed; the
        patient must be in core.
        """
        key = f"{prescription}.pdf"
        if printed:
            self._print(key, prescription)
        values = {
            "id": prescription,
            "appointment": f"appointment-of-{prescription}",
            "uid": uid,
            "doctor": doctor,
            "pdf": f"s3://{self._bucket}/{key}" if printed else None,
            "summary": Jsonb(summary),
        }
        with psycopg.connect(self._dsn) as connection:
            connection.execute(_APPOINTMENT, values)
            connection.execute(_PRESCRIPTION, values)

    def _print(self, key: str, title: str) -> None:
        s3 = buckets.connect(self._s3_url)
        s3.put_object(Bucket=self._bucket, Key=key, Body=pdf(title))
        s3.close()

    def revoke(self, prescription: str) -> None:
        """Mark a prescription as revoked."""
        with psycopg.connect(self._dsn) as connection:
            connection.execute(_REVOKE, {"id": prescription})

    def knows(self, uids: Sequence[str]) -> int:
        """Return how many of these uids have a patient row."""
        with psycopg.connect(self._dsn) as connection:
            row = connection.execute(_KNOWN, {"uids": list(uids)}).fetchone()
        return int(row[0]) if row else 0

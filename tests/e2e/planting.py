"""
A running stack of its own whose vendors can lie, and people planted in it with every content that
the product knows of a patient.
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psycopg

from infra.local.demo.people import Person
from infra.local.demo.visits import BOOK
from infra.local.stack import Options, Stack
from tests.e2e.collector import collector
from tests.e2e.conftest import Running
from tests.e2e.lying import CODES, WORDS, Vendor, over_grpc, over_http
from tests.e2e.witness import Planted, Witness

NAME, LAST = "Plantedasha", "आशाप्लांटेड"
DRUG, TEXT, DIAGNOSIS = "Plantedomycin", "Plantedtext of a page", "Planteditis"
ALLERGY, RELATIVE, STREET = "Plantedpollen", "Plantedmother", "Plantedlane 7"
CONTENTS = (NAME, LAST, DRUG, TEXT, DIAGNOSIS, ALLERGY, RELATIVE, STREET)
MEDICINE = {"name": DRUG, "strength": "500 mg", "frequency": "1-0-1", "raw": f"Rx {DRUG}"}

# Where a function looks for each vendor, and which part of the stack that is.
OVER_HTTP = {
    "supabase": ("supabase", {"SUPABASE_URL": "http://{}"}),
    "embeddings": ("embeddings", {"OPENAI_BASE_URL": "http://{}/v1"}),
    "messaging": ("fcm", {"FCM_URL": "http://{}"}),
    "storage": ("storage_s3", {"SUPABASE_S3_URL": "http://{}"}),
    "backend's files": ("aws_s3", {"AWS_S3_URL": "http://{}"}),
}


@dataclass
class Planting:
    """A stack with lying vendors, who is planted in it, and who looks for what is told."""

    running: Running
    vendors: list[Vendor]
    witness: Witness
    people: dict[str, Person] = field(default_factory=dict[str, Person])
    doctors: list[str] = field(default_factory=list[str])  # their addresses
    tokens: list[str] = field(default_factory=list[str])
    keys: list[str] = field(default_factory=list[str])

    @property
    def planted(self) -> Planted:
        """Everything that must not be told: contents, contacts, tokens and the stack's secrets."""
        known = [
            *CONTENTS,
            *self.doctors,
            *self.tokens,
            *secrets_of(self.running.facts["settings"]),
        ]
        for person in self.people.values():
            known += [str(person.phone)[3:], str(person.email), person.profile["fcmToken"]]
        return Planted(tuple(known), tuple(self.people))

    def sign_up(self) -> str:
        """A person with every field of a profile."""
        number = len(self.people)
        phone, email = f"+919876500{number:03}", f"planted.asha{number}@example.com"
        profile = {
            "firstName": NAME, "lastName": LAST, "email": email, "phoneNumber": phone,
            "allergies": [ALLERGY], "emergencyContactName": RELATIVE, "dob": "1980-02-29",
            "emergencyContactPhone": phone, "address": {"street": STREET},
            "fcmToken": f"planted-device-{number}", "consentNotifications": True,
        }  # fmt: skip
        uid = self.running.app.sign_up(Person(NAME, LAST, "both", phone, email, profile))
        self.people[uid] = Person(NAME, LAST, "both", phone, email, profile)
        return uid

    def write(self, uid: str) -> None:
        """Everything that can be known of a patient, in every source."""
        running, person, key = self.running, self.people[uid], uuid4().hex[:12]
        running.app.write_profile(uid, "owner", {"uid": uid, **person.profile, "note": key})
        doctor = {"name": f"Dr {NAME} {LAST}", "licenseNo": f"{NAME}-{key}"}
        self.doctors.append(f"dr.planted.{key}@example.com")
        running.app.sign_up_doctor(self.doctors[-1], doctor)
        self.tokens.append(running.app.sign_in(str(person.phone)))
        structured = {"medications": [MEDICINE, {"name": DRUG, "dosage": TEXT}]}
        good = {
            "id": str(uuid4()), "patient_id": uid, "type": "prescription", "text": TEXT,
            "file_url": f"documents/{uid}/{NAME}-{key}.jpg", "structured_json": structured,
            "ocr_confidence": 0.4,
        }  # fmt: skip
        bad = good | {"id": str(uuid4()), "structured_json": f"{{{DRUG}"}
        worse = good | {"id": str(uuid4()), "type": DRUG, "patient_id": f"{NAME}-nobody"}
        running.edge.insert([good, bad, worse])
        summary = {"diagnosis": DIAGNOSIS, "notes": TEXT, "medications": [MEDICINE]}
        running.backend.prescribe(uid, "doctor-privacy", f"rx-{key}", summary)
        with psycopg.connect(running.facts["core_dsn"]) as connection:
            visit = {"id": f"visit-{key}", "uid": uid, "doctor": "doctor-privacy",
                     "visit_type": "HOUSE"}  # fmt: skip
            connection.execute(BOOK, visit)
            moved = "update appointments set address = %s where id = %s"
            connection.execute(moved, (STREET, f"visit-{key}"))
        self.keys += [str(good["id"]), str(bad["id"]), f"rx-{key}", f"visit-{key}"]

    def rest(self) -> None:
        """Wait until nothing is recorded for a while; what is replayed for ever may go on."""
        count, since = -1, time.monotonic()
        latest = since + 15
        while time.monotonic() < min(latest, since + 2):
            now = self.running.core("select count(*) as n from sync.journal")[0]["n"]
            if now != count:
                count, since = now, time.monotonic()
            time.sleep(0.1)


def secrets_of(settings: dict[str, str]) -> list[str]:
    """Return the values that are nobody's to know: keys, secrets, and passwords in DSNs."""
    passwords = [m for v in settings.values() for m in re.findall(r"password=(\S+)", v)]
    named = re.compile(r"_(KEY|SECRET)\Z|\AID_NAMESPACE\Z")
    own = [v for name, v in settings.items() if named.search(name) and not name.startswith("AWS")]
    return [value for value in {*passwords, *own} if len(value) >= 16]


@contextmanager
def planting(folder: Path) -> Generator[Planting]:
    """Run a stack that finds every vendor behind a proxy of ours."""
    with ExitStack() as stack:
        receiving = stack.enter_context(collector())
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiving.url, "OTEL_SDK_DISABLED": "false",
            "OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        }  # fmt: skip
        made = Stack(
            Options(folder / "stack.json", max_attempts=5, max_backoff_s=1, environment=environment)
        )
        words = f"{' '.join(CONTENTS)} +919876500000 planted.asha0@example.com planted-device-0"
        vendors: list[Vendor] = []
        for name, (part, settings) in OVER_HTTP.items():
            vendors.append(vendor := Vendor(name, words))
            host = stack.enter_context(over_http(vendor, int(made.url(part).rpartition(":")[2])))
            environment |= {setting: form.format(host) for setting, form in settings.items()}
        for vendor, part, setting in (
            (Vendor("accounts", words), "auth", "FIREBASE_AUTH_EMULATOR_HOST"),
            (Vendor("firestore", words, WORDS), "firestore", "FIRESTORE_EMULATOR_HOST"),
        ):
            vendors.append(vendor)
            port = int(made.firebase.host(part).rpartition(":")[2])
            environment[setting] = stack.enter_context(over_http(vendor, port))
        vendors.append(bus := Vendor("bus", words, CODES))
        host = made.url("pubsub").removeprefix("http://")
        environment["PUBSUB_EMULATOR_HOST"] = stack.enter_context(over_grpc(bus, host))
        running = Running(stack.enter_context(made), receiving)
        running.backend.add_doctor("doctor-privacy")
        yield Planting(running, vendors, Witness(running.facts, receiving))
        running.app.close()
        running.edge.close()

"""
Canary: planted content in every source goes through every function of the catalog, well and with
an error that quotes it at every effect. It may be in the stores, and nowhere else.

A new topic of a new kind fails here until its content is planted (`SOURCES`).
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from shared import catalog, clients
from shared.events import Event, Ref, new_traceparent
from shared.relay import drain
from tests.memory.clients import MemoryClients
from tests.memory.files import BUCKET
from tests.memory.place import no_hook

UID, DOCTOR = "uidPlantedpatient", "uidPlanteddoctor"
PHONE, EMAIL, TOKEN = "+919876500042", "planted@example.com", "fcmtokenPlanted"
SECRETS = ("lanted", PHONE[1:], "98765 00042")  # each piece below holds one of them
MEDICINE = {"name": "Planteddrug", "strength": "500 mg", "frequency": "1-0-1", "raw": "Planted Rx"}
DOCUMENT = str(UUID(int=42))
Serve = Callable[[str], FlaskClient]


def plant_people(to: MemoryClients) -> None:
    """A patient and a doctor, with every field of theirs."""
    to.firebase.sign_up(UID, email=EMAIL, phone=PHONE)
    to.firebase.sign_up(DOCTOR, email=f"dr.{EMAIL}")
    to.firebase.write_profile(
        UID, firstName="Planted", lastName="Plantedname", phoneNumber=PHONE, email=EMAIL,
        allergies=["Plantedallergy"], emergencyContactName="Plantedmother", fcmToken=TOKEN,
        emergencyContactPhone="98765 00042", dob="1980-02-29", consentNotifications=True,
    )  # fmt: skip
    to.firebase.write_profile(DOCTOR, "doctors", name="Planted Doctor", licenseNo="Planted-1")


def plant_document(to: MemoryClients) -> Ref:
    """An upload with its scan and all that OCR made of it."""
    path = f"{to.files.bucket}/{UID}/Planted scan.jpg"
    to.files.files[path] = b"Planted scan"
    to.memory_supabase.upload(
        {
            "id": DOCUMENT, "patient_id": UID, "type": "prescription", "file_url": path,
            "text": "Planted OCR text", "structured_json": {"medications": [MEDICINE]},
            "ocr_confidence": 0.4,
        }
    )  # fmt: skip
    return Ref("document", DOCUMENT)


def plant_prescription(to: MemoryClients) -> Ref:
    """A prescription of core with its PDF."""
    url = f"s3://{BUCKET}/Planted.pdf"
    to.pdfs.pdfs[url] = b"%PDF-1.4 Planted"
    summary = {"diagnosis": "Planteditis", "medications": [MEDICINE]}
    to.memory_core.put_prescription("rx1", "id1", pdf_url=url, summary=summary)
    return Ref("prescription", "rx1")


def plant_appointment(to: MemoryClients) -> Ref:
    """An appointment at the patient's home."""
    to.memory_core.put_appointment("a1", "id1", address="Planted street 1")
    return Ref("appointment", "a1")


SOURCES: dict[str, Callable[[MemoryClients], Ref]] = {
    "user": lambda _: Ref("user", UID),
    "document": plant_document,
    "prescription": plant_prescription,
    "appointment": plant_appointment,
}
MADE = {"erasure"}  # kinds that come of the deletion at the end of a journey
TOPICS = {t: str(e["kind"]) for t, e in catalog.load().topics.items() if e["kind"] != "any"}
EMITTED = {topic for function in catalog.load().steps() for topic in function.emits}
NO_ROOTS = EMITTED | {"user-deleted"}
ROOTS = [t for t, kind in TOPICS.items() if t not in NO_ROOTS and kind not in MADE]
STEPS = [function.name for function in catalog.load().steps()]
OPAQUE = re.compile(r"[0-9a-f-]{8,64}|[0-9]+")
CALLED = {"http", "schedule"}
OTHERS = [f.name for f in catalog.load().functions.values() if f.trigger["kind"] in CALLED]


@dataclass
class Journey:
    """One run of everything; a fault strikes the step at its nth effect, once or every time."""

    serve: Serve
    step: str = ""
    fault_at: int | None = None
    for_ever: bool = False
    erase: bool = True
    to: MemoryClients = field(default_factory=lambda: MemoryClients(max_attempts=4))
    effects: int = 0
    answers: list[str] = field(default_factory=list[str])
    met: bool = False

    def run(self) -> Journey:
        """Plant, announce all sources, deliver; at the end the patient goes and is erased."""
        to = self.to
        to.memory_core.put_user("id1", firebase_uid=UID, phone=PHONE, email=EMAIL)
        to.memory_core.put_patient("id1", "p1", name="Plantedname")
        plant_people(to)
        refs = {kind: plant(to) for kind, plant in SOURCES.items()}
        for topic in ROOTS:
            uid = {"doctor-changed": DOCTOR}.get(topic)
            ref = Ref("user", uid) if uid else refs[TOPICS[topic]]
            to.publish([Event(topic, (ref,), new_traceparent())])
        self._deliver()
        if not self.erase:
            return self
        to.firebase.delete(UID)
        to.publish([Event("user-deleted", (refs["user"],), new_traceparent())])
        self._deliver()
        drain(to.core_outbox, to.publish, catalog.load().announced_by("core"), budget_s=60)
        self._deliver()
        return self

    def _deliver(self) -> None:
        for _ in range(1000):
            if not self.to.bus.pending:
                return
            delivery = self.to.bus.pending.pop(0)
            if delivery.function == self.step and (self.for_ever or not self.met):
                self._strike(delivery)
            else:
                self.to.bus.deliver(self.to, delivery)
        raise AssertionError("the bus does not fall quiet")

    def _strike(self, delivery: Any) -> None:
        """Deliver over HTTP, with the fault armed."""
        self.met, self.effects = True, 0
        for place in self.to.places:
            place.hook = self._hook
        answer = self.serve(self.step).post(data=delivery.body(), content_type="application/json")
        for place in self.to.places:
            place.hook = no_hook
        self.answers.append(f"{answer.text} {dict(answer.headers)}")
        if answer.status_code != 204:
            function = catalog.load().functions[self.step]
            self.to.bus._again(function, delivery)

    def _hook(self, moment: str, effect: str) -> None:
        del effect
        if moment == "before":
            self.effects += 1
            if self.fault_at is not None and self.effects > self.fault_at:
                if not self.for_ever:
                    self.fault_at = None
                raise RuntimeError(f"Planted {PHONE} {EMAIL} {UID} {MEDICINE}")

    def told(self) -> str:
        """Return all that is said anywhere but in the stores and in the keys of messages."""
        core = self.to.memory_core
        parts = [*self.answers, *[str(refusal) for refusal in self.to.bus.refusals]]
        for topic, data, attributes in self.to.bus.messages:
            refs = json.loads(data)["refs"]
            parts.append(f"{topic} {attributes} {[{**ref, 'key': ''} for ref in refs]}")
            known = {UID, DOCTOR, DOCUMENT, "rx1", "a1"}  # a message names entities, nothing else
            assert all(ref["key"] in known or OPAQUE.fullmatch(ref["key"]) for ref in refs)
        parts += [f"{step} {row}" for (_, _, step), row in core.ledger_rows.items()]
        parts += [str(row.code) for row in core.journal_rows]
        parts += [str(pushes) for pushes in self.to.memory_messaging.shown.values()]
        return "\n".join(parts)


@pytest.fixture(name="serve")
def _serve(http: Serve, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Journey]:
    """Run a journey on a deployment of its own."""

    def run(
        step: str = "", fault_at: int | None = None, *, for_ever: bool = False, erase: bool = True
    ) -> Journey:
        journey = Journey(http, step, fault_at, for_ever, erase)
        monkeypatch.setattr(clients, "_current", journey.to)
        return journey.run()

    return run


@pytest.fixture(name="nothing_leaked")
def _nothing_leaked(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Callable[[str], None]:
    """Return a check of what was told, and of everything that was written since the start."""
    caplog.set_level(logging.DEBUG)

    def check(told: str) -> None:
        written = told + caplog.text + "".join(capsys.readouterr())
        assert [secret for secret in SECRETS if secret in written] == []

    return check


def test_the_content_of_every_kind_of_entity_is_planted_and_reaches_the_stores(
    serve: Callable[..., Journey],
) -> None:
    assert SOURCES.keys() | MADE == set(TOPICS.values())
    journey = serve(erase=False)
    to = journey.to
    core, supabase = to.memory_core, to.memory_supabase
    stored = f"{core.user_rows}{core.patient_rows}{core.doctor_rows}{core.medication_rows}"
    stored += f"{supabase.document_rows}{supabase.chunk_rows}{supabase.auth_users}"
    for piece in ("Plantedname", "Planted", PHONE, EMAIL, "Planteddrug", "Planted OCR", "itis"):
        assert piece in stored
    assert to.memory_messaging.shown[TOKEN]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_tells_nothing_whichever_of_its_effects_fails(
    serve: Callable[..., Journey], nothing_leaked: Callable[[str], None], step: str
) -> None:
    if step == "park_dead_letter":  # what dies is what another step gave up
        nothing_leaked(serve("store_document", 0, for_ever=True).told())
        return
    well = serve(step)
    assert well.met
    assert well.effects
    nothing_leaked(well.told())
    for number in range(well.effects):
        nothing_leaked(serve(step, number).told())
    given_up = serve(step, 0, for_ever=True)
    assert given_up.to.bus.of("dead-letter") == []  # Pub/Sub itself puts it there
    assert any(topic == "dead-letter" for topic, _, _ in given_up.to.bus.messages)
    nothing_leaked(given_up.told())


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_called_by_http_or_schedule_tells_nothing_either(
    serve: Callable[..., Journey], http: Serve, nothing_leaked: Callable[[str], None], name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    journey = serve(erase=False)
    body = {"email": EMAIL, "uid": UID, "conflict": PHONE, "decision": "Planted"}
    http(name)  # its deployment is the fixture's: put the planted one back
    monkeypatch.setattr(clients, "_current", journey.to)
    for fault_at in (None, 0):
        journey.fault_at, journey.effects, journey.for_ever = fault_at, 0, True
        for place in journey.to.places:
            place.hook = journey._hook
        for given in ({"json": body}, {"data": PHONE}, {"json": body, "query_string": body}):
            answer = http(name).post("/", **given)
            journey.answers.append(f"{answer.text} {dict(answer.headers)}")
    nothing_leaked("\n".join(journey.answers))


def test_a_leak_would_be_noticed(
    serve: Callable[..., Journey], nothing_leaked: Callable[[str], None]
) -> None:
    told = serve().told()
    for leak in (PHONE[1:], EMAIL, UID, "Planteddrug"):
        with pytest.raises(AssertionError):
            nothing_leaked(f"{told}{leak}")

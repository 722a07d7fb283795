"""Frozen values that steps pass between stores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.medications import Medication  # its readers' vocabularies take 10 ms to make


@dataclass(frozen=True, slots=True)
class Account:
    """A Firebase Auth user. Contacts are in normal form; claims are the custom claims."""

    uid: str
    email: str | None
    phone: str | None
    verified: bool
    claims: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CoreUser:
    """
    A core user as the sync mirrors it. `version` is the row's version in core's outbox. `without`
    names the contacts that core does not have; one that it has and that cannot be read is None too.
    """

    id: str
    uid: str
    role: str
    name: str | None
    email: str | None
    phone: str | None
    verified: bool
    version: int
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AuthUser:
    """A Supabase auth user. Phone without '+'."""

    id: str
    email: str | None
    phone: str | None
    email_confirmed: bool
    phone_confirmed: bool
    app_metadata: dict[str, Any]
    user_metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """A Supabase document. `created_at` is ISO 8601 with a zone; `structured` as stored."""

    id: str
    patient_uid: str
    type: str | None
    file_url: str | None
    text: str | None
    structured: Any
    confidence: float | None
    created_at: str
    version: int
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """
    A document as it goes to core, with its named medications as one aggregate. `code` flags what
    was left out of it.
    """

    document: Document
    core_type: str
    medications: tuple[tuple[str, Medication], ...]
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Prescription:
    """
    A core prescription with what its mirror shows. `uid` is None without a sign-in; `file_url` is
    where in Storage the copy of its PDF lies, None without a copy.
    """

    id: str
    uid: str | None
    appointment_id: str
    doctor: str
    doctor_id: str
    pdf_url: str | None
    summary: dict[str, Any]
    created_at: str
    version: int
    revoked: bool = False
    file_url: str | None = None


@dataclass(frozen=True, slots=True)
class PdfCopy:
    """
    A path in Storage that may hold the copy of a prescription's PDF, and what it is a copy of.

    `copy_etag` is Storage's tag of the copy, None without one. `source` is a hash of the URL.
    """

    prescription: str
    path: str
    owner: str
    version: int = 0
    source: str | None = None
    source_etag: str | None = None
    size: int | None = None
    sha256: str | None = None
    copy_etag: str | None = None


@dataclass(frozen=True, slots=True)
class PdfWork:
    """
    What is to be done for one prescription's PDF. `version` is None where core does not have the
    prescription. `wanted` says where its copy is to lie and `url` where the PDF comes from, both
    None for no copy; `refused` is the code of why there can never be one. `known` is every path
    that ever was, as it stood before `wanted` was noted.
    """

    key: str
    version: int | None = None
    revoked: bool = False
    wanted: PdfCopy | None = None
    url: str | None = None
    refused: str | None = None
    known: tuple[PdfCopy, ...] = ()


@dataclass(frozen=True, slots=True)
class RemovedFile:
    """A file in Storage whose document was deleted."""

    document: str
    patient_uid: str
    file_url: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """One search chunk. `embedding` is None where the stored one is kept: its text is unchanged."""

    id: str
    index: int
    text: str
    hash: str
    metadata: dict[str, Any]
    embedding: list[float] | None = None


@dataclass(frozen=True, slots=True)
class Appointment:
    """
    A core appointment. Times are in UTC. `uid` is the patient's and `doctor_uid` the doctor's
    Firebase uid, None without a sign-in.
    """

    id: str
    doctor_id: str
    doctor_uid: str | None
    patient_id: str
    uid: str | None
    clinic_id: str | None
    start: datetime
    end: datetime
    status: str
    visit_type: str
    address: str | None
    checked_in_at: datetime | None
    created_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Claim:
    """
    Something a patient is to be told. `reached` holds the fingerprints of the devices that have it
    already. A `held` claim is being worked on by another message's delivery.
    """

    key: str
    version: int
    what: str
    uid: str
    appointment_id: str | None
    created_at: datetime
    reached: frozenset[str] = frozenset()
    held: bool = False


@dataclass(frozen=True, slots=True)
class Telling:
    """
    What a step has to tell of its batch. `versions` are those of the entities that core has;
    `untold` says why nobody is told of one. `claims` are still to be told. `withdrawn` are all of
    papers that were deleted or revoked: one that is `held` may have no note yet.
    """

    versions: dict[str, int]
    untold: dict[str, str]
    claims: list[Claim]
    withdrawn: list[Claim]


@dataclass(frozen=True, slots=True)
class Profile:
    """
    A patient's profile as read. What is absent or unreadable is None, and `review_reasons` say
    why. Contacts serve to be compared only: Firebase Auth is their authority.
    """

    name: str | None = None
    dob: date | None = None
    gender: str | None = None
    allergies: str | None = None
    chronic_conditions: str | None = None
    emergency_contact: str | None = None
    language: str | None = None
    email: str | None = None
    phone_digits: str | None = None
    consent_data_use: bool | None = None
    consent_notifications: bool | None = None
    review_reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DoctorProfile:
    """A doctor's profile as read. None and empty: not given, core keeps what it has."""

    first_name: str
    last_name: str
    specialties: tuple[str, ...] = ()
    license_no: str | None = None


@dataclass(frozen=True, slots=True)
class OpenConflict:
    """
    A row of `sync.conflicts`. `other` is the holder's id in the store that the step writes to,
    `other_uid` the holder's Firebase uid where core knows it. `resolution` is None while open.
    """

    id: int
    kind: str
    key: str
    step: str
    field: str
    other: str
    other_uid: str | None
    resolution: str | None


@dataclass(frozen=True, slots=True)
class Erasure:
    """
    A patient's erasure. `uid` is None once it is certified, and while nothing is to be done. The
    ids are core's; `visits` those of the appointments core has, or had when they were buried.
    `age_s`: seconds since the order, or since the last of what is theirs was buried.
    `by_operator`: a person ordered it, so the Firebase account goes too. `last_look`: it was
    certified before, and runs once more now that no message of before can be left.
    """

    id: str
    uid: str | None
    user_id: str | None
    visits: tuple[str, ...]
    by_operator: bool
    round: int
    age_s: float
    last_look: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """
    What became of an erasure in one store: how many entries were erased, how many are held by law
    or by another owner, whether some wait there until their time is over, and why it failed, if it
    did. No content.
    """

    erasure: str
    store: str
    erased: int = 0
    held: int = 0
    failed: str | None = None
    code: str | None = None
    waits: bool = False

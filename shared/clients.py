"""
The real things behind the stores, each made when first needed and kept for the process's life.

A step receives `Clients` as a parameter, so tests hand it other stores and nothing is patched.
Every SDK is imported inside the property that needs it: a function pays only for its own. The file
is long because it is flat: a property a store, and nothing else.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from shared.access.limits import Limit
    from shared.events import Event
    from shared.notices.push import Messaging
    from shared.publisher import Publisher
    from shared.search.embeddings import Embedder
    from shared.stores.accounts import Accounts
    from shared.stores.core import CoreDatabase
    from shared.stores.core_appointments import CoreAppointments
    from shared.stores.core_canary import CoreCanary
    from shared.stores.core_conflicts import CoreConflicts
    from shared.stores.core_digests import CoreDigests
    from shared.stores.core_doctors import CoreDoctors
    from shared.stores.core_documents import CoreDocuments
    from shared.stores.core_erasures import CoreErasures
    from shared.stores.core_findings import CoreFindings
    from shared.stores.core_notifications import CoreNotifications
    from shared.stores.core_outbox import CoreOutbox
    from shared.stores.core_pdf_copies import CorePdfCopies
    from shared.stores.core_prescriptions import CorePrescriptions
    from shared.stores.core_profiles import CoreProfiles
    from shared.stores.core_replays import CoreReplays
    from shared.stores.core_tombstones import CoreTombstones
    from shared.stores.core_users import CoreUsers
    from shared.stores.dead_letters import DeadLetters
    from shared.stores.firebase_patients import FirebasePatients
    from shared.stores.firestore import Firestore
    from shared.stores.inboxes import Inboxes
    from shared.stores.ledger import Ledger
    from shared.stores.pdf_sources import PdfSources
    from shared.stores.profiles import Profiles
    from shared.stores.shown_appointments import ShownAppointments
    from shared.stores.storage import Storage
    from shared.stores.supabase import Supabase
    from shared.stores.supabase_digests import SupabaseDigests
    from shared.stores.supabase_documents import SupabaseDocuments
    from shared.stores.supabase_outbox import SupabaseOutbox
    from shared.stores.supabase_patients import SupabasePatients
    from shared.stores.supabase_users import SupabaseUsers


class Clients:
    """Composition root of a deployed function. `core_dsn` is by default the setting CORE_DSN."""

    threads = True  # a comparison may ask two stores at the same time

    def __init__(self, core_dsn: str | None = None) -> None:
        self._core_dsn = core_dsn

    def now(self) -> float:
        """Return the time in Unix seconds."""
        return time.time()

    @cached_property
    def limits(self) -> dict[str, Limit]:
        """How often one caller may call, by public function."""
        from shared import catalog
        from shared.access.limits import Limit

        return {
            function.name: Limit(function.limits["requests_per_s"], self.now)
            for function in catalog.load().functions.values()
            if function.trigger.get("public")
        }

    @cached_property
    def publisher(self) -> Publisher:
        from shared.publisher import Publisher

        return Publisher()

    def publish(self, events: Sequence[Event]) -> None:
        """Publish; the bus is connected only when there is something to say."""
        self.publisher.publish(events)

    @cached_property
    def accounts(self) -> Accounts:
        from shared.stores.accounts import Accounts

        return Accounts()

    @cached_property
    def firestore(self) -> Firestore:
        from shared.stores.firestore import Firestore

        return Firestore()

    @cached_property
    def shown_appointments(self) -> ShownAppointments:
        from shared.stores.shown_appointments import ShownAppointments

        return ShownAppointments(self.firestore)

    @cached_property
    def inboxes(self) -> Inboxes:
        from shared.stores.inboxes import Inboxes

        return Inboxes(self.firestore)

    @cached_property
    def messaging(self) -> Messaging:
        from shared.notices.push import Messaging

        return Messaging()

    @cached_property
    def core(self) -> CoreDatabase:
        from shared.stores.core import CoreDatabase

        return CoreDatabase(self._core_dsn)

    @cached_property
    def ledger(self) -> Ledger:
        from shared.stores.ledger import Ledger

        return Ledger(self.core)

    @cached_property
    def core_users(self) -> CoreUsers:
        from shared.stores.core_users import CoreUsers

        return CoreUsers(self.core)

    @cached_property
    def profiles(self) -> Profiles:
        from shared.stores.profiles import Profiles

        return Profiles(self.firestore)

    @cached_property
    def core_profiles(self) -> CoreProfiles:
        from shared.stores.core_profiles import CoreProfiles

        return CoreProfiles(self.core)

    @cached_property
    def core_doctors(self) -> CoreDoctors:
        from shared.stores.core_doctors import CoreDoctors

        return CoreDoctors(self.core)

    @cached_property
    def core_conflicts(self) -> CoreConflicts:
        from shared.stores.core_conflicts import CoreConflicts

        return CoreConflicts(self.core)

    @cached_property
    def core_canary(self) -> CoreCanary:
        from shared.stores.core_canary import CoreCanary

        return CoreCanary(self.core)

    @cached_property
    def core_replays(self) -> CoreReplays:
        from shared.stores.core_replays import CoreReplays

        return CoreReplays(self.core)

    @cached_property
    def core_digests(self) -> CoreDigests:
        from shared.stores.core_digests import CoreDigests

        return CoreDigests(self.core)

    @cached_property
    def core_findings(self) -> CoreFindings:
        from shared.stores.core_findings import CoreFindings

        return CoreFindings(self.core)

    @cached_property
    def core_documents(self) -> CoreDocuments:
        from shared.stores.core_documents import CoreDocuments

        return CoreDocuments(self.core)

    @cached_property
    def core_prescriptions(self) -> CorePrescriptions:
        from shared.stores.core_prescriptions import CorePrescriptions

        return CorePrescriptions(self.core)

    @cached_property
    def core_pdf_copies(self) -> CorePdfCopies:
        from shared.stores.core_pdf_copies import CorePdfCopies

        return CorePdfCopies(self.core)

    @cached_property
    def pdf_sources(self) -> PdfSources:
        from shared.stores.pdf_sources import PdfSources

        return PdfSources()

    @cached_property
    def storage(self) -> Storage:
        from shared.stores.storage import Storage

        return Storage()

    @cached_property
    def core_outbox(self) -> CoreOutbox:
        from shared.stores.core_outbox import CoreOutbox

        return CoreOutbox(self.core)

    @cached_property
    def core_appointments(self) -> CoreAppointments:
        from shared.stores.core_appointments import CoreAppointments

        return CoreAppointments(self.core)

    @cached_property
    def core_notifications(self) -> CoreNotifications:
        from shared.stores.core_notifications import CoreNotifications

        return CoreNotifications(self.core)

    @cached_property
    def supabase(self) -> Supabase:
        from shared.stores.supabase import Supabase

        return Supabase()

    @cached_property
    def supabase_users(self) -> SupabaseUsers:
        from shared.stores.supabase_users import SupabaseUsers

        return SupabaseUsers(self.supabase)

    @cached_property
    def supabase_documents(self) -> SupabaseDocuments:
        from shared.stores.supabase_documents import SupabaseDocuments

        return SupabaseDocuments(self.supabase)

    @cached_property
    def supabase_digests(self) -> SupabaseDigests:
        from shared.stores.supabase_digests import SupabaseDigests

        return SupabaseDigests(self.supabase)

    @cached_property
    def supabase_outbox(self) -> SupabaseOutbox:
        from shared.stores.supabase_outbox import SupabaseOutbox

        return SupabaseOutbox(self.supabase)

    @cached_property
    def core_tombstones(self) -> CoreTombstones:
        from shared.stores.core_tombstones import CoreTombstones

        return CoreTombstones(self.core)

    @cached_property
    def core_erasures(self) -> CoreErasures:
        from shared.stores.core_erasures import CoreErasures

        return CoreErasures(self.core)

    @cached_property
    def dead_letters(self) -> DeadLetters:
        from shared.stores.dead_letters import DeadLetters

        return DeadLetters()

    @cached_property
    def supabase_patients(self) -> SupabasePatients:
        from shared.stores.supabase_patients import SupabasePatients

        return SupabasePatients(self.supabase)

    @cached_property
    def firebase_patients(self) -> FirebasePatients:
        from shared.stores.firebase_patients import FirebasePatients

        return FirebasePatients(self.firestore)

    @cached_property
    def embedder(self) -> Embedder:
        from shared.search.embeddings import Embedder

        return Embedder()


_current = Clients()
_in_use: ContextVar[Clients | None] = ContextVar("clients", default=None)


def current() -> Clients:
    """Return this process's clients, or those in use."""
    return _in_use.get() or _current


@contextmanager
def use(clients: Clients) -> Generator[None]:
    """Let what runs inside have other clients: the local stack hosts functions of several roles."""
    token = _in_use.set(clients)
    try:
        yield
    finally:
        _in_use.reset(token)

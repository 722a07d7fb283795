"""All of the deployment in memory: the same attributes as the real clients, other stores."""

from __future__ import annotations

import time

from shared.clients import Clients
from shared.stores.firebase_patients import FirebasePatients
from shared.stores.inboxes import Inboxes
from shared.stores.profiles import Profiles
from shared.stores.shown_appointments import ShownAppointments
from tests.memory.bus import MemoryBus
from tests.memory.core import MemoryCore
from tests.memory.core_appointments import MemoryCoreAppointments
from tests.memory.core_canary import MemoryCoreCanary
from tests.memory.core_documents import MemoryCoreDocuments
from tests.memory.core_findings import MemoryCoreFindings
from tests.memory.core_notifications import MemoryCoreNotifications
from tests.memory.core_pdf_copies import MemoryCorePdfCopies
from tests.memory.core_profiles import MemoryCoreDoctors, MemoryCoreProfiles
from tests.memory.core_projections import core_digests
from tests.memory.core_replays import MemoryCoreReplays
from tests.memory.core_stores import (
    MemoryCoreConflicts,
    MemoryCoreOutbox,
    MemoryCorePrescriptions,
    MemoryLedger,
)
from tests.memory.core_tombstones import MemoryCoreTombstones
from tests.memory.core_users import MemoryCoreUsers
from tests.memory.dead_letters import MemoryDeadLetters
from tests.memory.embedder import MemoryEmbedder
from tests.memory.erasures import MemoryCoreErasures
from tests.memory.files import MemoryPdfSources, MemoryStorage
from tests.memory.firebase import MemoryAccounts, MemoryFirebase, MemoryFirestore
from tests.memory.messaging import MemoryMessaging
from tests.memory.place import Place
from tests.memory.supabase import MemorySupabase
from tests.memory.supabase_documents import MemorySupabaseDocuments, MemorySupabaseOutbox
from tests.memory.supabase_patients import MemorySupabasePatients
from tests.memory.supabase_projections import supabase_digests
from tests.memory.supabase_users import MemorySupabaseUsers


class MemoryClients(Clients):
    """
    Clients over three places and a bus in memory.

    The stores take the place of the cached properties: an instance's own attribute comes first.
    """

    threads = False  # whatever happens, happens in the same order the next time

    def __init__(self, *, max_attempts: int | None = None) -> None:
        self.memory_core = MemoryCore()
        self.memory_supabase = MemorySupabase()
        self.firebase = MemoryFirebase()
        self.bus = MemoryBus(max_attempts)
        self.memory_embedder = MemoryEmbedder()
        self.memory_messaging = MemoryMessaging()
        firestore = MemoryFirestore(self.firebase)
        self.pdfs = MemoryPdfSources()
        self.files = MemoryStorage()
        vars(self).update(
            publisher=self.bus,
            core=self.memory_core,
            supabase=self.memory_supabase,
            accounts=MemoryAccounts(self.firebase),
            profiles=Profiles(firestore),
            core_profiles=MemoryCoreProfiles(self.memory_core),
            core_doctors=MemoryCoreDoctors(self.memory_core),
            core_canary=MemoryCoreCanary(self.memory_core),
            core_replays=MemoryCoreReplays(self.memory_core),
            core_conflicts=MemoryCoreConflicts(self.memory_core),
            firestore=firestore,
            shown_appointments=ShownAppointments(firestore),
            inboxes=Inboxes(firestore),
            messaging=self.memory_messaging,
            ledger=MemoryLedger(self.memory_core),
            core_users=MemoryCoreUsers(self.memory_core),
            core_documents=MemoryCoreDocuments(self.memory_core),
            core_prescriptions=MemoryCorePrescriptions(self.memory_core),
            core_appointments=MemoryCoreAppointments(self.memory_core),
            core_notifications=MemoryCoreNotifications(self.memory_core),
            core_pdf_copies=MemoryCorePdfCopies(self.memory_core),
            pdf_sources=self.pdfs,
            storage=self.files,
            core_digests=core_digests(self.memory_core),
            core_findings=MemoryCoreFindings(self.memory_core),
            core_outbox=MemoryCoreOutbox(self.memory_core),
            supabase_users=MemorySupabaseUsers(self.memory_supabase),
            supabase_documents=MemorySupabaseDocuments(self.memory_supabase),
            supabase_digests=supabase_digests(self.memory_supabase),
            supabase_outbox=MemorySupabaseOutbox(self.memory_supabase),
            core_tombstones=MemoryCoreTombstones(self.memory_core),
            core_erasures=MemoryCoreErasures(self.memory_core),
            supabase_patients=MemorySupabasePatients(self.memory_supabase),
            firebase_patients=FirebasePatients(firestore),
            dead_letters=MemoryDeadLetters(self.bus),
            embedder=self.memory_embedder,
        )

        self.memory_core.clock = lambda: time.monotonic() + self.bus.waited

    def now(self) -> float:
        """Return the time of this deployment."""
        return self.memory_core.clock()

    @property
    def places(self) -> tuple[Place, ...]:
        """Everything that has effects."""
        return (
            self.memory_core,
            self.memory_supabase,
            self.firebase,
            self.bus,
            self.memory_embedder,
            self.memory_messaging,
            self.pdfs,
            self.files,
        )

    def run(self) -> None:
        """Deliver until the bus is quiet."""
        self.bus.run_until_quiet(self)

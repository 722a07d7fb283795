"""Real databases under the real steps; Firebase, the bus and the embeddings provider in memory."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg.types.json import Jsonb

from shared import catalog
from shared.clients import Clients
from shared.digests import Table
from shared.reconciliations import reconciliation
from shared.relay import drain
from shared.stores.core import CoreDatabase
from shared.stores.core_findings import Finding, Report
from shared.stores.inboxes import Inboxes
from shared.stores.shown_appointments import ShownAppointments
from shared.stores.supabase import Supabase
from tests.memory.bus import MemoryBus
from tests.memory.embedder import MemoryEmbedder
from tests.memory.files import MemoryPdfSources, MemoryStorage
from tests.memory.firebase import MemoryAccounts, MemoryFirebase, MemoryFirestore
from tests.memory.messaging import MemoryMessaging

Sql = psycopg.Connection[dict[str, Any]]

_PATIENTS = """
with person as (
  insert into users (id, role, firebase_uid, email, verified)
  select 'id-' || n, 'PATIENT', 'u' || n, n || '@example.com', true
  from generate_series(%(first)s::integer, %(last)s::integer) n returning id
) insert into patients (id, user_id) select 'patient-' || id, id from person
"""
_DOCTOR = """
with person as (
  insert into users (id, role) values ('id-doctor', 'DOCTOR') on conflict do nothing returning id
) insert into doctors (id, user_id, first_name, last_name)
  select 'doctor', id, 'Demo', 'Doctor' from person
"""
_VISITS = """
insert into appointments (id, doctor_id, patient_id, start_ts, end_ts)
select 'visit-' || n, 'doctor', 'patient-id-' || n, now(), now()
from generate_series(1, %(last)s::integer) n
"""
_APPOINTMENT = """
insert into appointments (id, doctor_id, patient_id, start_ts, end_ts)
select 'visit-' || %(id)s, 'doctor', p.id, now(), now() from patients p
join users u on u.id = p.user_id where u.firebase_uid = %(uid)s
"""
_PRESCRIPTION = """
insert into prescriptions (id, appointment_id, summary_json)
values (%(id)s, 'visit-' || %(id)s, %(summary)s)
"""
_AGE_OUTBOX = """
update sync.outbox set changed_at = changed_at - interval '1 minute',
  sent_at = sent_at - interval '1 minute'
"""
_UPLOAD = """
insert into documents (id, patient_id, type, file_url, text, structured_json, ocr_confidence)
values (%(id)s, %(uid)s, %(type)s, 'documents/a.jpg', 'page', %(structured)s, 0.87)
"""


class RealStores(Clients):
    """Clients over the test's own databases."""

    def __init__(self, core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql) -> None:
        self.firebase = MemoryFirebase()
        self.devices = MemoryMessaging()
        self.bus = MemoryBus(max_attempts=5)
        firestore = MemoryFirestore(self.firebase)
        self.core_sql, self.supabase_sql = sql, supabase_sql
        vars(self).update(
            core=core,
            supabase=supabase,
            accounts=MemoryAccounts(self.firebase),
            publisher=self.bus,
            embedder=MemoryEmbedder(),
            firestore=firestore,
            shown_appointments=ShownAppointments(firestore),
            inboxes=Inboxes(firestore),
            messaging=self.devices,
            pdf_sources=MemoryPdfSources(),
            storage=MemoryStorage(),
        )

    def run(self, without: str = "") -> None:
        """Relay the outboxes, but the named place's, and deliver until all is quiet."""
        relays = {"core": self.core_outbox, "supabase": self.supabase_outbox}
        relays.pop(without, None)
        topics = catalog.load().announced_by
        while True:
            sent = sum(
                drain(outbox, self.publish, topics(place), budget_s=60)
                for place, outbox in relays.items()
            )
            if not sent and not self.bus.pending:
                return
            self.bus.run_until_quiet(self)

    def sign_up(self, uid: str, **contacts: Any) -> None:
        """Make an account whose trigger is dropped."""
        self.firebase.sign_up(uid, **contacts)

    def put_patients(self, first: int, last: int) -> None:
        """Insert patients u<first>..u<last> straight into core."""
        self.core_sql.execute(_PATIENTS, {"first": first, "last": last})

    def put_visits(self, last: int) -> None:
        """Insert an appointment of each patient up to u<last>."""
        self.core_sql.execute(_DOCTOR)
        self.core_sql.execute(_VISITS, {"last": last})

    def upload(self, key: str, uid: str, structured: Any = None, kind: str = "lab_report") -> None:
        """Insert an upload as the edge function does; its webhook is dropped."""
        values = {"id": key, "uid": uid, "type": kind, "structured": Jsonb(structured)}
        self.supabase_sql.execute(_UPLOAD, values)

    def prescribe(self, key: str, uid: str, **summary: Any) -> None:
        """Insert an appointment and its prescription as the backend does."""
        self.core_sql.execute(_DOCTOR)
        values = {"id": key, "uid": uid, "summary": Jsonb(summary)}
        self.core_sql.execute(_APPOINTMENT, values)
        self.core_sql.execute(_PRESCRIPTION, values)

    def reconcile(
        self, name: str, *, dry_run: bool = False, grace_s: float = 0, blocks: int = 1
    ) -> tuple[Report, list[Finding]]:
        """Run one comparison, `blocks` of a table at first."""
        run = reconciliation(name, self, grace_s=grace_s)
        for side in (run.source, run.target):
            if isinstance(side, Table):
                side.first_blocks = blocks
        self.age()
        return run.run(dry_run=dry_run)

    def run_outbox_as_sent(self) -> None:
        """Take everything for announced long ago."""
        self.core_sql.execute(
            "update sync.outbox set sent_at = now() - interval '1 day',"
            " changed_at = now() - interval '1 day'"
        )

    def age(self) -> None:
        """Let a minute pass since everything that happened."""
        for statement in (
            _AGE_OUTBOX,
            "update sync.ledger set updated_at = updated_at - interval '1 minute'",
            "update sync.reconcile_runs set finished_at = finished_at - interval '1 minute'",
        ):
            self.core_sql.execute(statement)
        self.supabase_sql.execute(_AGE_OUTBOX)

    def at_core(self, query: LiteralString, **values: Any) -> list[dict[str, Any]]:
        """Run a statement in core as its owner, unseen by the outbox."""
        with self.core_sql.transaction():
            self.core_sql.execute("set local session_replication_role = replica")
            cursor = self.core_sql.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def at_supabase(self, query: LiteralString, **values: Any) -> list[dict[str, Any]]:
        """Run a statement in Supabase as its owner, unseen by the outbox."""
        with self.supabase_sql.transaction():
            self.supabase_sql.execute("set local session_replication_role = replica")
            cursor = self.supabase_sql.execute(query, values)
            return cursor.fetchall() if cursor.description else []

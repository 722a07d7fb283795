"""Real databases under the real steps; Firebase, the bus and the embeddings provider in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg
from psycopg.types.json import Jsonb

from shared.clients import Clients
from shared.stores.core import CoreDatabase
from shared.stores.core_findings import Finding, Report
from shared.stores.inboxes import Inboxes
from shared.stores.shown_appointments import ShownAppointments
from shared.stores.supabase import Supabase
from tests.contract.running import compare, relay_and_deliver
from tests.memory.bus import MemoryBus
from tests.memory.dead_letters import MemoryDeadLetters
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
_PROMOTE = "update users set role = 'DOCTOR' where firebase_uid = %(uid)s"
_DEMOTE = "update users set role = 'PATIENT' where firebase_uid = %(uid)s"
_NAME = """
insert into doctors (id, user_id, first_name, last_name)
select 'd1', id, 'Asha', 'Rao' from users where firebase_uid = %(uid)s
"""
_SPOIL = """
create function spoil() returns trigger language plpgsql as $$ begin
  new.text := 'spoilt'; return new;
end $$
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
            dead_letters=MemoryDeadLetters(self.bus),
        )

    def run(self, without: str = "") -> None:
        """Relay the outboxes, but the named place's, and deliver until all is quiet."""
        relay_and_deliver(self, self.bus, without)

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
        """Run one comparison, a minute after all that happened; `blocks` of a table at first."""
        self.age()
        return compare(self, name, dry_run=dry_run, grace_s=grace_s, blocks=blocks)

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

    def has_document(self, key: str) -> bool:
        """Tell whether core has a document."""
        return bool(self.at_core("select 1 from documents where id = %(id)s", id=key))

    def medicines_of(self, key: str) -> int:
        """Return how many medications core has of a document."""
        query = "select count(*) from medications where document_id = %(id)s"
        return self.at_core(query, id=key)[0]["count"]

    def has_patient_named(self, name: str) -> bool:
        """Tell whether core has a patient of this name."""
        return bool(self.at_core("select 1 from patients where name = %(name)s", name=name))

    def removals(self) -> list[tuple[str, str, str]]:
        """Return which orphans were removed, and by whose order."""
        rows = self.at_core("select projection, key, operator from sync.orphan_removals")
        return [(row["projection"], row["key"], row["operator"]) for row in rows]

    def unfinished(self) -> list[str]:
        """Return the keys of what the ledger holds that is not done."""
        return [r["key"] for r in self.at_core("select key from sync.ledger where state <> 'done'")]

    def decided(self) -> None:
        """Have a person decide that what is in conflict stays with its holder."""
        self.at_core("update sync.conflicts set resolved_at = now(), resolution = 'keep_other'")

    def make_doctor(self, uid: str) -> None:
        """Make a user a doctor, as the backend does."""
        self.core_sql.execute(_PROMOTE, {"uid": uid})
        self.core_sql.execute(_NAME, {"uid": uid})

    def make_patient(self, uid: str) -> None:
        """Make a user a patient again, as the backend does."""
        self.core_sql.execute(_DEMOTE, {"uid": uid})

    def delete_upload(self, key: str) -> None:
        """Delete an upload as the product does; nobody is told."""
        self.supabase_sql.execute("delete from documents where id = %(id)s", {"id": key})
        self.supabase_sql.execute("update sync.outbox set sent_at = now()")

    def delete_prescription(self, key: str) -> None:
        """Delete a prescription as the backend does; nobody is told."""
        self.core_sql.execute("delete from prescriptions where id = %(id)s", {"id": key})
        self.core_sql.execute("update sync.outbox set sent_at = now()")

    def lose_upload(self, key: str) -> None:
        """Let an upload go without any trace."""
        self.at_supabase("delete from documents where id = %(id)s", id=key)
        self.at_supabase("delete from sync.outbox")

    def lose_prescription(self, key: str) -> None:
        """Let a prescription go without any trace."""
        self.at_core("delete from prescriptions where id = %(id)s", id=key)

    def remind(self) -> None:
        """Switch all reminders on, as patients do."""
        self.at_core("update medications set reminders_enabled = true, start_date = '2026-01-01'")

    def spoil(self) -> Callable[[], None]:
        """Have core spoil the text of every document; return what ends that."""
        self.at_core(_SPOIL)
        self.at_core("create trigger spoil before insert or update on documents"
                     " for each row execute function spoil()")  # fmt: skip

        def end() -> None:
            self.at_core("drop trigger spoil on documents")

        return end

    def write_text(self, key: str, text: str) -> None:
        """Edit a document's text in core, past the sync."""
        self.at_core("update documents set text = %(text)s where id = %(id)s", id=key, text=text)

    def state(self) -> list[Any]:
        """Return all that a run could change, but its own rows."""
        queries = ("select * from sync.outbox order by kind, key", "select * from sync.ledger")
        return [
            [self.core_sql.execute(q).fetchall() for q in queries],
            self.supabase_sql.execute("select * from sync.outbox order by key").fetchall(),
            dict(self.firebase.documents),
            len(self.bus.published),
        ]

    def runs(self) -> Counter[str]:
        """Return how many runs there were of each comparison."""
        rows = self.at_core("select projection from sync.reconcile_runs")
        return Counter(row["projection"] for row in rows)

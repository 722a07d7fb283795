"""Which copies of prescription PDFs lie in Storage: core's `sync.pdf_copies`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from shared.models.prescriptions import PdfCopy, PdfWork
from shared.stores.ledger import parameters

if TYPE_CHECKING:
    from shared.outcomes import Outcome
    from shared.runner import Batch
    from shared.stores.core import CoreDatabase, Row

# Known are the rows as they were before: those of this statement are not in its own snapshot. A uid
# that cannot be a folder (shared/ids.py, `folder`) has no path, nor must one be noted for it: what
# is on record is deleted when it is stale. What was told of a deleted prescription is unlinked.
_OPEN = """
with source as (
  select r.id, r.pdf_url, u.firebase_uid as uid, coalesce(o.version, 0) as version, s.revoked,
         not s.revoked and u.firebase_uid is not null and r.pdf_url ~ '\\S' as copied,
         u.firebase_uid like '%%/%%' or u.firebase_uid in ('', '.', '..') as homeless
  from prescriptions r
  cross join lateral (select sync.is_revoked(to_jsonb(r)) as revoked offset 0) s
  join appointments a on a.id = r.appointment_id
  join patients p on p.id = a.patient_id
  join users u on u.id = p.user_id
  left join sync.outbox o on o.kind = 'prescription' and o.key = r.id
  where r.id = any(%(ids)s)
), work as (
  select id, uid, version, revoked, case when copied and not homeless then pdf_url end as url,
         case when copied and not homeless
              then %(bucket)s || '/' || uid || '/prescriptions/' || id || '.pdf' end as path,
         case when revoked is null then 'prescription_summary_unreadable'
              when copied and homeless then 'uid_not_a_folder' end as refused
  from source
), noted as (
  insert into sync.pdf_copies (prescription_id, path, owner)
  select id, path, uid from work where path is not null order by id
  on conflict (prescription_id, path) do nothing
), unlinked as (
  select sync.unlink_notifications('prescription', array(
    select id from unnest(%(ids)s::text[]) id except select id from work)) as n
)
select k.id as key, w.version, coalesce(w.revoked, false) as revoked, w.uid, w.url, w.path,
       w.refused, c.known
from unnest(%(ids)s::text[]) k(id)
cross join unlinked
left join work w on w.id = k.id
cross join lateral (
  select coalesce(jsonb_agg(to_jsonb(c) order by c.path), '[]') as known
  from sync.pdf_copies c where c.prescription_id = k.id
) c
"""

# The copy is part of what the mirror shows, so it moves the prescription's version: a mirror
# written before, of the same version but without the file, would be refused its file for ever. The
# outcome is recorded at the new version; but of a prescription that moved meanwhile the new version
# is one that the step has not read. Which have moved on is told as in the ledger's recheck.
_SETTLE = """
with given as (
  select * from jsonb_to_recordset(%(copies)s) as g(prescription_id text, path text, owner text,
    source text, source_etag text, size bigint, sha256 text, copy_etag text, source_version bigint)
), written as (
  insert into sync.pdf_copies as c (prescription_id, path, owner, source, source_etag, size, sha256,
    copy_etag, source_version)
  select prescription_id, path, owner, source, source_etag, size, sha256, copy_etag, source_version
  from given order by prescription_id, path
  on conflict (prescription_id, path) do update set
    owner = excluded.owner, source = excluded.source, source_etag = excluded.source_etag,
    size = excluded.size, sha256 = excluded.sha256, copy_etag = excluded.copy_etag,
    source_version = excluded.source_version, updated_at = now()
    where c.source_version <= excluded.source_version
  returning prescription_id, source_version
), held as (
  select b.key, bool_and(b.version = w.source_version) as still
  from written w
  cross join lateral (
    select o.key, o.version from sync.outbox o
    where o.kind = 'prescription' and o.key = w.prescription_id for update
  ) b
  group by b.key
), moved as (
  update sync.outbox o set version = nextval('sync.version')
  from held h where o.kind = 'prescription' and o.key = h.key
  returning o.key, o.version, h.still
), outcome as (
  select o.body || case when m.still then jsonb_build_object('version', m.version) else '{}' end
           as body,
         case when m.key is null then b.version when not m.still then m.version end as newest
  from jsonb_array_elements(%(outcomes)s) o(body)
  left join moved m on m.key = o.body ->> 'key'
  left join lateral (
    select b.version from sync.outbox b
    where b.kind = o.body ->> 'kind' and b.key = o.body ->> 'key' offset 0
  ) b on true
), recorded as (
  select sync.record(%(step)s, %(trace)s, %(revision)s,
                     coalesce((select jsonb_agg(body) from outcome), '[]')) as n
)
select body ->> 'key' as key, (body ->> 'version')::bigint as version,
       case when newest > (body ->> 'version')::bigint then newest end as newer
from outcome cross join recorded
"""


class CorePdfCopies:
    """Reads and notes copies. Raises TransientError when core cannot be reached."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def open(self, ids: Sequence[str], bucket: str) -> dict[str, PdfWork]:
        """
        Return what is to be done for each of these prescriptions, and note the paths that are about
        to be written. What was told of a prescription that core does not have leads to it no more.
        """
        rows = self._core.write(_OPEN, {"ids": list(ids), "bucket": bucket})
        return {row["key"]: _work(row) for row in rows}

    def settle(
        self, batch: Batch, outcomes: Sequence[Outcome], copies: Sequence[PdfCopy]
    ) -> tuple[list[Outcome], dict[str, int]]:
        """
        Note what lies at these paths now, each at the version of the prescription that was read,
        and record the outcomes. Return them at the versions that the prescriptions have after that,
        and those that had moved on meanwhile, with their newer version.
        """
        rows = self._core.write(
            _SETTLE,
            parameters(batch, outcomes) | {"copies": Jsonb([_row(copy) for copy in copies])},
            lock=[f"prescription/{copy.prescription}" for copy in copies],
        )
        versions = {row["key"]: row["version"] for row in rows}
        return (
            [replace(o, ref=replace(o.ref, version=versions[o.ref.key])) for o in outcomes],
            {row["key"]: row["newer"] for row in rows if row["newer"] is not None},
        )


def _work(row: Row) -> PdfWork:
    key, path = row["key"], row["path"]
    return PdfWork(
        key=key,
        version=row["version"],
        revoked=row["revoked"],
        wanted=PdfCopy(key, path, row["uid"], row["version"]) if path else None,
        url=row["url"],
        refused=row["refused"],
        known=tuple(_copy(known) for known in row["known"]),
    )


def _copy(row: Row) -> PdfCopy:
    return PdfCopy(
        prescription=row["prescription_id"],
        path=row["path"],
        owner=row["owner"],
        version=row["source_version"],
        source=row["source"],
        source_etag=row["source_etag"],
        size=row["size"],
        sha256=row["sha256"],
        copy_etag=row["copy_etag"],
    )


def _row(copy: PdfCopy) -> dict[str, Any]:
    return {
        "prescription_id": copy.prescription,
        "path": copy.path,
        "owner": copy.owner,
        "source": copy.source,
        "source_etag": copy.source_etag,
        "size": copy.size,
        "sha256": copy.sha256,
        "copy_etag": copy.copy_etag,
        "source_version": copy.version,
    }

"""Core documents and prescriptions as far as their patients are told of them: owner and digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.models.notices import Paper
from shared.papers.revocation import is_revoked, summary_of
from shared.stores.core_appointments import in_utc

if TYPE_CHECKING:
    from shared.stores.core import CoreDatabase, Row

# The digest is of what a paper says, not of where its file lies: a file that was moved or drawn
# again is no news. The version is that of the upload which core's row was written from.
_DOCUMENTS = """
select d.id, u.firebase_uid as uid, null as appointment_id, d.created_at,
       md5(jsonb_build_array(d.type, d.text, d.structured_json)::text) as digest,
       l.source_version as version
from documents d
join sync.ledger l on l.kind = 'document' and l.key = d.id and l.step = 'store_document'
join patients p on p.id = d.patient_id
join users u on u.id = p.user_id
where d.id = any(%(ids)s)
"""

_PRESCRIPTIONS = """
select r.id, u.firebase_uid as uid, r.appointment_id, r.created_at, r.summary_json as summary,
       md5(r.summary_json::text) as digest, coalesce(o.version, 0) as version,
       to_jsonb(r) ->> 'status' as status, to_jsonb(r) ->> 'revoked_at' as revoked_at
from prescriptions r
join appointments a on a.id = r.appointment_id
join patients p on p.id = a.patient_id
join users u on u.id = p.user_id
left join sync.outbox o on o.kind = 'prescription' and o.key = r.id
where r.id = any(%(ids)s)
"""


class CorePapers:
    """Reads papers. Raises TransientError when core cannot answer."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def documents(self, ids: Sequence[str]) -> dict[str, Paper]:
        """Return the documents that core has, by id."""
        return {row["id"]: _paper(row) for row in self._core.read(_DOCUMENTS, {"ids": list(ids)})}

    def prescriptions(self, ids: Sequence[str]) -> dict[str, Paper]:
        """Return the prescriptions that exist, by id. A summary may be unreadable."""
        rows = self._core.read(_PRESCRIPTIONS, {"ids": list(ids)})
        return {
            row["id"]: replace(
                _paper(row),
                revoked=is_revoked(summary_of(row["summary"]), row["status"], row["revoked_at"]),
            )
            for row in rows
        }


def _paper(row: Row) -> Paper:
    return Paper(
        id=row["id"],
        uid=row["uid"],
        appointment_id=row["appointment_id"],
        digest=row["digest"],
        created_at=in_utc(row["created_at"]),
        version=row["version"],
    )

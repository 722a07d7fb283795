"""Core prescriptions, read with all that their mirror shows, the copy of the PDF included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.errors import PermanentError
from shared.models.prescriptions import Prescription
from shared.papers.prescription_summary import summary_of

if TYPE_CHECKING:
    from shared.stores.core import CoreDatabase, Row

# A copy counts only while it is of the current URL, under the current owner.
_READ = """
select p.id, u.firebase_uid as uid, p.appointment_id, a.doctor_id,
       concat_ws(' ', d.first_name, d.last_name) as doctor, p.pdf_url, p.summary_json as summary,
       to_char(p.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as created_at,
       coalesce(o.version, 0) as version, c.path as file_url,
       sync.is_revoked(to_jsonb(p)) as revoked
from prescriptions p
join appointments a on a.id = p.appointment_id
join doctors d on d.id = a.doctor_id
join patients t on t.id = a.patient_id
join users u on u.id = t.user_id
left join sync.outbox o on o.kind = 'prescription' and o.key = p.id
left join sync.pdf_copies c on c.prescription_id = p.id and c.owner = u.firebase_uid
  and c.copy_etag is not null
  and c.source = encode(sha256(convert_to(p.pdf_url, 'UTF8')), 'hex')
where p.id = any(%(ids)s)
"""


class CorePrescriptions:
    """Reads prescriptions. Raises TransientError when core cannot answer."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def read(self, ids: Sequence[str]) -> dict[str, Prescription]:
        """Return the prescriptions that exist, by id. A summary may be unreadable."""
        rows = self._core.read(_READ, {"ids": list(ids)})
        return {row["id"]: _prescription(row) for row in rows}


def _prescription(row: Row) -> Prescription:
    summary = summary_of(row["summary"])
    if row["revoked"] is None:
        raise PermanentError("prescription_summary_unreadable")
    return Prescription(
        id=row["id"],
        uid=row["uid"],
        appointment_id=row["appointment_id"],
        doctor=row["doctor"],
        doctor_id=row["doctor_id"],
        pdf_url=row["pdf_url"],
        summary=summary,
        created_at=row["created_at"],
        version=row["version"],
        revoked=row["revoked"],
        file_url=row["file_url"],
    )

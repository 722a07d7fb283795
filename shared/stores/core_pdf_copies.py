"""Which copies of prescription PDFs lie in Storage: core's `sync.pdf_copies`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from shared.models.prescriptions import PdfCopy

if TYPE_CHECKING:
    from shared.stores.core import CoreDatabase, Row

# The rows as they were before: those of this statement are not in its own snapshot.
_OPEN = """
with noted as (
  insert into sync.pdf_copies (prescription_id, path, owner)
  select prescription_id, path, owner
  from jsonb_to_recordset(%(wanted)s) as w(prescription_id text, path text, owner text)
  order by prescription_id, path
  on conflict (prescription_id, path) do nothing
)
select prescription_id, path, owner, source, source_etag, size, sha256, copy_etag, source_version
from sync.pdf_copies where prescription_id = any(%(ids)s)
"""

# The copy is part of what the mirror shows, so it moves the prescription's version: a mirror
# written before, of the same version but without the file, would be refused its file for ever. For
# one that moved meanwhile the new version is not told, since the step must see that it moved.
_NOTE = """
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
)
select key, version from moved where still
"""


class CorePdfCopies:
    """Reads and notes copies. Raises TransientError when core cannot be reached."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def open(self, ids: Sequence[str], wanted: Sequence[PdfCopy]) -> list[PdfCopy]:
        """
        Return what is known of these prescriptions' copies, every path that ever was; and note the
        paths that are about to be written.
        """
        rows = self._core.write(
            _OPEN,
            {
                "ids": list(ids),
                "wanted": Jsonb(
                    [
                        {"prescription_id": c.prescription, "path": c.path, "owner": c.owner}
                        for c in wanted
                    ]
                ),
            },
        )
        return [_copy(row) for row in rows]

    def note(self, copies: Sequence[PdfCopy]) -> dict[str, int]:
        """
        Note what lies at these paths now, each at the version of the prescription that was read.
        Return the prescriptions' versions after that, for those that had not moved since.
        """
        rows = self._core.write(
            _NOTE,
            {"copies": Jsonb([_row(copy) for copy in copies])},
            lock=[f"prescription/{copy.prescription}" for copy in copies],
        )
        return {row["key"]: row["version"] for row in rows}


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

"""
Remove orphans on a person's explicit order: each key named, and an orphan still at this moment.

Users are not removed here: a person's data goes by erasure, which reaches every store and certifies
it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from shared.events import Ref, new_traceparent
from shared.reconciliations import reconciliation
from shared.runner import Batch
from shared.stores.core_findings import CoreFindings

if TYPE_CHECKING:
    from shared.clients import Clients


class OrphanError(Exception):
    """An order that is not carried out; the message says why."""


def remove(name: str, keys: Sequence[str], to: Clients) -> int:
    """Remove these orphans of a comparison; return how many. Raise OrphanError and remove none."""
    remover = _REMOVERS.get(name)
    if remover is None:
        raise OrphanError(f"orphans of {name} are removed by erasing the person")
    _, found = reconciliation(name, to).run(dry_run=True)
    orphans = {f.key for f in found if f.class_ == "orphan"}
    strangers = sorted(set(keys) - orphans)
    if strangers:
        raise OrphanError(f"not an orphan of {name}: {', '.join(strangers)}")
    remover(sorted(set(keys)), to)
    return len(set(keys))


def _remove_documents(keys: Sequence[str], to: Clients) -> None:
    """At the version that was stored: should the upload come back, it comes with a later one."""
    versions = CoreFindings(to.core).stored_versions("store_document", "document", keys)
    refs = tuple(Ref("document", key, versions.get(key, 0)) for key in keys)
    to.core_documents.remove(Batch("store_document", refs, new_traceparent()), refs)


def _remove_mirrors(keys: Sequence[str], to: Clients) -> None:
    to.supabase_documents.unmirror(dict.fromkeys(keys, to.core_users.ticket()))


_REMOVERS: dict[str, Callable[[Sequence[str], Clients], None]] = {
    "documents": _remove_documents,
    "prescriptions": _remove_mirrors,
}

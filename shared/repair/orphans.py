"""
Remove orphans on a person's explicit order: each key named, and an orphan still at this moment.

Users are not removed here: a person's data goes by erasure, which reaches every store and certifies
it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from shared.events import Ref, new_traceparent
from shared.repair.projected_documents import is_copy, pages
from shared.repair.projections import PROJECTIONS
from shared.repair.reconciliations import announcer, reconciliation
from shared.runner import Batch
from shared.stores.firestore import MAX_WRITES, Write
from shared.stores.shown_appointments import copies

if TYPE_CHECKING:
    from shared.clients import Clients
    from shared.models.appointments import Appointment


class OrphanError(Exception):
    """An order that is not carried out; the message says why."""


def remove(name: str, keys: Sequence[str], to: Clients, *, operator: str) -> int:
    """
    Remove these orphans of a comparison, on whose order; return how many. Raise OrphanError and
    remove none.
    """
    remover = _REMOVERS.get(name)
    if remover is None:
        raise OrphanError(f"orphans of {name} are removed by erasing the person")
    _, found = reconciliation(name, to).run(dry_run=True)
    orphans = {f.key for f in found if f.class_ == "orphan"}
    strangers = sorted(set(keys) - orphans)
    if strangers:
        raise OrphanError(f"not an orphan of {name}: {', '.join(strangers)}")
    wanted = sorted(set(keys))
    to.core_findings.note_removal(name, wanted, operator)
    remover(wanted, to)
    return len(wanted)


def _remove_documents(keys: Sequence[str], to: Clients) -> None:
    """At the version that was stored: should the upload come back, it comes with a later one."""
    versions = to.core_findings.stored_versions("store_document", "document", keys)
    refs = tuple(Ref("document", key, versions.get(key, 0)) for key in keys)
    to.core_documents.remove(Batch("store_document", refs, new_traceparent()), refs)


def _clear_profiles(name: str, keys: Sequence[str], to: Clients) -> None:
    """The step finds no document, and takes back what the profile gave and nothing else."""
    projection = PROJECTIONS[name]
    announcer(projection.source, projection.kind, to)(keys)


def _remove_copies(keys: Sequence[str], to: Clients) -> None:
    """Of a living appointment, the copies that it should not have."""
    wanted, orphans = to.core_appointments.read(keys), set(keys)
    for page in pages(to.firestore, "appointments", ["version"], anywhere=True):
        strays = [Write(at, None) for at, _ in page if _is_stray(at, orphans, wanted)]
        for start in range(0, len(strays), MAX_WRITES):
            to.firestore.commit(strays[start : start + MAX_WRITES])


def _is_stray(at: str, orphans: set[str], wanted: Mapping[str, Appointment]) -> bool:
    key = at.rpartition("/")[2]
    return is_copy(at) and key in orphans and (key not in wanted or at not in copies(wanted[key]))


def _remove_mirrors(keys: Sequence[str], to: Clients) -> None:
    to.supabase_documents.unmirror(dict.fromkeys(keys, to.core_users.ticket()))


_REMOVERS: dict[str, Callable[[Sequence[str], Clients], None]] = {
    "documents": _remove_documents,
    "prescriptions": _remove_mirrors,
    "appointments": _remove_copies,
    "profiles": partial(_clear_profiles, "profiles"),
    "doctors": partial(_clear_profiles, "doctors"),
}

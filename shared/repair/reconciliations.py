"""Every comparison put together with the stores it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from shared import catalog, settings
from shared.events import Ref, events
from shared.observability import tracing
from shared.people.profile_reading import day_of
from shared.repair import projected_documents
from shared.repair.digests import Listing, Side, Table
from shared.repair.projections import PROJECTIONS, Projection, Row, account_row
from shared.repair.reconciling import GRACE_S, Reconciliation

if TYPE_CHECKING:
    from shared.clients import Clients


# Comparisons that look into core while they list Firestore. An instance may have one connection to
# core (docs/decisions/0150): it would be waited for in vain while core digests over it.
_ASKS_CORE = frozenset({"profiles"})


def reconciliation(name: str, to: Clients, *, grace_s: float = GRACE_S) -> Reconciliation:
    """Return the comparison of this name, ready to run."""
    projection = PROJECTIONS[name]
    return Reconciliation(
        projection,
        source=_side(projection, projection.source, to),
        target=_side(projection, projection.target, to),
        findings=to.core_findings,
        announce=announcer(projection.source, projection.kind, to),
        name=partial(projection.target_entity, settings.id_namespace()),
        grace_s=grace_s,
        at_once=to.threads and name not in _ASKS_CORE,
    )


def announcer(place: str, kind: str, to: Clients) -> Callable[[Sequence[str]], object]:
    """Return what makes a place announce entities of a kind again."""
    if place == "core":
        return lambda keys: to.core_outbox.announce_again(kind, keys)
    if place == "supabase":
        return lambda keys: to.supabase_outbox.announce_again(kind, keys)
    topic = catalog.load().announced_by(place)[kind]

    def publish(keys: Sequence[str]) -> None:
        refs = [Ref(kind, key) for key in keys]
        to.publish(events(topic, refs, tracing.continued()))

    return publish


def _side(projection: Projection, place: str, to: Clients) -> Side:
    if place == "core":
        return Table(to.core_digests, projection.name)
    if place == "supabase":
        return Table(to.supabase_digests, projection.name)
    return Listing(_LISTINGS[projection.name](to))


def _accounts(to: Clients) -> Iterator[tuple[Row, float]]:
    token: str | None = None
    while True:
        accounts, token = to.accounts.page(token)
        yield from ((account_row(account), created) for account, created in accounts)
        if token is None:
            return


def _profiles(to: Clients) -> Iterator[tuple[Row, float]]:
    day = day_of(datetime.now(UTC))
    return projected_documents.profiles(to.firestore, to.core_profiles, day)


_LISTINGS: dict[str, Callable[[Clients], Callable[[], Iterator[tuple[Row, float]]]]] = {
    "users": lambda to: lambda: _accounts(to),
    "profiles": lambda to: lambda: _profiles(to),
    "doctors": lambda to: lambda: projected_documents.doctors(to.firestore),
    "appointments": lambda to: lambda: projected_documents.appointments(to.firestore),
}

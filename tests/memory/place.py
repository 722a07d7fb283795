"""
A place that keeps its state in memory, where every round trip can be watched and interrupted.

A simulation replaces `hook`: it is called before and after each effect, in the thread of the step.
Raising "before" is a request that never arrived, raising "after" one whose answer was lost; a
scheduler that waits in it decides who goes next.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Container, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.events import Ref

Hook = Callable[[str, str], None]


def no_hook(moment: str, effect: str) -> None:
    """Let everything pass."""


class Place:
    """State, a clock in seconds, one version sequence, and the hook around every effect."""

    def __init__(self) -> None:
        self.hook: Hook = no_hook
        self.clock: Callable[[], float] = time.monotonic
        self._lock = threading.RLock()
        self._version = 0

    @contextmanager
    def effect(self, name: str) -> Generator[None]:
        """Around the body of one round trip, which happens as a whole or, if it raises, not."""
        self.hook("before", name)
        with self._lock:
            yield
        self.hook("after", name)

    def next_version(self) -> int:
        """Draw from the sequence; like a database's, it does not go back."""
        self._version += 1
        return self._version


def alias(kind: str, key: str) -> str:
    """Return the hash by which an erased entity is known again: `sync.alias`."""
    return hashlib.sha256(f"a key of the tests/{kind}/{key}".encode()).hexdigest()


@dataclass
class OutboxRow:
    """An entity's current version, and how far its announcement is."""

    version: int
    deleted: bool
    changed_at: float
    sent: bool = False
    lease_until: float | None = None
    token: str | None = None
    attempts: int = 0
    sent_at: float | None = None


class Outbox:
    """The outbox of a place: `sync.outbox` with its claim and settle functions."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.rows: dict[tuple[str, str], OutboxRow] = {}

    def note(
        self, kind: str, key: str, version: int, *, deleted: bool = False, ours: bool = False
    ) -> None:
        """Note a change. What the sync wrote (`ours`) moves the version and announces nothing."""
        now = self._place.clock()
        known = self.rows.get((kind, key))
        if known is None:
            self.rows[kind, key] = OutboxRow(version, deleted, now, sent=ours)
            return
        self.rows[kind, key] = OutboxRow(
            version,
            deleted,
            known.changed_at if ours else now,
            sent=known.sent if ours else False,
        )

    def version(self, kind: str, key: str) -> int:
        """Return the entity's version, 0 for one that was never noted."""
        row = self.rows.get((kind, key))
        return row.version if row else 0

    def claim(self, token: str, limit: int, lease_s: int) -> list[Ref]:
        """Lease up to `limit` unsent rows, those that wait longest first."""
        now = self._place.clock()
        due = [
            (at, row)
            for at, row in self.rows.items()
            if not row.sent and (row.lease_until is None or row.lease_until < now)
        ]
        due = sorted(due, key=lambda item: item[1].changed_at)[:limit]
        for _, row in due:
            row.lease_until, row.token = now + lease_s, token
            row.attempts += 1
        return [Ref(kind, key, row.version) for (kind, key), row in due]

    def settle(self, token: str, sent: list[Ref]) -> None:
        """Mark as sent what the token still holds at the announced version."""
        for ref in sent:
            row = self.rows.get((ref.kind, ref.key))
            if row and row.version == ref.version and row.token == token:
                row.sent, row.lease_until, row.token, row.attempts = True, None, None, 0
                row.sent_at = self._place.clock()

    def purge(self, days: int, limit: int, needed: Container[tuple[str, str]] = frozenset()) -> int:
        """Forget up to `limit` deletions announced more than `days` ago, but what is needed."""
        oldest = self._place.clock() - days * 86_400
        old = [
            (row.sent_at, at)
            for at, row in self.rows.items()
            if row.deleted and row.sent_at is not None and row.sent_at < oldest
            if at not in needed
        ]
        for _, at in sorted(old)[:limit]:
            del self.rows[at]
        return len(old[:limit])

    def unsent(self) -> dict[tuple[str, str], int]:
        """Return the versions that are not announced yet."""
        return {at: row.version for at, row in self.rows.items() if not row.sent}

    def expire_leases(self) -> None:
        """Let the time of every lease pass, as after the crash of its holder."""
        for row in self.rows.values():
            if row.lease_until is not None:
                row.lease_until = self._place.clock() - 1

"""
The outboxes of core and of Supabase: what changed is announced once, however relays race or die.

Each test runs on four: in memory and real, core's and Supabase's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.events import Ref
from tests.contract.postgres_core_world import MemoryCoreWorld, PostgresCoreWorld
from tests.contract.supabase_worlds import HttpSupabaseWorld, MemorySupabaseWorld

FOUR = ("core in memory", "core", "supabase in memory", "supabase")


@dataclass
class Source:
    """A store with an outbox: its entities are numbered, and written many at a time."""

    world: Any
    kind: str

    def key(self, number: int) -> str:
        return f"u{number}" if self.kind == "user" else str(UUID(int=number + 1))

    def write(self, *numbers: int, state: str = "first") -> None:
        """Insert or change entities as their owner does."""
        if self.kind == "document":
            rows = [{"id": self.key(n), "patient_id": "u1", "text": state} for n in numbers]
            self.world.upload(*rows)
            return
        for number in numbers:
            self.world.put_user(f"id{number}", firebase_uid=f"u{number}", email=f"{number}@{state}")

    def delete(self, number: int) -> None:
        if self.kind == "document":
            self.world.delete_document(self.key(number))
        else:
            self.world.delete_user(f"id{number}")

    def claim(self, limit: int = 100, lease_s: int = 60) -> tuple[str, list[Ref]]:
        token = str(uuid4())
        return token, self.world.outbox.claim(token, limit, lease_s)

    def announce(self) -> list[Ref]:
        """Claim all and settle it; return what was announced."""
        token, refs = self.claim()
        self.world.outbox.settle(token, refs)
        return refs

    def announce_again(self, *numbers: int) -> int:
        return self.repairs.announce_again(self.kind, [self.key(n) for n in numbers])

    @property
    def repairs(self) -> Any:
        """The outbox under the right of whoever announces again."""
        return getattr(self.world, "repairs", self.world.outbox)

    def remembers(self, number: int) -> bool:
        """Tell whether a deletion is known."""
        if self.kind == "document":
            return self.key(number) in self.world.documents.deleted([self.key(number)])
        return self.world.version(self.kind, self.key(number)) > 0

    def unsent(self) -> set[str]:
        return {key for _, key in self.world.unsent()}


@pytest.fixture(name="source", params=FOUR)
def _source(request: pytest.FixtureRequest) -> Source:
    def asked(name: str) -> Any:
        return request.getfixturevalue(name)

    match request.param:
        case "core in memory":
            return Source(MemoryCoreWorld(), "user")
        case "core":
            return Source(PostgresCoreWorld(asked("core"), asked("sql")), "user")
        case "supabase in memory":
            return Source(MemorySupabaseWorld(), "document")
        case "supabase":
            world = HttpSupabaseWorld(asked("supabase"), asked("supabase_sql"))
            return Source(world, "document")
        case other:
            raise AssertionError(other)


def test_a_change_is_announced_once(source: Source) -> None:
    source.write(1, 2)
    assert {ref.key for ref in source.announce()} == {source.key(1), source.key(2)}
    assert source.announce() == []
    assert source.unsent() == set()


def test_several_changes_before_the_announcement_are_one_event_at_the_last_version(
    source: Source,
) -> None:
    source.write(1)
    _, first = source.claim(lease_s=60)
    source.write(1, state="second")
    source.write(1, state="third")
    (ref,) = source.announce()
    assert ref.version > first[0].version


def test_a_rewritten_but_unchanged_row_announces_nothing(source: Source) -> None:
    source.write(1)
    (before,) = source.announce()
    source.write(1)
    assert source.announce() == []
    source.write(1, state="second")
    assert source.announce()[0].version > before.version


def test_a_deletion_is_announced_at_a_higher_version(source: Source) -> None:
    source.write(1)
    (written,) = source.announce()
    source.delete(1)
    (deleted,) = source.announce()
    assert deleted == Ref(source.kind, source.key(1), deleted.version)
    assert deleted.version > written.version


def test_many_rows_written_are_one_outbox_row_each(source: Source) -> None:
    source.write(*range(50))
    _, refs = source.claim(limit=1000)
    assert sorted(ref.key for ref in refs) == sorted(source.key(n) for n in range(50))
    assert len({ref.version for ref in refs}) == 50


def test_two_workers_lease_disjoint_rows(source: Source) -> None:
    source.write(*range(6))
    (_, first), (_, second), (_, third) = (source.claim(limit=3) for _ in range(3))
    assert (len(first), len(second), third) == (3, 3, [])
    assert not {ref.key for ref in first} & {ref.key for ref in second}


def test_what_a_crashed_worker_leased_is_announced_after_the_lease(source: Source) -> None:
    source.write(1)
    crashed, refs = source.claim()
    assert source.claim()[1] == []
    source.world.expire_leases()
    assert source.announce() == refs
    source.world.outbox.settle(crashed, refs)
    assert source.unsent() == set()


def test_a_worker_that_comes_back_after_its_lease_settles_nothing_of_anothers(
    source: Source,
) -> None:
    source.write(1)
    slow, refs = source.claim()
    source.world.expire_leases()
    other, _ = source.claim()
    source.world.outbox.settle(slow, refs)
    assert source.unsent() == {source.key(1)}
    source.world.outbox.settle(other, refs)
    assert source.unsent() == set()


def test_a_row_changed_while_leased_stays_unsent_after_settling(source: Source) -> None:
    source.write(1)
    token, refs = source.claim()
    source.write(1, state="second")
    source.world.outbox.settle(token, refs)
    assert source.unsent() == {source.key(1)}
    assert source.announce()[0].version > refs[0].version


def test_a_row_is_settled_at_the_announced_version_only(source: Source) -> None:
    source.write(1)
    token, (ref,) = source.claim()
    source.world.outbox.settle(token, [Ref(ref.kind, ref.key, ref.version + 1)])
    assert source.unsent() == {source.key(1)}


def test_settling_only_some_of_the_claimed_rows_leaves_the_others(source: Source) -> None:
    source.write(1, 2)
    token, refs = source.claim()
    source.world.outbox.settle(token, [ref for ref in refs if ref.key == source.key(1)])
    assert source.unsent() == {source.key(2)}


def test_the_longest_waiting_rows_go_first(source: Source) -> None:
    for number in (3, 1, 2):
        source.write(number)
    _, refs = source.claim(limit=2)
    assert {ref.key for ref in refs} == {source.key(3), source.key(1)}


def test_settling_nothing_is_allowed(source: Source) -> None:
    source.world.outbox.settle(str(uuid4()), [])
    assert source.unsent() == set()


def test_what_is_announced_again_goes_out_once_more_at_no_lower_version(source: Source) -> None:
    source.write(1, 2)
    before = {ref.key: ref.version for ref in source.announce()}
    assert source.announce_again(1, 1) == 1
    assert source.unsent() == {source.key(1)}
    (again,) = source.announce()
    assert again.version >= before[source.key(1)]
    assert source.announce_again() == 0


def test_a_lease_from_before_settles_nothing_that_is_announced_again(source: Source) -> None:
    source.write(1)
    token, refs = source.claim()
    source.announce_again(1)
    source.world.outbox.settle(token, refs)
    assert source.unsent() == {source.key(1)}


def test_a_deletion_that_is_announced_again_stays_one(source: Source) -> None:
    source.write(1)
    source.delete(1)
    source.announce()
    assert source.announce_again(1) == 1
    assert source.world.outbox.purge(-1, 10) == 0
    assert [ref.key for ref in source.announce()] == [source.key(1)]
    assert source.world.outbox.purge(-1, 10) == 1


def test_pages_are_announced_again_by_the_order_of_keys_until_none_is_left(source: Source) -> None:
    source.write(3, 1, 4, 0, 2)
    source.delete(2)
    source.announce()
    first, size = source.repairs.announce_page(source.kind, None, 3)
    assert (first, size) == (source.key(3), 3)
    assert source.unsent() == {source.key(n) for n in (0, 1, 3)}
    assert source.repairs.announce_page(source.kind, first, 3) == (source.key(4), 1)
    assert source.unsent() == {source.key(n) for n in (0, 1, 3, 4)}
    assert source.repairs.announce_page(source.kind, source.key(4), 3) == (None, 0)


def test_deletions_announced_long_ago_are_forgotten_the_oldest_first(source: Source) -> None:
    source.write(0, 1, 2, 3)
    for number in (2, 0, 1):
        source.delete(number)
        source.announce()
    source.write(3, state="second")
    assert source.world.outbox.purge(1, 10) == 0
    assert source.world.outbox.purge(0, 1) == 1
    assert [source.remembers(n) for n in (0, 1, 2)] == [True, True, False]
    assert source.world.outbox.purge(0, 10) == 2
    assert [source.remembers(n) for n in (0, 1, 2)] == [False] * 3
    assert source.unsent() == {source.key(3)}


def test_a_deletion_that_is_not_announced_is_not_forgotten(source: Source) -> None:
    source.write(1)
    source.announce()
    source.delete(1)
    assert source.world.outbox.purge(-1, 10) == 0
    assert source.unsent() == {source.key(1)}

"""Digests of core and Supabase, in memory and in real databases: pages, rows, what moves."""

from __future__ import annotations

from typing import Any

import pytest

from shared.repair.digests import Table
from shared.repair.projections import PROJECTIONS, bucket
from shared.stores.core_digests import CoreDigests
from shared.stores.supabase_digests import SupabaseDigests
from tests.contract.drifts import DOC
from tests.contract.memory_stores import MemoryStores, Stores
from tests.memory.digests import MemoryDigests

SIDES = [
    (place, name)
    for name, projection in PROJECTIONS.items()
    for place in ("core", "supabase")
    if place in (projection.source, projection.target)
]


def digests(to: Stores, place: str) -> Any:
    """Return a place's digests, and see that they are what the test is named for."""
    store = to.core_digests if place == "core" else to.supabase_digests
    real = CoreDigests if place == "core" else SupabaseDigests
    assert isinstance(store, MemoryDigests if isinstance(to, MemoryStores) else real)
    return store


@pytest.mark.parametrize(("place", "name"), SIDES)
def test_pages_of_any_size_add_up_to_the_rows(agreed: Stores, place: str, name: str) -> None:
    store = digests(agreed, place)
    whole = Table(store, name, first_blocks=1_000)
    paged = Table(store, name, first_blocks=1)
    sums = whole.digests()
    assert sum(sums.rows) >= 1
    assert paged.digests().differing(sums) == []
    wanted = [number for number, rows in enumerate(sums.rows) if rows]
    rows = whole.rows(wanted)
    assert sorted(rows, key=str) == sorted(paged.rows(wanted), key=str)
    for number in wanted:
        hashes = 0
        for row in (row for row in rows if bucket(row.key) == number):
            hashes ^= row.hash
        assert hashes == sums.xors[number]


def test_a_page_behind_the_end_has_nothing(agreed: Stores) -> None:
    for place, name in SIDES:
        store = digests(agreed, place)
        end = store.page(name, 0, 1_000)["end"]
        page = store.page(name, end, 1_000)
        assert (page["buckets"], page["rows"], page["xors"]) == ([], [], [])
        assert store.rows(name, end, 1_000, range(65_536))["rows"] == []


def test_what_is_to_be_announced_or_was_lately_moves(agreed: Stores) -> None:
    store = digests(agreed, "supabase")
    assert store.moving("document", DOC[:3], 3600) == set(DOC[:3])
    agreed.age()
    assert store.moving("document", DOC[:3], 1) == set()
    agreed.upload(DOC[3], "u1")
    assert store.moving("document", DOC, 1) == {DOC[3]}
    assert store.moving("prescription", DOC, 1) == set()
    agreed.give_role("u1", "STAFF")
    assert digests(agreed, "core").moving("user", ["u1", "u2"], 1) == {"u1"}


def mirror_of(key: str) -> str:
    return f"mirror-of-{key}"


def test_a_deletion_is_remembered_under_the_name_of_the_other_side(agreed: Stores) -> None:
    agreed.delete_prescription("rx1")
    wanted = {"mirror-of-rx1", "mirror-of-rx2"}
    found = digests(agreed, "core").deleted("prescription", wanted, mirror_of)
    assert found == {"mirror-of-rx1": "rx1"}
    agreed.delete_upload(DOC[0])  # core calls it the same
    found = digests(agreed, "supabase").deleted("document", set(DOC[:2]), str)
    assert found == {DOC[0]: DOC[0]}

"""Digests of buckets, compared."""

from __future__ import annotations

import pytest

from shared.repair.digests import Sums
from shared.repair.projections import BUCKETS


@pytest.mark.parametrize("rows", [0, 1])
def test_buckets_that_differ_by_rows_or_by_hashes_are_found_wherever_they_are(rows: int) -> None:
    one, other = Sums(), Sums()
    for number in (0, 5, 1023, 1024, 40_000, BUCKETS - 1):
        one.add(number, 1, 7)
        other.add(number, 1, 7)
    changed = [5, 1023, 1024, BUCKETS - 1]
    for number in changed:
        other.add(number, rows, 9)
    assert one.differing(other) == other.differing(one) == changed


def test_digests_of_the_same_rows_in_another_order_do_not_differ() -> None:
    one, other = Sums(), Sums()
    rows = [(number * 7 % BUCKETS, number) for number in range(2000)]
    for number, digest in rows:
        one.add(number, 1, digest)
    for number, digest in reversed(rows):
        other.add(number, 1, digest)
    assert one.differing(other) == []

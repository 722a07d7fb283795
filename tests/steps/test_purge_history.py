"""purge_history forgets in bounded batches, until nothing is old or the time is up."""

from __future__ import annotations

import pytest

from functions.upkeep.purge_history import purge
from shared import settings
from shared.errors import SettingMissingError


class Past:
    """Old rows of two tables, and what was asked of them."""

    def __init__(self, **rows: int) -> None:
        self.rows = rows
        self.asked: list[tuple[int, int, int]] = []

    def purge(self, days: int, audit_days: int, limit: int) -> dict[str, int]:
        self.asked.append((days, audit_days, limit))
        purged = {table: min(left, limit) for table, left in self.rows.items()}
        self.rows = {table: left - purged[table] for table, left in self.rows.items()}
        return purged


def test_everything_old_goes_in_batches_and_is_counted() -> None:
    past = Past(journal=25, ledger=3)
    assert purge(past, days=90, audit_days=2200, rows=10) == {"journal": 25, "ledger": 3}
    assert past.asked == [(90, 2200, 10)] * 3


def test_when_the_time_is_up_the_rest_is_left() -> None:
    times = iter([0.0, 1.0, 6.0])
    past = Past(journal=100)
    assert purge(
        past, days=90, audit_days=2200, rows=10, budget_s=5, clock=lambda: next(times)
    ) == {"journal": 20}
    assert past.rows == {"journal": 80}


@pytest.mark.parametrize(("name", "read", "default", "least"), [
    ("HISTORY_RETENTION_DAYS", settings.history_retention_days, 90, 39),
    ("JOURNAL_RETENTION_DAYS", settings.journal_retention_days, 2200, 365),
])  # fmt: skip
def test_a_period_may_be_set_but_not_below_what_is_safe(
    monkeypatch: pytest.MonkeyPatch, name: str, read: object, default: int, least: int
) -> None:
    assert callable(read)
    assert read() == default
    monkeypatch.setenv(name, str(least))
    assert read() == least
    monkeypatch.setenv(name, str(least - 1))
    with pytest.raises(SettingMissingError, match=name):
        read()

"""SECURITY.md names tests, files and settings that exist, and every kind of store and door."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared import catalog

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
FILES = re.findall(r"`((?:tests|infra|terraform|shared|docs)/[\w./-]+)`|\]\(([\w./-]+)\)", PAGE)


def test_every_file_that_the_page_names_is_there() -> None:
    named = {first or second for first, second in FILES}
    assert len(named) > 20
    assert sorted(name for name in named if not (REPOSITORY / name).exists()) == []


def test_every_threat_is_shown_by_a_test() -> None:
    table = PAGE.split("## Who, and what stops them")[1].split("\n\n")[1]
    rows = [row.split("|") for row in table.splitlines()[2:]]
    assert len(rows) > 10
    assert all("`tests/" in row[4] for row in rows)


@pytest.mark.parametrize(
    ("file", "promise"),
    [
        ("infra/core/migrations/0051_outbox_upkeep.sql", "create function sync.purge_outbox"),
        (
            "infra/supabase/migrations/20261102000501_outbox_upkeep.sql",
            "create function public.purge_outbox",
        ),
        ("infra/core/migrations/0110_history.sql", "create function sync.purge_history"),
        ("infra/core/migrations/0110_history.sql", "greatest(p_audit_days, 365)"),
        ("shared/settings.py", 'positive("HISTORY_RETENTION_DAYS", 90, least=39)'),
        ("shared/settings.py", 'positive("JOURNAL_RETENTION_DAYS", 2200, least=365)'),
        ("shared/relay.py", "outbox.purge(settings.outbox_retention_days()"),
        ("terraform/subscriptions.tf", '"2678400s"'),
        ("terraform/audit.tf", "audit_retention_days"),
    ],
)
def test_what_enforces_a_retention_is_where_the_page_says(file: str, promise: str) -> None:
    assert promise in (REPOSITORY / file).read_text(encoding="utf-8")


def test_the_retention_of_messages_is_the_catalogs() -> None:
    week = 7 * 24 * 3600
    assert {f.limits["retention_s"] for f in catalog.load().functions.values()} == {week}

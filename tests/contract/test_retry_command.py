"""`healbridge-sync retry` on real databases: what each filter takes, and that steps work anew."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.events import Event, Ref, new_traceparent
from shared.stores.core import CoreDatabase
from shared.stores.supabase import Supabase
from tests.contract.commanding import Commanding
from tests.contract.real_stores import RealStores, Sql

UPLOADS = {
    f"3f2b8a54-0c5c-4d0b-9a53-7a4a2f5f000{n}": uid for n, uid in enumerate(("u1", "u1", "u2"))
}
FIRST, SECOND, THIRD = UPLOADS
PARKED = {
    ("store_document", FIRST): "ocr_missing",
    ("store_document", SECOND): "storage_unreachable",
    ("index_document", SECOND): "embeddings_quota",
    ("store_document", THIRD): "ocr_missing",
    ("mirror_user", "u1"): "embeddings_quota",
}
_PARK = """
update sync.ledger set state = 'parked', exhausted = true, error_code = %(code)s,
  updated_at = now() - make_interval(secs => %(age_s)s)
where step = %(step)s and key = %(key)s
"""


@pytest.fixture(name="to")
def _to(core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql) -> RealStores:
    """Two patients and three uploads, parked in five places, the third upload long ago."""
    to = RealStores(core, sql, supabase, supabase_sql)
    for number in (1, 2):
        to.sign_up(f"u{number}", email=f"{number}@example.com")
    to.publish([Event("user-changed", (Ref("user", "u1"), Ref("user", "u2")), new_traceparent())])
    to.run()
    for key, uid in UPLOADS.items():
        to.upload(key, uid, {"medications": []})
    to.run()
    for (step, key), code in PARKED.items():
        age_s = 7200 if key == THIRD else 60
        to.at_core(_PARK, step=step, key=key, code=code, age_s=age_s)
    assert parked(to) == PARKED.keys()
    return to


@pytest.fixture(name="operator")
def _operator(to: RealStores, monkeypatch: pytest.MonkeyPatch) -> Commanding:
    return Commanding(to, monkeypatch)


def parked(to: RealStores) -> set[tuple[str, str]]:
    rows = to.at_core("select step, key from sync.ledger where state = 'parked'")
    return {(row["step"], row["key"]) for row in rows}


def replayed(to: RealStores) -> list[tuple[str, str]]:
    rows = to.at_core("select step, key from sync.journal where state = 'replayed'")
    return sorted((row["step"], row["key"]) for row in rows)


@pytest.mark.parametrize(
    ("filters", "taken"),
    [
        (["--step", "index_document"], {("index_document", SECOND)}),
        (["--code", "embeddings_quota"], {("index_document", SECOND), ("mirror_user", "u1")}),
        (["--kind", "user"], {("mirror_user", "u1")}),
        (["--older", "3600"], {("store_document", THIRD)}),
        (["--uid", "u1"], PARKED.keys() - {("store_document", THIRD)}),
        (["--uid", "u1", "--step", "store_document", "--code", "ocr_missing"],
         {("store_document", FIRST)}),
        (["--all"], PARKED.keys()),
        (["--uid", "nobody"], set()),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)  # fmt: skip
def test_what_fits_is_delivered_once_more_to_the_step_that_parked_it_and_nothing_else(
    to: RealStores, operator: Commanding, filters: list[str], taken: set[tuple[str, str]]
) -> None:
    published = len(to.bus.published)
    answer = operator.json("retry", *filters)
    assert answer == {"retried": len(taken), "failed": 0}
    assert replayed(to) == sorted(taken)
    assert sum(len(event.refs) for event in to.bus.published[published:]) == len(taken)
    to.run()
    assert parked(to) == PARKED.keys() - taken
    assert to.at_core("select 1 from sync.ledger where state not in ('done', 'parked')") == []


def test_a_replay_that_fails_again_is_parked_again_and_may_be_replayed_again(
    to: RealStores, operator: Commanding
) -> None:
    to.at_supabase("update documents set type = 'no such type' where id = %(id)s", id=FIRST)
    for _ in range(2):
        assert operator.json("retry", "--step", "store_document", "--uid", "u1")["retried"] >= 1
        to.run()
        assert ("store_document", FIRST) in parked(to)
        assert ("store_document", SECOND) not in parked(to)
    assert replayed(to).count(("store_document", FIRST)) == 2


def test_at_most_so_many_are_taken_and_the_exit_code_says_that_some_are_left(
    to: RealStores, operator: Commanding
) -> None:
    assert operator.json("retry", "--all", "--most", "2", code=1) == {"retried": 2, "failed": 3}
    assert len(replayed(to)) == 2
    to.run()
    assert len(parked(to)) == 3
    assert operator.json("retry", "--all", "--per-second", "1000") == {"retried": 3, "failed": 0}


def test_without_a_filter_nothing_is_replayed_and_the_choices_are_named(
    to: RealStores, operator: Commanding
) -> None:
    result = operator.run("retry", "--json")
    said: dict[str, Any] = json.loads(result.stderr.splitlines()[-1])
    assert (result.exit_code, result.stdout, said["error"]) == (2, "", "filter")
    assert "--all" in said["message"]
    assert replayed(to) == []


def test_what_a_person_reads_says_how_many_were_delivered_and_how_many_are_left(
    operator: Commanding,
) -> None:
    result = operator.run("retry", "--all", "--most", "4")
    assert result.exit_code == 1
    assert "delivered 4 once more, 1 still parked as before" in result.stdout

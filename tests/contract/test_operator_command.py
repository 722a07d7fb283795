"""The operator's command on real databases: where it asks, where it repairs, where it goes on."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from infra.command import watch
from shared.stores.core import CoreDatabase
from shared.stores.supabase import Supabase
from tests.contract.commanding import Commanding
from tests.contract.real_stores import RealStores, Sql

ERASE = ("erase", "u1", "--operator", "op-1")
UPLOAD = "3f2b8a54-0c5c-4d0b-9a53-7a4a2f5f0003"


@pytest.fixture(name="to")
def _to(core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql) -> RealStores:
    to = RealStores(core, sql, supabase, supabase_sql)
    to.sign_up("u1", email="a@example.com")
    to.reconcile("users")
    to.run()
    to.upload(UPLOAD, "u1")
    to.run()
    return to


@pytest.fixture(name="operator")
def _operator(to: RealStores, monkeypatch: pytest.MonkeyPatch) -> Commanding:
    return Commanding(to, monkeypatch)


def ordered(to: RealStores) -> list[dict[str, Any]]:
    return to.core_sql.execute("select uid, operator, state from sync.erasures").fetchall()


@pytest.mark.parametrize(
    ("typed", "code"),
    [("n\n", 2), ("\n", 2), ("y\nu2\n", 2), ("y\n\n", 130), ("", 130)],
    ids=["no", "nothing means no", "another uid", "no uid at all", "gone before an answer"],
)
def test_an_erasure_needs_both_answers(
    to: RealStores, operator: Commanding, typed: str, code: int
) -> None:
    result = operator.run(*ERASE, typed=typed)
    assert (result.exit_code, result.stdout) == (code, "")
    assert "This erases" in result.stderr
    assert "Traceback" not in result.stderr
    assert ordered(to) == []


def test_an_erasure_is_ordered_once_both_questions_are_answered(
    to: RealStores, operator: Commanding
) -> None:
    result = operator.run(*ERASE, "--json", typed="y\nu1\n")
    assert (result.exit_code, json.loads(result.stdout)["state"]) == (0, "ordered")
    assert ordered(to) == [{"uid": "u1", "operator": "op-1", "state": "ordered"}]


def test_with_nobody_to_ask_the_uid_is_given_again(to: RealStores, operator: Commanding) -> None:
    for more in ((), ("--confirm", "u2")):
        assert operator.run(*ERASE, *more).exit_code == 2
    assert ordered(to) == []
    assert operator.json(*ERASE, "--confirm", "u1")["state"] == "ordered"
    assert len(ordered(to)) == 1


def test_reconcile_shows_a_drift_has_it_repaired_and_finds_it_no_more(
    to: RealStores, operator: Commanding
) -> None:
    to.core_sql.execute("alter table documents disable trigger user")
    to.core_sql.execute("delete from documents where id = %s", [UPLOAD])
    to.core_sql.execute("alter table documents enable trigger user")
    to.age()
    comparing = ("reconcile", "--kind", "documents", "--grace", "0")

    dry = operator.json(*comparing, "--dry-run", code=1)["documents"]
    assert (dry["found"], dry["repaired"], len(dry["left"])) == (1, 0, 1)
    assert (dry["left"][0]["class_"], dry["left"][0]["key"]) == ("missing", UPLOAD)
    to.run()
    assert to.core_sql.execute("select 1 from documents").fetchall() == []

    told = operator.json(*comparing)["documents"]
    assert (told["found"], told["repaired"], told["left"]) == (1, 1, [])
    to.run()
    assert to.core_sql.execute("select id::text from documents").fetchall() == [{"id": UPLOAD}]
    to.age()
    assert operator.json(*comparing)["documents"]["found"] == 0
    eyes = operator.run(*comparing)
    assert eyes.stdout.startswith("documents: 1 and 1 rows, 0 differ")


def test_a_watch_ends_with_a_line_when_it_is_interrupted(
    operator: Commanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=interrupted))
    result = operator.run("watch", "--json")
    assert (result.exit_code, result.stdout) == (130, "")
    look, said = (json.loads(line) for line in result.stderr.splitlines())
    assert look["status"] == "healthy"
    assert said["error"] == "interrupted"


def test_a_watch_ends_by_itself_after_its_looks_or_when_all_is_well(operator: Commanding) -> None:
    assert operator.json("watch", "--looks", "2", "--every", "0.1")["status"] == "healthy"
    until = operator.run("watch", "--until-healthy")
    assert (until.exit_code, until.stdout) == (0, "healthy after 1 looks\n")
